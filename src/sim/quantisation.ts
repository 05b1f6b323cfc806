import type { Channel } from "../core/spec.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Readings in whole steps: each channel is rounded to the nearest multiple of `steps[i]`, in its
 * unit, halves away from zero; a step of 0 leaves a channel as it is. What rounds to beyond a limit
 * becomes the limit.
 */
export function quantiseObservations(env: Env, steps: Float64Array): Env {
  const channels = env.spec.observation;
  return wrapped(env, {
    kind: "observationQuantisation",
    memory: new Float64Array(0),
    reset(seed, observation) {
      env.reset(seed, observation);
      quantise(observation, channels, steps);
    },
    step(action, observation) {
      const outcome = env.step(action, observation);
      quantise(observation, channels, steps);
      return outcome;
    },
  });
}

/** Commands in whole steps, as `quantiseObservations` has readings. */
export function quantiseActions(env: Env, steps: Float64Array): Env {
  const channels = env.spec.action;
  const sent = new Float32Array(channels.length);
  return wrapped(env, {
    kind: "actionQuantisation",
    memory: new Float64Array(0),
    reset(seed, observation) {
      env.reset(seed, observation);
    },
    step(action, observation) {
      sent.set(action);
      quantise(sent, channels, steps);
      return env.step(sent, observation);
    },
  });
}

/** Symmetric about zero, so that a mirror image is rounded to the mirror image. */
function quantise(values: Float32Array, channels: readonly Channel[], steps: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    if (steps[i] === 0) continue;
    const size = Math.round(Math.abs(values[i]) / steps[i]) * steps[i];
    const { low, high } = channels[i];
    // Adding 0 makes -0 a plain 0.
    values[i] = Math.min(high, Math.max(low, values[i] < 0 ? -size : size)) + 0;
  }
}
