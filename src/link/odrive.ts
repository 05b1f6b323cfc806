import type { Clock } from "../core/clock.ts";
import { type MotorLine, Order, Seen } from "./motor-line.ts";
import type { OdriveBus } from "./odrive-bus.ts";
import { OdriveGreeting } from "./odrive-greeting.ts";
import { bytesOf, encodeOdriveLines, OdriveWriter } from "./odrive-text.ts";

/** States of an axis that matter here. */
export const AxisState = { idle: 1, closedLoop: 8 } as const;
/** The bit of an axis' error that its watchdog sets. */
export const watchdogError = 0x800;
/** What `controller.config.control_mode` is under each order. */
const controlMode = { [Order.effort]: 1, [Order.velocity]: 2, [Order.position]: 3 } as const;
const inputOf = {
  [Order.effort]: "input_torque",
  [Order.velocity]: "input_vel",
  [Order.position]: "input_pos",
} as const;
/** Numbers are told in nine letters, so a place far from 0 with three decimals. */
const tellsWithin = 2e-3;
/** Position and velocity, error, state. */
const seenCounts = [2, 1, 1];
/** How many bytes a look's answer has for each axis, at most. */
const seenBytes = 60;

/** What `look` asks of each axis. */
function seenLines(axes: readonly number[]): Uint8Array {
  return encodeOdriveLines(
    axes.flatMap((axis) => [`f ${axis}`, `r axis${axis}.error`, `r axis${axis}.current_state`]),
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
  /** What each axis reports: bits of `axis.error`. */
  readonly errors: Float64Array;
  readonly #bus: OdriveBus;
  readonly #axes: readonly number[];
  readonly greeting: OdriveGreeting;
  readonly #lookLines: Uint8Array;
  readonly #lookCounts: Uint8Array;
  readonly #answers: Float64Array;
  readonly #writer: OdriveWriter = new OdriveWriter();
  /** Of each axis, by `Order`: what its line begins with, and what asks whether it has it. */
  readonly #begins: readonly (readonly Uint8Array[])[];
  readonly #asks: readonly (readonly Uint8Array[])[];
  readonly #feeds: readonly Uint8Array[];
  readonly #clear: Uint8Array = encodeOdriveLines(["sc"]);
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
    this.turns = new Float64Array(count);
    this.speeds = new Float64Array(count);
    this.seen = new Uint8Array(count).fill(Seen.busy);
    this.expired = new Uint8Array(count);
    this.errors = new Float64Array(count);
    this.#lookLines = seenLines(axes);
    this.#lookCounts = Uint8Array.from(axes.flatMap(() => seenCounts));
    this.#askedCounts = Uint8Array.from(axes.flatMap(() => [1, 1, 1]));
    this.#answers = new Float64Array(4 * count);
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
    this.#feeds = axes.map((axis) => encodeOdriveLines([`u ${axis}`]));
    this.#powers = axes.map((axis) => encodeOdriveLines([`w axis${axis}.requested_state 8`]));
  }

  get lost(): boolean {
    return this.#bus.lost;
  }

  look(): boolean {
    if (!this.#bus.ask(this.#lookLines, this.#lookCounts, this.#answers)) return false;
    for (let at = 0; at < this.#axes.length; at++) {
      const from = 4 * at;
      this.turns[at] = this.#answers[from];
      this.speeds[at] = this.#answers[from + 1];
      this.errors[at] = this.#answers[from + 2];
      this.expired[at] = (this.errors[at] & watchdogError) === 0 ? 0 : 1;
      this.seen[at] = seenOf(this.errors[at], this.#answers[from + 3]);
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
    for (let at = 0; at < this.#axes.length; at++) writer.putLines(this.#feeds[at]);
    writer.putLines(this.#clear);
    if (!this.#putOrders(orders, values)) return false;
    for (let at = 0; at < this.#axes.length; at++) writer.putLines(this.#asks[at][orders[at]]);
    const lines = writer.bytes.subarray(0, writer.length);
    if (!this.#bus.ask(lines, this.#askedCounts, this.#answers)) return false;
    for (let at = 0; at < this.#axes.length; at++) {
      const [error, mode, value] = [0, 1, 2].map((i) => this.#answers[3 * at + i]);
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

function seenOf(error: number, state: number): Seen {
  if ((error & ~watchdogError) !== 0) return Seen.failed;
  if (state === AxisState.idle) return Seen.idle;
  return state === AxisState.closedLoop && error === 0 ? Seen.driven : Seen.busy;
}
