import { approachSpeed } from "./approach.ts";
import { between } from "./between.ts";
import type { ActionLimit } from "./limits.ts";

/**
 * How far each action may go from the last permitted one: by its rate, and by its acceleration from
 * its last change. It remembers the last three actions and nothing else. Allocates nothing after
 * construction.
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
   * `wanted` within what the acceleration permits of action `at`, and within range and rate as long
   * as the last one was. It slows down before its bounds: else it would be stopped there faster
   * than it may be.
   */
  limitAcceleration(at: number, wanted: number): number {
    const most = this.#acceleration[at]!;
    if (most === Number.POSITIVE_INFINITY) return wanted;
    const last = this.#last[at]!;
    const change = last - this.#second[at]!;
    const changeBefore = this.#second[at]! - this.#third[at]!;
    // Who had to brake harder than this does not go on at that pace, but as from rest.
    const isBroken = Math.abs(change - changeBefore) > 2 * most;
    const steady = isBroken ? last : last + change;
    const eased = between(wanted, steady - most, steady + most);
    const rate = this.#rate[at]!;
    const down = Math.min(rate, approachSpeed(last - this.#low[at]!, most, 1));
    const up = Math.min(rate, approachSpeed(this.#high[at]! - last, most, 1));
    return between(eased, last - down, last + up);
  }

  /** Takes `action` for the one that is permitted next. */
  take(action: Float32Array): void {
    // By hand: on so few numbers it is quicker than `set`.
    for (let at = 0; at < this.#last.length; at++) {
      this.#third[at] = this.#second[at]!;
      this.#second[at] = this.#last[at]!;
      this.#last[at] = action[at]!;
    }
  }

  /** Takes `action` for the one that was permitted last, in the place of what that was. */
  correct(action: Float32Array): void {
    this.#last.set(action);
  }

  /** Begins anew at rest at `action`, brought into range; a non-finite channel counts as 0. */
  begin(action: Float32Array): void {
    for (let at = 0; at < this.#last.length; at++) {
      const value = Number.isFinite(action[at]!) ? action[at]! : 0;
      this.#last[at] = this.limitRange(at, value);
    }
    // While these two are equal, nothing asks for the third.
    this.#second.set(this.#last);
  }
}
