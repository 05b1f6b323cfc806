import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { approachSpeed } from "./approach.ts";
import type { Drive, JointEnds } from "./barrier.ts";
import type { HoldGains } from "./hold-gains.ts";
import type { ActionLimit } from "./limits.ts";
import type { SeenLimit, SeenQuantity } from "./seen-limits.ts";

/** What of a joint is seen beside its place, and stops it beyond its limit; each by observation. */
interface SeenChoice {
  /** Of its velocity, in the position's unit per second. */
  readonly velocity?: string | undefined;
  /** Faster than this, either way, it is stopped. */
  readonly velocityMax?: number | undefined;
  readonly effort?: string | undefined;
  /** Harder than this, either way, it is stopped; in the effort's unit. */
  readonly effortMax?: number | undefined;
}

/** A joint that may turn or go for ever. */
export interface EndlessJoint extends SeenChoice {
  readonly unlimited: true;
  readonly position?: undefined;
}

/** A joint with ends, as its owner describes it; see `JointEnds`. */
export interface EndedJoint extends SeenChoice {
  readonly unlimited?: undefined;
  readonly position: string;
  readonly velocity: string;
  readonly low: number;
  readonly high: number;
  readonly deceleration: number;
  /** Of an effort only, and there it must be given. */
  readonly acceleration?: number | undefined;
  /** Further beyond an end it is stopped; absent: 3 % of the way between the ends. */
  readonly beyondMax?: number | undefined;
  /** How it is held; of an effort only. */
  readonly hold?: HoldGains | undefined;
}

export type JointChoice = EndlessJoint | EndedJoint;

/** A joint in the terms of the gate. */
export interface Joint {
  /** The action's limit, within the ends where the action is a place. */
  readonly action: ActionLimit;
  readonly seen: readonly SeenLimit[];
  /** null: it has none. */
  readonly ends: JointEnds | null;
}

/** What a place is of, and how many rad or m its unit is. */
export interface PlaceScale {
  readonly kind: "angle" | "length";
  readonly size: number;
}

/** What an actuator can be at, by unit; at a speed or an effort nothing stands. */
export const placeScales: Readonly<Record<string, PlaceScale>> = {
  rad: { kind: "angle", size: 1 },
  deg: { kind: "angle", size: Math.PI / 180 },
  turns: { kind: "angle", size: 2 * Math.PI },
  m: { kind: "length", size: 1 },
  mm: { kind: "length", size: 1e-3 },
};
export const placeUnits: readonly string[] = Object.keys(placeScales);
/** What more of, pushes harder the same way. */
export const effortUnits: readonly string[] = ["N*m", "N", "A", "V"];
const beyondShare = 0.03;
/** What is above this is no limit any more, and squares of it stay finite. */
export const accelerationMost = 1e9;

/**
 * The joints of all actions of `spec`, whose limits are `limits` and each of which may act for
 * `actsUs`, in their order. Throws `SinewError("robot-file")` that names the joint: one that is no
 * action's, an action without one, an observation that there is not, that has another unit or is
 * another joint's, a number that makes no sense, and ends that an effort cannot keep apart.
 */
export function jointsOf(
  spec: Spec,
  limits: readonly ActionLimit[],
  choices: Readonly<Record<string, JointChoice>>,
  actsUs: number,
): Joint[] {
  const known = spec.action.map(({ name }) => name);
  for (const name of Object.keys(choices)) {
    if (known.includes(name)) continue;
    fail(name, `it is no action channel: the policy has ${known.join(", ")}`);
  }
  const joints = spec.action.map(({ name }, at) => {
    const choice = choices[name];
    if (choice === undefined) {
      fail(name, "it is missing: describe all joints, or none. Without ends it is unlimited: true");
    }
    return new JointReader(spec, name, choice).read(limits[at]!, actsUs);
  });
  checkTies(choices);
  return joints;
}

/** How far beyond an end it may be seen, in its position's unit. */
export function beyondOf({ low, high, beyondMax }: EndedJoint): number {
  return beyondMax ?? beyondShare * (high - low);
}

/** Two joints that are seen by one observation are a slip of the pen. */
function checkTies(choices: Readonly<Record<string, JointChoice>>): void {
  const owners = new Map<string, string>();
  for (const [name, choice] of Object.entries(choices)) {
    const { position, velocity, effort } = choice;
    for (const tie of [position, velocity, effort]) {
      if (tie === undefined) continue;
      const owner = owners.get(tie);
      if (owner !== undefined) fail(name, `"${tie}" is given twice, first to "${owner}"`);
      owners.set(tie, name);
    }
  }
}

/** Reads one joint of a robot file against the policy's contract. */
class JointReader {
  readonly #spec: Spec;
  readonly #name: string;
  readonly #choice: JointChoice;

  constructor(spec: Spec, name: string, choice: JointChoice) {
    this.#spec = spec;
    this.#name = name;
    this.#choice = choice;
  }

  read(limit: ActionLimit, actsUs: number): Joint {
    const { velocity, velocityMax, effort, effortMax } = this.#choice;
    const seen = [
      ...this.#seenWithin("velocity", velocity, velocityMax),
      ...this.#seenWithin("effort", effort, effortMax),
    ];
    if (this.#choice.unlimited) return { action: limit, seen, ends: null };
    const ends = this.#endsOf(this.#choice, limit);
    this.#checkRoom(ends, actsUs);
    const { low, high, positionAt: at } = ends;
    const beyond = beyondOf(this.#choice);
    if (!(beyond >= 0 && beyond < Number.POSITIVE_INFINITY)) {
      this.#fail(`beyondMax is ${beyond}: give a number from 0 on`);
    }
    seen.push({ quantity: "position", at, low: low - beyond, high: high + beyond });
    const action = ends.drive === "position" ? this.#withinEnds(limit, ends) : limit;
    return { action, seen, ends };
  }

  #seenWithin(quantity: SeenQuantity, name?: string, most?: number): SeenLimit[] {
    if (most === undefined) {
      const needed = quantity === "velocity" && !this.#choice.unlimited;
      if (name !== undefined && !needed) this.#fail(`${quantity} needs ${quantity}Max, its limit`);
      return [];
    }
    if (name === undefined) this.#fail(`${quantity}Max needs ${quantity}, an observation`);
    const at = this.#observed(quantity, name);
    const channel = this.#spec.observation[at]!;
    // A limit that cannot be seen to be exceeded protects nobody.
    const told = Math.min(-channel.low, channel.high);
    if (!(most > 0 && most < told)) {
      const range = `[${channel.low}, ${channel.high}] ${channel.unit}`;
      this.#fail(
        `${quantity}Max is ${most}: give above 0 and below what "${name}" tells, ${range}`,
      );
    }
    return [{ quantity, at, low: -most, high: most }];
  }

  #endsOf(choice: EndedJoint, limit: ActionLimit): JointEnds {
    const positionAt = this.#observed("position", choice.position);
    const { unit, low: seenLow, high: seenHigh } = this.#spec.observation[positionAt]!;
    if (!placeUnits.includes(unit)) {
      const places = placeUnits.join(", ");
      this.#fail(`"${choice.position}" is in ${unit}, which is no place: ${places} are`);
    }
    const velocityAt = this.#observed("velocity", choice.velocity);
    const velocityUnit = this.#spec.observation[velocityAt]!.unit;
    if (velocityUnit !== `${unit}/s`) {
      this.#fail(
        `"${choice.velocity}" is in ${velocityUnit}: its place is in ${unit}, so ${unit}/s`,
      );
    }
    const { low, high, deceleration } = choice;
    if (!(low < high && low >= seenLow && high <= seenHigh)) {
      const range = `[${seenLow}, ${seenHigh}] ${unit}`;
      const line = `low below high, within what "${choice.position}" tells, ${range}`;
      this.#fail(`its ends are [${low}, ${high}]: give ${line}`);
    }
    this.#checkAcceleration("deceleration", deceleration, unit);
    const drive = this.#driveOf(unit);
    const ends = { drive, positionAt, velocityAt, low, high, deceleration };
    this.#checkRest(drive, limit);
    if (drive !== "effort") {
      if (choice.hold !== undefined) {
        this.#fail(`hold is for an action that is an effort: a ${drive} is held without it`);
      }
      if (choice.acceleration === undefined) return ends;
      this.#fail(`acceleration is for an action that is an effort, and this is a ${drive}`);
    }
    if (choice.acceleration === undefined) {
      this.#fail("acceleration is missing: by how much it speeds up at most, at full effort");
    }
    this.#checkAcceleration("acceleration", choice.acceleration, unit);
    const { acceleration, hold } = choice;
    return { ...ends, acceleration, ...(hold !== undefined && { hold }) };
  }

  /** What the action is, by its unit. */
  #driveOf(placeUnit: string): Drive {
    const { unit } = this.#spec.action.find(({ name }) => name === this.#name)!;
    if (unit === placeUnit) return "position";
    if (unit === `${placeUnit}/s`) return "velocity";
    if (effortUnits.includes(unit)) return "effort";
    const words = `${placeUnit}, ${placeUnit}/s, ${effortUnits.join(", ")}`;
    this.#fail(
      `the action is in ${unit}, and what that does to a joint is not known: ${words} are`,
    );
  }

  /** An action that cannot be 0, or cannot push both ways, cannot stop a joint. */
  #checkRest(drive: Drive, { low, high }: ActionLimit): void {
    if (drive === "velocity" && !(low <= 0 && high >= 0)) {
      this.#fail(`its action is within [${low}, ${high}], so never 0, and cannot stop it`);
    }
    if (drive === "effort" && !(low < 0 && high > 0)) {
      this.#fail(`its action is within [${low}, ${high}], so it cannot brake both ways`);
    }
  }

  /** Halfway between its ends, at rest and seen just now, a joint must have a safe effort. */
  #checkRoom({ low, high, deceleration, acceleration = 0 }: JointEnds, actsUs: number): void {
    const actsS = actsUs / 1e6;
    const faster = approachSpeed((high - low) / 2, deceleration, actsS / 2) / actsS;
    if (faster >= (acceleration - deceleration) / 2) return;
    const line = `an effort may act for ${actsUs / 1000} ms, and that is too long between its ends`;
    this.#fail(`${line}, [${low}, ${high}]: give a shorter commandTtlMs`);
  }

  #withinEnds(limit: ActionLimit, ends: JointEnds): ActionLimit {
    const low = Math.max(limit.low, -floatBelow(-ends.low));
    const high = Math.min(limit.high, floatBelow(ends.high));
    if (low < high) return { ...limit, low, high };
    const range = `[${limit.low}, ${limit.high}]`;
    this.#fail(`its ends are [${ends.low}, ${ends.high}], and its action is within ${range}`);
  }

  #checkAcceleration(key: string, value: number, unit: string): void {
    if (value > 0 && value <= accelerationMost) return;
    this.#fail(`${key} is ${value}: give ${unit}/s^2 above 0, at most ${accelerationMost}`);
  }

  #observed(key: string, name: string): number {
    const at = this.#spec.observation.findIndex((channel: Channel) => channel.name === name);
    if (at >= 0) return at;
    const known = this.#spec.observation.map((channel) => channel.name).join(", ");
    this.#fail(`${key}: the device tells no "${name}", but ${known}`);
  }

  #fail(line: string): never {
    fail(this.#name, line);
  }
}

/** The greatest float32 that is not above `value`. */
function floatBelow(value: number): number {
  const float = Float32Array.of(value);
  if (float[0]! <= value) return float[0]!;
  // One less of the bits is one nearer to 0, on either side of it.
  new Int32Array(float.buffer)[0]! += float[0]! > 0 ? -1 : 1;
  return float[0]!;
}

function fail(name: string, line: string): never {
  throw new SinewError("robot-file", `joints: "${name}": ${line}`);
}
