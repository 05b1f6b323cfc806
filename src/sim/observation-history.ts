import { specWithHistory } from "../core/history.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * A policy that sees what it saw: the last `count` observations stand behind the newest one, the
 * newest of them first; `specWithHistory` names the channels. They are what was seen, with all
 * flaws of the sensors. At first all of them are the episode's first observation.
 */
export function appendObservationHistory(env: Env, count: number): Env {
  const own = env.spec.observation.length;
  /** The newest observation, then those before it. */
  const seen = new Float64Array((1 + count) * own);
  return wrapped(env, {
    kind: "observationHistory",
    spec: specWithHistory(env.spec, 0, count),
    memory: seen,
    reset(seed, observation) {
      env.reset(seed, observation.subarray(0, own));
      for (let at = 0; at <= count; at++) seen.set(observation.subarray(0, own), at * own);
      observation.set(seen);
    },
    step(action, observation) {
      const outcome = env.step(action, observation.subarray(0, own));
      seen.copyWithin(own, 0);
      seen.set(observation.subarray(0, own));
      observation.set(seen);
      return outcome;
    },
  });
}
