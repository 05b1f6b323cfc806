import type { Spec } from "../core/spec.ts";
import type { ObservationScale } from "./actor-forward.ts";

/** How observations are scaled before a network sees them. */
export type ObservationNorm = "spec" | "running" | "none";

/** No deviation counts as smaller than this. */
const deviationMin = 1e-4;

/**
 * The scale of the observations: fixed by the spec's limits (centre and reciprocal half-range of
 * each channel that has both), none, or the running mean and deviation of all observations seen.
 * The replay holds raw observations, so a scale that moves applies to old transitions too; an
 * exported policy carries it frozen.
 */
export class Normaliser implements ObservationScale {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
  readonly clip: number;
  readonly #running: boolean;
  /** Welford's sums: count, then mean and sum of squared differences of each channel. */
  readonly #sums: Float64Array;

  constructor(spec: Spec, kind: ObservationNorm, clip: number) {
    const channels = spec.observation.length;
    this.mean = new Float32Array(channels);
    this.scale = new Float32Array(channels).fill(1);
    this.clip = clip;
    this.#running = kind === "running";
    this.#sums = new Float64Array(1 + 2 * channels);
    if (kind !== "spec") return;
    spec.observation.forEach(({ low, high }, i) => {
      if (!Number.isFinite(low) || !Number.isFinite(high)) return;
      this.mean[i] = (low + high) / 2;
      this.scale[i] = 2 / (high - low);
    });
  }

  /** Counts an observation; does nothing where the scale is fixed. */
  see(observation: Float32Array): void {
    if (!this.#running) return;
    const sums = this.#sums;
    const count = ++sums[0];
    for (let i = 0; i < observation.length; i++) {
      const before = observation[i] - sums[1 + 2 * i];
      sums[1 + 2 * i] += before / count;
      sums[2 + 2 * i] += before * (observation[i] - sums[1 + 2 * i]);
    }
    this.#publish();
  }

  /** All state, so that a checkpoint can hold it. */
  save(): Float64Array {
    return this.#sums.slice();
  }

  restore(sums: Float64Array): void {
    this.#sums.set(sums);
    if (this.#running && sums[0] > 0) this.#publish();
  }

  #publish(): void {
    const sums = this.#sums;
    for (let i = 0; i < this.mean.length; i++) {
      this.mean[i] = sums[1 + 2 * i];
      const variance = sums[0] > 1 ? sums[2 + 2 * i] / sums[0] : 1;
      this.scale[i] = 1 / Math.max(deviationMin, Math.sqrt(variance));
    }
  }
}

/**
 * The scale of the rewards: a constant, divided, where returns are normalised, by the running
 * deviation of the discounted return (as VecNormalize of Stable-Baselines3 does).
 */
export class RewardScale {
  readonly #factor: number;
  readonly #gamma: number;
  readonly #running: boolean;
  /** Discounted return now, then Welford's count, mean and sum of squared differences. */
  readonly #sums = new Float64Array(4);

  constructor(factor: number, gamma: number, running: boolean) {
    this.#factor = factor;
    this.#gamma = gamma;
    this.#running = running;
  }

  /** What a reward is multiplied by now. */
  get value(): number {
    const [, count, , squares] = this.#sums;
    if (!this.#running || count < 2) return this.#factor;
    return this.#factor / Math.max(deviationMin, Math.sqrt(squares / count));
  }

  /** Counts a reward. */
  see(reward: number, over: boolean): void {
    if (!this.#running) return;
    const sums = this.#sums;
    sums[0] = sums[0] * this.#gamma + reward;
    sums[1]++;
    const before = sums[0] - sums[2];
    sums[2] += before / sums[1];
    sums[3] += before * (sums[0] - sums[2]);
    if (over) sums[0] = 0;
  }

  save(): Float64Array {
    return this.#sums.slice();
  }

  restore(sums: Float64Array): void {
    this.#sums.set(sums);
  }
}
