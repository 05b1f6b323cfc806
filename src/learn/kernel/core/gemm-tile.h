/*
 * A product, and the tiles that it is made of: their sums are kept in registers, and stored with
 * bias and epilogue.
 */
#ifndef SINEW_GEMM_TILE_H
#define SINEW_GEMM_TILE_H

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

#endif
