import { SinewError } from "../core/errors.ts";
import { restOf } from "../core/history.ts";
import type { Spec } from "../core/spec.ts";
import { Mode, Reason, type Step } from "../core/step.ts";
import type { Limits } from "../safety/limits.ts";

/** How the policy comes to drive. */
export interface StartChoice {
  /** Where each actuator goes first, by action channel, in its unit; absent: nowhere. */
  readonly home?: Readonly<Record<string, number>> | undefined;
  /** How fast it goes there, in the channel's unit per second. */
  readonly speed: number;
  /** Over so long the policy takes over; 0: at once. */
  readonly softSeconds: number;
}

/** It is at home within this share of each action's range: servos droop, and dry friction holds. */
const nearShare = 0.03;
/** It may take twice the time that the way needs, and this. */
const graceUs = 2e6;

/**
 * The way from where a device stands to where the policy drives: home at a bounded speed, then from
 * what was asked for last to what the policy asks for. Where an action is by observation of the
 * same name and unit, the device stands there; where nothing tells, at rest (`restOf`). It only
 * proposes: the gate comes after it. Nothing here throws or allocates after construction.
 */
export class Start {
  readonly homes: boolean;
  /** Homing, and the device is there. */
  arrived = false;
  readonly #rest: Float32Array;
  /** The observation that tells where an actuator is; -1: none. */
  readonly #seenAt: Int32Array;
  readonly #home: Float32Array;
  readonly #near: Float32Array;
  /** What the way home moves by in a cycle at most. */
  readonly #stride: number;
  readonly #graceCycles: number;
  readonly #softCycles: number;
  /** What was proposed last on the way home, and what the policy takes over from. */
  readonly #from: Float32Array;
  #mode: Mode = Mode.disarmed;
  #cycles = 0;
  #cyclesMax = 0;

  /**
   * Throws `SinewError("robot-file")` that names the channel: a home that is no action's, is left
   * out for one, is beyond its limits, or that no observation tells.
   */
  constructor(spec: Spec, limits: Limits, choice: StartChoice | undefined) {
    this.homes = choice?.home !== undefined;
    this.#rest = restOf(spec);
    this.#from = restOf(spec);
    this.#seenAt = Int32Array.from(spec.action, ({ name, unit }) => {
      if (choice === undefined) return -1;
      return spec.observation.findIndex((seen) => seen.name === name && seen.unit === unit);
    });
    if (choice?.home !== undefined) checkHome(spec, limits, choice.home, this.#seenAt);
    this.#home = Float32Array.from(spec.action, ({ name }) => choice?.home?.[name] ?? 0);
    this.#near = Float32Array.from(spec.action, ({ low, high }) => nearShare * (high - low));
    const periodS = spec.periodUs / 1e6;
    this.#stride = (choice?.speed ?? 0) * periodS;
    this.#graceCycles = Math.ceil(graceUs / spec.periodUs);
    this.#softCycles = Math.round((choice?.softSeconds ?? 0) / periodS);
  }

  /** Where actuator `at` stands by `observation`: what the gate counts the first change from. */
  standsAt(observation: Float32Array, at: number): number {
    return this.#seenAt[at] < 0 ? this.#rest[at] : observation[this.#seenAt[at]];
  }

  /**
   * Changes `step.proposed` on the way home and while the policy takes over; true where it changed
   * what the policy asked for while that drives.
   */
  ease(step: Step): boolean {
    const before = this.#mode;
    this.#mode = step.mode;
    if (step.mode === Mode.homing) {
      if (before !== Mode.homing) this.#setOut(step);
      this.#goHome(step);
      return false;
    }
    this.arrived = false;
    if (step.mode !== Mode.armed) return false;
    if (before !== Mode.armed) {
      this.#cycles = 0;
      if (before !== Mode.homing) this.#stand(step.observation);
    }
    return this.#blend(step.proposed);
  }

  #stand(observation: Float32Array): void {
    for (let at = 0; at < this.#from.length; at++) {
      this.#from[at] = this.standsAt(observation, at);
    }
  }

  #setOut({ observation }: Step): void {
    this.#stand(observation);
    this.arrived = false;
    this.#cycles = 0;
    let longest = 0;
    for (let at = 0; at < this.#home.length; at++) {
      longest = Math.max(longest, Math.abs(this.#home[at] - this.#from[at]));
    }
    this.#cyclesMax = 2 * Math.ceil(longest / this.#stride) + this.#graceCycles;
  }

  #goHome(step: Step): void {
    let there = this.homes;
    for (let at = 0; at < this.#home.length; at++) {
      const left = this.#home[at] - this.#from[at];
      this.#from[at] += Math.min(this.#stride, Math.max(-this.#stride, left));
      const off = Math.abs(this.standsAt(step.observation, at) - this.#home[at]);
      // Written so that NaN is not there.
      there &&= Math.abs(left) <= this.#stride && off <= this.#near[at];
    }
    step.proposed.set(this.#from);
    this.arrived = there;
    // Written so that a way of NaN, which the gate refuses anyway, is over too.
    if (!there && !(++this.#cycles <= this.#cyclesMax)) step.reasons |= Reason.homeMissed;
  }

  #blend(proposed: Float32Array): boolean {
    if (this.#cycles >= this.#softCycles) return false;
    const share = ++this.#cycles / this.#softCycles;
    for (let at = 0; at < proposed.length; at++) {
      proposed[at] = this.#from[at] + share * (proposed[at] - this.#from[at]);
    }
    return true;
  }
}

function checkHome(
  spec: Spec,
  limits: Limits,
  home: Readonly<Record<string, number>>,
  seenAt: Int32Array,
): void {
  for (const name of Object.keys(home)) {
    if (!spec.action.some((channel) => channel.name === name)) {
      refuse(`"${name}" is no action channel`);
    }
  }
  spec.action.forEach(({ name, unit }, at) => {
    if (!(name in home)) refuse(`"${name}" is missing: say where each actuator goes`);
    if (seenAt[at] < 0)
      refuse(`"${name}": no observation of that name and unit tells when it is there`);
    const { low, high } = limits.action[at];
    if (home[name] >= low && home[name] <= high) return;
    refuse(`"${name}" is ${home[name]}: give ${low} to ${high} ${unit}`);
  });
}

function refuse(line: string): never {
  throw new SinewError("robot-file", `start.home: ${line}`);
}
