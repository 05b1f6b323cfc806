/* Panels of B, packed so that a tile reads them line by line, whichever way B lies. */
#ifndef SINEW_GEMM_PACK_H
#define SINEW_GEMM_PACK_H

#include "gemm-tile.h"

/* Transposes SUM_LANES by SUM_LANES floats: rows `stride` apart become vectors `to_stride` apart. */
#define SHUFFLE __builtin_shufflevector
INLINE void transpose(const float *from, long stride, float *to, long to_stride) {
#if SUM_LANES == 8
  vsum a = load_lanes(from), b = load_lanes(from + stride), c = load_lanes(from + 2 * stride);
  vsum d = load_lanes(from + 3 * stride), e = load_lanes(from + 4 * stride), f = load_lanes(from + 5 * stride);
  vsum g = load_lanes(from + 6 * stride), h = load_lanes(from + 7 * stride);
#define LOW(x, y) SHUFFLE(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH(x, y) SHUFFLE(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
  vsum ab0 = LOW(a, b), ab1 = HIGH(a, b), cd0 = LOW(c, d), cd1 = HIGH(c, d);
  vsum ef0 = LOW(e, f), ef1 = HIGH(e, f), gh0 = LOW(g, h), gh1 = HIGH(g, h);
#undef LOW
#undef HIGH
#define LOW(x, y) SHUFFLE(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH(x, y) SHUFFLE(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
  vsum p0 = LOW(ab0, cd0), p1 = HIGH(ab0, cd0), p2 = LOW(ab1, cd1), p3 = HIGH(ab1, cd1);
  vsum q0 = LOW(ef0, gh0), q1 = HIGH(ef0, gh0), q2 = LOW(ef1, gh1), q3 = HIGH(ef1, gh1);
#undef LOW
#undef HIGH
#define LOW(x, y) SHUFFLE(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH(x, y) SHUFFLE(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
  store_lanes(to, LOW(p0, q0));
  store_lanes(to + to_stride, LOW(p1, q1));
  store_lanes(to + 2 * to_stride, LOW(p2, q2));
  store_lanes(to + 3 * to_stride, LOW(p3, q3));
  store_lanes(to + 4 * to_stride, HIGH(p0, q0));
  store_lanes(to + 5 * to_stride, HIGH(p1, q1));
  store_lanes(to + 6 * to_stride, HIGH(p2, q2));
  store_lanes(to + 7 * to_stride, HIGH(p3, q3));
#undef LOW
#undef HIGH
#else
  vsum a = load_lanes(from), b = load_lanes(from + stride);
  vsum c = load_lanes(from + 2 * stride), d = load_lanes(from + 3 * stride);
  vsum ab0 = SHUFFLE(a, b, 0, 4, 1, 5), ab1 = SHUFFLE(a, b, 2, 6, 3, 7);
  vsum cd0 = SHUFFLE(c, d, 0, 4, 1, 5), cd1 = SHUFFLE(c, d, 2, 6, 3, 7);
  store_lanes(to, SHUFFLE(ab0, cd0, 0, 1, 4, 5));
  store_lanes(to + to_stride, SHUFFLE(ab0, cd0, 2, 3, 6, 7));
  store_lanes(to + 2 * to_stride, SHUFFLE(ab1, cd1, 0, 1, 4, 5));
  store_lanes(to + 3 * to_stride, SHUFFLE(ab1, cd1, 2, 3, 6, 7));
#endif
}

/* Columns of B side by side: `depth` lines of `wide` floats, zeros where there are no columns. */
static NOINLINE void pack(const Gemm *g, long k0, long depth, long column, long width, long wide, float *to) {
  const float *from = g->b + k0 * g->b_row + column * g->b_column;
  if (g->b_column == 1 && width == wide) {
    for (long k = 0; k < depth; k++) {
      for (long v = 0; v < wide; v += VW) store(to + k * wide + v, load(from + k * g->b_row + v));
    }
    return;
  }
  long k = 0;
  if (g->b_row == 1 && width == wide) {
    for (; k + SUM_LANES <= depth; k += SUM_LANES) {
      for (long v = 0; v < wide; v += SUM_LANES) {
        transpose(from + v * g->b_column + k, g->b_column, to + k * wide + v, wide);
      }
    }
  }
  for (; k < depth; k++) {
    const float *line = from + k * g->b_row;
    for (long j = 0; j < wide; j++) to[k * wide + j] = j < width ? line[j * g->b_column] : 0;
  }
}

#endif
