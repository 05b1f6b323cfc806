import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { Plainness } from "./event-line.ts";

/** One servo as the robot's owner describes it. */
export interface Servo {
  /** On the bus, 0 to 253. */
  readonly id: number;
  /** The policy calls its channels `<joint>_position` (rad) and `<joint>_velocity` (rad/s). */
  readonly joint: string;
  /** 1 where more counts mean more rad. */
  readonly sign: 1 | -1;
  /** What the encoder tells at 0 rad, 0 to 4095. */
  readonly zeroCounts: number;
  /** How fast its goal may move, rad/s. */
  readonly maxSpeed: number;
}

/** A serial line with servos on it. */
export interface ServoLine extends Plainness {
  readonly path: string;
  /** bits/s */
  readonly baud: number;
  readonly servos: readonly Servo[];
}

/** Dynamixel servos watch the line themselves. */
export interface DynamixelLine extends ServoLine {
  /** After so long a silence they stop and refuse goals, ms; 20 to 500 in steps of 20. */
  readonly watchdogMs: number;
}

/** A servo and its places in the policy's contract. */
export interface ServoJoint {
  readonly servo: Servo;
  /** The encoder's number in the middle of the action's range. */
  readonly middleCounts: number;
  /** The goal moves by at most so many counts a cycle, at least 1. */
  readonly stepCounts: number;
  readonly actionAt: number;
  /** -1 where the policy does not observe it. */
  readonly positionAt: number;
  readonly velocityAt: number;
}

/** What one turn of an encoder is, for every family of servos. */
export const countsPerTurn = 4096;
export const radPerCount: number = (2 * Math.PI) / countsPerTurn;
/**
 * A servo goes from 4095 to 0 the long way round, so nothing may bring it there: so many counts
 * stay free at both ends of its turn, 0.1 rad.
 */
export const wrapMarginCounts = 64;

/** What a range may be wide at most, counts. */
export const clearCountsMax: number = countsPerTurn - 1 - 2 * wrapMarginCounts;

/** For messages. */
export function nameOfServo({ id, joint }: Servo): string {
  return `servo ${id} (${joint})`;
}

/** Whether `low` to `high`, counts and not rounded, keeps clear of the end of the turn. */
export function keepsClear(low: number, high: number): boolean {
  return low >= wrapMarginCounts && high <= wrapMarginCounts + clearCountsMax;
}

/** The encoder's number at `rad`, not rounded. */
export function countsAt({ sign, zeroCounts }: Servo, rad: number): number {
  return zeroCounts + (sign * rad) / radPerCount;
}

/** `difference` of two encoder numbers, brought to the nearer way round: -2048 to 2047. */
export function nearWay(difference: number): number {
  const half = countsPerTurn / 2;
  return ((difference + half) & (countsPerTurn - 1)) - half;
}

/**
 * Which servo serves which channel of `spec`. Throws `SinewError("contract-mismatch")` that names
 * the channel: one that no servo has, a unit that is not rad or rad/s, a range that comes too near
 * the end of the encoder's turn, a servo that the policy does not move, a speed below one count a
 * cycle.
 */
export function servoJoints(
  spec: Spec,
  servos: readonly Servo[],
  family: "feetech" | "dynamixel",
): ServoJoint[] {
  for (const channel of spec.observation) {
    const known = servos.some(({ joint }) => {
      return channel.name === `${joint}_position` || channel.name === `${joint}_velocity`;
    });
    if (!known) refuse("observation", channel.name, `no servo of link.${family} tells it`);
  }
  for (const { name } of spec.action) {
    if (!servos.some(({ joint }) => name === `${joint}_position`)) {
      refuse("action", name, `no servo of link.${family} does it`);
    }
  }
  return servos.map((servo) => jointOf(spec, servo));
}

function jointOf(spec: Spec, servo: Servo): ServoJoint {
  const { joint, maxSpeed } = servo;
  const position = `${joint}_position`;
  const actionAt = spec.action.findIndex(({ name }) => name === position);
  if (actionAt < 0)
    refuse("action", position, `the policy has none, but servo ${servo.id} does it`);
  const action = spec.action[actionAt];
  requireUnit("action", action, "rad");
  const ends = [countsAt(servo, action.low), countsAt(servo, action.high)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const last = countsPerTurn - 1 - wrapMarginCounts;
  if (!keepsClear(low, high)) {
    const range = `${Math.round(low)} to ${Math.round(high)}`;
    const line = `[${action.low}, ${action.high}] rad is ${range} counts of servo ${servo.id}`;
    refuse("action", position, `${line}: stay within ${wrapMarginCounts} to ${last}`);
  }
  const stepCounts = Math.floor((maxSpeed * spec.periodUs) / 1e6 / radPerCount);
  if (stepCounts < 1) {
    const least = ((radPerCount * 1e6) / spec.periodUs).toFixed(3);
    const line = `maxSpeed ${maxSpeed} rad/s is less than one count a cycle`;
    refuse("action", position, `${line}: give at least ${least}`);
  }
  return {
    servo,
    middleCounts: Math.round((low + high) / 2),
    stepCounts,
    actionAt,
    positionAt: observed(spec, position, "rad"),
    velocityAt: observed(spec, `${joint}_velocity`, "rad/s"),
  };
}

function observed(spec: Spec, name: string, unit: string): number {
  const at = spec.observation.findIndex((channel) => channel.name === name);
  if (at >= 0) requireUnit("observation", spec.observation[at], unit);
  return at;
}

function requireUnit(group: string, { name, unit }: Channel, expected: string): void {
  if (unit === expected) return;
  refuse(group, name, `a servo speaks ${expected}, the policy ${unit}`);
}

function refuse(group: string, name: string, why: string): never {
  throw new SinewError("contract-mismatch", `${group} "${name}": ${why}`);
}
