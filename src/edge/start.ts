import { SinewError } from "../core/errors.ts";
import { restOf } from "../core/history.ts";
import { oneNaN } from "../core/one-nan.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { asksPolicy, isDriving, Mode, Reason, type Step } from "../core/step.ts";
import { placeUnits } from "../safety/joint.ts";
import type { Limits } from "../safety/limits.ts";

/** How the policy comes to drive. */
export interface StartChoice {
  /** Where each actuator goes first, by action channel, in its unit; absent: nowhere. */
  readonly home?: Readonly<Record<string, number>> | undefined;
  /** How fast it goes there, in the channel's unit per second. */
  readonly speed: number;
  /** Within so much of its place it is there, in the channel's unit; absent: 3 % of its range. */
  readonly near?: number | undefined;
  /** Over so long the policy takes over; 0: at once. */
  readonly softSeconds: number;
}

/** It is at home within this share of each action's range: servos droop, and dry friction holds. */
const nearShare = 0.03;
/** Who is further from home than this share is not there by any measure. */
const nearShareMax = 0.25;
/** It may take twice the time that the way needs, and this. */
const graceUs = 2e6;
/** Nobody waits longer for a way that nothing holds up. */
const wayUsMax = 120e6;

/**
 * The way from where a device stands to where the policy drives: home at a bounded speed, then from
 * what was asked for last to what the policy asks for. A joint whose action is a place stands where
 * its observation tells, and with a start so does what an observation of the action's name and unit
 * tells of. All else stands at rest (`restOf`). It only proposes: the gate comes after it. Nothing
 * here throws or allocates after construction.
 */
export class Start {
  readonly homes: boolean;
  /** Cycles over which the policy takes over. */
  readonly softCycles: number;
  /** Homing, and the device is there. */
  arrived = false;
  /** Of the newest step with `homeMissed` or `beyondLimits`: which action is worst; -1: none. */
  furthestAt = -1;
  /** How far it is from home, or beyond its limits, in its unit. */
  furthestBy = 0;
  readonly #limits: Limits;
  readonly #rest: Float32Array;
  /** The observation that tells where an actuator is; -1: none. */
  readonly #seenAt: Int32Array;
  readonly #home: Float32Array;
  readonly #near: Float32Array;
  /** What each moves by on the way home in a cycle at most. */
  readonly #stride: Float64Array;
  readonly #wayCyclesMax: number;
  readonly #graceCycles: number;
  /** What was proposed last on the way home, and what the policy takes over from. */
  readonly #from: Float32Array;
  #mode: Mode = Mode.disarmed;
  #cycles = 0;
  #cyclesMax = 0;

  /**
   * Throws `SinewError("robot-file")` that names the channel: a home that is no action's, is left
   * out for one, is beyond its limits, is no place, or that no observation tells, and a nearness
   * that is none.
   */
  constructor(spec: Spec, limits: Limits, choice: StartChoice | undefined) {
    this.homes = choice?.home !== undefined;
    this.#limits = limits;
    this.#rest = restOf(spec);
    this.#from = restOf(spec);
    this.#seenAt = Int32Array.from(spec.action, (_, at) => {
      const tied = limits.ends?.[at]?.drive === "position";
      return tied || choice !== undefined ? placeAt(spec, limits, at) : -1;
    });
    if (choice?.home !== undefined) checkHome(spec, limits, choice.home, this.#seenAt);
    this.#home = Float32Array.from(spec.action, ({ name }) => choice?.home?.[name] ?? 0);
    this.#near = Float32Array.from(spec.action, (channel) => nearOf(channel, choice?.near));
    const periodS = spec.periodUs / 1e6;
    const speed = choice?.speed ?? 0;
    // What the gate would hold up is no speed to go at, nor to reckon with.
    this.#stride = Float64Array.from(
      limits.action,
      ({ rateMax }) => Math.min(speed, rateMax) * periodS,
    );
    this.#wayCyclesMax = wayUsMax / spec.periodUs;
    this.#graceCycles = Math.ceil(graceUs / spec.periodUs);
    this.softCycles = Math.round((choice?.softSeconds ?? 0) / periodS);
  }

  /** Where actuator `at` stands by `observation`: what the gate counts the first change from. */
  standsAt(observation: Float32Array, at: number): number {
    return this.#seenAt[at] < 0 ? this.#rest[at] : observation[this.#seenAt[at]];
  }

  /**
   * Changes `step.proposed` on the way home and while the policy takes over; true where it changed
   * what the policy asked for while that drives. Adds its bits to `step.reasons`.
   */
  ease(step: Step): boolean {
    const before = this.#mode;
    this.#mode = step.mode;
    if (!isDriving(before)) this.#judgePlace(step);
    if (step.mode === Mode.homing) {
      if (before !== Mode.homing) this.#setOut(step);
      this.#goHome(step);
      return false;
    }
    this.arrived = false;
    // Who was held is not begun anew: the policy takes over from the hold.
    if (step.mode === Mode.holding) this.#cycles = this.softCycles;
    if (step.mode !== Mode.armed) return false;
    if (!asksPolicy(before)) {
      this.#cycles = 0;
      if (before !== Mode.homing) this.#stand(step.observation);
    }
    return this.#blend(step.proposed);
  }

  /** What `cycles` more in the same mode would have done, for a replay of a log without them. */
  skip(cycles: number): void {
    if (!isDriving(this.#mode)) return;
    this.#cycles += cycles;
    if (this.#mode !== Mode.homing) return;
    for (let cycle = 0; cycle < cycles; cycle++) {
      for (let at = 0; at < this.#home.length; at++) this.#stepHome(at);
    }
  }

  /** Takes `proposed` for what was proposed last on the way home, where a replay learns it. */
  recall(proposed: Float32Array): void {
    if (this.#mode === Mode.homing) this.#from.set(proposed);
  }

  /** The gate would bring who stands beyond its limits to them at once, at any speed. */
  #judgePlace(step: Step): void {
    if (step.mode === Mode.stopped) return;
    let most = 0;
    for (let at = 0; at < this.#near.length; at++) {
      if (this.#seenAt[at] < 0) continue;
      const { low, high } = this.#limits.action[at];
      const place = this.standsAt(step.observation, at);
      const by = Math.max(low - place, place - high);
      if (!(by > this.#near[at] && by > most)) continue;
      most = by;
      this.furthestAt = at;
      this.furthestBy = by;
    }
    if (most > 0) step.reasons |= Reason.beyondLimits;
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
    let way = 0;
    for (let at = 0; at < this.#home.length; at++) {
      way = Math.max(way, Math.abs(this.#home[at] - this.#from[at]) / this.#stride[at]);
    }
    // Also where it is NaN, which the gate refuses anyway: such a way is over at once.
    const goes = way <= this.#wayCyclesMax;
    this.#cyclesMax = goes ? 2 * Math.ceil(way) + this.#graceCycles : 0;
  }

  #goHome(step: Step): void {
    let there = this.homes;
    let most = 0;
    let worst = -1;
    for (let at = 0; at < this.#home.length; at++) {
      const left = this.#stepHome(at);
      const share = this.#offHome(step.observation, at) / this.#near[at];
      // Written so that NaN is not there.
      there &&= Math.abs(left) <= this.#stride[at] && share <= 1;
      if (!(share > most)) continue;
      most = share;
      worst = at;
    }
    step.proposed.set(this.#from);
    this.arrived = there;
    if (there || ++this.#cycles <= this.#cyclesMax) return;
    step.reasons |= Reason.homeMissed;
    if (worst < 0 || (step.reasons & Reason.beyondLimits) !== 0) return;
    this.furthestAt = worst;
    this.furthestBy = this.#offHome(step.observation, worst);
  }

  #offHome(observation: Float32Array, at: number): number {
    return Math.abs(this.standsAt(observation, at) - this.#home[at]);
  }

  /** Goes on by one stride; what was left before it. */
  #stepHome(at: number): number {
    const stride = this.#stride[at];
    const left = this.#home[at] - this.#from[at];
    this.#from[at] += Math.min(stride, Math.max(-stride, left));
    return left;
  }

  #blend(proposed: Float32Array): boolean {
    if (this.#cycles >= this.softCycles) return false;
    const share = ++this.#cycles / this.softCycles;
    for (let at = 0; at < proposed.length; at++) {
      proposed[at] = oneNaN(this.#from[at] + share * (proposed[at] - this.#from[at]));
    }
    return true;
  }
}

/**
 * The observation that tells where action `at` of `spec` is: of a joint with ends the one that
 * `limits` tie to it, else the one of its name and unit; -1: none.
 */
export function placeAt(spec: Spec, limits: Limits, at: number): number {
  const ends = limits.ends?.[at] ?? null;
  if (ends?.drive === "position") return ends.positionAt;
  const { name, unit } = spec.action[at];
  return spec.observation.findIndex((seen) => seen.name === name && seen.unit === unit);
}

/** Within so much of its place an actuator is there. */
function nearOf({ name, unit, low, high }: Channel, given: number | undefined): number {
  const near = given ?? nearShare * (high - low);
  const most = nearShareMax * (high - low);
  if (near > 0 && near <= most) return near;
  refuse("near", `"${name}" is near within ${near}: give above 0 and at most ${most} ${unit}`);
}

function checkHome(
  spec: Spec,
  limits: Limits,
  home: Readonly<Record<string, number>>,
  seenAt: Int32Array,
): void {
  for (const name of Object.keys(home)) {
    if (!spec.action.some((channel) => channel.name === name)) {
      refuse("home", `"${name}" is no action channel`);
    }
  }
  spec.action.forEach(({ name, unit }, at) => {
    if (!(name in home)) refuse("home", `"${name}" is missing: say where each actuator goes`);
    if (!placeUnits.includes(unit)) {
      refuse("home", `"${name}" is in ${unit}, which is no place: ${placeUnits.join(", ")} are`);
    }
    if (seenAt[at] < 0) {
      refuse("home", `"${name}": no observation of that name and unit tells when it is there`);
    }
    const { low, high } = limits.action[at];
    if (home[name] >= low && home[name] <= high) return;
    refuse("home", `"${name}" is ${home[name]}: give ${low} to ${high} ${unit}`);
  });
}

function refuse(key: string, line: string): never {
  throw new SinewError("robot-file", `start.${key}: ${line}`);
}
