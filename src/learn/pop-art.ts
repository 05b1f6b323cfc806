import type { GraphBuilder, Value } from "../onnx/graph.ts";
import type { Network } from "./networks.ts";

/** No deviation counts as smaller than this: returns that are all alike must not be blown up. */
const deviationMin = 1e-2;

/** What an output of the normalised critic means: value = mean + deviation * output. [1] each. */
export interface Scale {
  readonly mean: Value;
  readonly deviation: Value;
}

/** The running mean and mean square of the critic's targets, [2], as a scale. */
export function scaleOf(g: GraphBuilder, moments: Value): Scale {
  const [mean, meanSquare] = g.split(moments, [1, 1], 0);
  const variance = g.sub(meanSquare, g.square(mean));
  const deviation = g.sqrt(g.clip(variance, deviationMin ** 2, 1e30));
  return { mean, deviation };
}

/** The same of moments that are numbers. */
export function scaleOfMoments([mean, meanSquare]: Float32Array): {
  readonly mean: number;
  readonly deviation: number;
} {
  const variance = Math.min(1e30, Math.max(deviationMin ** 2, meanSquare - mean ** 2));
  return { mean, deviation: Math.sqrt(variance) };
}

/** The moments once a minibatch of targets, [batch, 1], has entered them with weight `share`. */
export function movedMoments(g: GraphBuilder, moments: Value, y: Value, share: number): Value {
  const fresh = [g.mean(y), g.mean(g.square(y))].map((one) => g.reshape(one, [1]));
  return g.add(moments, g.mul(g.sub(g.concat(fresh, 0), moments), share));
}

/**
 * A critic's flat parameters, `copies` critics long, changed so that its values stay what they were
 * while their scale goes from one to another (van Hasselt et al. 2016, proposition 1): the last
 * layer's weights are multiplied by s / s', its bias becomes (s b + m - m') / s'.
 */
export function preserveOutputs(
  g: GraphBuilder,
  network: Network,
  copies: number,
  parameters: Value,
  from: Scale,
  to: Scale,
): Value {
  const last = network.layers[network.layers.length - 1];
  const [before, at, after] = [last.at, last.biasAt, last.end];
  const pieces = g.split(
    parameters,
    Array.from({ length: copies }, () => [before, at - before, after - at]).flat(),
    0,
  );
  const ratio = g.div(from.deviation, to.deviation);
  const shift = g.div(g.sub(from.mean, to.mean), to.deviation);
  const changed = pieces.map((piece, i) => {
    if (i % 3 === 0) return piece;
    const scaled = g.mul(piece, ratio);
    return i % 3 === 1 ? scaled : g.add(scaled, shift);
  });
  return g.concat(changed, 0);
}
