import type { Engine } from "../../src/learn/engine.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { Learner, type LearnerState } from "../../src/learn/learner.ts";
import type { Losses } from "../../src/learn/losses.ts";
import { networksOf } from "../../src/learn/networks.ts";
import type { Program } from "../../src/learn/program.ts";

/** Plain DDPG, small: 4 observations, 2 actions, one relu network each. */
export const plainLosses: Losses = {
  shape: {
    observations: 4,
    actions: 2,
    actorHidden: [24, 16],
    criticHidden: [24, 16],
    activation: "relu",
    actorNorm: "none",
    criticNorm: "none",
    actionLayer: 0,
    critics: 1,
  },
  batch: 16,
  policyDelay: 1,
  targetNoise: 0,
  targetNoiseClip: 0.5,
  tau: 0.01,
  targetEvery: 1,
  actorRate: 1e-3,
  criticRate: 2e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  criticDecay: 0,
  decayKind: "l2",
  gradientClip: 0,
  actorNoise: 0,
  actionPenalty: 0,
  smoothTemporal: 0,
  smoothSpatial: 0,
  smoothSigma: 0.05,
  observationClip: 0,
  statisticsShare: 0.01,
  popArt: false,
  weighted: false,
};

/** The learner's four vectors, each the actor's and then the critic's. */
export interface Flat {
  readonly online: Float32Array;
  readonly target: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly steps: number;
}

export const vectors = ["online", "target", "firstMoment", "secondMoment"] as const;

/** A copy of a learner's state as flat vectors. */
export function flatOf({ carried, steps }: LearnerState): Flat {
  const joined = (name: string): Float32Array =>
    Float32Array.of(...carried[`actor.${name}`], ...carried[`critic.${name}`]);
  return {
    online: joined("online"),
    target: joined("target"),
    firstMoment: joined("firstMoment"),
    secondMoment: joined("secondMoment"),
    steps,
  };
}

/** The learner's state that `flatOf` would make `flat` of. */
export function stateOf(losses: Losses, flat: Flat): LearnerState {
  const { size } = networksOf(losses.shape).actor;
  const carried = vectors.flatMap((name) => [
    [`actor.${name}`, flat[name].slice(0, size)],
    [`critic.${name}`, flat[name].slice(size)],
  ]);
  return { carried: Object.fromEntries(carried), steps: flat.steps };
}

/** Opens the engine under test for a program, from a copy of the carried values. */
export type OpenEngine = (program: Program, start: LearnerState["carried"]) => Promise<Engine>;

/** A learner on the engine under test; its noise has the seed 7. */
export async function openLearner(
  open: OpenEngine,
  losses: Losses,
  state: LearnerState,
): Promise<Learner> {
  const program = gradientStep(losses);
  return new Learner(await open(program, state.carried), losses, program, state.steps, 7);
}
