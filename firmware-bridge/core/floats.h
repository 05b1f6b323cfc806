/* Every file of the core includes this: what it needs of the compiler's arithmetic. */
#ifndef SINEW_FLOATS_H
#define SINEW_FLOATS_H

/* A compiler that was told that no value is NaN or infinite may leave out what refuses them, and
   one that may reorder sums computes other values than every other board. */
#if defined __FAST_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__ != 0)
#error "Sinew needs IEEE 754 floats: compile without -ffast-math, -Ofast and -ffinite-math-only"
#endif

#endif
