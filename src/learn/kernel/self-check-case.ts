import { Rng } from "../../core/rng.ts";
import type { Carried } from "../engine.ts";
import { gradientStep } from "../gradient-step.ts";
import { initialState } from "../learner.ts";
import { type Losses, scheduleOf } from "../losses.ts";
import type { Arrays, Program } from "../program.ts";

/** Small networks, and as much of the losses as one round can hold. */
const losses: Losses = {
  shape: {
    ...{ observations: 3, actions: 2, actorHidden: [9, 7], criticHidden: [10, 6] },
    ...{ activation: "relu", actorNorm: "layer", criticNorm: "layer", actionLayer: 1, critics: 2 },
  },
  ...{ batch: 12, policyDelay: 2, targetNoise: 0.2, targetNoiseClip: 0.5, tau: 0.125 },
  ...{ targetEvery: 1, actorRate: 1e-2, criticRate: 2e-2, beta1: 0.9, beta2: 0.999 },
  ...{ epsilon: 1e-8, criticDecay: 0.1, decayKind: "decoupled", gradientClip: 0.5 },
  ...{ actorNoise: 0.2, actionPenalty: 0.1, smoothTemporal: 0.3, smoothSpatial: 0.2 },
  ...{ smoothSigma: 0.1, observationClip: 1.5, statisticsShare: 0.25, popArt: true },
  weighted: true,
};

export const rounds = 3;
export const program: Program = gradientStep(losses);
export const start: Carried = startFor(losses);
export const inputs: Arrays = inputsFor(losses);

function uniform(rng: Rng, count: number, low: number, high: number): Float32Array {
  return Float32Array.from({ length: count }, () => rng.uniform(low, high));
}

/** As in the middle of a run: Adam's first step would make as much of rounding as of a gradient. */
function startFor(of: Losses): Carried {
  const rng = new Rng(20261130);
  const { carried } = initialState(of, 0, rng);
  const moments = ["actor", "critic"].flatMap((name) => {
    const { length } = carried[`${name}.online`];
    return [
      [`${name}.firstMoment`, uniform(rng, length, -0.1, 0.1)],
      [`${name}.secondMoment`, uniform(rng, length, 0.01, 0.1)],
    ];
  });
  return { ...carried, ...Object.fromEntries(moments) };
}

function inputsFor({ shape, batch, policyDelay }: Losses): Arrays {
  const rng = new Rng(20261130, 1);
  const draws = rounds * policyDelay * batch;
  const [width, transitions] = [shape.observations + shape.actions + 2, 40];
  const rows = (): Int32Array => Int32Array.from({ length: draws }, () => rng.below(transitions));
  return {
    rows: uniform(rng, transitions * width, -1, 1),
    index: rows(),
    nextIndex: rows(),
    observationMean: uniform(rng, shape.observations, -0.5, 0.5),
    observationScale: uniform(rng, shape.observations, 0.5, 2),
    rewardScale: Float32Array.of(2),
    schedule: scheduleOf(losses, 100, rounds, { rateShare: 1, noiseShare: 1 }),
    targetNoise: uniform(rng, draws * shape.actions, -2, 2),
    weight: uniform(rng, draws, 0.25, 1),
    neighbour: uniform(rng, rounds * batch * shape.observations, -2, 2),
    actorNoise: uniform(rng, rounds * batch * shape.actions, -2, 2),
  };
}

/**
 * What one vector comes to in one number, and how much of it there is: each element counts, by a
 * weight of its own.
 */
export function fingerprint(values: ArrayLike<number>): { sum: number; size: number } {
  let [sum, size] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const weighted = values[i] * (((i * 31) % 17) - 7.5);
    sum += weighted;
    size += Math.abs(weighted);
  }
  return { sum, size };
}

/** The fingerprints of what it all comes to, worked out in float64 by the tests' interpreter. */
export const expected: Readonly<Record<string, number>> = {
  metrics: -3.987436979213063,
  tdError: -29.84797548871822,
  "actor.online": 7.80468636550725,
  "actor.target": 7.786384881641108,
  "actor.firstMoment": 0.97196646286231,
  "actor.secondMoment": 2.969719983539224,
  "critic.online": 52.88011565845566,
  "critic.target": 53.764182232778964,
  "critic.firstMoment": 4.52725970231734,
  "critic.secondMoment": 11.453741896175218,
  "critic.moments": 11.07944062737951,
};
