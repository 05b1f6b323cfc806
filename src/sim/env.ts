import type { Spec } from "../core/spec.ts";

/** What one step earned, and whether it ended the episode. */
export interface Outcome {
  reward: number;
  /** The world reached an end state: there is no value beyond it. */
  terminated: boolean;
  /** The episode was cut off after its longest length: the world would have gone on. */
  truncated: boolean;
}

/** A world, stepped by one action per period. The seed of `reset` is its only chance. */
export interface Env {
  readonly spec: Spec;
  /** Starts an episode and writes the first observation, in physical units. */
  reset(seed: number, observation: Float32Array): void;
  /** Holds `action`, in physical units, for one period and writes the observation after it. */
  step(action: Float32Array, observation: Float32Array): Outcome;
}

/** A named task: makes its worlds and judges logged steps. */
export interface Task {
  readonly name: string;
  readonly spec: Spec;
  readonly episodeStepsMax: number;
  makeEnv(): Env;
  /** The reward of a logged step, from what was observed before and after it. */
  reward(observation: Float32Array, action: Float32Array, next: Float32Array): number;
}
