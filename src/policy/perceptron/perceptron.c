/* One observation through a multilayer perceptron, in single precision. WebAssembly fuses no product
   with a sum and rounds alike everywhere, and each sum here has one order: so have its bits. */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* Outputs of a layer that are summed side by side; weights and biases are padded to whole panels. */
#define PANEL 32u
#define VECTORS (PANEL / 4u)

/* As perceptron.ts writes it: eight words. */
struct layer {
  uint32_t inputs;
  uint32_t outputs;
  uint32_t bends; /* 1: tanh, 0: relu */
  const float *weights; /* panel by panel, [inputs, PANEL] each */
  const float *bias;
  const float *gain; /* null: no layer normalisation */
  const float *shift;
  float epsilon;
};

static void sum(const struct layer *layer, const float *input, float *output) {
  const float *weights = layer->weights;
  for (uint32_t at = 0; at < layer->outputs; at += PANEL) {
    v128_t sums[VECTORS];
    for (uint32_t v = 0; v < VECTORS; v++) sums[v] = wasm_f32x4_splat(0.0f);
    for (uint32_t i = 0; i < layer->inputs; i++) {
      const v128_t from = wasm_v128_load32_splat(input + i);
#pragma clang loop unroll(full)
      for (uint32_t v = 0; v < VECTORS; v++) {
        const v128_t product = wasm_f32x4_mul(from, wasm_v128_load(weights + 4u * v));
        sums[v] = wasm_f32x4_add(sums[v], product);
      }
      weights += PANEL;
    }
    for (uint32_t v = 0; v < VECTORS; v++) {
      const v128_t bias = wasm_v128_load(layer->bias + at + 4u * v);
      wasm_v128_store(output + at + 4u * v, wasm_f32x4_add(sums[v], bias));
    }
  }
}

/* Ba et al. 2016, in double precision. */
static void standardise(const struct layer *layer, float *values) {
  const uint32_t count = layer->outputs;
  double mean = 0;
  for (uint32_t j = 0; j < count; j++) mean += values[j];
  mean /= count;
  double variance = 0;
  for (uint32_t j = 0; j < count; j++) variance += (values[j] - mean) * (values[j] - mean);
  const double root = __builtin_sqrt(variance / count + (double)layer->epsilon);
  for (uint32_t j = 0; j < count; j++) {
    values[j] = (float)((values[j] - mean) / root * (double)layer->gain[j] + (double)layer->shift[j]);
  }
}

/* e^x for x from 0 to 20: 2^k times a Taylor series of the rest, at most ln 2 / 2 to either side. */
static double exponential(double x) {
  const double k = __builtin_rint(x * 1.4426950408889634);
  const double r = x - k * 0.6931471805599453;
  double series = 1.0;
  for (uint32_t n = 12; n > 0; n--) series = 1.0 + series * r / n;
  const uint64_t bits = (uint64_t)(1023 + (int64_t)k) << 52;
  double power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return series * power;
}

static float hyperbolic_tangent(float x) {
  const double size = x < 0 ? -(double)x : (double)x;
  /* Within half a float of 1; a number that is none passes this and comes out as none. */
  if (size > 9.1) return x < 0 ? -1.0f : 1.0f;
  /* x - x^3 / 3 is x to a float here, and the difference below would lose its digits. */
  if (size < 1.0 / 4096) return x;
  if (size != size) return x;
  const double more = exponential(2 * size) - 1.0;
  const double value = more / (more + 2.0);
  return (float)(x < 0 ? -value : value);
}

static void bend(const struct layer *layer, float *values) {
  if (layer->bends == 1) {
    for (uint32_t j = 0; j < layer->outputs; j++) values[j] = hyperbolic_tangent(values[j]);
    return;
  }
  /* Its maximum keeps what is no number. */
  for (uint32_t j = 0; j < layer->outputs; j += 4u) {
    const v128_t value = wasm_v128_load(values + j);
    wasm_v128_store(values + j, wasm_f32x4_max(value, wasm_f32x4_splat(0.0f)));
  }
}

/* Both rows have room for the widest layer in whole panels. Says which of them has the result. */
EXPORT(run)
float *run(const struct layer *layers, uint32_t count, float *input, float *other) {
  for (uint32_t at = 0; at < count; at++) {
    sum(layers + at, input, other);
    if (layers[at].gain != 0) standardise(layers + at, other);
    bend(layers + at, other);
    float *const next = input;
    input = other;
    other = next;
  }
  return input;
}
