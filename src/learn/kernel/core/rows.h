/* Instructions on rows: sums of columns, gathers, scatters. */
#ifndef SINEW_ROWS_H
#define SINEW_ROWS_H

#include "kernel.h"
#include "vector.h"

/* to[j] = scale * sum over i of x[i, j], for columns [from, end), rows in order. */
static void column_sums(const float *x, long rows, long stride, long from, long end, float *to,
                        long to_stride, float scale) {
  long j = from;
  for (; j + 4 * VW <= end; j += 4 * VW) {
    vf s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    const float *row = x + j;
    for (long i = 0; i < rows; i++, row += stride) {
      s0 += load(row), s1 += load(row + VW), s2 += load(row + 2 * VW), s3 += load(row + 3 * VW);
    }
    vf sums[4] = {s0 * scale, s1 * scale, s2 * scale, s3 * scale};
    for (int k = 0; k < 4; k++) {
      for (int v = 0; v < VW; v++) to[(j + k * VW + v) * to_stride] = sums[k][v];
    }
  }
  for (; j < end; j += SUM_LANES) {
    long width = end - j < SUM_LANES ? end - j : SUM_LANES;
    const float *row = x + j;
    vsum sum = {0};
    if (width == SUM_LANES) {
      for (long i = 0; i < rows; i++, row += stride) sum += load_lanes(row);
    } else {
      for (long i = 0; i < rows; i++, row += stride) sum += load_lanes_part(row, width);
    }
    sum *= scale;
    for (long v = 0; v < width; v++) to[(j + v) * to_stride] = sum[v];
  }
}

/* Rows that are fetched before they are read. */
enum { AHEAD = 24 };

/* A last vector that begins before the rest of the row is cheaper than its numbers one by one. */
static inline void copy_row(const float *in, long width, float *out) {
  if (width < VW) {
    for (long j = 0; j < width; j++) out[j] = in[j];
    return;
  }
  for (long j = 0; j + VW <= width; j += VW) store(out + j, load(in + j));
  store(out + width - VW, load(in + width - VW));
}

/* Rows of x that `index` names; returns whether all of them exist. */
static int gather(const float *x, long rows, long stride, const int32_t *index, long from, long end,
                  long width, float *to, long to_stride) {
  int fine = 1;
  for (long i = from; i < end; i++) {
    long row = index[i];
    if (i + AHEAD < end) {
      long ahead = index[i + AHEAD];
      if (ahead >= 0 && ahead < rows) {
        const char *at = (const char *)(x + ahead * stride);
        for (long byte = 0; byte < width * 4; byte += 64) __builtin_prefetch(at + byte);
      }
    }
    if (row < 0 || row >= rows) {
      fine = 0;
      row = 0;
    }
    float *out = to + i * to_stride;
    const float *in = x + row * stride;
    copy_row(in, width, out);
  }
  return fine;
}

/* `fill`, and the rows of x added to those that `index` names; returns whether all exist. */
static int scatter(const float *x, long stride, const int32_t *index, long count, long width,
                   float *to, long rows, long to_stride, float fill) {
  int fine = 1;
  for (long i = 0; i < rows; i++) {
    for (long j = 0; j < width; j++) to[i * to_stride + j] = fill;
  }
  for (long i = 0; i < count; i++) {
    long row = index[i];
    if (row < 0 || row >= rows) {
      fine = 0;
      continue;
    }
    for (long j = 0; j < width; j++) to[row * to_stride + j] += x[i * stride + j];
  }
  return fine;
}

#endif
