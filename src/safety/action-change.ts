import { approachSpeed } from "./approach.ts";
import { between } from "./between.ts";
import type { ActionLimit } from "./limits.ts";

/**
 * How far each action may go from the last permitted one: by its rate, and by its acceleration from
 * its last change. It remembers the last three actions and what the last one was to be, and nothing
 * else. Allocates nothing after construction.
 */
export class ActionChange {
  // Bounds are held as float32, as the firmware holds them, so that a bound passes its own check.
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  /** Greatest change in one period. */
  readonly #rate: Float64Array;
  /** By so much one change may differ from the one before it; Infinity: by any. */
  readonly #acceleration: Float64Array;
  readonly #last: Float32Array;
  readonly #second: Float32Array;
  readonly #third: Float32Array;
  /** What was asked for in the place of the last one, within range. */
  readonly #asked: Float32Array;

  constructor(limits: readonly ActionLimit[], periodUs: number) {
    const periodS = periodUs / 1e6;
    this.#low = Float32Array.from(limits, ({ low }) => low);
    this.#high = Float32Array.from(limits, ({ high }) => high);
    this.#rate = Float64Array.from(limits, ({ rateMax }) => rateMax * periodS);
    this.#acceleration = Float64Array.from(limits, ({ accelerationMax }) => {
      return (accelerationMax ?? Number.POSITIVE_INFINITY) * periodS * periodS;
    });
    this.#last = new Float32Array(limits.length);
    this.#second = new Float32Array(limits.length);
    this.#third = new Float32Array(limits.length);
    this.#asked = new Float32Array(limits.length);
  }

  /** The last permitted action. It is this object's own: read it, do not keep it. */
  get last(): Float32Array {
    return this.#last;
  }

  /** So many actions back reaches what it makes use of. */
  get memory(): number {
    return this.#acceleration.every((most) => most === Number.POSITIVE_INFINITY) ? 1 : 3;
  }

  /** `wanted` within the range of action `at`. */
  limitRange(at: number, wanted: number): number {
    return between(wanted, this.#low[at]!, this.#high[at]!);
  }

  /** `wanted` within what the rate permits of action `at`. */
  limitRate(at: number, wanted: number): number {
    const last = this.#last[at]!;
    return between(wanted, last - this.#rate[at]!, last + this.#rate[at]!);
  }

  /**
   * `wanted`, which is what was `asked` within range and rate, within what the acceleration permits
   * of action `at`, and within range and rate as long as the last one was. What cannot keep up with
   * `asked` comes back to it no faster than it can stop there, and so does not swing about it. It
   * slows down before its bounds: else it would be stopped there faster than it may be.
   */
  limitAcceleration(at: number, wanted: number, asked: Float32Array): number {
    const most = this.#acceleration[at]!;
    if (most === Number.POSITIVE_INFINITY) return wanted;
    const last = this.#last[at]!;
    const change = last - this.#second[at]!;
    const changeBefore = this.#second[at]! - this.#third[at]!;
    // Who had to brake harder than this does not go on at that pace, but as from rest.
    const isBroken = Math.abs(change - changeBefore) > 2 * most;
    const steady = isBroken ? last : last + change;
    // By so much it was behind, and stays: 0 where it was not.
    const behind = this.#asked[at]! - last;
    const lag = behind - Math.sign(behind) * approachSpeed(Math.abs(behind), most, 1);
    const next = this.limitRange(at, asked[at]!) - lag;
    const eased = between(next, steady - most, steady + most);
    const room = eased < last ? last - this.#low[at]! : this.#high[at]! - last;
    const far = Math.min(this.#rate[at]!, approachSpeed(room, most, 1));
    return between(eased, last - far, last + far);
  }

  /**
   * Takes `action` for the one that is permitted next, in the place of `asked`; both are finite.
   * They may be the same array.
   */
  take(action: Float32Array, asked: Float32Array): void {
    // By hand: on so few numbers it is quicker than `set`.
    for (let at = 0; at < this.#last.length; at++) {
      this.#third[at] = this.#second[at]!;
      this.#second[at] = this.#last[at]!;
    }
    this.correct(action, asked);
  }

  /** Takes `action` for the one that was permitted last, in the place of what that was. */
  correct(action: Float32Array, asked: Float32Array): void {
    for (let at = 0; at < this.#last.length; at++) {
      this.#last[at] = action[at]!;
      this.#asked[at] = this.limitRange(at, asked[at]!);
    }
  }

  /** Begins anew at rest at `action`, brought into range; a non-finite channel counts as 0. */
  begin(action: Float32Array): void {
    for (let at = 0; at < this.#last.length; at++) {
      const value = Number.isFinite(action[at]!) ? action[at]! : 0;
      this.#last[at] = this.limitRange(at, value);
    }
    // While these two are equal, nothing asks for the third.
    this.#second.set(this.#last);
    this.#asked.set(this.#last);
  }
}
