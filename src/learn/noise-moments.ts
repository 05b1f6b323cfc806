import { noiseOf } from "./noise.ts";
import type { TrainSettings } from "./settings.ts";

/** What a noise process does over an episode of 200 steps, whatever its parameters are called. */
export interface NoiseMoments {
  /** Root mean square, a share of half the action's range. */
  readonly rms: number;
  /** Correlation of a step with the next, and with the one 20 steps later; in [-1, 1]. */
  readonly correlation1: number;
  readonly correlation20: number;
}

const episodes = 1000;
const episodeSteps = 200;

/**
 * The moments of the exploration noise that settings describe, as it is at the first step: measured
 * on a process of its own (one channel, seed 0, 1,000 episodes of 200 steps, each begun afresh),
 * before the actor's action is added and the sum is cut off at the action's limits. "theta 0.15,
 * sigma 0.2" names two processes; these numbers tell which one it is. All 0 without noise.
 */
export function noiseMoments(settings: TrainSettings): NoiseMoments {
  const noise = noiseOf({ ...settings, seed: 0 }, 1);
  const path = new Float32Array(episodeSteps);
  let [squares, next, later] = [0, 0, 0];
  for (let episode = 0; episode < episodes; episode++) {
    noise.reset();
    for (let t = 0; t < episodeSteps; t++) {
      noise.sample(1, path.subarray(t, t + 1));
      squares += path[t] ** 2 / episodeSteps;
      if (t >= 1) next += (path[t] * path[t - 1]) / (episodeSteps - 1);
      if (t >= 20) later += (path[t] * path[t - 20]) / (episodeSteps - 20);
    }
  }
  if (squares === 0) return { rms: 0, correlation1: 0, correlation20: 0 };
  const rms = Math.sqrt(squares / episodes);
  return { rms, correlation1: next / squares, correlation20: later / squares };
}

/** The exploration of a run in one line: how it is configured, and what its noise then does. */
export function noiseText(settings: TrainSettings): string {
  const { noise, noiseTheta, noiseSigma, noiseDt, randomShare } = settings;
  const { finalNoiseShare, parameterNoise } = settings;
  const parts: string[] = [];
  if (noise !== "none") {
    const { rms, correlation1, correlation20 } = noiseMoments(settings);
    const name = noise === "ou" ? `ou theta ${noiseTheta} sigma` : `${noise} sigma`;
    const step = noise === "ou" ? ` dt ${noiseDt}` : "";
    const one = `correlation ${fixed(correlation1)} to the next step`;
    const real = `rms ${fixed(rms)}, ${one}, ${fixed(correlation20)} after 20`;
    parts.push(`${name} ${noiseSigma}${step}: ${real}`);
  }
  if (randomShare > 0) parts.push(`${percent(randomShare)} of the actions uniform`);
  if (parts.length > 0 && finalNoiseShare < 1) {
    parts.push(`falls ${settings.noiseDecay}ly to ${percent(finalNoiseShare)}`);
  }
  if (parameterNoise > 0) parts.push(`on the actor's weights, a distance of ${parameterNoise}`);
  return parts.join("; ") || "none: the actor's own actions after the first random ones";
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}

/** Two decimals, and no minus before a zero. */
function fixed(value: number): string {
  return value.toFixed(2).replace(/^-(0\.00)$/, "$1");
}
