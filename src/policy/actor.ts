import assert from "node:assert/strict";
import type { Spec } from "../core/spec.ts";

/** A fully connected layer: `weights` [inputs, outputs] row-major, `bias` [outputs]. */
export interface Layer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly inputs: number;
  readonly outputs: number;
}

/** What the network sees is (observation - mean) * scale; one number of each per channel. */
export interface Normaliser {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** A deterministic actor: relu between its layers, tanh last, then the range of the actuators. */
export interface Actor {
  readonly normaliser: Normaliser;
  readonly layers: readonly Layer[];
}

/** Asserts that an actor's arrays have the sizes that `spec` and its layers ask for. */
export function assertShapes(spec: Spec, { normaliser, layers }: Actor): void {
  let width = spec.observation.length;
  assert.equal(normaliser.mean.length, width);
  assert.equal(normaliser.scale.length, width);
  for (const { weights, bias, inputs, outputs } of layers) {
    assert.equal(inputs, width);
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
  { normaliser, layers }: Actor,
  observation: Float32Array,
  arrays: typeof Float64Array | typeof Float32Array = Float64Array,
): Float64Array | Float32Array {
  let input = new arrays(observation.length);
  for (let i = 0; i < input.length; i++) {
    input[i] = observation[i] - normaliser.mean[i];
    input[i] *= normaliser.scale[i];
  }
  layers.forEach(({ weights, bias, inputs, outputs }, depth) => {
    const sums = new arrays(outputs);
    for (let i = 0; i < inputs; i++) {
      const from = input[i];
      for (let j = 0; j < outputs; j++) sums[j] += from * weights[i * outputs + j];
    }
    const last = depth === layers.length - 1;
    for (let j = 0; j < outputs; j++) {
      sums[j] += bias[j];
      sums[j] = last ? Math.tanh(sums[j]) : Math.max(0, sums[j]);
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
