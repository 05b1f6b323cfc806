import type { Clock } from "../core/clock.ts";
import type { MoteusBus } from "./moteus-bus.ts";
import { MoteusFrame, MoteusMode, MoteusRegister, MoteusType } from "./moteus-frame.ts";
import { MoteusGreeting } from "./moteus-greeting.ts";
import { stopFrame, writeOrder } from "./moteus-orders.ts";
import { type MotorLine, Order, Seen } from "./motor-line.ts";

const { mode, position, velocity, fault } = MoteusRegister;
const seenRegisters: readonly number[] = [mode, position, velocity, fault];

/** What asks a drive for its mode, place, speed and fault. */
export function lookFrame(): MoteusFrame {
  const frame = new MoteusFrame();
  frame.ask(MoteusType.int8, mode, 1);
  frame.ask(MoteusType.float, position, 2);
  frame.ask(MoteusType.int8, fault, 1);
  return frame;
}

/** How many bytes the frame of the answer to that has. */
export const lookAnswerBytes = 16;

/** moteus drives behind an fdcanusb, or one on a UART. */
export class MoteusLine implements MotorLine {
  readonly turns: Float64Array;
  readonly speeds: Float64Array;
  readonly seen: Uint8Array;
  readonly expired: Uint8Array;
  readonly errors: Float64Array;
  readonly fresh: Uint8Array;
  readonly names: readonly string[];
  readonly #bus: MoteusBus;
  readonly #count: number;
  readonly #timeoutS: number;
  readonly greeting: MoteusGreeting;
  readonly #look: MoteusFrame = lookFrame();
  readonly #stop: MoteusFrame = stopFrame();
  readonly #order: MoteusFrame = new MoteusFrame();
  readonly #answers: Float64Array;

  /** Each command is good for `watchdogUs`; `homes` has the least home state of each drive. */
  constructor(
    bus: MoteusBus,
    ids: readonly number[],
    homes: readonly number[],
    watchdogUs: number,
    clock: Pick<Clock, "now">,
  ) {
    const count = ids.length;
    this.#bus = bus;
    this.#count = count;
    this.#timeoutS = watchdogUs / 1e6;
    this.greeting = new MoteusGreeting(bus, ids, homes, watchdogUs, clock);
    this.names = ids.map((id) => `moteus ${id}`);
    this.turns = new Float64Array(count);
    this.speeds = new Float64Array(count);
    this.seen = new Uint8Array(count).fill(Seen.busy);
    this.expired = new Uint8Array(count);
    this.errors = new Float64Array(count);
    this.fresh = new Uint8Array(count);
    this.#answers = new Float64Array(count * seenRegisters.length);
  }

  get lost(): boolean {
    return this.#bus.lost;
  }

  look(): boolean {
    const whole = this.#bus.ask(this.#look, seenRegisters, this.#answers);
    for (let at = 0; at < this.#count; at++) {
      this.fresh[at] = this.#bus.answered(at) ? 1 : 0;
      if (this.fresh[at] === 0) continue;
      const from = at * seenRegisters.length;
      this.seen[at] = seenOf(this.#answers[from]);
      this.expired[at] = this.#answers[from] === MoteusMode.timeout ? 1 : 0;
      this.turns[at] = this.#answers[from + 1];
      this.speeds[at] = this.#answers[from + 2];
      // Otherwise it says what limits it.
      this.errors[at] = this.seen[at] === Seen.failed ? this.#answers[from + 3] : 0;
    }
    return whole;
  }

  command(orders: Uint8Array, values: Float64Array): boolean {
    this.#bus.writer.clear();
    for (let at = 0; at < this.#count; at++) {
      // A stop would end a timeout's latch and its braking, or a fault; an order would power what
      // is idle, or began anew since it was seen.
      const order = orders[at];
      const follows = this.fresh[at] === 1 && this.seen[at] === Seen.driven;
      const latched = this.expired[at] === 1 || this.seen[at] === Seen.failed;
      if (order === Order.off ? latched : !follows) continue;
      if (!this.#put(at, order, values[at])) return false;
    }
    return this.#bus.say();
  }

  prepare(): boolean {
    this.#bus.writer.clear();
    for (let at = 0; at < this.#count; at++) {
      // What follows orders already would drop what it holds.
      if (this.seen[at] !== Seen.driven) this.#bus.put(at, this.#stop);
    }
    if (!this.#bus.say() || !this.look()) return false;
    // An order is what gives power here, so there is none yet.
    return !this.expired.includes(1) && !this.seen.includes(Seen.failed);
  }

  power(orders: Uint8Array, values: Float64Array): boolean {
    this.#bus.writer.clear();
    for (let at = 0; at < this.#count; at++) {
      if (!this.#put(at, orders[at], values[at])) return false;
    }
    return this.#bus.say();
  }

  wait(timeoutUs: number): void {
    this.#bus.wait(timeoutUs);
  }

  close(): void {
    this.#bus.close();
  }

  /** False where the value is not finite. */
  #put(at: number, order: number, value: number): boolean {
    if (order === Order.off) {
      this.#bus.put(at, this.#stop);
      return true;
    }
    if (!writeOrder(this.#order, order, value, this.#timeoutS)) return false;
    this.#bus.put(at, this.#order);
    return true;
  }
}

function seenOf(told: number): Seen {
  if (told === MoteusMode.position) return Seen.driven;
  if (told === MoteusMode.fault) return Seen.failed;
  return told === MoteusMode.stopped || told === MoteusMode.timeout ? Seen.idle : Seen.busy;
}
