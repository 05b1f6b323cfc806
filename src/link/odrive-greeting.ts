import type { Clock } from "../core/clock.ts";
import type { MotorGreeting } from "./motor-line.ts";
import { AxisState, errorText, hasExpired, otherErrors } from "./odrive-axis.ts";
import type { OdriveBus } from "./odrive-bus.ts";
import { encodeOdriveLines } from "./odrive-text.ts";
import { WatchdogSilence } from "./watchdog-silence.ts";

/** From here on a property is told as one number that is right. */
const firmware = { major: 0, minor: 5, revisionMin: 4 };
/** An answer that is no number is asked for so often before it is believed. */
const strangeMax = 3;
/** A watchdog that is not as it was set may not have been told: it is set so often. */
const settingsMax = 4;

/** What each axis must have for its orders to mean what they say here, and why. */
const settings: readonly (readonly [path: string, wanted: number | "axis", advice: string])[] = [
  ["controller.config.input_mode", 1, "give it 1, passthrough"],
  // It would come back in closed loop with other turns, and take a held place for a wide step.
  ["config.startup_closed_loop_control", 0, "give it 0, so that it has no power when it starts"],
  ["config.enable_step_dir", 0, "give it 0, or its step pin moves it"],
  ["config.enable_sensorless_mode", 0, "give it 0: it spins the motor to begin"],
  ["controller.config.circular_setpoints", 0, "give it 0: its positions begin anew each turn"],
  ["controller.config.load_encoder_axis", "axis", "give it its own encoder"],
];

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
  /** What was told as no number, and how often. */
  #strange = "";
  #strangeCount = 0;
  #settings = 0;
  readonly #bus: OdriveBus;
  readonly #axes: readonly number[];
  /** 0 where the axes are not to watch. */
  readonly #watchdogUs: number;
  readonly #unfed: WatchdogSilence;
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
    this.#unfed = new WatchdogSilence(this.#watchdogUs, clock);
  }

  get done(): boolean {
    return this.#stage === Stage.done;
  }

  get proven(): boolean {
    return this.done;
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

  /** Nothing is left to prove. */
  prove(): void {}

  cancel(): void {}

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

  /** Whether the board and each axis are idle and well, and follow orders at once. */
  #hear(): void {
    if (!this.#ask(["r error"], [1], "its own error")) return;
    if (this.#answers[0] !== 0) {
      this.refusal = `the ODrive ${errorText(this.#answers[0])}`;
      return;
    }
    for (const axis of this.#axes) {
      if (!this.#hearState(axis) || !this.#hearSettings(axis)) return;
    }
    this.#waitsFor = noAnswer;
    this.#stage = this.#watchdogUs === 0 ? Stage.done : Stage.watchdog;
  }

  #hearState(axis: number): boolean {
    const names = ["current_state", "error", "config.enable_watchdog"];
    const lines = names.map((name) => `r axis${axis}.${name}`);
    if (!this.#ask(lines, [1, 1, 1], `axis ${axis}`)) return false;
    const [state, error, watches] = this.#answers;
    if (otherErrors(error) !== 0) {
      this.refusal = `axis ${axis} ${errorText(otherErrors(error))}`;
    } else if (watches !== 0 && this.#watchdogUs === 0) {
      this.refusal = `axis ${axis} has its watchdog enabled: give watchdogMs, or reboot it`;
    } else if (state !== AxisState.idle) {
      // It may be what an earlier program left, whose time is not yet over.
      this.#waitsFor = `axis ${axis} is in state ${state}: bring it to idle, 1`;
      return false;
    }
    return this.refusal === null;
  }

  #hearSettings(axis: number): boolean {
    for (const [path, wanted, advice] of settings) {
      if (!this.#ask([`r axis${axis}.${path}`], [1], `axis ${axis}'s ${path}`)) return false;
      const [value] = this.#answers;
      if (value === (wanted === "axis" ? axis : wanted)) continue;
      this.refusal = `axis ${axis} has ${path.split(".").at(-1)} ${value}: ${advice}`;
      return false;
    }
    return true;
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
        // A line of these may have been lost.
        if (++this.#settings < settingsMax) return;
        const has = enabled === 1 ? `is ${told} s` : "is not enabled";
        this.refusal = `the watchdog of axis ${axis} ${has}, and was set to ${Number(seconds)} s`;
        return;
      }
    }
    this.#stage = Stage.fed;
  }

  /** Feeds all, clears what their watchdogs reported, and sees that they are well then. */
  #feed(): void {
    this.#unfed.begin();
    const lines = this.#axes.flatMap((axis) => [`u ${axis}`, `w axis${axis}.error 0`]);
    if (!this.#askErrors(lines)) return;
    // This program may have been late itself; then it is done again.
    this.#waitsFor = "an axis' watchdog expires although it is fed";
    if (this.#axes.every((_, at) => this.#answers[at] === 0)) this.#stage = Stage.expiry;
  }

  /** Feeds none, until each has reported it. */
  #expire(): void {
    if (!this.#unfed.over || !this.#askErrors([])) return;
    const asleep = this.#axes.findIndex((_, at) => !hasExpired(this.#answers[at]));
    if (asleep < 0) {
      this.#stage = Stage.done;
    } else if (this.#unfed.overdue) {
      const axis = this.#axes[asleep];
      this.refusal = `the watchdog of axis ${axis} has not expired after ${this.#unfed.ms} ms`;
    }
  }

  /** Says `lines`, and asks each axis for its error, of which only the watchdog's is none. */
  #askErrors(lines: readonly string[]): boolean {
    const questions = this.#axes.map((axis) => `r axis${axis}.error`);
    const counts = this.#axes.map(() => 1);
    if (!this.#ask([...lines, ...questions], counts, "its errors")) return false;
    const ill = this.#axes.findIndex((_, at) => otherErrors(this.#answers[at]) !== 0);
    if (ill < 0) return true;
    this.refusal = `axis ${this.#axes[ill]} ${errorText(otherErrors(this.#answers[ill]))}`;
    return false;
  }

  /** Lines that are the same for ever are not worth keeping: this is said once a run. */
  #ask(lines: readonly string[], counts: readonly number[], what: string): boolean {
    const bytes = encodeOdriveLines(lines);
    const asked = this.#bus.askPatiently(bytes, Uint8Array.from(counts), this.#answers);
    if (!this.#bus.strange && this.#strange !== what) return asked;
    this.#strangeCount = this.#bus.strange ? this.#strangeCount + 1 : 0;
    if (this.#strange !== what) this.#strangeCount = 1;
    this.#strange = what;
    if (this.#strangeCount < strangeMax) return asked;
    this.refusal = `the ODrive does not tell ${what} as a number`;
    return false;
  }
}
