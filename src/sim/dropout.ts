import { restOf } from "../core/history.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Commands that get lost, each with probability `share`: the actuator holds the last one that came
 * through, and rests (`restOf`) before the first.
 */
export function dropActions(env: Env, share: number): Env {
  const rest = restOf(env.spec);
  const held = new Float64Array(rest.length);
  const applied = new Float32Array(rest.length);
  return wrapped(env, {
    kind: "actionDropout",
    memory: held,
    reset(seed, observation) {
      held.set(rest);
      env.reset(seed, observation);
    },
    step(action, observation, rng) {
      if (rng.uniform() >= share) held.set(action);
      applied.set(held);
      return env.step(applied, observation);
    },
  });
}

/**
 * Observations that get lost, each with probability `share`: the last one that came through is seen
 * again, all channels of it. An episode's first always comes through.
 */
export function dropObservations(env: Env, share: number): Env {
  const held = new Float64Array(env.spec.observation.length);
  return wrapped(env, {
    kind: "observationDropout",
    memory: held,
    reset(seed, observation) {
      env.reset(seed, observation);
      held.set(observation);
    },
    step(action, observation, rng) {
      const outcome = env.step(action, observation);
      if (rng.uniform() >= share) held.set(observation);
      observation.set(held);
      return outcome;
    },
  });
}
