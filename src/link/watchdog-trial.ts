import type { WatchdogRegister } from "./servo-family.ts";
import { type ServoOrders, unheard } from "./servo-orders.ts";
import type { Trouble } from "./trouble.ts";

/** An adapter may send the last word so much later, and a servo sees its clock in steps. */
const spareUs = 40_000;
/** Questions of a trial that may stay without a whole answer. */
const failuresMax = 5;
const none = -1;
const neverTrips = "did not stop though the line was silent: its watchdog does not work";
const takesGoals = "does not refuse goals after its watchdog tripped";

/**
 * Shows that the watchdog of every servo works, before a policy may drive: under torque, at rest,
 * nothing is said for as long as it bears. It must trip by then, and refuse a goal after that. It
 * is cleared and set again. Nothing moves: the goals are where the servos are.
 */
export class WatchdogTrial {
  /** Nothing may be asked of the servos. */
  silent = false;
  readonly #orders: ServoOrders;
  readonly #register: WatchdogRegister;
  readonly #units: number;
  readonly #trouble: Trouble;
  #loudAtUs = 0;
  #tempted = none;
  #failures = 0;

  /** `units` is how long a silence the servos are to bear, in the watchdog's own unit. */
  constructor(orders: ServoOrders, register: WatchdogRegister, units: number, trouble: Trouble) {
    this.#trouble = trouble;
    this.#orders = orders;
    this.#register = register;
    this.#units = units;
  }

  /** Sets every watchdog, which is then to be read back. */
  set(): boolean {
    return this.#orders.setWatchdog(this.#units);
  }

  /** Every servo is under torque and has been told how long a silence to bear. */
  begin(nowUs: number): void {
    this.silent = true;
    this.#loudAtUs = nowUs + this.#units * this.#register.unitUs + spareUs;
    this.#tempted = none;
    this.#failures = 0;
  }

  /** True once it is shown, false where it is not so, null while it goes on. */
  poll(nowUs: number): boolean | null {
    if (nowUs < this.#loudAtUs) return null;
    this.silent = false;
    const { sent } = this.#orders;
    if (this.#tempted === none) {
      if (!this.#orders.readAll()) return this.#fail(this.#orders.missing);
      this.#tempted = 0;
      return this.#allTripped() ? null : false;
    }
    if (this.#tempted < sent.length) {
      const refused = this.#orders.tempt(this.#tempted, this.#register.refusal);
      if (refused === null) return this.#fail(this.#tempted);
      if (!refused) return this.#trouble.note(takesGoals, this.#tempted);
      this.#tempted++;
      return null;
    }
    // What a servo has left to go it goes on with as soon as it is cleared, so its goal comes next.
    const said = this.#orders.clear(sent) && this.set();
    return (said && this.#orders.have(1)) || this.#again();
  }

  #fail(silent: number): null | false {
    this.#trouble.note(unheard, silent);
    return this.#again();
  }

  /** The line may lose a question. */
  #again(): null | false {
    return ++this.#failures > failuresMax ? false : null;
  }

  #allTripped(): boolean {
    for (let at = 0; at < this.#orders.sent.length; at++) {
      if (!this.#orders.tripped(at)) return this.#trouble.note(neverTrips, at);
    }
    return true;
  }
}
