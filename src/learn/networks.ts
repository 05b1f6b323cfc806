import assert from "node:assert/strict";
import type { Rng } from "../core/rng.ts";
import type { DdpgShape } from "./engine.ts";

/** One fully connected layer: where it lies in its network's flat vector. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Weights [inputs, outputs], row-major, from here; the bias [outputs] follows them. */
  readonly at: number;
  readonly biasAt: number;
}

/** A network's layers in order, and the length of its flat vector. */
export interface Network {
  readonly layers: readonly Layer[];
  readonly size: number;
}

/**
 * The actor: observation, relu layers, tanh, so actions in [-1, 1]. The critic: observation and
 * action
 * side by side, relu layers, one number Q. The flat vector of both is the actor's, then the
 * critic's.
 */
export interface Networks {
  readonly actor: Network;
  readonly critic: Network;
  readonly size: number;
}

/** Layout of both networks. */
export function networksOf(shape: DdpgShape): Networks {
  const { observations, actions, hidden } = shape;
  const actor = networkOf([observations, ...hidden, actions]);
  const critic = networkOf([observations + actions, ...hidden, 1]);
  return { actor, critic, size: actor.size + critic.size };
}

function networkOf(widths: readonly number[]): Network {
  const layers: Layer[] = [];
  let at = 0;
  for (let i = 0; i + 1 < widths.length; i++) {
    const [inputs, outputs] = [widths[i], widths[i + 1]];
    const biasAt = at + inputs * outputs;
    layers.push({ inputs, outputs, at, biasAt });
    at = biasAt + outputs;
  }
  return { layers, size: at };
}

/**
 * Random parameters, flat. Hidden layers: uniform within 1 / sqrt(inputs), weights and bias (what
 * PyTorch's Linear does, and Lillicrap et al. 2016 section 7). Last layers: uniform within 3e-3.
 */
export function initialParameters(shape: DdpgShape, rng: Rng): Float32Array {
  const { actor, critic, size } = networksOf(shape);
  const parameters = new Float32Array(size);
  let start = 0;
  for (const { layers, size: length } of [actor, critic]) {
    for (const { inputs, outputs, at, biasAt } of layers) {
      const bound = biasAt + outputs === length ? 3e-3 : 1 / Math.sqrt(inputs);
      for (let i = start + at; i < start + biasAt + outputs; i++) {
        parameters[i] = rng.uniform(-bound, bound);
      }
    }
    start += length;
  }
  return parameters;
}

/**
 * The actor for one observation at a time, in plain TypeScript: for rollouts. Allocates
 * nothing.
 */
export class ActorForward {
  readonly #layers: readonly Layer[];
  readonly #mean: Float32Array;
  readonly #scale: Float32Array;
  readonly #activations: readonly Float64Array[];

  /** The network sees (observation - mean) * scale, as in `DdpgSettings`. */
  constructor(shape: DdpgShape, mean: Float32Array, scale: Float32Array) {
    assert(mean.length === shape.observations && scale.length === shape.observations);
    this.#layers = networksOf(shape).actor.layers;
    this.#mean = mean;
    this.#scale = scale;
    const widths = [shape.observations, ...shape.hidden, shape.actions];
    this.#activations = widths.map((width) => new Float64Array(width));
  }

  /**
   * Writes mu(observation), in [-1, 1], to `action`. `parameters` is flat and starts with the
   * actor's.
   */
  act(parameters: Float32Array, observation: Float32Array, action: Float32Array): void {
    const first = this.#activations[0];
    for (let i = 0; i < first.length; i++) {
      first[i] = (observation[i] - this.#mean[i]) * this.#scale[i];
    }
    const last = this.#layers.length - 1;
    for (let i = 0; i <= last; i++) {
      const y = this.#activations[i + 1];
      affine(parameters, this.#layers[i], this.#activations[i], y);
      if (i < last) for (let j = 0; j < y.length; j++) y[j] = y[j] > 0 ? y[j] : 0;
      else for (let j = 0; j < y.length; j++) action[j] = Math.tanh(y[j]);
    }
  }
}

/** y = x W + b, row by row of W, so that memory is read in order. */
function affine(parameters: Float32Array, layer: Layer, x: Float64Array, y: Float64Array): void {
  const { inputs, outputs, at, biasAt } = layer;
  for (let j = 0; j < outputs; j++) y[j] = parameters[biasAt + j];
  for (let i = 0; i < inputs; i++) {
    const xi = x[i];
    if (xi === 0) continue;
    const row = at + i * outputs;
    for (let j = 0; j < outputs; j++) y[j] += xi * parameters[row + j];
  }
}
