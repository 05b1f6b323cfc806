import type { GraphBuilder, Value } from "../onnx/graph.ts";
import { normEpsilon } from "../policy/actor.ts";
import { batchNormed, type Network } from "./networks.ts";

/** A batch-normalised pass: the running statistics before it, and after it where it is training. */
export interface Statistics {
  /** [statisticsSize] */
  readonly running: Value;
  /** The share of the batch's own statistics that enters the running ones; null: use those. */
  readonly momentum: number | null;
}

/** What a network made of its inputs. */
export interface Pass {
  /** [batch, outputs], before any squashing. */
  readonly output: Value;
  /** The running statistics to go on with; null unless the pass was a training one. */
  readonly statistics: Value | null;
}

/**
 * Affine layers, each but the last followed by its norm, if it has one, and its activation.
 * `parameters` is the network's flat vector; `late` enters, behind the activations, at the layer
 * that has room for it.
 */
export function perceptron(
  g: GraphBuilder,
  network: Network,
  parameters: Value,
  input: Value,
  late: Value | null = null,
  statistics: Statistics | null = null,
): Pass {
  const pieces = piecesOf(g, network, parameters);
  const running = runningOf(g, network, statistics);
  const fresh: Value[] = [];
  let x = input;
  for (const [i, layer] of network.layers.entries()) {
    if (late !== null && layer.inputs === x.dims[1] + late.dims[1]) x = g.concat([x, late], 1);
    const { weights, bias, gain, shift } = pieces[i];
    x = g.gemm(x, weights, bias);
    if (i === network.layers.length - 1) break;
    if (gain !== null) {
      if (network.norm === "layer") x = layerNorm(g, x);
      else {
        const batch = batchNorm(g, x, running[i], statistics?.momentum ?? null);
        x = batch.output;
        fresh.push(...batch.running);
      }
      x = g.add(g.mul(x, gain), shift!);
    }
    x = network.activation === "relu" ? g.relu(x) : g.tanh(x);
  }
  const trained = network.norm === "batch" && statistics?.momentum != null;
  return { output: x, statistics: trained ? g.concat(fresh, 0) : null };
}

interface Pieces {
  readonly weights: Value;
  readonly bias: Value;
  readonly gain: Value | null;
  readonly shift: Value | null;
}

/** The flat vector cut into the layers' tensors. */
function piecesOf(g: GraphBuilder, { layers }: Network, parameters: Value): Pieces[] {
  const sizes = layers.flatMap(({ inputs, outputs, gainAt }) => {
    const affine = [inputs * outputs, outputs];
    return gainAt < 0 ? affine : [...affine, outputs, outputs];
  });
  const cut = g.split(parameters, sizes, 0);
  let at = 0;
  return layers.map(({ inputs, outputs, gainAt }) => {
    const weights = g.reshape(cut[at++], [inputs, outputs]);
    const bias = cut[at++];
    if (gainAt < 0) return { weights, bias, gain: null, shift: null };
    return { weights, bias, gain: cut[at++], shift: cut[at++] };
  });
}

/** (x - mean) / sqrt(variance + epsilon), over the features of each row (Ba et al. 2016, eq. 3). */
function layerNorm(g: GraphBuilder, x: Value): Value {
  const centred = g.sub(x, g.mean(x, [1]));
  const variance = g.mean(g.square(centred), [1]);
  return g.div(centred, g.sqrt(g.add(variance, normEpsilon)));
}

/** Mean and variance of each layer that has the norm, cut out of the flat running statistics. */
function runningOf(g: GraphBuilder, network: Network, statistics: Statistics | null) {
  if (statistics === null) return [];
  const widths = batchNormed(network).flatMap((outputs) => [outputs, outputs]);
  const cut = g.split(statistics.running, widths, 0);
  return widths.slice(0, widths.length / 2).map((_, i) => ({
    mean: cut[2 * i],
    variance: cut[2 * i + 1],
  }));
}

/**
 * As Ioffe and Szegedy 2015: a training pass normalises by the batch's own mean and variance and
 * moves the running ones (by the unbiased variance, as PyTorch does); any other uses those.
 */
function batchNorm(
  g: GraphBuilder,
  x: Value,
  running: { readonly mean: Value; readonly variance: Value },
  momentum: number | null,
): { output: Value; running: Value[] } {
  if (momentum === null) {
    const root = g.sqrt(g.add(running.variance, normEpsilon));
    return { output: g.div(g.sub(x, running.mean), root), running: [] };
  }
  const [rows, width] = x.dims;
  const mean = g.mean(x, [0]);
  const centred = g.sub(x, mean);
  const variance = g.mean(g.square(centred), [0]);
  const output = g.div(centred, g.sqrt(g.add(variance, normEpsilon)));
  const unbiased = g.mul(g.reshape(variance, [width]), rows / Math.max(1, rows - 1));
  const moved = (old: Value, now: Value): Value => g.add(old, g.mul(g.sub(now, old), momentum));
  return {
    output,
    running: [moved(running.mean, g.reshape(mean, [width])), moved(running.variance, unbiased)],
  };
}
