#ifndef SINEW_GEMM_H
#define SINEW_GEMM_H
#include "vector.h"
#include "kernel.h"

typedef struct {
  long m, n, k;
  const float *a;
  long a_row, a_column;
  const float *b;
  long b_row, b_column;
  float *c;
  long c_row;
  const float *bias; /* [n], or NULL */
  int epilogue;
  const float *mask;
  long mask_row;
} Gemm;

static void gemm(const Gemm *g, float *scratch, int thread, int threads) {
  (void)scratch;
  for (long i = g->m * thread / threads; i < g->m * (thread + 1) / threads; i++) {
    for (long j = 0; j < g->n; j++) {
      float sum = g->bias ? g->bias[j] : 0;
      for (long k = 0; k < g->k; k++)
        sum += g->a[i * g->a_row + k * g->a_column] * g->b[k * g->b_row + j * g->b_column];
      if (g->epilogue == 1 && sum < 0) sum = 0;
      if (g->epilogue == 2) sum *= !(g->mask[i * g->mask_row + j] <= 0);
      g->c[i * g->c_row + j] = sum;
    }
  }
}
#endif
