import assert from "node:assert/strict";
import type { Rng } from "../core/rng.ts";
import type { Spec } from "../core/spec.ts";

/** Added to a variance before its root is taken (Ba et al. 2016); a float32, as ONNX holds it. */
export const normEpsilon: number = Math.fround(1e-5);

/** A fully connected layer: `weights` [inputs, outputs] row-major, `bias` [outputs]. */
export interface Layer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
  /** Layer normalisation of the sums, [outputs] each; absent where the layer has none. */
  readonly norm?: { readonly gain: Float32Array; readonly shift: Float32Array };
}

/** What the network sees is (observation - mean) * scale; one number of each per channel. */
export interface Normaliser {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
  /** It is cut off beyond this, to either side; 0: never. */
  readonly clip: number;
}

/** What bends the hidden layers. */
export type Activation = "relu" | "tanh";

/** A deterministic actor: hidden layers, tanh last, then the range of the actuators. */
export interface Actor {
  readonly normaliser: Normaliser;
  readonly layers: readonly Layer[];
  readonly activation: Activation;
}

/** Asserts that an actor's arrays have the sizes that `spec` and its layers ask for. */
export function assertShapes(spec: Spec, { normaliser, layers }: Actor): void {
  let width = spec.observation.length;
  assert.equal(normaliser.mean.length, width);
  assert.equal(normaliser.scale.length, width);
  for (const { weights, bias, inputs, outputs, norm } of layers) {
    assert.equal(inputs, width);
    assert.equal(norm?.gain.length ?? outputs, outputs);
    assert.equal(norm?.shift.length ?? outputs, outputs);
    assert.equal(weights.length, inputs * outputs);
    assert.equal(bias.length, outputs);
    width = outputs;
  }
  assert.equal(width, spec.action.length);
}

/**
 * The actor's answer to one observation, in physical units, by plain arithmetic that knows nothing
 * of ONNX: in double precision, or in single where `arrays` is Float32Array.
 */
export function evaluateActor(
  spec: Spec,
  { normaliser, layers, activation }: Actor,
  observation: Float32Array,
  arrays: typeof Float64Array | typeof Float32Array = Float64Array,
): Float64Array | Float32Array {
  let input = new arrays(observation.length);
  for (let i = 0; i < input.length; i++) {
    input[i] = observation[i] - normaliser.mean[i];
    input[i] *= normaliser.scale[i];
    const { clip } = normaliser;
    if (clip > 0) input[i] = Math.min(clip, Math.max(-clip, input[i]));
  }
  layers.forEach(({ weights, bias, inputs, outputs, norm }, depth) => {
    const sums = new arrays(outputs);
    for (let i = 0; i < inputs; i++) {
      const from = input[i];
      for (let j = 0; j < outputs; j++) sums[j] += from * weights[i * outputs + j];
    }
    for (let j = 0; j < outputs; j++) sums[j] += bias[j];
    if (norm !== undefined) standardise(sums, norm.gain, norm.shift);
    const bent = depth === layers.length - 1 ? "tanh" : activation;
    for (let j = 0; j < outputs; j++) {
      sums[j] = bent === "tanh" ? Math.tanh(sums[j]) : Math.max(0, sums[j]);
    }
    input = sums;
  });
  spec.action.forEach(({ low, high }, j) => {
    input[j] *= (high - low) / 2;
    input[j] += (high + low) / 2;
    input[j] = Math.min(Math.fround(high), Math.max(Math.fround(low), input[j]));
  });
  return input;
}

/**
 * The same actor with the units of each hidden layer in another order: it sums in another order, so
 * it rounds otherwise, and that is all that differs.
 */
export function shuffled({ normaliser, layers, activation }: Actor, rng: Rng): Actor {
  let rows = orderOf(layers[0].inputs, null);
  const moved = layers.map((layer, depth) => {
    const columns = orderOf(layer.outputs, depth < layers.length - 1 ? rng : null);
    const { weights, bias, inputs, outputs, norm } = layer;
    const pick = (values: Float32Array) => Float32Array.from(columns, (j) => values[j]);
    const all = Float32Array.from(weights, (_, at) => {
      return weights[rows[Math.floor(at / outputs)] * outputs + columns[at % outputs]];
    });
    rows = columns;
    return {
      ...{ weights: all, bias: pick(bias), inputs, outputs },
      ...(norm !== undefined && { norm: { gain: pick(norm.gain), shift: pick(norm.shift) } }),
    };
  });
  return { normaliser, layers: moved, activation };
}

/** 0 to count - 1; shuffled (Fisher and Yates) where there is a generator. */
function orderOf(count: number, rng: Rng | null): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; rng !== null && last > 0; last--) {
    const at = rng.below(last + 1);
    [order[last], order[at]] = [order[at], order[last]];
  }
  return order;
}

/** Layer normalisation, in the precision of the array. */
function standardise(
  sums: Float64Array | Float32Array,
  gain: Float32Array,
  shift: Float32Array,
): void {
  const count = sums.length;
  let mean = 0;
  for (let j = 0; j < count; j++) mean += sums[j] / count;
  let variance = 0;
  for (let j = 0; j < count; j++) variance += (sums[j] - mean) ** 2 / count;
  const root = Math.sqrt(variance + normEpsilon);
  for (let j = 0; j < count; j++) {
    sums[j] -= mean;
    sums[j] /= root;
    sums[j] *= gain[j];
    sums[j] += shift[j];
  }
}
