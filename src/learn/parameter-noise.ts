import { Rng } from "../core/rng.ts";
import { type Network, type NetworkShape, networksOf } from "./networks.ts";

/** By this the noise grows or shrinks at each adaption (Plappert et al. 2018, appendix B). */
const factor = 1.01;

/**
 * Adaptive parameter noise (Plappert et al. 2018): an actor whose weights are perturbed drives the
 * episode; the noise is adapted so that its actions stay at a given distance from the actor's own.
 */
export class ParameterNoise {
  /** The perturbed actor's flat vector. */
  readonly perturbed: Float32Array;
  readonly #network: Network;
  readonly #goal: number;
  readonly #rng: Rng;
  #deviation: number;

  /** `goal` is the distance to hold, a root-mean-square in half ranges; the noise begins there. */
  constructor(shape: NetworkShape, goal: number, seed: number) {
    this.#network = networksOf(shape).actor;
    this.perturbed = new Float32Array(this.#network.size);
    this.#goal = goal;
    this.#deviation = goal;
    this.#rng = new Rng(seed, 3);
  }

  /** Standard deviation of the noise on each weight and bias. */
  get deviation(): number {
    return this.#deviation;
  }

  /** Draws a new perturbed actor around `parameters`; gains and shifts of norms stay. */
  perturb(parameters: Float32Array): void {
    this.perturbed.set(parameters);
    for (const { at, biasAt, outputs } of this.#network.layers) {
      for (let i = at; i < biasAt + outputs; i++) {
        this.perturbed[i] += this.#deviation * this.#rng.normal();
      }
    }
  }

  /** Adapts to the measured distance between the perturbed actor's actions and the actor's. */
  adapt(distance: number): void {
    this.#deviation *= distance < this.#goal ? factor : 1 / factor;
  }

  save(): number[] {
    return [...this.#rng.state, this.#deviation];
  }

  restore(state: readonly number[]): void {
    this.#rng.state.set(state.slice(0, 4));
    this.#deviation = state[4];
  }
}

/** Root-mean-square distance of two lists of actions (Plappert et al. 2018, equation 4). */
export function distanceOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / a.length);
}
