import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { StopChoice } from "../wire/stop-choice.ts";
import type { Plainness } from "./event-line.ts";
import { Order } from "./motor-line.ts";

/** One motor drive as the robot's owner describes it. */
export interface Motor {
  /** An ODrive's axis, 0 or 1; a moteus' id, 1 to 126. */
  readonly id: number;
  /** The policy calls its channels `<joint>_position`, `<joint>_velocity`, `<joint>_torque`. */
  readonly joint: string;
  /** 1 where more turns mean more rad. */
  readonly sign: 1 | -1;
  /** Turns that the drive tells for each turn of the joint. */
  readonly gear: number;
  /** What the drive tells at 0 rad, turns. */
  readonly zeroTurns: number;
  /** How fast a position's goal may move, rad/s of the joint. */
  readonly maxSpeed: number;
}

/** Motor drives on one line. */
export interface MotorChoice extends Plainness {
  readonly path: string;
  /** bits/s */
  readonly baud: number;
  /** How long a drive may go without an order, ms; undefined: it does not watch. */
  readonly watchdogMs: number | undefined;
  readonly motors: readonly Motor[];
}

/** A motor and its places in the policy's contract. */
export interface MotorJoint {
  readonly motor: Motor;
  /** What its action is: a position, a velocity or an effort. */
  readonly order: Order;
  /** The action as the drive takes it is this times the channel's value, from `zeroTurns` on. */
  readonly perUnit: number;
  readonly turnsPerRad: number;
  /** A goal moves by at most so many turns a cycle. */
  readonly stepTurns: number;
  /** A goal is at most so many turns ahead of where the motor is. */
  readonly leadTurns: number;
  /** A stop holds the place; else the motor is let go. */
  readonly holds: boolean;
  readonly actionAt: number;
  /** -1 where the policy does not observe it. */
  readonly positionAt: number;
  readonly velocityAt: number;
}

/** A goal waits for a motor that is held back further than this, rad of the joint. */
const leadRad = 0.4;
/** Drives keep turns as floats, and tell them in nine letters: a thousandth is left up to here. */
export const turnsMost = 1000;
const kinds = [
  { order: Order.position, suffix: "position", unit: "rad" },
  { order: Order.velocity, suffix: "velocity", unit: "rad/s" },
  { order: Order.effort, suffix: "torque", unit: "N*m" },
] as const;

/**
 * Which motor serves which channel of `spec`. Throws `SinewError("contract-mismatch")` that names
 * the channel: one that no motor has, a motor with no action or with two, another unit, a position
 * beyond 1000 turns, a velocity or torque without a watchdog, a watchdog shorter than three
 * periods; and `SinewError("robot-file")` for a stop that a drive cannot do.
 */
export function motorJoints(
  spec: Spec,
  { motors, watchdogMs }: MotorChoice,
  stops: Readonly<Record<string, StopChoice>> = {},
): MotorJoint[] {
  for (const { name } of spec.observation) {
    const known = motors.some(({ joint }) => {
      return name === `${joint}_position` || name === `${joint}_velocity`;
    });
    if (!known) refuse("observation", name, "no motor of the link tells it");
  }
  for (const { name } of spec.action) {
    const known = motors.some(({ joint }) => {
      return kinds.some(({ suffix }) => name === `${joint}_${suffix}`);
    });
    if (!known) refuse("action", name, "no motor of the link does it");
  }
  for (const name of Object.keys(stops)) {
    if (spec.action.some((channel) => channel.name === name)) continue;
    const words = spec.action.map((channel) => channel.name).join(", ");
    throw new SinewError("robot-file", `stops: "${name}" is no action channel: ${words}`);
  }
  if (watchdogMs !== undefined && watchdogMs * 1000 < 3 * spec.periodUs) {
    const least = Math.ceil((3 * spec.periodUs) / 1000);
    const line = `watchdogMs is ${watchdogMs}, and three periods are ${least} ms`;
    throw new SinewError("contract-mismatch", `${line}: give at least that`);
  }
  return motors.map((motor) => jointOf(spec, motor, watchdogMs !== undefined, stops));
}

function jointOf(
  spec: Spec,
  motor: Motor,
  watched: boolean,
  stops: Readonly<Record<string, StopChoice>>,
): MotorJoint {
  const { joint, sign, gear, maxSpeed } = motor;
  const turnsPerRad = (sign * gear) / (2 * Math.PI);
  const found = kinds.flatMap((kind) => {
    const actionAt = spec.action.findIndex(({ name }) => name === `${joint}_${kind.suffix}`);
    return actionAt < 0 ? [] : [{ ...kind, actionAt }];
  });
  if (found.length !== 1) {
    const names = kinds.map(({ suffix }) => `${joint}_${suffix}`).join(", ");
    const count = found.length === 0 ? "none" : `${found.length}`;
    refuse("action", joint, `give exactly one of ${names}: the policy has ${count}`);
  }
  const [{ order, unit, actionAt }] = found;
  const action = spec.action[actionAt];
  requireUnit("action", action, unit);
  if (order !== Order.position && !watched) {
    refuse("action", action.name, "only positions without a watchdog: give watchdogMs");
  }
  const perUnit = order === Order.effort ? sign / gear : turnsPerRad;
  if (order === Order.position) requireReach(motor, action, perUnit);
  return {
    motor,
    order,
    perUnit,
    turnsPerRad,
    stepTurns: (maxSpeed * spec.periodUs * Math.abs(turnsPerRad)) / 1e6,
    leadTurns: leadRad * Math.abs(turnsPerRad),
    holds: holdsAt(action, order, stops[action.name]),
    actionAt,
    positionAt: observed(spec, `${joint}_position`, "rad"),
    velocityAt: observed(spec, `${joint}_velocity`, "rad/s"),
  };
}

function requireReach({ id, zeroTurns }: Motor, action: Channel, perUnit: number): void {
  const ends = [action.low, action.high].map((rad) => zeroTurns + rad * perUnit);
  if (ends.every((turns) => Math.abs(turns) <= turnsMost)) return;
  const range = ends.map((turns) => turns.toFixed(1)).join(" to ");
  refuse("action", action.name, `its range is ${range} turns of motor ${id}: stay within 1000`);
}

/** A position holds its place unless it is to be let go; all else has no place to hold. */
function holdsAt({ name }: Channel, order: Order, choice: StopChoice | undefined): boolean {
  if (choice === undefined) return order === Order.position;
  if (choice === "off") return false;
  const place = order === Order.position ? ` or { hold: ${name} }` : "";
  if (choice !== "ramp_to_zero" && place !== "" && choice.hold === name) return true;
  throw new SinewError("robot-file", `stops: "${name}": give off${place} to a motor drive`);
}

function observed(spec: Spec, name: string, unit: string): number {
  const at = spec.observation.findIndex((channel) => channel.name === name);
  if (at >= 0) requireUnit("observation", spec.observation[at], unit);
  return at;
}

function requireUnit(group: string, { name, unit }: Channel, expected: string): void {
  if (unit === expected) return;
  refuse(group, name, `a motor drive speaks ${expected}, the policy ${unit}`);
}

function refuse(group: string, name: string, why: string): never {
  throw new SinewError("contract-mismatch", `${group} "${name}": ${why}`);
}
