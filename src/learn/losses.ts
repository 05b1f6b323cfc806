import type { NetworkShape } from "./networks.ts";

/**
 * What a gradient step minimises and how it moves: one TD3-shaped core, of which DDPG is the case
 * of one critic, no delay and no noise on the target. All of it is fixed while an engine lives.
 */
export interface Losses {
  readonly shape: NetworkShape;
  /** Transitions in one gradient step. */
  readonly batch: number;
  /** Critic steps to one step of actor and targets (Fujimoto et al. 2018, section 5.2). */
  readonly policyDelay: number;
  /** Deviation of the noise on the target's action, in half ranges; 0: none (section 5.3). */
  readonly targetNoise: number;
  /** That noise is cut off beyond this. */
  readonly targetNoiseClip: number;
  /** Share of the online network that its target takes up at each of its updates, in [0, 1]. */
  readonly tau: number;
  /** Actor steps from one update of the targets to the next. */
  readonly targetEvery: number;

  readonly actorRate: number;
  readonly criticRate: number;
  /** Adam's, as in Kingma and Ba 2015: 0.9, 0.999 and 1e-8 unless there is a reason. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay of the critic's hidden weights: c w is added to their gradient, or taken off them. */
  readonly criticDecay: number;
  /** Whether the decay goes past Adam (Loshchilov and Hutter 2019) or through it. */
  readonly decayKind: "l2" | "decoupled";
  /** A gradient longer than this is shortened to it, each network's for itself; 0: never. */
  readonly gradientClip: number;

  /**
   * Deviation of noise on mu(s) in the actor's loss, in half ranges; 0: none. The actor then climbs
   * a Q smoothed over actions (Nachum et al. 2018) and does not stay on a lower one of two peaks.
   */
  readonly actorNoise: number;
  /** Weight of the mean square of the actor's outputs before tanh; keeps it from saturating. */
  readonly actionPenalty: number;
  /** Weights of CAPS (Mysore et al. 2021): between s and s', and between s and a neighbour. */
  readonly smoothTemporal: number;
  readonly smoothSpatial: number;
  /** Deviation of that neighbour, in units of the normalised observation. */
  readonly smoothSigma: number;

  /** Normalised observations are cut off beyond this; 0: never. */
  readonly observationClip: number;
  /** Share of a batch's own statistics that batch normalisation and PopArt take up, in (0, 1]. */
  readonly statisticsShare: number;
  /** Whether the critic's values are normalised, outputs preserved (van Hasselt et al. 2016). */
  readonly popArt: boolean;
  /** Whether each transition has a weight of its own in the critic's loss. */
  readonly weighted: boolean;
}

/** Rows of the metrics that a round reports, of its last minibatch. */
export const metricNames = [
  "msbe",
  "actorLoss",
  "q",
  "criticGradientNorm",
  "actorGradientNorm",
  "saturation",
] as const;

/** One number for each round. */
export type StepMetrics = {
  /**
   * `msbe`: mean squared Bellman error, mean of (Q(s, a) - y)^2 over the minibatch and the critics,
   * before the step. `actorLoss`: mean of -Q(s, mu(s)), through the critic as this round has just
   * updated it, and whatever weighs on the actor beside it. `q`: mean of Q(s, a).
   * `criticGradientNorm`, `actorGradientNorm`: Euclidean norms over all parameters, before any
   * clipping. `saturation`: share of the outputs mu(s) beyond 0.99 of their range, in [0, 1].
   */
  readonly [name in (typeof metricNames)[number]]: Float32Array;
};

/** Columns of the schedule, one row a critic step: what changes from step to step by plan. */
export const scheduleColumns = [
  "criticRate",
  "criticEpsilon",
  "actorRate",
  "actorEpsilon",
  "criticShrink",
  "tau",
  "actorNoise",
] as const;

/**
 * The schedule of `rounds` rounds that follow `steps` finished critic steps, [rounds * policyDelay,
 * 7], row-major. With the corrections c1 = 1 - b1^t and c2 = 1 - b2^t, Adam's rate (m / c1) /
 * (sqrt(v / c2) + epsilon) is rate sqrt(c2) / c1 times m / (sqrt(v) + epsilon sqrt(c2)); computed
 * in double. `rateShare` scales both rates, `noiseShare` the actor's noise.
 */
export function scheduleOf(
  losses: Losses,
  steps: number,
  rounds: number,
  { rateShare, noiseShare }: { readonly rateShare: number; readonly noiseShare: number },
): Float32Array {
  const { beta1, beta2, epsilon, policyDelay } = losses;
  const width = scheduleColumns.length;
  const schedule = new Float32Array(rounds * policyDelay * width);
  for (let k = 0; k < rounds * policyDelay; k++) {
    const criticStep = steps + k + 1;
    const actorStep = Math.ceil(criticStep / policyDelay);
    const adam = [criticStep, actorStep].flatMap((t, i) => {
      const root = Math.sqrt(1 - beta2 ** t);
      const rate = (i === 0 ? losses.criticRate : losses.actorRate) * rateShare;
      return [(rate * root) / (1 - beta1 ** t), epsilon * root];
    });
    const tau = actorStep % losses.targetEvery === 0 ? losses.tau : 0;
    const shrink = losses.criticRate * rateShare * losses.criticDecay;
    schedule.set([...adam, shrink, tau, losses.actorNoise * noiseShare], k * width);
  }
  return schedule;
}
