/*
 * Matrix products. The inner loop keeps a tile of the result in registers: TILE_ROWS rows by two
 * vectors. It reads B from a packed panel that stays in the first-level cache and A where it lies.
 * Each element is added up in the order of k, whatever the tile, the panel or the thread: results
 * do not depend on those.
 */
#ifndef SINEW_GEMM_H
#define SINEW_GEMM_H

#include "kernel.h"
#include "vector.h"

/* c = a b + bias, then the epilogue. Element [i, j] of a lies at i * a_row + j * a_column. */
typedef struct {
  long m, n, k;
  const float *a;
  long a_row, a_column;
  const float *b;
  long b_row, b_column;
  float *c;
  long c_row; /* columns lie side by side */
  const float *bias; /* [n], or NULL */
  int epilogue;
  const float *mask;
  long mask_row;
} Gemm;

enum { EPILOGUE_NONE, EPILOGUE_RELU, EPILOGUE_MASK };

#if VW == 16
#define TILE_ROWS 12
#elif VW == 8
#define TILE_ROWS 6
#elif defined(__aarch64__)
#define TILE_ROWS 8
#else
#define TILE_ROWS 4
#endif
#define PANEL (2 * VW)

/* Depth of a panel: 16 floats wide it takes up two thirds of a cache of 32 KB. It decides in which
   parts sums are made, so it is the same everywhere. */
#define DEPTH 320
/* Floats of A that are gone through per panel, so that they stay in the second-level cache. */
#define BLOCK (80 * 1024)
/* Floats of B up to which it is read where it lies. */
#define DIRECT (4 * 1024)
#define FEW_ROWS (TILE_ROWS < 5 ? TILE_ROWS : 5)

/* How a tile is stored. GENERAL covers what the others leave out. */
enum { STORE_PLAIN, STORE_BIAS, STORE_BIAS_RELU, STORE_MASK, STORE_GENERAL };

/* One tile: where it begins, how much of it exists, and which part of the depth it adds. */
typedef struct {
  const Gemm *g;
  long row, column, width, depth;
  const float *a;
  const float *b; /* its first line, the next ones `line` floats apart */
  long line;
  int first, last;
  int how;
} Place;

INLINE vf relu_sum(vf sum) { return of_bits(bits_of(sum) & ~(sum < 0)); }
/* Times the sign of what a relu gave: 0, 1 or NaN. */
INLINE vf mask_sum(vf sum, vf mask) {
  vf one = of_bits((mask > 0) & bits_of(splat(1.0f)));
  return sum * pick(mask == mask, one, mask);
}

/* Stores sums of any width, at any part of the depth. */
static NOINLINE void store_general(const Place *t, const float *sums, int rows,
                                                    int vectors) {
  const Gemm *g = t->g;
  for (int i = 0; i < rows; i++) {
    for (int v = 0; v < vectors; v++) {
      long column = t->column + v * VW;
      long width = t->width - v * VW;
      if (width <= 0) break;
      if (width > VW) width = VW;
      float *to = g->c + (t->row + i) * g->c_row + column;
      vf sum = load(sums + (i * vectors + v) * VW);
      if (!t->first) sum += load_part(to, width);
      else if (g->bias) sum += load_part(g->bias + column, width);
      if (t->last && g->epilogue == EPILOGUE_RELU) sum = relu_sum(sum);
      if (t->last && g->epilogue == EPILOGUE_MASK) {
        sum = mask_sum(sum, load_part(g->mask + (t->row + i) * g->mask_row + column, width));
      }
      store_part(to, sum, width);
    }
  }
}

/* Sums stay in registers only where every loop over them is gone before the compiler looks. */
#if defined(__clang__)
#define ALL_ROWS _Pragma("clang loop unroll(full)")
#else
#define ALL_ROWS
#endif

#define STORE_EACH(EXPRESSION)                                     \
  ALL_ROWS for (int i = 0; i < rows; i++) {                        \
    ALL_ROWS for (int v = 0; v < vectors; v++) {                   \
      vf sum = sums[i][v];                                         \
      store(to + i * g->c_row + v * VW, EXPRESSION);               \
    }                                                              \
  }

#if defined(__clang__) && VW == 16
/* One turn has 24 products: more at once, and the compiler runs out of registers. */
#define UNROLL _Pragma("clang loop unroll(disable)")
#elif defined(__clang__) && !defined(__wasm__)
#define UNROLL _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL
#endif

/*
 * ROWS rows by VECTORS vectors; `step` floats from one column of A to the next, `line` from one
 * line of B to the next. Where `copy` is not NULL the lines of B are packed there on the way.
 */
INLINE void tile(const Place *t, const int rows, const int vectors, const long step,
                 const long line, float *copy) {
  vf sums[TILE_ROWS][8];
  const Gemm *g = t->g;
  const float *a[TILE_ROWS];
  ALL_ROWS for (int i = 0; i < rows; i++) {
    a[i] = t->a + i * g->a_row;
    ALL_ROWS for (int v = 0; v < vectors; v++) sums[i][v] = (vf){0};
  }
  float *to = g->c + t->row * g->c_row + t->column;
  /* Of bias and mask, what is not there has no address either. */
  int biased = t->how == STORE_BIAS || t->how == STORE_BIAS_RELU;
  const float *bias = biased ? g->bias + t->column : NULL;
  const float *mask = NULL;
  /* What is stored to, and multiplied with, arrives while the sums are made. */
  for (int i = 0; i < rows; i++) __builtin_prefetch(to + i * g->c_row, 1, 3);
  if (t->how == STORE_MASK) {
    mask = g->mask + t->row * g->mask_row + t->column;
    for (int i = 0; i < rows; i++) __builtin_prefetch(mask + i * g->mask_row, 0, 3);
  }
  const float *b = t->b;
  UNROLL
  for (long k = 0; k < t->depth; k++, b += line) {
    vf values[8];
    ALL_ROWS for (int v = 0; v < vectors; v++) values[v] = load(b + v * VW);
    if (copy != NULL) {
      ALL_ROWS for (int v = 0; v < vectors; v++) store(copy + (k * vectors + v) * VW, values[v]);
    }
    ALL_ROWS for (int i = 0; i < rows; i++) {
      vf x = splat(a[i][k * step]);
      ALL_ROWS for (int v = 0; v < vectors; v++) sums[i][v] = fma_of(x, values[v], sums[i][v]);
    }
  }
  switch (t->how) {
    case STORE_PLAIN: STORE_EACH(sum) break;
    case STORE_BIAS: STORE_EACH(sum + load(bias + v * VW)) break;
    case STORE_BIAS_RELU: STORE_EACH(relu_sum(sum + load(bias + v * VW))) break;
    case STORE_MASK: STORE_EACH(mask_sum(sum, load(mask + i * g->mask_row + v * VW))) break;
    default: {
      float flat[TILE_ROWS * 8 * VW];
      ALL_ROWS for (int i = 0; i < rows; i++) {
        ALL_ROWS for (int v = 0; v < vectors; v++) store(flat + (i * vectors + v) * VW, sums[i][v]);
      }
      store_general(t, flat, rows, vectors);
    }
  }
}

static int how_to_store(const Place *t, int vectors) {
  const Gemm *g = t->g;
  if (t->width < vectors * VW || !t->first || !t->last) return STORE_GENERAL;
  if (g->epilogue == EPILOGUE_NONE) return g->bias ? STORE_BIAS : STORE_PLAIN;
  if (g->epilogue == EPILOGUE_RELU) return g->bias ? STORE_BIAS_RELU : STORE_GENERAL;
  return g->bias ? STORE_GENERAL : STORE_MASK;
}

/*
 * One function for each kind of tile: WebAssembly's compilers give a loop of its own function its
 * own registers, which the sums have to be in.
 */
#define TILES(ROWS)                                                             \
  static NOINLINE void narrow_##ROWS(const Place *t, long step, float *to) {    \
    (void)to;                                                                   \
    tile(t, ROWS, 1, step, t->line, NULL);                                      \
  }                                                                             \
  static NOINLINE void direct_##ROWS(const Place *t, long step, float *to) {    \
    (void)to;                                                                   \
    tile(t, ROWS, 2, step, t->line, NULL);                                      \
  }                                                                             \
  static NOINLINE void dense_##ROWS(const Place *t, long step, float *to) {     \
    (void)to, (void)step;                                                       \
    tile(t, ROWS, 2, 1, PANEL, NULL);                                           \
  }                                                                             \
  static NOINLINE void strided_##ROWS(const Place *t, long step, float *to) {   \
    (void)to;                                                                   \
    tile(t, ROWS, 2, step, PANEL, NULL);                                        \
  }                                                                             \
  static NOINLINE void packing_##ROWS(const Place *t, long step, float *to) {   \
    tile(t, ROWS, 2, step, t->line, to);                                        \
  }

#define TILE(ROWS)                                                    \
  case ROWS:                                                          \
    if (to != NULL) packing_##ROWS(t, step, to);                      \
    else if (vectors == 1) narrow_##ROWS(t, step, to);                \
    else if (t->line != PANEL) direct_##ROWS(t, step, to);            \
    else if (step == 1) dense_##ROWS(t, step, to);                    \
    else strided_##ROWS(t, step, to);                                 \
    break;

TILES(1)
TILES(2)
TILES(3)
TILES(4)
#if TILE_ROWS > 4
TILES(5)
TILES(6)
#endif
#if TILE_ROWS > 6
TILES(7)
TILES(8)
#endif
#if TILE_ROWS > 8
TILES(9)
TILES(10)
TILES(11)
TILES(12)
#endif

/* Where `to` is not NULL, the tile is the first of its panel and packs B there. */
static void run_tile(const Place *t, int rows, int vectors, long step, float *to) {
  switch (rows) {
    TILE(1)
    TILE(2)
    TILE(3)
    TILE(4)
#if TILE_ROWS > 4
    TILE(5)
    TILE(6)
#endif
#if TILE_ROWS > 6
    TILE(7)
    TILE(8)
#endif
#if TILE_ROWS > 8
    TILE(9)
    TILE(10)
    TILE(11)
    TILE(12)
#endif
  }
}

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
