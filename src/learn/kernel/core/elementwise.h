/*
 * Fused elementwise instructions: tile after tile goes through a row of registers, which are runs
 * of floats in the first-level cache or, where operands lie without gaps, in place.
 */
#ifndef SINEW_ELEMENTWISE_H
#define SINEW_ELEMENTWISE_H

#include "functions.h"
#include "kernel.h"

/* Numbers of operations, as the planner writes them (node.ts). */
enum {
  EL_COPY,
  EL_ADD,
  EL_SUB,
  EL_MUL,
  EL_DIV,
  EL_MIN,
  EL_MAX,
  EL_GREATER,
  EL_EQUAL,
  EL_SELECT,
  EL_NEG,
  EL_RELU,
  EL_TANH,
  EL_SIGN,
  EL_SQRT,
  EL_ABS,
  EL_EXP,
  EL_LOG,
  EL_CLIP,
  EL_MULTIPLY_ADD,
  EL_MULTIPLY_SUB,
  EL_MULTIPLY_LESS,
  EL_ADAM
};

#define ONE_WHERE(mask) of_bits((mask) & bits_of(splat(1.0f)))

/* NaN stays NaN in all of them, as in ONNX Runtime. */
INLINE vf min_of(vf a, vf b) { return pick((a < b) | (a != a), a, b); }
INLINE vf max_of(vf a, vf b) { return pick((a > b) | (a != a), a, b); }
INLINE vf relu_of(vf x) { return of_bits(bits_of(x) & ~(x < 0)); }
INLINE vf sign_of(vf x) { return pick(x == x, ONE_WHERE(x > 0) - ONE_WHERE(x < 0), x); }
INLINE vf clip_of(vf x, vf low, vf high) {
  vf y = pick(x > high, high, x);
  return pick(y < low, low, y);
}

/* Steps of operands: VW, or 0 where one vector holds for all. */
#define EACH(EXPRESSION, SA, SB, SC)                        \
  do {                                                      \
    long i = 0;                                             \
    const float *pa = x, *pb = y, *pc = z;                  \
    (void)pb;                                               \
    (void)pc;                                               \
    for (; i + VW <= n; i += VW) {                          \
      vf a = load(pa), b = load(pb), c = load(pc);          \
      (void)b;                                              \
      (void)c;                                              \
      store(to + i, EXPRESSION);                            \
      pa += (SA), pb += (SB), pc += (SC);                   \
    }                                                       \
    if (i < n) {                                            \
      vf a = (SA) ? load_part(pa, n - i) : load(pa);        \
      vf b = (SB) ? load_part(pb, n - i) : load(pb);        \
      vf c = (SC) ? load_part(pc, n - i) : load(pc);        \
      (void)b;                                              \
      (void)c;                                              \
      store_part(to + i, EXPRESSION, n - i);                \
    }                                                       \
  } while (0)

#define UNARY(CODE, EXPRESSION)          \
  case CODE:                             \
    if (bits & 1) EACH(EXPRESSION, 0, 0, 0); \
    else EACH(EXPRESSION, VW, 0, 0);     \
    break;

#define BINARY(CODE, EXPRESSION)                          \
  case CODE:                                              \
    switch (bits & 3) {                                   \
      case 0: EACH(EXPRESSION, VW, VW, 0); break;         \
      case 1: EACH(EXPRESSION, 0, VW, 0); break;          \
      case 2: EACH(EXPRESSION, VW, 0, 0); break;          \
      default: EACH(EXPRESSION, 0, 0, 0); break;          \
    }                                                     \
    break;

#define TERNARY(CODE, EXPRESSION)                         \
  case CODE:                                              \
    switch (bits & 7) {                                   \
      case 0: EACH(EXPRESSION, VW, VW, VW); break;        \
      case 1: EACH(EXPRESSION, 0, VW, VW); break;         \
      case 2: EACH(EXPRESSION, VW, 0, VW); break;         \
      case 6: EACH(EXPRESSION, VW, 0, 0); break;          \
      default: {                                          \
        long sa = bits & 1 ? 0 : VW;                      \
        long sb = bits & 2 ? 0 : VW;                      \
        long sc = bits & 4 ? 0 : VW;                      \
        EACH(EXPRESSION, sa, sb, sc);                     \
      }                                                   \
    }                                                     \
    break;

/* to = f(x, y, z), n floats; of bits 1, 2 and 4 each says that an operand is uniform. */
static NOINLINE void apply(int code, int bits, float *to, const float *x, const float *y, const float *z,
                  long n) {
  switch (code) {
    UNARY(EL_COPY, a)
    BINARY(EL_ADD, a + b)
    BINARY(EL_SUB, a - b)
    BINARY(EL_MUL, a * b)
    BINARY(EL_DIV, a / b)
    BINARY(EL_MIN, min_of(a, b))
    BINARY(EL_MAX, max_of(a, b))
    BINARY(EL_GREATER, ONE_WHERE(a > b))
    BINARY(EL_EQUAL, ONE_WHERE(a == b))
    TERNARY(EL_SELECT, pick(a != 0, b, c))
    UNARY(EL_NEG, -a)
    UNARY(EL_RELU, relu_of(a))
    UNARY(EL_TANH, tanh_of(a))
    UNARY(EL_SIGN, sign_of(a))
    UNARY(EL_SQRT, sqrt_of(a))
    UNARY(EL_ABS, of_bits(bits_of(a) & 0x7fffffff))
    UNARY(EL_EXP, exp_of(a))
    UNARY(EL_LOG, log_of(a))
    TERNARY(EL_CLIP, clip_of(a, b, c))
    TERNARY(EL_MULTIPLY_ADD, fma_of(a, b, c))
    TERNARY(EL_MULTIPLY_SUB, fma_of(-a, b, c))
    TERNARY(EL_MULTIPLY_LESS, fma_of(a, b, -c))
  }
}

/*
 * m' = m b1 + g c1, v' = v b2 + g^2 c2, p' = p - rate m' / (sqrt(v') + epsilon): what its parts
 * would give, without their ways to and from memory.
 */
static NOINLINE void adam(const int32_t *s, float *const *reg, long n) {
  const float *g = reg[s[2]], *m = reg[s[3]], *v = reg[s[4]], *p = reg[s[8]];
  float *to_m = reg[s[1]], *to_p = reg[s[6]], *to_v = reg[s[7]];
  vf rate = load(reg[s[9]]), epsilon = load(reg[s[10]]);
  vf b1 = load(reg[s[12]]), c1 = load(reg[s[13]]), b2 = load(reg[s[14]]), c2 = load(reg[s[15]]);
  for (long i = 0; i < n; i += VW) {
    long left = n - i;
    int whole = left >= VW;
    vf x = whole ? load(g + i) : load_part(g + i, left);
    vf y = whole ? load(m + i) : load_part(m + i, left);
    vf z = whole ? load(v + i) : load_part(v + i, left);
    vf w = whole ? load(p + i) : load_part(p + i, left);
    y = fma_of(y, b1, x * c1);
    z = fma_of(z, b2, x * x * c2);
    w = fma_of(-rate, y / (sqrt_of(z) + epsilon), w);
    if (whole) {
      store(to_m + i, y), store(to_v + i, z), store(to_p + i, w);
    } else {
      store_part(to_m + i, y, left), store_part(to_v + i, z, left), store_part(to_p + i, w, left);
    }
  }
}

/* Sum of n floats or of their squares, in an order that only n decides. */
static float sum_floats(const float *x, long n, int squared) {
  enum { L = SUM_LANES };
  vsum s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
  long i = 0;
  if (squared) {
    for (; i + 4 * L <= n; i += 4 * L) {
      vsum a = load_lanes(x + i), b = load_lanes(x + i + L);
      vsum c = load_lanes(x + i + 2 * L), d = load_lanes(x + i + 3 * L);
      s0 = fma_lanes(a, a, s0), s1 = fma_lanes(b, b, s1);
      s2 = fma_lanes(c, c, s2), s3 = fma_lanes(d, d, s3);
    }
  } else {
    for (; i + 4 * L <= n; i += 4 * L) {
      s0 += load_lanes(x + i), s1 += load_lanes(x + i + L);
      s2 += load_lanes(x + i + 2 * L), s3 += load_lanes(x + i + 3 * L);
    }
  }
  for (; i < n; i += L) {
    vsum a = i + L <= n ? load_lanes(x + i) : load_lanes_part(x + i, n - i);
    s0 = squared ? fma_lanes(a, a, s0) : s0 + a;
  }
  return sum_of((s0 + s2) + (s1 + s3));
}

enum { MAX_REGISTERS = 128, IN_WORDS = 5, OUT_WORDS = 5, STEP_WORDS = 6, SUM_WORDS = 8 };

/* An elementwise instruction, taken apart. */
typedef struct {
  int by_rows;
  long rows, columns, step;
  int ins, temporaries, outs, steps, sums;
  const int32_t *in, *out, *steps_at, *sums_at;
  const float *base[MAX_REGISTERS];
  float *slot[MAX_REGISTERS]; /* a register's own memory */
  float *reg[MAX_REGISTERS]; /* where a register lies in this tile */
} Loop;

/* A part of the space: `floats` of them, from row and column on. */
typedef struct {
  long index, row, column, rows, floats;
} Tile;

INLINE float word_float(int32_t word) {
  float value;
  __builtin_memcpy(&value, &word, 4);
  return value;
}

static void fill_uniform(float *to, float value) {
  for (int i = 0; i < VW; i++) to[i] = value;
}

/* Copies a run with a stride to one without. */
static void pull(float *to, const float *from, long count, long stride) {
  if (stride == 1) {
    for (long i = 0; i < count; i++) to[i] = from[i];
  } else if (stride == 0) {
    float value = from[0];
    for (long i = 0; i < count; i++) to[i] = value;
  } else {
    for (long i = 0; i < count; i++) to[i] = from[i * stride];
  }
}

static void load_inputs(Loop *loop, const Tile *tile, int first) {
  for (int k = 0; k < loop->ins; k++) {
    const int32_t *in = loop->in + k * IN_WORDS;
    long row_stride = in[2], column_stride = in[3];
    const float *from = loop->base[k] + tile->row * row_stride + tile->column * column_stride;
    if (in[4]) {
      if (!first && row_stride == 0) continue;
      loop->reg[k] = loop->slot[k];
      fill_uniform(loop->slot[k], from[0]);
    } else if (!loop->by_rows) {
      if (column_stride == 1) {
        loop->reg[k] = (float *)from;
      } else {
        loop->reg[k] = loop->slot[k];
        pull(loop->slot[k], from, tile->floats, column_stride);
      }
    } else if (column_stride == 1 && row_stride == loop->columns) {
      loop->reg[k] = (float *)from;
    } else {
      if (row_stride == 0 && !first) continue;
      loop->reg[k] = loop->slot[k];
      long rows = row_stride == 0 ? loop->step : tile->rows;
      for (long r = 0; r < rows; r++) {
        pull(loop->slot[k] + r * loop->columns, from + r * row_stride, loop->columns,
             column_stride);
      }
    }
  }
}

static void store_outputs(Loop *loop, const Tile *tile, float *arena) {
  for (int k = 0; k < loop->outs; k++) {
    const int32_t *out = loop->out + k * OUT_WORDS;
    if (out[4] == 1) continue;
    long row_stride = out[2], column_stride = out[3];
    float *to = arena + out[1] + tile->row * row_stride + tile->column * column_stride;
    const float *from = loop->reg[out[0]];
    long columns = loop->by_rows ? loop->columns : tile->floats;
    long rows = loop->by_rows ? tile->rows : 1;
    int uniform = out[4] == 2;
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < columns; c++) {
        to[r * row_stride + c * column_stride] = uniform ? from[0] : from[r * columns + c];
      }
    }
  }
}

static void add_up(Loop *loop, const Tile *tile, float *arena) {
  for (int k = 0; k < loop->sums; k++) {
    const int32_t *sum = loop->sums_at + k * SUM_WORDS;
    const float *from = loop->reg[sum[0]];
    int uniform = sum[1], squared = sum[2], by_row = sum[3];
    long rows = by_row && loop->by_rows ? tile->rows : 1;
    long count = tile->floats / rows;
    for (long r = 0; r < rows; r++) {
      float one = uniform && squared ? from[0] * from[0] : from[0];
      float value = uniform ? one * (float)count : sum_floats(from + r * count, count, squared);
      if (!by_row) {
        arena[sum[4] + tile->index] = value;
        continue;
      }
      float *to = arena + sum[4] + (tile->row + r) * (long)sum[5];
      if (tile->column > 0) value += *to;
      if (loop->by_rows || tile->column + count == loop->columns) {
        value *= word_float(sum[6]);
        if (sum[7]) value = __builtin_sqrtf(value);
      }
      *to = value;
    }
  }
}

static Tile tile_at(const Loop *loop, long index) {
  Tile tile = {.index = index};
  if (loop->by_rows) {
    long left = loop->rows - index * loop->step;
    tile.row = index * loop->step;
    tile.rows = left < loop->step ? left : loop->step;
    tile.floats = tile.rows * loop->columns;
  } else {
    long parts = (loop->columns + loop->step - 1) / loop->step;
    tile.row = index / parts;
    tile.column = index % parts * loop->step;
    long left = loop->columns - tile.column;
    tile.rows = 1;
    tile.floats = left < loop->step ? left : loop->step;
  }
  return tile;
}

static void open_loop(Loop *loop, const int32_t *w, float *arena, const External *externals,
                      long round, float *scratch) {
  loop->by_rows = w[3];
  loop->rows = w[4], loop->columns = w[5], loop->step = w[6];
  loop->ins = w[7], loop->temporaries = w[8], loop->outs = w[9];
  loop->steps = w[10], loop->sums = w[11];
  loop->in = w + 12;
  loop->out = loop->in + loop->ins * IN_WORDS;
  loop->steps_at = loop->out + loop->outs * OUT_WORDS;
  loop->sums_at = loop->steps_at + loop->steps * STEP_WORDS;
  long room = loop->by_rows ? loop->step * loop->columns : loop->step;
  room = (room + 15) & ~15L;
  for (int k = 0; k < loop->ins; k++) {
    const int32_t *in = loop->in + k * IN_WORDS;
    if (in[0] == 0) {
      loop->base[k] = arena + in[1];
      continue;
    }
    const External *external = externals + in[0] - 1;
    loop->base[k] = (const float *)external->data + round * external->stride + in[1];
  }
  for (int k = 0; k < loop->ins + loop->temporaries; k++) {
    loop->slot[k] = scratch + k * room;
    loop->reg[k] = loop->slot[k];
  }
}

static void run_elementwise(const int32_t *w, float *arena, const External *externals, long round,
                            float *scratch, int thread, int threads) {
  Loop loop;
  open_loop(&loop, w, arena, externals, round, scratch);
  long parts = loop.by_rows ? 1 : (loop.columns + loop.step - 1) / loop.step;
  long units = loop.by_rows ? (loop.rows + loop.step - 1) / loop.step : loop.rows;
  /* Rows stay whole, so that their sums are added up in order; a single row is cut anywhere. */
  if (units == 1) units = parts, parts = 1;
  long from = units * thread / threads * parts;
  long to = units * (thread + 1) / threads * parts;
  for (long index = from; index < to; index++) {
    Tile tile = tile_at(&loop, index);
    load_inputs(&loop, &tile, index == from);
    for (int k = 0; k < loop.outs; k++) {
      const int32_t *out = loop.out + k * OUT_WORDS;
      if (out[4] != 1) continue;
      loop.reg[out[0]] = arena + out[1] + tile.row * (long)out[2] + tile.column;
    }
    for (int k = 0; k < loop.steps; k++) {
      const int32_t *s = loop.steps_at + k * STEP_WORDS;
      if (s[0] == EL_ADAM) {
        adam(s, loop.reg, tile.floats);
        k += 2;
        continue;
      }
      apply(s[0], s[5], loop.reg[s[1]], loop.reg[s[2]], loop.reg[s[3]], loop.reg[s[4]],
            s[5] & 8 ? VW : tile.floats);
    }
    /* Sums first: what they read may be what is written over. */
    add_up(&loop, &tile, arena);
    store_outputs(&loop, &tile, arena);
  }
}

#endif
