import type { Rng } from "../core/rng.ts";

/** What stands between an affine layer and its activation. */
export type Norm = "none" | "layer" | "batch";

/** What makes a hidden layer bend. */
export type Activation = "relu" | "tanh";

/** Sizes and kinds of actor and critic. */
export interface NetworkShape {
  readonly observations: number;
  readonly actions: number;
  /** Widths of the hidden layers, at least one. */
  readonly actorHidden: readonly number[];
  readonly criticHidden: readonly number[];
  readonly activation: Activation;
  readonly actorNorm: Norm;
  readonly criticNorm: Norm;
  /** The critic's layer that the action enters: 0 beside the observation, 1 a layer later. */
  readonly actionLayer: number;
  /** Critics that learn side by side: 1, or 2 of which the smaller value counts. */
  readonly critics: 1 | 2;
}

/** One fully connected layer: where it lies in its network's flat vector. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Weights [inputs, outputs], row-major, from here; the bias [outputs] follows them. */
  readonly at: number;
  readonly biasAt: number;
  /** Gain [outputs], then shift [outputs], of a normalised layer; -1: it has no norm. */
  readonly gainAt: number;
  /** Where the next layer begins. */
  readonly end: number;
}

/** A network's layers in order, and the length of its flat vector. */
export interface Network {
  readonly layers: readonly Layer[];
  readonly norm: Norm;
  readonly activation: Activation;
  readonly size: number;
}

/** One actor, and one critic of which `NetworkShape.critics` copies lie one behind the other. */
export interface Networks {
  readonly actor: Network;
  readonly critic: Network;
}

/** Layout of the networks: actor observation -> actions (before tanh), critic (s, a) -> Q. */
export function networksOf(shape: NetworkShape): Networks {
  const { observations, actions, activation, actorNorm, criticNorm, actionLayer } = shape;
  const actorWidths = [observations, ...shape.actorHidden, actions];
  const criticWidths = [observations, ...shape.criticHidden, 1];
  return {
    actor: networkOf(actorWidths, -1, 0, actorNorm, activation),
    critic: networkOf(criticWidths, actionLayer, actions, criticNorm, activation),
  };
}

/**
 * `extra` more inputs enter at the layer `extraAt`. Hidden layers have the norm; of batch
 * normalisation only those before a late input (Lillicrap et al. 2016, section 7).
 */
function networkOf(
  widths: readonly number[],
  extraAt: number,
  extra: number,
  norm: Norm,
  activation: Activation,
): Network {
  const layers: Layer[] = [];
  let at = 0;
  for (let i = 0; i + 1 < widths.length; i++) {
    const inputs = widths[i] + (i === extraAt ? extra : 0);
    const outputs = widths[i + 1];
    const biasAt = at + inputs * outputs;
    const past = norm === "batch" && extraAt > 0 && i >= extraAt;
    const normalised = norm !== "none" && i + 2 < widths.length && !past;
    const gainAt = normalised ? biasAt + outputs : -1;
    const end = biasAt + outputs * (normalised ? 3 : 1);
    layers.push({ inputs, outputs, at, biasAt, gainAt, end });
    at = end;
  }
  return { layers, norm, activation, size: at };
}

/**
 * Random parameters of one network, flat. Hidden layers: uniform within 1 / sqrt(inputs), weights
 * and bias (what PyTorch's Linear does, and Lillicrap et al. 2016 section 7). Last layer: uniform
 * within `finalBound`, or as the others where that is 0. Gains are 1, shifts 0.
 */
export function initialParameters(network: Network, finalBound: number, rng: Rng): Float32Array {
  const parameters = new Float32Array(network.size);
  for (const { inputs, outputs, at, biasAt, gainAt, end } of network.layers) {
    const last = end === network.size;
    const bound = last && finalBound > 0 ? finalBound : 1 / Math.sqrt(inputs);
    for (let i = at; i < biasAt + outputs; i++) parameters[i] = rng.uniform(-bound, bound);
    if (gainAt >= 0) parameters.fill(1, gainAt, gainAt + outputs);
  }
  return parameters;
}

/** The widths of a network's batch-normalised layers, in order; none of any other network. */
export function batchNormed({ layers, norm }: Network): number[] {
  if (norm !== "batch") return [];
  return layers.filter(({ gainAt }) => gainAt >= 0).map(({ outputs }) => outputs);
}

/**
 * Length of the running statistics of a batch-normalised network: mean [outputs], then variance
 * [outputs], of each layer that has the norm, in order; 0 for every other network.
 */
export function statisticsSize(network: Network): number {
  return batchNormed(network).reduce((sum, outputs) => sum + 2 * outputs, 0);
}

/** Running statistics before the first batch: means 0, variances 1. */
export function initialStatistics(network: Network): Float32Array {
  const statistics = new Float32Array(statisticsSize(network));
  let at = 0;
  for (const outputs of batchNormed(network)) {
    statistics.fill(1, at + outputs, at + 2 * outputs);
    at += 2 * outputs;
  }
  return statistics;
}

/** 1 at each weight (no bias, no gain) of every layer but the last, else 0: [size]. */
export function hiddenWeights(network: Network): Float32Array {
  const mask = new Float32Array(network.size);
  for (const { at, biasAt } of network.layers.slice(0, -1)) mask.fill(1, at, biasAt);
  return mask;
}
