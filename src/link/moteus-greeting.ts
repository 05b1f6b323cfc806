import type { Clock } from "../core/clock.ts";
import type { MoteusBus } from "./moteus-bus.ts";
import { MoteusFrame, MoteusMode, MoteusRegister, MoteusType } from "./moteus-frame.ts";
import { stopFrame, writeOrder } from "./moteus-orders.ts";
import { type MotorGreeting, Order } from "./motor-line.ts";

const { commandTimeout, fault, mapVersion, mode } = MoteusRegister;
/** What registers mean, by the version of their map. */
const mapVersionKnown = 5;
/** A drive that has not timed out so much later than it should does not. */
const lateUsMax = 200_000;

const Stage = { known: 0, idle: 1, powered: 2, expiry: 3, let: 4, done: 5 } as const;
type Stage = (typeof Stage)[keyof typeof Stage];

/**
 * Makes sure of moteus drives before anything may move: that they are there, speak of registers as
 * we do and are well, and that a command really expires. For that each is told to push with 0 N*m
 * once, and then nothing more, until it has timed out.
 */
export class MoteusGreeting implements MotorGreeting {
  /** What is wrong, with the drive's id; null where nothing is. */
  refusal: string | null = null;
  /** A drive had timed out before this program began. */
  latched = false;
  #stage: Stage = Stage.known;
  #waitsFor: string;
  #toldUs = 0;
  readonly #bus: MoteusBus;
  readonly #ids: readonly number[];
  readonly #watchdogUs: number;
  readonly #clock: Pick<Clock, "now">;
  readonly #answers: Float64Array;
  readonly #modes: MoteusFrame = askFrame([MoteusType.int8, mode], [MoteusType.int8, fault]);
  readonly #version: MoteusFrame = askFrame([MoteusType.int32, mapVersion]);
  readonly #timeout: MoteusFrame = askFrame([MoteusType.float, commandTimeout]);
  readonly #stop: MoteusFrame = stopFrame();
  readonly #push: MoteusFrame = new MoteusFrame();

  constructor(
    bus: MoteusBus,
    ids: readonly number[],
    watchdogUs: number,
    clock: Pick<Clock, "now">,
  ) {
    this.#bus = bus;
    this.#ids = ids;
    this.#watchdogUs = watchdogUs;
    this.#clock = clock;
    this.#answers = new Float64Array(2 * ids.length);
    const them = ids.length === 1 ? `moteus ${ids[0]}` : `one of moteus ${ids.join(", ")}`;
    this.#waitsFor = `${them} does not answer; is it powered, and are its id, port and rate right?`;
    writeOrder(this.#push, Order.effort, 0, watchdogUs / 1e6);
  }

  get done(): boolean {
    return this.#stage === Stage.done;
  }

  get silence(): string {
    return this.#waitsFor;
  }

  /** Does one thing; it is done again where it was not answered. */
  poll(): void {
    if (this.done || this.refusal !== null) return;
    if (this.#stage === Stage.known) this.#identify();
    else if (this.#stage === Stage.idle) this.#makeIdle();
    else if (this.#stage === Stage.powered) this.#readBack();
    else if (this.#stage === Stage.expiry) this.#expire();
    else this.#letGo();
  }

  #identify(): void {
    if (!this.#bus.ask(this.#version, [mapVersion], this.#answers)) return;
    const other = this.#ids.findIndex((_, at) => this.#answers[at] !== mapVersionKnown);
    if (other >= 0) {
      const version = this.#answers[other];
      const line = `has register map ${version}, not ${mapVersionKnown}`;
      this.refusal = `moteus ${this.#ids[other]} ${line}`;
      return;
    }
    this.#stage = Stage.idle;
  }

  /** Nothing drives them, and none has a fault; then each pushes with 0 N*m. */
  #makeIdle(): void {
    if (!this.#hear()) return;
    for (let at = 0; at < this.#ids.length; at++) {
      const told = this.#answers[2 * at];
      if (told === MoteusMode.timeout) this.latched = true;
      else if (told === MoteusMode.fault) {
        this.refusal = `moteus ${this.#ids[at]} reports the fault ${this.#answers[2 * at + 1]}`;
        return;
      } else if (told !== MoteusMode.stopped) {
        // It may be what an earlier program left, whose time is not yet over.
        this.#waitsFor = `moteus ${this.#ids[at]} is in mode ${told}: stop it first`;
        return;
      }
    }
    this.#tell(this.#stop);
    if (!this.#tell(this.#push)) return;
    this.#toldUs = this.#clock.now();
    this.#waitsFor = "a moteus does not take an order of 0 N*m";
    this.#stage = Stage.powered;
  }

  /** The order has the time that it was to have. */
  #readBack(): void {
    if (!this.#bus.ask(this.#timeout, [commandTimeout], this.#answers)) return;
    for (let at = 0; at < this.#ids.length; at++) {
      if (Math.abs(this.#answers[at] * 1e6 - this.#watchdogUs) <= 1000) continue;
      const was = this.#watchdogUs / 1e6;
      const line = `has a timeout of ${this.#answers[at]} s, and was told ${was} s`;
      this.refusal = `moteus ${this.#ids[at]} ${line}`;
      return;
    }
    this.#stage = Stage.expiry;
  }

  /** Tells them nothing, until each has timed out. */
  #expire(): void {
    const waitedUs = this.#clock.now() - this.#toldUs;
    if (waitedUs < this.#watchdogUs || !this.#hear()) return;
    const going = this.#ids.findIndex((_, at) => this.#answers[2 * at] !== MoteusMode.timeout);
    if (going < 0) {
      this.#stage = Stage.let;
    } else if (waitedUs > this.#watchdogUs + lateUsMax) {
      const ms = Math.round(waitedUs / 1000);
      const told = this.#answers[2 * going];
      this.refusal = `moteus ${this.#ids[going]} has not timed out after ${ms} ms: mode ${told}`;
    }
  }

  #letGo(): void {
    if (!this.#tell(this.#stop) || !this.#hear()) return;
    const all = this.#ids.every((_, at) => this.#answers[2 * at] === MoteusMode.stopped);
    if (all) this.#stage = Stage.done;
  }

  #hear(): boolean {
    return this.#bus.ask(this.#modes, [mode, fault], this.#answers);
  }

  #tell(frame: MoteusFrame): boolean {
    this.#bus.writer.clear();
    for (let at = 0; at < this.#ids.length; at++) this.#bus.put(at, frame);
    return this.#bus.say();
  }
}

function askFrame(
  ...asked: readonly (readonly [type: MoteusType, register: number])[]
): MoteusFrame {
  const frame = new MoteusFrame();
  for (const [type, register] of asked) frame.ask(type, register, 1);
  return frame;
}
