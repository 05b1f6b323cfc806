import type { Spec } from "../../src/core/spec.ts";
import type { Env, Outcome, Task } from "../../src/sim/env.ts";

/** What a test may want otherwise. */
export interface CounterOptions {
  /** Limits of the command. */
  readonly low?: number;
  readonly high?: number;
  /** Limits of all readings. */
  readonly range?: number;
  /** The step that terminates the episode; else it is cut off after `stepsMax`. */
  readonly endsAt?: number;
  readonly stepsMax?: number;
}

/**
 * A world without chance whose numbers tell what it was given: it observes its steps, the command
 * that was applied last, and its mass, and pays the command applied.
 */
export class Counter implements Env {
  readonly spec: Spec;
  readonly parameters: Record<string, number> = { mass: 2, length: 3 };
  readonly #options: CounterOptions;
  #steps = 0;
  #applied = 0;
  #mass = 0;

  constructor(options: CounterOptions = {}) {
    const { low = -10, high = 10, range = 1000 } = options;
    const reading = (name: string, unit: string) => ({ name, unit, low: -range, high: range });
    this.spec = {
      observation: [reading("steps", "1"), reading("applied", "N"), reading("mass", "kg")],
      action: [{ name: "force", unit: "N", low, high }],
      periodUs: 10_000,
    };
    this.#options = options;
  }

  reset(_seed: number, observation: Float32Array): void {
    this.#steps = 0;
    this.#applied = 0;
    this.#mass = this.parameters["mass"];
    observation.set([0, 0, this.#mass]);
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    const { endsAt = Number.POSITIVE_INFINITY, stepsMax = 1e9 } = this.#options;
    this.#steps++;
    this.#applied = action[0];
    observation.set([this.#steps, this.#applied, this.#mass]);
    const terminated = this.#steps >= endsAt;
    const truncated = !terminated && this.#steps >= stepsMax;
    return { reward: this.#applied, terminated, truncated };
  }

  save(): Float64Array {
    return Float64Array.of(this.#steps, this.#applied, this.#mass);
  }

  restore([steps, applied, mass]: Float64Array): void {
    this.#steps = steps;
    this.#applied = applied;
    this.#mass = mass;
  }
}

/** A task of such worlds. */
export function counterTask(options: CounterOptions & { readonly stepsMax: number }): Task {
  return {
    name: "counter",
    spec: new Counter(options).spec,
    episodeStepsMax: options.stepsMax,
    selectionStarts: 2,
    judgedStarts: 2,
    makeEnv: () => new Counter(options),
    reward: (_observation, action) => action[0],
  };
}

/** Drives a world with one command a step; [reset, step 1, ...] of one channel. */
export function readings(
  env: Env,
  commands: readonly number[],
  channel: number,
  seed: number = 1,
): number[] {
  const observation = new Float32Array(env.spec.observation.length);
  env.reset(seed, observation);
  const told = [observation[channel]];
  for (const command of commands) {
    env.step(Float32Array.of(command), observation);
    told.push(observation[channel]);
  }
  return told;
}
