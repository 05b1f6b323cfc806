import { SinewError } from "../core/errors.ts";
import { restOf } from "../core/history.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { Driver } from "../policy/driver.ts";
import { readPolicyFile } from "../policy/file.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { Policy } from "../policy/policy.ts";
import type { Limits } from "../safety/limits.ts";
import { placeAt } from "./start.ts";

/** What the moved action is: where its joint is to be, how fast, or how hard it is pushed. */
export type WiggleKind = "place" | "velocity" | "effort";

/**
 * One actuator that is moved a little, there and back, while the others stay where they are. It
 * goes through structured clone and JSON unchanged: the control thread gets it, and a log keeps it.
 */
export interface WiggleChoice {
  /** Which action, by its place in the spec. */
  readonly at: number;
  readonly kind: WiggleKind;
  /** How far, how fast or how hard at most, in the action's unit, above 0. */
  readonly amplitude: number;
  readonly seconds: number;
  /** What is allowed of that action. */
  readonly low: number;
  readonly high: number;
  /** Of each action the observation that tells where it is, which is kept; -1: it rests. */
  readonly placesAt: readonly number[];
  /** The observation that is to follow. */
  readonly feedbackAt: number;
}

/** What a person asks for. */
export interface WiggleWish {
  /** An action channel, or what stands before its `_position`, `_velocity` or `_torque`. */
  readonly joint: string;
  readonly degrees: number;
  readonly seconds: number;
  /** The part of an effort's limit, or of a length's range, of which it goes at most 0.05. */
  readonly share: number;
}

/** A log names it as what drove; its number goes up where its bits change. */
export const wiggleRunner = "wiggle 1";

const degreesPer: Readonly<Record<string, number>> = { rad: 180 / Math.PI, deg: 1, turns: 360 };
const lengthUnits: readonly string[] = ["m", "mm"];
/** No joint is moved faster to see which it is, in degrees per second. */
const degreesPerSMax = 30;
/** Nor by more than this share of its range where that is a length, or a length's speed. */
const lengthShareMax = 0.05;

/**
 * How `wish` is done on a robot of `spec` within `limits`; `spec` has what the device itself
 * observes first, `own` channels of it. Throws `SinewError("usage")` for a joint that there is not
 * or that nothing tells the place of, and for a move that is too fast or too wide.
 */
export function planWiggle(
  spec: Spec,
  own: number,
  limits: Limits,
  wish: WiggleWish,
): WiggleChoice {
  const at = actionOf(spec, wish.joint);
  const placesAt = spec.action.map((channel, index) => heldBy(spec, own, limits, channel, index));
  const channel = spec.action[at];
  const kind = kindOf(channel.unit);
  const feedbackAt = feedbackOf(spec, own, limits, at, placesAt[at]);
  // Both ways of moving an angle are fastest halfway, by pi times the mean of one way.
  const isAngle = channel.unit.replace(/\/s$/, "") in degreesPer;
  if (isAngle && wish.degrees * Math.PI > degreesPerSMax * wish.seconds) {
    const least = ((wish.degrees * Math.PI) / degreesPerSMax).toFixed(1);
    refuse(`${wish.degrees} degrees in ${wish.seconds} s are too fast: give --seconds ${least}`);
  }
  const { low, high } = limits.action[at];
  const amplitude = amplitudeOf(channel, kind, low, high, wish);
  const room = kind === "place" ? (high - low) / 2 : Math.min(-low, high);
  if (!(amplitude > 0 && amplitude <= room)) {
    const range = `its limits are ${low} to ${high} ${channel.unit}`;
    refuse(`"${channel.name}" cannot be moved by ${amplitude.toPrecision(3)}: ${range}`);
  }
  const { seconds } = wish;
  return { at, kind, amplitude, seconds, low, high, placesAt, feedbackAt };
}

/** The action that a person calls `joint`. */
function actionOf(spec: Spec, joint: string): number {
  const at = spec.action.findIndex(({ name }) => name === joint || shortOf(name) === joint);
  if (at >= 0) return at;
  const known = spec.action.map(({ name }) => shortOf(name)).join(", ");
  refuse(`there is no joint "${joint}": give one of ${known}`);
}

/** What a person calls the joint of an action. */
export function shortOf(action: string): string {
  return action.replace(/_(position|velocity|torque)$/, "");
}

function heldBy(
  spec: Spec,
  own: number,
  limits: Limits,
  { name, unit }: Channel,
  at: number,
): number {
  if (kindOf(unit) !== "place") return -1;
  const place = placeAt(spec, limits, at);
  if (place >= 0 && place < own) return place;
  const what = `nothing tells where "${name}" is, so it could not be held there`;
  refuse(`${what}: describe its joint in robot.yaml (joints)`);
}

/** The observation that tells where the joint of action `at` is. */
function feedbackOf(spec: Spec, own: number, limits: Limits, at: number, placeAt: number): number {
  if (placeAt >= 0) return placeAt;
  const ends = limits.ends?.[at] ?? null;
  if (ends !== null) return ends.positionAt;
  const { name } = spec.action[at];
  const place = `${shortOf(name)}_position`;
  const found = spec.observation.findIndex((seen, index) => seen.name === place && index < own);
  if (found >= 0 && place !== name) return found;
  const what = `no observation tells where the joint of "${name}" is, or what moved`;
  refuse(`${what}: describe it in robot.yaml (joints)`);
}

function kindOf(unit: string): WiggleKind {
  if (unit in degreesPer || lengthUnits.includes(unit)) return "place";
  return unit.endsWith("/s") ? "velocity" : "effort";
}

function amplitudeOf(
  { name, unit }: Channel,
  kind: WiggleKind,
  low: number,
  high: number,
  { degrees, seconds, share }: WiggleWish,
): number {
  const most = Math.min(-low, high);
  if (kind === "effort") return share * most;
  const place = kind === "place" ? unit : unit.slice(0, -"/s".length);
  const lengthShare = Math.min(share, lengthShareMax);
  const way = place in degreesPer ? degrees / degreesPer[place] : lengthShare * (high - low);
  if (kind === "place") return way;
  if (!(place in degreesPer)) return lengthShare * most;
  // There and back by a sine: the half of it covers 2 / pi of its height, for half the time.
  const speed = (way * Math.PI) / seconds;
  if (speed <= most) return speed;
  const range = `its limits are ${low} to ${high} ${unit}`;
  refuse(`"${name}" cannot go ${degrees} degrees in ${seconds} s: ${range}; give more --seconds`);
}

function refuse(line: string): never {
  throw new SinewError("usage", line);
}

/**
 * Asks for a wiggle in the place of a policy. It begins anew from where everything stands whenever
 * nothing was driven before. Throws nothing and allocates nothing in a cycle.
 */
export class WigglePolicy implements Policy {
  readonly id: string;
  readonly spec: Spec;
  readonly #choice: WiggleChoice;
  readonly #from: Float32Array;
  readonly #rest: Float32Array;
  readonly #cyclesMax: number;
  #cycle = 0;
  #way = 1;

  constructor(id: string, spec: Spec, choice: WiggleChoice) {
    this.id = id;
    this.spec = spec;
    this.#choice = choice;
    this.#rest = restOf(spec);
    this.#from = restOf(spec);
    this.#cyclesMax = Math.round((choice.seconds * 1e6) / spec.periodUs);
  }

  act(observation: Float32Array, action: Float32Array): void {
    if (this.#cycle === 0) this.#begin(observation);
    action.set(this.#from);
    const { at, kind, amplitude } = this.#choice;
    const turn = Math.min(1, this.#cycle / this.#cyclesMax);
    const angle = 2 * Math.PI * turn;
    const share = kind === "place" ? (1 - Math.cos(angle)) / 2 : Math.sin(angle);
    if (turn < 1) action[at] += this.#way * amplitude * share;
    this.#cycle++;
  }

  rest(): void {
    this.#cycle = 0;
  }

  #begin(observation: Float32Array): void {
    const { at, kind, amplitude, high, placesAt } = this.#choice;
    for (let i = 0; i < placesAt.length; i++) {
      this.#from[i] = placesAt[i] < 0 ? this.#rest[i] : observation[placesAt[i]];
    }
    // Where there is no room on the one side, there is on the other.
    this.#way = kind === "place" && this.#from[at] + amplitude > high ? -1 : 1;
  }
}

/** What computes a wiggle in the control thread, with the contract of the policy file `bytes`. */
export function wiggleDriver(bytes: Uint8Array, choice: WiggleChoice): Driver {
  const { id, contract } = readPolicyFile(bytes);
  return {
    ...{ id, contract, runner: wiggleRunner, proofError: 0 },
    policy: new WigglePolicy(id, deviceSpecOf(contract), choice),
    close: () => Promise.resolve(),
  };
}
