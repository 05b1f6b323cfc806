/*
 * Matrix products. The inner loop keeps a tile of the result in registers: TILE_ROWS rows by two
 * vectors. It reads B from a packed panel that stays in the first-level cache and A where it lies.
 * Each element is added up in the order of k, whatever the tile, the panel or the thread: results
 * do not depend on those.
 */
#ifndef SINEW_GEMM_H
#define SINEW_GEMM_H

#include "gemm-pack.h"
#include "gemm-tile.h"

/* Depth of a panel: 16 floats wide it takes up two thirds of a cache of 32 KB. It decides in which
   parts sums are made, so it is the same everywhere. */
#define DEPTH 320
/* Floats of A that are gone through per panel, so that they stay in the second-level cache. */
#define BLOCK (80 * 1024)
/* Floats of B up to which it is read where it lies. */
#define DIRECT (4 * 1024)
#define FEW_ROWS (TILE_ROWS < 5 ? TILE_ROWS : 5)

/* Rows of the next tile, so that no small one is left over. */
static long next_rows(long left) {
  if (left <= TILE_ROWS) return left;
  return left < 2 * TILE_ROWS ? (left + 1) / 2 : TILE_ROWS;
}

/* The last few columns of few rows, one vector wide and cut off. */
static NOINLINE void narrow(const Place *t) {
  const Gemm *g = t->g;
  float flat[FEW_ROWS * VW];
  const float *end = t->b + (g->k - 1) * g->b_row + t->width;
  for (long i = 0; i < g->m; i++) {
    vf sum = {0};
    for (long k = 0; k < g->k; k++) {
      const float *line = t->b + k * g->b_row;
      /* A whole vector of the last lines could leave the memory. */
      vf b = line + VW <= end ? load(line) : load_part(line, t->width);
      sum = fma_of(splat(g->a[i * g->a_row + k * g->a_column]), b, sum);
    }
    store(flat + i * VW, sum);
  }
  store_general(t, flat, (int)g->m, 1);
}

/* Rows [from, to) and columns [left, right) of a product. */
static void block(const Gemm *g, long from, long to, long left, long right, float *scratch) {
  long parts = (g->k + DEPTH - 1) / DEPTH;
  long deep = (g->k + parts - 1) / parts;
  long block_rows = BLOCK / deep;
  /* A small B is in the first-level cache as it is. */
  int direct = g->b_column == 1 && g->b_row * g->k <= DIRECT;
  for (long k0 = 0; k0 < g->k; k0 += deep) {
    Place t = {.g = g};
    t.depth = g->k - k0 < deep ? g->k - k0 : deep;
    t.first = k0 == 0;
    t.last = k0 + t.depth == g->k;
    for (long top = from; top < to; top += block_rows) {
      long bottom = top + block_rows < to ? top + block_rows : to;
      for (t.column = left; t.column < right; t.column += PANEL) {
        t.width = right - t.column < PANEL ? right - t.column : PANEL;
        int vectors = t.width <= VW ? 1 : 2;
        /* B comes in with the first tile, which would wait for it anyway, where it can. */
        int in_lines = g->b_column == 1 && t.width == PANEL;
        int packs = in_lines && !direct && bottom - top > TILE_ROWS;
        if (!in_lines || (!direct && !packs)) {
          pack(g, k0, t.depth, t.column, t.width, vectors * VW, scratch);
        }
        t.b = in_lines && (direct || packs) ? g->b + k0 * g->b_row + t.column : scratch;
        t.line = t.b == scratch ? vectors * VW : g->b_row;
        t.how = how_to_store(&t, vectors);
        for (t.row = top; t.row < bottom;) {
          long rows = next_rows(bottom - t.row);
          t.a = g->a + t.row * g->a_row + k0 * g->a_column;
          int first = packs && t.row == top;
          run_tile(&t, (int)rows, vectors, g->a_column, first ? scratch : NULL);
          if (first) {
            t.b = scratch;
            t.line = PANEL;
          }
          t.row += rows;
        }
      }
    }
  }
}

/* Few rows by a B whose columns lie side by side: B is read once, where it lies. */
static NOINLINE void few_rows(const Gemm *g, long left, long right) {
  Place t = {.g = g, .a = g->a, .depth = g->k, .first = 1, .last = 1, .line = g->b_row};
  int most = g->m == 1 ? 8 : g->m <= 3 ? 4 : 2;
  for (t.column = left; t.column < right;) {
    long width = right - t.column;
    int vectors = width >= most * VW ? most : width >= 2 * VW ? 2 : 1;
    t.width = width < vectors * VW ? width : vectors * VW;
    t.b = g->b + t.column;
    t.how = how_to_store(&t, vectors);
    if (t.width < VW) {
      narrow(&t);
    } else if (vectors == 8) {
      tile(&t, 1, 8, g->a_column, t.line, NULL);
    } else if (vectors == 4) {
      if (g->m == 1) tile(&t, 1, 4, g->a_column, t.line, NULL);
      else if (g->m == 2) tile(&t, 2, 4, g->a_column, t.line, NULL);
      else tile(&t, 3, 4, g->a_column, t.line, NULL);
    } else {
      run_tile(&t, (int)g->m, vectors, g->a_column, NULL);
    }
    t.column += t.width;
  }
}

/* Bias and epilogue of one sum, as `store_general` has them. */
INLINE float finished(const Gemm *g, long row, float sum) {
  if (g->bias) sum += g->bias[0];
  if (g->epilogue == EPILOGUE_RELU) return sum < 0 ? 0 : sum;
  if (g->epilogue != EPILOGUE_MASK) return sum;
  float mask = g->mask[row * g->mask_row];
  return sum * (mask == mask ? (float)(mask > 0) : mask);
}

/* One column: dot products of the rows of A, four at a time. */
static NOINLINE void one_column(const Gemm *g, long from, long to) {
  for (long i = from; i < to;) {
    int rows = to - i >= 4 ? 4 : 1;
    vsum sums[4] = {{0}, {0}, {0}, {0}};
    const float *a = g->a + i * g->a_row;
    long k = 0;
    for (; k + SUM_LANES <= g->k; k += SUM_LANES) {
      vsum b = load_lanes(g->b + k);
      for (int r = 0; r < rows; r++) {
        sums[r] = fma_lanes(load_lanes(a + r * g->a_row + k), b, sums[r]);
      }
    }
    for (int r = 0; r < rows; r++) {
      float sum = sum_of(sums[r]);
      for (long j = k; j < g->k; j++) sum = fma_one(a[r * g->a_row + j], g->b[j], sum);
      g->c[(i + r) * g->c_row] = finished(g, i + r, sum);
    }
    i += rows;
  }
}

static long share(long count, long unit, int part, int parts) {
  long units = (count + unit - 1) / unit;
  long at = units * part / parts * unit;
  return at < count ? at : count;
}

/* This thread's share of a product. */
static void gemm(const Gemm *g, float *scratch, int thread, int threads) {
  if (g->n == 1 && g->a_column == 1 && g->b_row == 1) {
    one_column(g, share(g->m, 4, thread, threads), share(g->m, 4, thread + 1, threads));
  } else if (g->n == 1 && g->a_row == 1 && g->c_row == 1 && g->bias == NULL &&
             g->epilogue == EPILOGUE_NONE) {
    /* A column of A's columns: the same numbers as a row. */
    Gemm row = {.m = 1, .n = g->m, .k = g->k, .a = g->b, .a_row = 0, .a_column = g->b_row};
    row.b = g->a, row.b_row = g->a_column, row.b_column = 1;
    row.c = g->c, row.c_row = g->m;
    gemm(&row, scratch, thread, threads);
  } else if (g->m <= FEW_ROWS && g->b_column == 1) {
    few_rows(g, share(g->n, 8 * VW, thread, threads), share(g->n, 8 * VW, thread + 1, threads));
  } else if (g->m >= 4 * TILE_ROWS) {
    block(g, g->m * thread / threads, g->m * (thread + 1) / threads, 0, g->n, scratch);
  } else {
    block(g, 0, g->m, share(g->n, PANEL, thread, threads), share(g->n, PANEL, thread + 1, threads),
          scratch);
  }
}

#endif
