import assert from "node:assert/strict";
import { Rng } from "../core/rng.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { Env, Outcome } from "./env.ts";
import type { Holder, ModelField, Physics } from "./mujoco.ts";
import type { Shape } from "./scene.ts";

/** Where an observation is written: float32 for a policy, float64 to compare with other builds. */
export type Numbers = Float32Array | Float64Array;

/** What tells one MuJoCo task from another. */
export interface World {
  readonly spec: Spec;
  readonly episodeStepsMax: number;
  /** MuJoCo steps in one step of the task. */
  readonly frameSkip: number;
  readonly view: "side" | "top";
  /** Adds the episode's own start to the model's: it writes `qpos` and `qvel`. */
  start(rng: Rng, physics: Physics): void;
  observe(physics: Physics, observation: Numbers): void;
  /**
   * Judges a step. `x` is qpos[0] before it. `command` is what `control` was given, not yet
   * clamped.
   */
  judge(
    physics: Physics,
    x: number,
    command: Float32Array,
  ): { reward: number; terminated: boolean };
}

/** What may be scaled between episodes: the model's arrays behind each name. */
const scaled: Readonly<Record<string, readonly ModelField[]>> = {
  gravity: ["opt_gravity"],
  mass: ["body_mass", "body_inertia"],
  friction: ["geom_friction"],
  damping: ["dof_damping"],
  strength: ["actuator_gear"],
};

const names = Object.keys(scaled);

/**
 * A world of MuJoCo. Its `parameters` are factors, nominally 1, of: gravity; mass (with inertia);
 * friction of every geom; damping of every joint; strength of every actuator.
 */
export class MujocoEnv implements Env, Holder {
  readonly spec: Spec;
  readonly parameters: Record<string, number> = Object.fromEntries(names.map((name) => [name, 1]));
  readonly #world: World;
  readonly #physics: Physics;
  #factors: readonly number[] = names.map(() => 1);
  #parked: Float64Array | undefined;
  #steps = 0;

  constructor(world: World, physics: Physics) {
    this.spec = world.spec;
    this.#world = world;
    this.#physics = physics;
  }

  reset(seed: number, observation: Float32Array): void {
    this.#factors = names.map((name) => this.parameters[name]);
    this.#forget();
    const physics = this.#take();
    physics.reset();
    this.#world.start(new Rng(seed), physics);
    this.#steps = 0;
    physics.forward();
    this.#world.observe(physics, observation);
  }

  /** Starts an episode at these joint positions and velocities, and nothing else set. */
  setState(qpos: ArrayLike<number>, qvel: ArrayLike<number>): void {
    const physics = this.#take();
    physics.reset();
    physics.qpos.set(qpos);
    physics.qvel.set(qvel);
    this.#steps = 0;
    physics.forward();
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    const physics = this.#take();
    const { ctrl } = physics;
    assert(action.length === ctrl.length);
    for (let i = 0; i < ctrl.length; i++) {
      assert(Number.isFinite(action[i]), `action[${i}] is ${action[i]}`);
      ctrl[i] = action[i];
    }
    const x = physics.qpos[0];
    physics.step(this.#world.frameSkip);
    this.#steps++;
    this.#world.observe(physics, observation);
    const { reward, terminated } = this.#world.judge(physics, x, action);
    const over = this.#steps >= this.#world.episodeStepsMax;
    return { reward, terminated, truncated: over && !terminated };
  }

  /** Writes what is observed now; right after `reset`, `setState` or `step` only. */
  observe(observation: Numbers): void {
    this.#world.observe(this.#take(), observation);
  }

  save(): Float64Array {
    return Float64Array.of(this.#steps, ...this.#factors, ...this.#take().save());
  }

  restore(state: Float64Array): void {
    this.#steps = state[0];
    this.#factors = Array.from(state.subarray(1, 1 + names.length));
    this.#forget();
    this.#parked = state.slice(1 + names.length);
  }

  scene(): readonly Shape[] {
    return this.#take().scene(this.#world.view);
  }

  /** The physics takes this world's state from it to hold another's. */
  park(): void {
    this.#parked = this.#physics.save();
  }

  /** Drops this world's state, so that the physics takes the model and the state anew. */
  #forget(): void {
    this.#parked = undefined;
    if (this.#physics.holder === this) this.#physics.holder = undefined;
  }

  /** The physics, holding this world's model and state. */
  #take(): Physics {
    const physics = this.#physics;
    if (physics.holder !== this) {
      physics.holder?.park();
      physics.holder = this;
      const factors = this.#factors;
      physics.scale(
        names.flatMap((name, at) => scaled[name].map((f) => [f, factors[at]] as const)),
      );
      if (this.#parked !== undefined) physics.restore(this.#parked);
      this.#parked = undefined;
    }
    return physics;
  }
}

/** A channel without limits: MuJoCo's joint limits are springs, so they bound no position. */
export function unbounded(name: string, unit: string): Channel {
  return { name, unit, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
}

/** `weight` times the sum of squares, in float32, as NumPy does with a float32 command. */
export function effortOf(command: Float32Array, weight: number): number {
  let sum = 0;
  for (const each of command) sum = Math.fround(sum + Math.fround(each * each));
  return Math.fround(Math.fround(weight) * sum);
}
