import { restOf, specWithHistory } from "../core/history.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * A policy that sees what it did: the last `count` actions as they were given, within their limits,
 * stand behind each observation, the newest first; `specWithHistory` names the channels. They are
 * the computer's own memory, so no flaw of a sensor touches them. At first they are `restOf`.
 */
export function appendActionHistory(env: Env, count: number): Env {
  const own = env.spec.observation.length;
  const channels = env.spec.action;
  const rest = restOf(env.spec);
  const past = new Float64Array(count * rest.length);
  return wrapped(env, {
    kind: "actionHistory",
    spec: specWithHistory(env.spec, count),
    memory: past,
    reset(seed, observation) {
      for (let at = 0; at < count; at++) past.set(rest, at * rest.length);
      env.reset(seed, observation.subarray(0, own));
      observation.set(past, own);
    },
    step(action, observation) {
      past.copyWithin(rest.length, 0);
      for (let i = 0; i < rest.length; i++) {
        past[i] = Math.min(channels[i].high, Math.max(channels[i].low, action[i]));
      }
      const outcome = env.step(action, observation.subarray(0, own));
      observation.set(past, own);
      return outcome;
    },
  });
}
