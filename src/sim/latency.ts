import { restOf } from "../core/history.ts";
import type { Rng } from "../core/rng.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/** A whole number of steps, drawn for each episode: each from `low` to `high` equally likely. */
export interface Steps {
  readonly low: number;
  readonly high: number;
}

/**
 * Commands that reach the actuator late: what a step is given is applied so many steps later.
 * Until the first has arrived the actuator rests (`restOf`). The reward is the world's own, so of
 * what was applied.
 */
export function delayActions(env: Env, steps: Steps): Env {
  const rest = restOf(env.spec);
  const line = new DelayLine(rest.length, steps.high);
  const applied = new Float32Array(rest.length);
  return wrapped(env, {
    kind: "actionLatency",
    memory: line.memory,
    reset(seed, observation, rng) {
      line.fill(drawn(steps, rng), rest);
      env.reset(seed, observation);
    },
    step(action, observation) {
      applied.set(action);
      line.pass(applied);
      return env.step(applied, observation);
    },
  });
}

/**
 * Observations that are so many steps old. Until there is one that old, the episode's first stands
 * in. Reward and end are told at once: they are the trainer's, not the sensors'.
 */
export function delayObservations(env: Env, steps: Steps): Env {
  const line = new DelayLine(env.spec.observation.length, steps.high);
  return wrapped(env, {
    kind: "observationLatency",
    memory: line.memory,
    reset(seed, observation, rng) {
      env.reset(seed, observation);
      line.fill(drawn(steps, rng), observation);
    },
    step(action, observation) {
      const outcome = env.step(action, observation);
      line.pass(observation);
      return outcome;
    },
  });
}

function drawn({ low, high }: Steps, rng: Rng): number {
  return low + rng.below(high - low + 1);
}

/** Samples on their way, the oldest next. */
class DelayLine {
  /** Latency in steps, place of the oldest sample, samples. */
  readonly memory: Float64Array;
  readonly #width: number;

  constructor(width: number, stepsMax: number) {
    this.memory = new Float64Array(2 + width * stepsMax);
    this.#width = width;
  }

  /** Starts with `latency` times `sample` on its way. */
  fill(latency: number, sample: Float32Array): void {
    this.memory.fill(0);
    this.memory[0] = latency;
    for (let at = 0; at < latency; at++) this.memory.set(sample, 2 + at * this.#width);
  }

  /** Takes up `sample` and writes the one that arrives over it. */
  pass(sample: Float32Array): void {
    const { memory } = this;
    const [latency, oldest] = memory;
    if (latency === 0) return;
    const place = 2 + oldest * this.#width;
    for (let i = 0; i < sample.length; i++) {
      const late = memory[place + i];
      memory[place + i] = sample[i];
      sample[i] = late;
    }
    memory[1] = (oldest + 1) % latency;
  }
}
