import { Rng } from "../core/rng.ts";
import { type Network, type NetworkShape, networksOf } from "./networks.ts";

/** By this the noise grows or shrinks at each adaption (Plappert et al. 2018, appendix B). */
const factor = 1.01;

/**
 * Adaptive parameter noise (Plappert et al. 2018): an actor whose weights are perturbed drives the
 * episode; the noise is adapted so that the actions of such actors are at a given distance from the
 * actor's own. The distance is not that of the one that drives: it was perturbed by an older noise,
 * and the actor learns away from it.
 */
export class ParameterNoise {
  /** Flat vector of the perturbed actor that drives. */
  readonly perturbed: Float32Array;
  readonly #other: Float32Array;
  readonly #network: Network;
  readonly #goal: number;
  readonly #rng: Rng;
  #deviation: number;

  /** `goal` is the distance to hold, a root-mean-square in half ranges; the noise begins there. */
  constructor(shape: NetworkShape, goal: number, seed: number) {
    this.#network = networksOf(shape).actor;
    this.perturbed = new Float32Array(this.#network.size);
    this.#other = new Float32Array(this.#network.size);
    this.#goal = goal;
    this.#deviation = goal;
    this.#rng = new Rng(seed, 3);
  }

  /** Standard deviation of the noise on each weight and bias. */
  get deviation(): number {
    return this.#deviation;
  }

  /** Draws a new actor to drive, around `parameters`. */
  perturb(parameters: Float32Array): void {
    this.#draw(parameters, this.perturbed);
  }

  /** Another one, perturbed by the noise as it stands: to measure. Overwritten by the next call. */
  another(parameters: Float32Array): Float32Array {
    this.#draw(parameters, this.#other);
    return this.#other;
  }

  /** Adapts to the measured distance between a perturbed actor's actions and the actor's. */
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

  /** Gains and shifts of norms stay. */
  #draw(parameters: Float32Array, into: Float32Array): void {
    into.set(parameters);
    for (const { at, biasAt, outputs } of this.#network.layers) {
      for (let i = at; i < biasAt + outputs; i++) into[i] += this.#deviation * this.#rng.normal();
    }
  }
}

/** Root-mean-square distance of two lists of actions (Plappert et al. 2018, equation 4). */
export function distanceOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / a.length);
}
