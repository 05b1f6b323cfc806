/*
 * exp, log and tanh of vectors, within 2e-7 of the true value, by the polynomials and reductions
 * of Moshier's Cephes library (single precision: exp, log, tanh).
 */
#ifndef SINEW_FUNCTIONS_H
#define SINEW_FUNCTIONS_H

#include "vector.h"

/* Adding this to |x| < 2^22 leaves x, rounded to an integer, in the low bits. */
#define ROUNDER 12582912.0f

/* 2^n for integers n in [-126, 127]. */
INLINE vf power_of_two(vi n) { return of_bits((n + 127) << 23); }

INLINE vf exp_of(vf x) {
  vf low = splat(-104.0f), high = splat(89.0f);
  vf y = pick(x < low, low, pick(x > high, high, pick(x == x, x, splat(0))));
  vf shifted = y * 1.44269504088896341f + ROUNDER;
  vf n = shifted - ROUNDER;
  vi whole = bits_of(shifted) - bits_of(splat(ROUNDER));
  vf r = fma_of(n, splat(-0.693359375f), y);
  r = fma_of(n, splat(2.12194440e-4f), r);
  vf p = splat(1.9875691500e-4f);
  p = fma_of(p, r, splat(1.3981999507e-3f));
  p = fma_of(p, r, splat(8.3334519073e-3f));
  p = fma_of(p, r, splat(4.1665795894e-2f));
  p = fma_of(p, r, splat(1.6666665459e-1f));
  p = fma_of(p, r, splat(5.0000001201e-1f));
  vf e = fma_of(p, r * r, r) + 1.0f;
  /* In two factors, so that neither leaves the range and tiny results keep their last bits. */
  vi half = whole >> 1;
  e = e * power_of_two(half) * power_of_two(whole - half);
  return pick(x == x, e, x);
}

INLINE vf log_of(vf x) {
  vi tiny = x < 1.17549435e-38f;
  vf y = pick(tiny, x * 8388608.0f, x);
  vi bits = bits_of(y);
  /* y = m 2^e with m in [sqrt(1/2), sqrt(2)). */
  vi shifted = bits - 0x3f3504f3;
  vi exponent = shifted >> 23;
  vf m = of_bits(bits - (exponent << 23)) - 1.0f;
  vf e = __builtin_convertvector(exponent, vf) - pick(tiny, splat(23.0f), splat(0));
  vf z = m * m;
  vf p = splat(7.0376836292e-2f);
  p = fma_of(p, m, splat(-1.1514610310e-1f));
  p = fma_of(p, m, splat(1.1676998740e-1f));
  p = fma_of(p, m, splat(-1.2420140846e-1f));
  p = fma_of(p, m, splat(1.4249322787e-1f));
  p = fma_of(p, m, splat(-1.6668057665e-1f));
  p = fma_of(p, m, splat(2.0000714765e-1f));
  p = fma_of(p, m, splat(-2.4999993993e-1f));
  p = fma_of(p, m, splat(3.3333331174e-1f));
  vf r = fma_of(e, splat(-2.12194440e-4f), p * z * m);
  r = fma_of(z, splat(-0.5f), r);
  r = fma_of(e, splat(0.693359375f), m + r);
  vf infinite = splat(__builtin_inff());
  r = pick(x == infinite, x, r);
  r = pick(x == 0, -infinite, r);
  return pick((x < 0) | (x != x), splat(__builtin_nanf("")), r);
}

INLINE vf tanh_of(vf x) {
  vf size = of_bits(bits_of(x) & 0x7fffffff);
  vf z = x * x;
  vf p = splat(-5.70498872745e-3f);
  p = fma_of(p, z, splat(2.06390887954e-2f));
  p = fma_of(p, z, splat(-5.37397155531e-2f));
  p = fma_of(p, z, splat(1.33314422036e-1f));
  p = fma_of(p, z, splat(-3.33332819422e-1f));
  vf near = fma_of(p * z, x, x);
  vf capped = pick(size > 10.0f, splat(10.0f), size);
  vf far = 1.0f - 2.0f / (exp_of(capped + capped) + 1.0f);
  far = of_bits(bits_of(far) | (bits_of(x) & (int32_t)0x80000000));
  return pick(x == x, pick(size < 0.625f, near, far), x);
}

#endif
