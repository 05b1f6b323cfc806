/* One vector type of the widest registers that the build may use, and arithmetic on it. */
#ifndef SINEW_VECTOR_H
#define SINEW_VECTOR_H

#include <stdint.h>

#if defined(__AVX512F__)
#define VW 16
#elif defined(__AVX2__) && defined(__FMA__)
#define VW 8
#else
#define VW 4
#endif
/* Lanes that sums along a row are kept in: as many with AVX-512 as with AVX2, so that the two give
   the same bits. */
#define SUM_LANES (VW < 8 ? VW : 8)

#if (defined(__AVX2__) && defined(__FMA__)) || defined(__aarch64__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef float vf_any __attribute__((vector_size(4 * VW), aligned(4), may_alias));

typedef float vsum __attribute__((vector_size(4 * SUM_LANES)));
typedef float vsum_any __attribute__((vector_size(4 * SUM_LANES), aligned(4), may_alias));

INLINE vsum load_lanes(const float *from) { return *(const vsum_any *)from; }
INLINE void store_lanes(float *to, vsum value) { *(vsum_any *)to = value; }
INLINE vf load(const float *from) { return *(const vf_any *)from; }
INLINE void store(float *to, vf value) { *(vf_any *)to = value; }
INLINE vf splat(float value) { return value - (vf){0}; }
INLINE vi bits_of(vf value) { return (vi)value; }
INLINE vf of_bits(vi value) { return (vf)value; }
INLINE vi all(int32_t value) { return value - (vi){0}; }

INLINE vf pick(vi mask, vf yes, vf no) {
  return of_bits((mask & bits_of(yes)) | (~mask & bits_of(no)));
}

/* a b + c: one rounding where the processor has the instruction, else two. */
INLINE vf fma_of(vf a, vf b, vf c) {
#if !HAS_FMA
  return a * b + c;
#elif defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  vf r;
  for (int i = 0; i < VW; i++) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

INLINE vsum fma_lanes(vsum a, vsum b, vsum c) {
#if !HAS_FMA
  return a * b + c;
#elif defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  vsum r;
  for (int i = 0; i < SUM_LANES; i++) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

INLINE float fma_one(float a, float b, float c) {
#if HAS_FMA
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

INLINE vf sqrt_of(vf x) {
#if defined(__clang__)
  return __builtin_elementwise_sqrt(x);
#else
  vf r;
  for (int i = 0; i < VW; i++) r[i] = __builtin_sqrtf(x[i]);
  return r;
#endif
}

/* Elements from left to right, pairwise: the same order whatever the caller does. */
INLINE float sum_of(vsum x) {
#if SUM_LANES == 8
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
#else
  return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

/* The first `count` floats, zeros behind them. */
INLINE vf load_part(const float *from, long count) {
  float part[VW] = {0};
  for (long i = 0; i < count; i++) part[i] = from[i];
  return load(part);
}

INLINE vsum load_lanes_part(const float *from, long count) {
  float part[SUM_LANES] = {0};
  for (long i = 0; i < count; i++) part[i] = from[i];
  return load_lanes(part);
}

INLINE void store_part(float *to, vf value, long count) {
  for (long i = 0; i < count; i++) to[i] = value[i];
}

#endif
