import type { WatchedPlace, WiggleChoice } from "./wiggle.ts";

/** A speed is seen over at least so long: over less it is the encoder's steps. */
const windowUs = 20_000;

/**
 * Looks where joints go while one is driven by a speed or an effort, neither of which knows where
 * to stop. Once any was seen too far from where it began, or too fast, nothing of what is asked for
 * is permitted any more: a speed becomes 0. Of an effort it first takes back the push that it gave,
 * for what is pushed without friction goes on by itself, but only as long as that joint still moves
 * the way that it went, and never more than was given. So it needs to know neither which way an
 * effort pushes nor how heavy the joint is. Throws nothing and allocates nothing in a cycle.
 */
export class WiggleWatch {
  readonly #watched: readonly WatchedPlace[];
  readonly #takesBack: boolean;
  readonly #periodS: number;
  readonly #window: number;
  readonly #begun: Float64Array;
  /** The places of the newest `#window` cycles, one row a cycle. */
  readonly #places: Float64Array;
  #row = 0;
  /** What was pushed and not taken back, summed over cycles, and the hardest push. */
  #given = 0;
  #hardest = 0;
  /** Which of the watched went too far or too fast; -1: none. */
  #tripped = -1;
  #sense = 0;

  constructor({ watched, kind }: WiggleChoice, periodUs: number) {
    this.#watched = watched;
    this.#takesBack = kind === "effort";
    this.#periodS = periodUs / 1e6;
    this.#window = Math.ceil(windowUs / periodUs);
    this.#begun = new Float64Array(watched.length);
    this.#places = new Float64Array(watched.length * this.#window);
  }

  /** Everything stands as `observation` tells. */
  begin(observation: Float32Array): void {
    for (let at = 0; at < this.#watched.length; at++) {
      this.#begun[at] = observation[this.#watched[at].at];
    }
    for (let at = 0; at < this.#places.length; at++) {
      this.#places[at] = this.#begun[at % this.#watched.length];
    }
    this.#row = 0;
    this.#given = 0;
    this.#hardest = 0;
    this.#tripped = -1;
  }

  /** What may be asked for in the place of `asked`, once a cycle. */
  permit(asked: number, observation: Float32Array): number {
    this.#look(observation);
    if (this.#tripped >= 0) return this.#takesBack ? this.#takeBack() : 0;
    this.#given += asked;
    this.#hardest = Math.max(this.#hardest, Math.abs(asked));
    return asked;
  }

  #look(observation: Float32Array): void {
    const count = this.#watched.length;
    for (let at = 0; at < count; at++) {
      const { farMax, speedMax, at: observedAt } = this.#watched[at];
      const place = observation[observedAt];
      const index = this.#row * count + at;
      const went = place - this.#places[index];
      this.#places[index] = place;
      const far = place - this.#begun[at];
      const stepMax = speedMax * this.#window * this.#periodS;
      if (this.#tripped === at && !(went * this.#sense > 0)) this.#given = 0;
      // Written so that NaN is too far.
      const permitted = Math.abs(far) < farMax && Math.abs(went) < stepMax;
      if (permitted || this.#tripped >= 0) continue;
      this.#tripped = at;
      this.#sense = Math.sign(Math.abs(went) < stepMax ? far : went);
    }
    this.#row = (this.#row + 1) % this.#window;
  }

  #takeBack(): number {
    const back = Math.max(-this.#hardest, Math.min(this.#hardest, -this.#given));
    this.#given += back;
    return back;
  }
}
