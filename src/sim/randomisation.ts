import assert from "node:assert/strict";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Another robot each episode: each of the world's `parameters` that `shares` names is scaled by a
 * factor drawn for the episode, uniform from 1 - share to 1 + share. The `parameters` of the result
 * are those that the factors apply to. Whoever calls has seen to it that the world has them.
 */
export function randomiseParameters(env: Env, shares: Readonly<Record<string, number>>): Env {
  const inner = env.parameters;
  assert(inner !== undefined);
  const nominal = { ...inner };
  return wrapped(env, {
    kind: "randomisation",
    parameters: nominal,
    memory: new Float64Array(0),
    reset(seed, observation, rng) {
      Object.assign(inner, nominal);
      for (const [name, share] of Object.entries(shares)) {
        inner[name] = nominal[name] * rng.uniform(1 - share, 1 + share);
      }
      env.reset(seed, observation);
    },
    step: (action, observation) => env.step(action, observation),
  });
}
