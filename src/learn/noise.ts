import { Rng } from "../core/rng.ts";
import type { TrainSettings } from "./settings.ts";

/**
 * Exploration noise, in units of half the action's range, so that 0.1 means 5 % of the full
 * range.
 */
export interface Noise {
  /** Overwrites `into`, [actions], with the next draw times `scale`. */
  sample(scale: number, into: Float32Array): void;
  /** Forgets what one episode must not hand to the next. */
  reset(): void;
  /** All state, so that a checkpoint can hold it. */
  save(): number[];
  restore(state: readonly number[]): void;
}

/** No noise: the actor alone, for a task that is noisy enough. */
export class NoNoise implements Noise {
  sample(_scale: number, into: Float32Array): void {
    into.fill(0);
  }

  reset(): void {}

  save(): number[] {
    return [];
  }

  restore(): void {}
}

/** Uncorrelated, zero-mean normal noise with the standard deviation `sigma` in each dimension. */
export class GaussianNoise implements Noise {
  readonly #sigma: number;
  readonly #rng: Rng;

  constructor(sigma: number, seed: number) {
    this.#sigma = sigma;
    this.#rng = new Rng(seed, 2);
  }

  sample(scale: number, into: Float32Array): void {
    for (let i = 0; i < into.length; i++) into[i] = scale * this.#sigma * this.#rng.normal();
  }

  reset(): void {}

  save(): number[] {
    return [...this.#rng.state];
  }

  restore(state: readonly number[]): void {
    this.#rng.state.set(state);
  }
}

/**
 * Ornstein-Uhlenbeck noise: x += -theta x dt + sigma sqrt(dt) N(0, 1), one process a dimension,
 * started at 0 in each episode (Lillicrap et al. 2016, section 7: theta 0.15, sigma 0.2).
 *
 * `dt` decides what those two mean: over 200-step episodes dt = 1 gives an rms of about 0.38 and no
 * memory after 20 steps, dt = 0.01 an rms of about 0.18 with a correlation of 0.89 there.
 */
export class OrnsteinUhlenbeckNoise implements Noise {
  readonly #theta: number;
  readonly #sigma: number;
  readonly #dt: number;
  readonly #rng: Rng;
  readonly #x: Float64Array;

  constructor(actions: number, theta: number, sigma: number, dt: number, seed: number) {
    this.#theta = theta;
    this.#sigma = sigma;
    this.#dt = dt;
    this.#rng = new Rng(seed, 2);
    this.#x = new Float64Array(actions);
  }

  sample(scale: number, into: Float32Array): void {
    const kick = this.#sigma * Math.sqrt(this.#dt);
    for (let i = 0; i < this.#x.length; i++) {
      this.#x[i] += -this.#theta * this.#x[i] * this.#dt + kick * this.#rng.normal();
      into[i] = scale * this.#x[i];
    }
  }

  reset(): void {
    this.#x.fill(0);
  }

  save(): number[] {
    return [...this.#rng.state, ...this.#x];
  }

  restore(state: readonly number[]): void {
    this.#rng.state.set(state.slice(0, 4));
    this.#x.set(state.slice(4));
  }
}

/** The noise that settings ask for, for so many channels of action. */
export function noiseOf(settings: TrainSettings, actions: number): Noise {
  const { noise, noiseSigma, noiseTheta, noiseDt, seed } = settings;
  switch (noise) {
    case "none":
      return new NoNoise();
    case "gaussian":
      return new GaussianNoise(noiseSigma, seed);
    case "ou":
      return new OrnsteinUhlenbeckNoise(actions, noiseTheta, noiseSigma, noiseDt, seed);
  }
}
