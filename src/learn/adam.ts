import type { GraphBuilder, Value } from "../onnx/graph.ts";
import type { Losses } from "./losses.ts";

/**
 * A network that learns: its parameters, its target's, and Adam's two moments. Flat, equally long.
 */
export interface Learned {
  readonly online: Value;
  readonly target: Value;
  readonly firstMoment: Value;
  readonly secondMoment: Value;
}

/** This step's numbers, as `scheduleOf` has worked Adam's bias corrections into them. */
export interface Rates {
  readonly rate: Value;
  readonly epsilon: Value;
}

/** Weights that shrink at each step: through the gradient (L2), or by themselves (AdamW). */
export interface Decay {
  readonly kind: Losses["decayKind"];
  /** [size]: of L2 the coefficient of each parameter, of AdamW 1 where it shrinks; else 0. */
  readonly of: Value;
  /** AdamW's share that is taken off, rate times coefficient. */
  readonly shrink: Value;
}

/**
 * Adam (Kingma and Ba 2015, Algorithm 1): m <- b1 m + (1 - b1) grad, v <- b2 v + (1 - b2) grad^2,
 * parameters <- parameters - rate m / (sqrt(v) + epsilon).
 */
export function adam(
  g: GraphBuilder,
  { beta1, beta2, gradientClip }: Losses,
  network: Learned,
  gradient: Value,
  { rate, epsilon }: Rates,
  decay: Decay | null = null,
): Learned {
  const { online, target, firstMoment, secondMoment } = network;
  const pull = decay?.kind === "l2" ? g.add(gradient, g.mul(decay.of, online)) : gradient;
  const slope = clipped(g, pull, gradientClip);
  const m = g.add(g.mul(firstMoment, beta1), g.mul(slope, 1 - beta1));
  const v = g.add(g.mul(secondMoment, beta2), g.mul(g.square(slope), 1 - beta2));
  const step = g.mul(rate, g.div(m, g.add(g.sqrt(v), epsilon)));
  const kept =
    decay?.kind === "decoupled" ? g.mul(online, g.sub(1, g.mul(decay.shrink, decay.of))) : online;
  return { online: g.sub(kept, step), target, firstMoment: m, secondMoment: v };
}

/** The gradient, shortened to `limit` where it is longer; 0 stands for no limit. */
function clipped(g: GraphBuilder, gradient: Value, limit: number): Value {
  if (limit === 0) return gradient;
  const norm = g.norm(gradient);
  return g.mul(gradient, g.where(g.greater(norm, limit), g.div(limit, norm), 1));
}
