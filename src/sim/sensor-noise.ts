import type { Rng } from "../core/rng.ts";
import type { Env } from "./env.ts";
import { wrapped } from "./wrapped.ts";

/**
 * Readings with Gaussian noise, of standard deviation `deviations[i]` in the channel's unit, drawn
 * anew for each reading. A sensor saturates: beyond a channel's limit the limit is read. A
 * deviation of 0 leaves a channel as it is and draws nothing.
 */
export function disturbObservations(env: Env, deviations: Float64Array): Env {
  const channels = env.spec.observation;
  const disturb = (observation: Float32Array, rng: Rng): void => {
    for (let i = 0; i < observation.length; i++) {
      if (deviations[i] === 0) continue;
      const { low, high } = channels[i];
      const reading = observation[i] + deviations[i] * rng.normal();
      observation[i] = Math.min(high, Math.max(low, reading));
    }
  };
  return wrapped(env, {
    kind: "observationNoise",
    memory: new Float64Array(0),
    reset(seed, observation, rng) {
      env.reset(seed, observation);
      disturb(observation, rng);
    },
    step(action, observation, rng) {
      const outcome = env.step(action, observation);
      disturb(observation, rng);
      return outcome;
    },
  });
}
