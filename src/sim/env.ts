import type { Spec } from "../core/spec.ts";
import type { Shape } from "./scene.ts";

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
  /**
   * Physical numbers by name, which the world reads at `reset` and at no other time: change them
   * between episodes. They start at their nominal values. Absent where nothing may be changed.
   */
  readonly parameters?: Record<string, number>;
  /** Starts an episode and writes the first observation, in physical units. */
  reset(seed: number, observation: Float32Array): void;
  /** Holds `action`, in physical units, for one period and writes the observation after it. */
  step(action: Float32Array, observation: Float32Array): Outcome;
  /**
   * Everything that the rest of the episode depends on, as numbers of the caller's own: after
   * `restore`, here or in another world of the same task, the same actions give the same bits. The
   * parameters that this episode began with are in it; `parameters` themselves stay as they are.
   */
  save?(): Float64Array;
  /** Goes back to a state that `save` gave. */
  restore?(state: Float64Array): void;
  /** The world as it stands, in metres, for pictures. It changes nothing. */
  scene?(): readonly Shape[];
}

/** A named task: makes its worlds and judges logged steps. */
export interface Task {
  readonly name: string;
  readonly spec: Spec;
  readonly episodeStepsMax: number;
  /** Episodes that tell one policy from the next while training. */
  readonly selectionStarts: number;
  /** Episodes of a published number. */
  readonly judgedStarts: number;
  /** Mean return at which the task counts as solved; absent where nobody has said so. */
  readonly solvedReturn?: number;
  /** Present where every step seen in a mirror is a step of this very world. */
  readonly mirror?: Mirror;
  /**
   * Present where an observation holds a goal: writes the goal that the observation `reached` has
   * reached over the one in `observation`. `reward` then judges by the new goal. What its channels
   * cannot hold is no goal: the observation then keeps its own.
   */
  relabel?(observation: Float32Array, reached: Float32Array): void;
  makeEnv(): Env;
  /**
   * The reward of a logged step, from what was observed before and after it. The task's file says
   * where this is an estimate. Throws `SinewError("environment")` where the task has no such judge.
   */
  reward(observation: Float32Array, action: Float32Array, next: Float32Array): number;
}

/** What a mirror does to a step, in physical units. */
export interface Mirror {
  readonly observation: Reflection;
  readonly action: Reflection;
}

/** Channel i in the mirror is `sign[i]` times channel `from[i]`. Twice mirrored is unchanged. */
export interface Reflection {
  readonly from: readonly number[];
  readonly sign: readonly (1 | -1)[];
}

/** Writes `values` as a mirror shows them to `into`, which must not be `values`. */
export function reflect(
  { from, sign }: Reflection,
  values: Float32Array,
  into: Float32Array,
): void {
  for (let i = 0; i < into.length; i++) into[i] = sign[i] * values[from[i]];
}
