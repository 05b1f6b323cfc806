import type { Clock } from "../core/clock.ts";
import { type MotorLine, Order, Seen } from "./motor-line.ts";
import { AxisState, hasExpired, otherErrors } from "./odrive-axis.ts";
import type { OdriveBus } from "./odrive-bus.ts";
import { OdriveGreeting } from "./odrive-greeting.ts";
import { bytesOf, encodeOdriveLines, OdriveWriter } from "./odrive-text.ts";

/** What `controller.config.control_mode` is under each order. */
const controlMode = { [Order.effort]: 1, [Order.velocity]: 2, [Order.position]: 3 } as const;
const inputOf = {
  [Order.effort]: "input_torque",
  [Order.velocity]: "input_vel",
  [Order.position]: "input_pos",
} as const;
/** Numbers are told in nine letters, so a place far from 0 with three decimals. */
const tellsWithin = 2e-3;
/** Position and velocity, error, state, and whether it watches. */
const seenCounts = [2, 1, 1, 1];
const seenNumbers = 5;
/** How many bytes a look's answer has for each axis, at most. */
const seenBytes = 68;

/** What `look` asks of each axis. */
function seenLines(axes: readonly number[]): Uint8Array {
  const names = ["error", "current_state", "config.enable_watchdog"];
  return encodeOdriveLines(
    axes.flatMap((axis) => [`f ${axis}`, ...names.map((name) => `r axis${axis}.${name}`)]),
  );
}

/** How many bytes one look sends, and gets at most. */
export function lookBytes(axes: readonly number[]): { lines: Uint8Array; answerBytes: number } {
  return { lines: seenLines(axes), answerBytes: seenBytes * axes.length };
}

/** One or two axes of an ODrive with firmware 0.5.4 or a later 0.5, over its ASCII protocol. */
export class OdriveLine implements MotorLine {
  readonly turns: Float64Array;
  readonly speeds: Float64Array;
  readonly seen: Uint8Array;
  readonly expired: Uint8Array;
  /** Bits of `axis.error` but for the watchdog's. */
  readonly errors: Float64Array;
  readonly fresh: Uint8Array;
  readonly names: readonly string[];
  readonly #bus: OdriveBus;
  readonly #axes: readonly number[];
  readonly #watches: boolean;
  readonly greeting: OdriveGreeting;
  readonly #lookLines: Uint8Array;
  readonly #lookCounts: Uint8Array;
  readonly #answers: Float64Array;
  readonly #writer: OdriveWriter = new OdriveWriter();
  /** Of each axis, by `Order`: what its line begins with, and what asks whether it has it. */
  readonly #begins: readonly (readonly Uint8Array[])[];
  readonly #asks: readonly (readonly Uint8Array[])[];
  readonly #feeds: readonly Uint8Array[];
  readonly #clears: readonly Uint8Array[];
  readonly #askSystem: Uint8Array = encodeOdriveLines(["r error"]);
  readonly #askedCounts: Uint8Array;
  readonly #powers: readonly Uint8Array[];

  /** Axes 0 or 1, each once; `watchdogUs` is null where they are not to watch. */
  constructor(
    bus: OdriveBus,
    axes: readonly number[],
    watchdogUs: number | null,
    clock: Pick<Clock, "now">,
  ) {
    const count = axes.length;
    this.#bus = bus;
    this.#axes = axes;
    this.#watches = watchdogUs !== null;
    this.names = axes.map((axis) => `axis ${axis}`);
    this.turns = new Float64Array(count);
    this.speeds = new Float64Array(count);
    this.seen = new Uint8Array(count).fill(Seen.busy);
    this.expired = new Uint8Array(count);
    this.errors = new Float64Array(count);
    this.fresh = new Uint8Array(count);
    this.#lookLines = seenLines(axes);
    this.#lookCounts = Uint8Array.from(axes.flatMap(() => seenCounts));
    this.#askedCounts = Uint8Array.from([1, ...axes.flatMap(() => [1, 1, 1])]);
    this.#answers = new Float64Array(seenNumbers * count);
    this.greeting = new OdriveGreeting(bus, axes, watchdogUs, clock);
    this.#begins = axes.map((axis) => {
      return [`w axis${axis}.requested_state 1`, `p ${axis} `, `v ${axis} `, `c ${axis} `].map(
        bytesOf,
      );
    });
    this.#asks = axes.map((axis) => {
      const controller = `r axis${axis}.controller`;
      return [Order.off, Order.position, Order.velocity, Order.effort].map((order) => {
        if (order === Order.off) return new Uint8Array(0);
        const input = `${controller}.${inputOf[order]}`;
        const mode = `${controller}.config.control_mode`;
        return encodeOdriveLines([`r axis${axis}.error`, mode, input]);
      });
    });
    this.#clears = axes.map((axis) => encodeOdriveLines([`w axis${axis}.error 0`]));
    this.#feeds = axes.map((axis) => encodeOdriveLines([`u ${axis}`]));
    this.#powers = axes.map((axis) => encodeOdriveLines([`w axis${axis}.requested_state 8`]));
  }

  get lost(): boolean {
    return this.#bus.lost;
  }

  look(): boolean {
    const asked = this.#bus.ask(this.#lookLines, this.#lookCounts, this.#answers);
    this.fresh.fill(asked ? 1 : 0);
    if (!asked) return false;
    for (let at = 0; at < this.#axes.length; at++) {
      const from = seenNumbers * at;
      const error = this.#answers[from + 2];
      // One that watches no more has started anew, or obeys somebody else.
      const watches = !this.#watches || this.#answers[from + 4] === 1;
      this.turns[at] = this.#answers[from];
      this.speeds[at] = this.#answers[from + 1];
      this.errors[at] = otherErrors(error);
      this.expired[at] = hasExpired(error) ? 1 : 0;
      this.seen[at] = seenOf(error, this.#answers[from + 3], watches);
    }
    return true;
  }

  command(orders: Uint8Array, values: Float64Array): boolean {
    this.#writer.clear();
    return this.#putOrders(orders, values) && this.#bus.say(this.#writer);
  }

  prepare(orders: Uint8Array, values: Float64Array): boolean {
    const writer = this.#writer;
    writer.clear();
    // Fed first: an axis whose time is over sets its error again at once.
    for (let at = 0; at < this.#axes.length; at++) {
      writer.putLines(this.#feeds[at]);
      // Its error alone, and only where it is its watchdog's: `sc` would clear those of all.
      if (this.expired[at] === 1 && this.errors[at] === 0) writer.putLines(this.#clears[at]);
    }
    if (!this.#putOrders(orders, values)) return false;
    writer.putLines(this.#askSystem);
    for (let at = 0; at < this.#axes.length; at++) writer.putLines(this.#asks[at][orders[at]]);
    const lines = writer.bytes.subarray(0, writer.length);
    if (!this.#bus.askPatiently(lines, this.#askedCounts, this.#answers)) return false;
    if (this.#answers[0] !== 0) return false;
    for (let at = 0; at < this.#axes.length; at++) {
      const [error, mode, value] = [1, 2, 3].map((i) => this.#answers[3 * at + i]);
      const expected = controlMode[orders[at] as keyof typeof controlMode];
      const has = Math.abs(value - values[at]) <= tellsWithin;
      if (error !== 0 || mode !== expected || !has) return false;
    }
    return true;
  }

  power(orders: Uint8Array, values: Float64Array): boolean {
    this.#writer.clear();
    if (!this.#putOrders(orders, values)) return false;
    for (let at = 0; at < this.#axes.length; at++) {
      // One that follows orders already would drop what it holds and begin anew.
      if (this.seen[at] !== Seen.driven) this.#writer.putLines(this.#powers[at]);
    }
    return this.#bus.say(this.#writer);
  }

  wait(timeoutUs: number): void {
    this.#bus.wait(timeoutUs);
  }

  close(): void {
    this.#bus.close();
  }

  /** False where a value is not finite. */
  #putOrders(orders: Uint8Array, values: Float64Array): boolean {
    const writer = this.#writer;
    for (let at = 0; at < this.#axes.length; at++) {
      const order = orders[at];
      if (order !== Order.off && this.fresh[at] === 0) continue;
      writer.put(this.#begins[at][order]);
      if (order !== Order.off) {
        writer.putNumber(values[at]);
        // An axis keeps what was fed forward before until it is told otherwise.
        if (order !== Order.effort) writer.put(zero);
        if (order === Order.position) writer.put(zero);
      }
      if (!writer.end()) return false;
    }
    return true;
  }
}

const zero = bytesOf(" 0");

function seenOf(error: number, state: number, watches: boolean): Seen {
  if (otherErrors(error) !== 0) return Seen.failed;
  if (state === AxisState.idle) return watches ? Seen.idle : Seen.unwatched;
  const follows = state === AxisState.closedLoop && error === 0 && watches;
  return follows ? Seen.driven : Seen.busy;
}
