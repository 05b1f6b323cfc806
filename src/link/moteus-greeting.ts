import type { Clock } from "../core/clock.ts";
import type { MoteusBus } from "./moteus-bus.ts";
import { MoteusFrame, MoteusMode, MoteusRegister, MoteusType } from "./moteus-frame.ts";
import { stopFrame, writeOrder } from "./moteus-orders.ts";
import { type MotorGreeting, Order } from "./motor-line.ts";
import { WatchdogSilence } from "./watchdog-silence.ts";

const { commandTimeout, fault, home, mapVersion, mode } = MoteusRegister;
/** What registers mean, by the version of their map. */
const mapVersionKnown = 5;
/** A drive that does not have the order of a trial may not have heard it: it is told so often. */
const trialsMax = 4;
/**
 * An order's time is whole milliseconds, that of a trial is longer by this. A drive still tells it
 * after a timeout, so that a program that ended within its trial is not taken for a stop.
 */
const trialExtraUs = 250;
const timeToleranceUs = 100;

const Stage = { known: 0, idle: 1, powered: 2, expiry: 3, release: 4, done: 5 } as const;
type Stage = (typeof Stage)[keyof typeof Stage];

/**
 * Makes sure of moteus drives before anything may move: that they are there, speak of registers as
 * we do and are well, and that a command really expires. For that each is told to push with 0 N*m
 * once, and then nothing more, until it has timed out. Where a drive is found timed out, it goes on
 * braking, and that is left for `prove`.
 */
export class MoteusGreeting implements MotorGreeting {
  /** What is wrong, with the drive's id; null where nothing is. */
  refusal: string | null = null;
  /** A drive had timed out before this program began. */
  latched = false;
  proven = false;
  #stage: Stage = Stage.known;
  /** What is latched may be released. */
  #releases = false;
  #trials = 0;
  #waitsFor: string;
  readonly #bus: MoteusBus;
  readonly #ids: readonly number[];
  readonly #homes: readonly number[];
  readonly #watchdogUs: number;
  readonly #silence: WatchdogSilence;
  readonly #answers: Float64Array;
  readonly #timeouts: Float64Array;
  readonly #modes: MoteusFrame = askFrame([MoteusType.int8, mode], [MoteusType.int8, fault]);
  readonly #version: MoteusFrame = askFrame([MoteusType.int32, mapVersion]);
  readonly #home: MoteusFrame = askFrame([MoteusType.int8, home]);
  readonly #timeout: MoteusFrame = askFrame([MoteusType.float, commandTimeout]);
  readonly #stop: MoteusFrame = stopFrame();
  readonly #push: MoteusFrame = new MoteusFrame();

  /** `homes` has the least home state of each drive. */
  constructor(
    bus: MoteusBus,
    ids: readonly number[],
    homes: readonly number[],
    watchdogUs: number,
    clock: Pick<Clock, "now">,
  ) {
    this.#bus = bus;
    this.#ids = ids;
    this.#homes = homes;
    this.#watchdogUs = watchdogUs;
    this.#silence = new WatchdogSilence(watchdogUs, clock);
    this.#answers = new Float64Array(2 * ids.length);
    this.#timeouts = new Float64Array(ids.length);
    const them = ids.length === 1 ? `moteus ${ids[0]}` : `one of moteus ${ids.join(", ")}`;
    this.#waitsFor = `${them} does not answer; is it powered, and are its id, port and rate right?`;
    writeOrder(this.#push, Order.effort, 0, (watchdogUs + trialExtraUs) / 1e6);
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
    else this.#release();
  }

  prove(): void {
    if (!this.done || this.proven) return;
    this.#releases = true;
    this.#trials = 0;
    this.#stage = Stage.idle;
  }

  cancel(): void {
    if (this.#releases && !this.proven) this.#stage = Stage.done;
  }

  #identify(): void {
    if (!this.#bus.ask(this.#version, [mapVersion], this.#answers)) return;
    const other = this.#ids.findIndex((_, at) => this.#answers[at] !== mapVersionKnown);
    if (other >= 0) {
      const version = this.#answers[other];
      this.#refuse(other, `has register map ${version}, not ${mapVersionKnown}`);
      return;
    }
    if (!this.#bus.ask(this.#home, [home], this.#answers)) return;
    const lost = this.#homes.findIndex((least, at) => this.#answers[at] < least);
    if (lost >= 0) {
      const why = `has home state ${this.#answers[lost]}, below ${this.#homes[lost]}`;
      this.#refuse(lost, `${why}: its turns at 0 rad are others each time it starts`);
      return;
    }
    this.#stage = Stage.idle;
  }

  /** Nothing drives them, and none has a fault; then each pushes with 0 N*m. */
  #makeIdle(): void {
    if (!this.#hear()) return;
    let timedOut = false;
    for (let at = 0; at < this.#ids.length; at++) {
      const told = this.#answers[2 * at];
      if (told === MoteusMode.timeout) timedOut = true;
      else if (told === MoteusMode.fault) {
        this.#refuse(at, `reports the fault ${this.#answers[2 * at + 1]}`);
        return;
      } else if (told !== MoteusMode.stopped) {
        // It may be what an earlier program left, whose time is not yet over.
        this.#waitsFor = `moteus ${this.#ids[at]} is in mode ${told}: stop it first`;
        return;
      }
    }
    if (timedOut && !this.#releases && !this.#wereTrials()) return;
    this.#tell(this.#stop);
    if (!this.#tell(this.#push)) return;
    this.#silence.begin();
    this.#waitsFor = "a moteus does not take an order of 0 N*m";
    this.#stage = Stage.powered;
  }

  /** Whether what has timed out has done so in a trial alone. Else it keeps its latch for now. */
  #wereTrials(): boolean {
    this.#bus.ask(this.#timeout, [commandTimeout], this.#timeouts);
    let trials = true;
    for (let at = 0; at < this.#ids.length; at++) {
      if (this.#answers[2 * at] !== MoteusMode.timeout) continue;
      if (!this.#bus.answered(at)) return false;
      const extraUs = (this.#timeouts[at] * 1e6) % 1000;
      if (Math.abs(extraUs - trialExtraUs) > timeToleranceUs) trials = false;
    }
    if (trials) return true;
    this.latched = true;
    this.#stage = Stage.done;
    return false;
  }

  /** The order has the time that it was to have. */
  #readBack(): void {
    if (!this.#bus.ask(this.#timeout, [commandTimeout], this.#timeouts)) return;
    const toldUs = this.#watchdogUs + trialExtraUs;
    const other = this.#timeouts.findIndex((timeoutS) => {
      return Math.abs(timeoutS * 1e6 - toldUs) > timeToleranceUs;
    });
    if (other < 0) {
      this.#stage = Stage.expiry;
    } else if (!this.#tryAgain()) {
      const was = this.#watchdogUs / 1e6;
      this.#refuse(other, `has a timeout of ${this.#timeouts[other]} s, and was told ${was} s`);
    }
  }

  /** Tells them nothing, until each has timed out. */
  #expire(): void {
    if (!this.#silence.over || !this.#hear()) return;
    const going = this.#ids.findIndex((_, at) => this.#answers[2 * at] !== MoteusMode.timeout);
    if (going < 0) {
      this.#stage = Stage.release;
    } else if (this.#silence.overdue) {
      const told = this.#answers[2 * going];
      // What is still stopped has not heard of it.
      if (told === MoteusMode.stopped && this.#tryAgain()) return;
      this.#refuse(going, `has not timed out after ${this.#silence.ms} ms: mode ${told}`);
    }
  }

  #release(): void {
    if (!this.#tell(this.#stop) || !this.#hear()) return;
    if (!this.#ids.every((_, at) => this.#answers[2 * at] === MoteusMode.stopped)) return;
    this.proven = true;
    this.#stage = Stage.done;
  }

  /** Goes back to before the trial, a few times. */
  #tryAgain(): boolean {
    if (++this.#trials >= trialsMax) return false;
    this.#tell(this.#stop);
    this.#stage = Stage.idle;
    return true;
  }

  /** What was told to push for a trial is not left so. */
  #refuse(at: number, why: string): void {
    if (this.#stage >= Stage.powered) this.#tell(this.#stop);
    this.refusal = `moteus ${this.#ids[at]} ${why}`;
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
