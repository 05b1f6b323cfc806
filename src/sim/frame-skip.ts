import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * A slower policy: each action is held for `count` steps of the world, whose rewards are summed; an
 * end stops early. The period of the spec grows with it.
 */
export function skipFrames(env: Env, count: number): Env {
  return wrapped(env, {
    kind: "frameSkip",
    spec: { ...env.spec, periodUs: count * env.spec.periodUs },
    memory: new Float64Array(0),
    reset: (seed, observation) => env.reset(seed, observation),
    step(action, observation) {
      let outcome = env.step(action, observation);
      let reward = outcome.reward;
      for (let at = 1; at < count && !outcome.terminated && !outcome.truncated; at++) {
        outcome = env.step(action, observation);
        reward += outcome.reward;
      }
      return { ...outcome, reward };
    },
  });
}
