import assert from "node:assert/strict";
import { normEpsilon } from "../policy/actor.ts";
import { type Network, type NetworkShape, networksOf } from "./networks.ts";

/** What an actor sees of an observation: (observation - mean) * scale, cut off at the clip. */
export interface ObservationScale {
  /** [observations] each. */
  readonly mean: Float32Array;
  readonly scale: Float32Array;
  /** 0: no limit. */
  readonly clip: number;
}

/**
 * The actor for one observation at a time, in plain TypeScript: for rollouts. Allocates nothing.
 */
export class ActorForward {
  readonly #network: Network;
  readonly #activations: readonly Float64Array[];

  constructor(shape: NetworkShape) {
    this.#network = networksOf(shape).actor;
    const widths = [shape.observations, ...shape.actorHidden, shape.actions];
    this.#activations = widths.map((width) => new Float64Array(width));
  }

  /**
   * Writes mu(observation), in [-1, 1], to `action`. `parameters` is the actor's flat vector;
   * `statistics` the running ones of a batch-normalised actor, else empty.
   */
  act(
    parameters: Float32Array,
    statistics: Float32Array,
    { mean, scale, clip }: ObservationScale,
    observation: Float32Array,
    action: Float32Array,
  ): void {
    const { layers, norm, activation } = this.#network;
    const first = this.#activations[0];
    assert(first.length === observation.length && mean.length === first.length);
    for (let i = 0; i < first.length; i++) {
      const x = (observation[i] - mean[i]) * scale[i];
      first[i] = clip > 0 ? Math.min(clip, Math.max(-clip, x)) : x;
    }
    let at = 0;
    for (let depth = 0; depth < layers.length; depth++) {
      const layer = layers[depth];
      const y = this.#activations[depth + 1];
      affine(parameters, layer.inputs, layer.at, layer.biasAt, this.#activations[depth], y);
      if (depth === layers.length - 1) break;
      if (norm === "layer") standardise(y);
      if (norm === "batch") {
        for (let j = 0; j < y.length; j++) {
          y[j] =
            (y[j] - statistics[at + j]) / Math.sqrt(statistics[at + y.length + j] + normEpsilon);
        }
        at += 2 * y.length;
      }
      if (layer.gainAt >= 0) {
        for (let j = 0; j < y.length; j++) {
          y[j] = y[j] * parameters[layer.gainAt + j] + parameters[layer.gainAt + y.length + j];
        }
      }
      if (activation === "relu") for (let j = 0; j < y.length; j++) y[j] = y[j] < 0 ? 0 : y[j];
      else for (let j = 0; j < y.length; j++) y[j] = Math.tanh(y[j]);
    }
    const last = this.#activations[layers.length];
    for (let j = 0; j < last.length; j++) action[j] = Math.tanh(last[j]);
  }
}

/** y = x W + b, row by row of W, so that memory is read in order. */
function affine(
  parameters: Float32Array,
  inputs: number,
  at: number,
  biasAt: number,
  x: Float64Array,
  y: Float64Array,
): void {
  const outputs = y.length;
  for (let j = 0; j < outputs; j++) y[j] = parameters[biasAt + j];
  for (let i = 0; i < inputs; i++) {
    const xi = x[i];
    if (xi === 0) continue;
    const row = at + i * outputs;
    for (let j = 0; j < outputs; j++) y[j] += xi * parameters[row + j];
  }
}

/** Layer normalisation without gain and shift. */
function standardise(y: Float64Array): void {
  let mean = 0;
  for (let j = 0; j < y.length; j++) mean += y[j] / y.length;
  let variance = 0;
  for (let j = 0; j < y.length; j++) variance += (y[j] - mean) ** 2 / y.length;
  const root = Math.sqrt(variance + normEpsilon);
  for (let j = 0; j < y.length; j++) y[j] = (y[j] - mean) / root;
}
