import type { Clock } from "../core/clock.ts";
import type { MotorGreeting } from "./motor-line.ts";
import type { OdriveBus } from "./odrive-bus.ts";
import { encodeOdriveLines } from "./odrive-text.ts";

const passthrough = 1;
const idle = 1;
const watchdogError = 0x800;
/** From here on a property is told as one number that is right. */
const firmware = { major: 0, minor: 5, revisionMin: 4 };
/** An axis whose watchdog has not expired so much later than it should has none. */
const lateUsMax = 200_000;
/** An answer that is no number is asked for so often before it is believed. */
const strangeMax = 3;

const noAnswer = "the ODrive does not answer; is it powered, and are its port and rate right?";

const Stage = { firmware: 0, axes: 1, watchdog: 2, fed: 3, expiry: 4, done: 5 } as const;
type Stage = (typeof Stage)[keyof typeof Stage];

/**
 * Makes sure of an ODrive before anything may move: its firmware, that each axis is idle, well and
 * takes orders as they come, and that its watchdog really expires. Nothing here gives power.
 */
export class OdriveGreeting implements MotorGreeting {
  /** What is wrong, with the axis; null where nothing is. */
  refusal: string | null = null;
  /** Nothing that it latches tells of a run: an idle axis that nobody feeds expires, too. */
  readonly latched = false;
  #stage: Stage = Stage.firmware;
  #waitsFor: string = noAnswer;
  #strange = 0;
  #fedUs = 0;
  readonly #bus: OdriveBus;
  readonly #axes: readonly number[];
  /** 0 where the axes are not to watch. */
  readonly #watchdogUs: number;
  readonly #clock: Pick<Clock, "now">;
  readonly #answers: Float64Array = new Float64Array(8);

  constructor(
    bus: OdriveBus,
    axes: readonly number[],
    watchdogUs: number | null,
    clock: Pick<Clock, "now">,
  ) {
    this.#bus = bus;
    this.#axes = axes;
    this.#watchdogUs = watchdogUs ?? 0;
    this.#clock = clock;
  }

  get done(): boolean {
    return this.#stage === Stage.done;
  }

  get silence(): string {
    return this.#waitsFor;
  }

  /** Asks one question; it is asked again where there is no answer. */
  poll(): void {
    if (this.done || this.refusal !== null) return;
    if (this.#stage === Stage.firmware) this.#identify();
    else if (this.#stage === Stage.axes) this.#hear();
    else if (this.#stage === Stage.watchdog) this.#watch();
    else if (this.#stage === Stage.fed) this.#feed();
    else this.#expire();
  }

  #identify(): void {
    const parts = ["major", "minor", "revision"].map((part) => `r fw_version_${part}`);
    if (!this.#ask(parts, [1, 1, 1], "its firmware's version")) return;
    const [major, minor, revision] = this.#answers;
    const { major: wantMajor, minor: wantMinor, revisionMin } = firmware;
    if (major === wantMajor && minor === wantMinor && revision >= revisionMin) {
      this.#stage = Stage.axes;
      return;
    }
    const needs = `${wantMajor}.${wantMinor}.${revisionMin} or a later ${wantMajor}.${wantMinor}`;
    this.refusal = `the ODrive has firmware ${major}.${minor}.${revision}: it needs ${needs}`;
  }

  /** Whether each axis is idle and well, and follows orders at once. */
  #hear(): void {
    for (const axis of this.#axes) {
      const questions = [
        `r axis${axis}.current_state`,
        `r axis${axis}.error`,
        `r axis${axis}.controller.config.input_mode`,
        `r axis${axis}.config.enable_watchdog`,
      ];
      if (!this.#ask(questions, [1, 1, 1, 1], `axis ${axis}`)) return;
      const [state, error, inputMode, watches] = this.#answers;
      const wrong = error & ~watchdogError;
      if (wrong !== 0) {
        this.refusal = `axis ${axis} reports the error 0x${wrong.toString(16)}`;
      } else if (inputMode !== passthrough) {
        this.refusal = `axis ${axis} has input_mode ${inputMode}: give it 1, passthrough`;
      } else if (watches !== 0 && this.#watchdogUs === 0) {
        this.refusal = `axis ${axis} has its watchdog enabled: give watchdogMs`;
      } else if (state !== idle) {
        // It may be what an earlier program left, whose time is not yet over.
        this.#waitsFor = `axis ${axis} is in state ${state}: bring it to idle, 1`;
        return;
      }
      if (this.refusal !== null) return;
    }
    this.#waitsFor = noAnswer;
    this.#stage = this.#watchdogUs === 0 ? Stage.done : Stage.watchdog;
  }

  /** Sets each watchdog and reads it back. */
  #watch(): void {
    const seconds = (this.#watchdogUs / 1e6).toFixed(6);
    for (const axis of this.#axes) {
      const config = `axis${axis}.config`;
      const lines = [
        `w ${config}.watchdog_timeout ${seconds}`,
        `u ${axis}`,
        `w ${config}.enable_watchdog 1`,
        `r ${config}.watchdog_timeout`,
        `r ${config}.enable_watchdog`,
      ];
      if (!this.#ask(lines, [1, 1], `the watchdog of axis ${axis}`)) return;
      const [told, enabled] = this.#answers;
      if (Math.abs(told * 1e6 - this.#watchdogUs) > 1000 || enabled !== 1) {
        const has = enabled === 1 ? `is ${told} s` : "is not enabled";
        this.refusal = `the watchdog of axis ${axis} ${has}, and was set to ${Number(seconds)} s`;
        return;
      }
    }
    this.#stage = Stage.fed;
  }

  /** Feeds and clears all, and sees that they are well then. */
  #feed(): void {
    this.#fedUs = this.#clock.now();
    const lines = [
      ...this.#axes.map((axis) => `u ${axis}`),
      "sc",
      ...this.#axes.map((axis) => `r axis${axis}.error`),
    ];
    if (
      !this.#ask(
        lines,
        this.#axes.map(() => 1),
        "its errors",
      )
    )
      return;
    // This program may have been late itself; then it is done again.
    this.#waitsFor = "an axis' watchdog expires although it is fed";
    if (this.#axes.every((_, at) => this.#answers[at] === 0)) this.#stage = Stage.expiry;
  }

  /** Feeds none, until each has reported it. */
  #expire(): void {
    const waitedUs = this.#clock.now() - this.#fedUs;
    if (waitedUs < this.#watchdogUs) return;
    const lines = this.#axes.map((axis) => `r axis${axis}.error`);
    if (
      !this.#ask(
        lines,
        this.#axes.map(() => 1),
        "its errors",
      )
    )
      return;
    const asleep = this.#axes.findIndex((_, at) => (this.#answers[at] & watchdogError) === 0);
    if (asleep < 0) {
      this.#stage = Stage.done;
    } else if (waitedUs > this.#watchdogUs + lateUsMax) {
      const ms = Math.round(waitedUs / 1000);
      this.refusal = `the watchdog of axis ${this.#axes[asleep]} has not expired after ${ms} ms`;
    }
  }

  /** Lines that are the same for ever are not worth keeping: this is said once a run. */
  #ask(lines: readonly string[], counts: readonly number[], what: string): boolean {
    const bytes = encodeOdriveLines(lines);
    const asked = this.#bus.ask(bytes, Uint8Array.from(counts), this.#answers);
    this.#strange = this.#bus.strange ? this.#strange + 1 : 0;
    if (this.#strange === strangeMax) this.refusal = `the ODrive does not tell ${what} as a number`;
    return asked;
  }
}
