import assert from "node:assert/strict";
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
    assert.equal(sums.length, this.#sums.length, "as many channels");
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
  /** Of each world, the discounted return as it stands. */
  readonly #returns: Float64Array;
  /** Welford's count, mean and sum of squared differences, over all worlds. */
  readonly #sums = new Float64Array(3);

  /** Rewards come from so many `worlds`, each with a return of its own. */
  constructor(factor: number, gamma: number, running: boolean, worlds: number = 1) {
    this.#factor = factor;
    this.#gamma = gamma;
    this.#running = running;
    this.#returns = new Float64Array(worlds);
  }

  /** What a reward is multiplied by now. */
  get value(): number {
    const [count, , squares] = this.#sums;
    if (!this.#running || count < 2) return this.#factor;
    return this.#factor / Math.max(deviationMin, Math.sqrt(squares / count));
  }

  /** Counts a reward of a world, whose episode it may have ended. */
  see(reward: number, over: boolean, world: number = 0): void {
    if (!this.#running) return;
    const [returns, sums] = [this.#returns, this.#sums];
    returns[world] = returns[world] * this.#gamma + reward;
    sums[0]++;
    const before = returns[world] - sums[1];
    sums[1] += before / sums[0];
    sums[2] += before * (returns[world] - sums[1]);
    if (over) this.end(world);
  }

  /** A world begins anew, without a reward: what comes is of another return. */
  end(world: number): void {
    this.#returns[world] = 0;
  }

  /** All state, so that a checkpoint can hold it: the returns, then the sums. */
  save(): Float64Array {
    return Float64Array.of(...this.#returns, ...this.#sums);
  }

  restore(saved: Float64Array): void {
    assert.equal(saved.length, this.#returns.length + this.#sums.length, "as many worlds");
    this.#returns.set(saved.subarray(0, this.#returns.length));
    this.#sums.set(saved.subarray(this.#returns.length));
  }
}
