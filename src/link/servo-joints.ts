import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { Plainness } from "./event-line.ts";
import type { ServoFamily } from "./servo-family.ts";
import { clearLast, keepsClear, type ServoScale } from "./servo-scale.ts";

/** One servo as the robot's owner describes it. */
export interface Servo {
  /** On the bus, 0 to 253. */
  readonly id: number;
  /** The policy calls its channels `<joint>_position` (rad) and `<joint>_velocity` (rad/s). */
  readonly joint: string;
  /** 1 where more counts mean more rad. */
  readonly sign: 1 | -1;
  /** What the encoder tells at 0 rad: 0 to 4095, of an SCS 0 to 1023. */
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

/** Feetech servos of one series: STS where none is said. */
export type FeetechLine = ServoLine & (StsSeries | ScsSeries);

interface StsSeries {
  readonly series?: "sts" | undefined;
}

interface ScsSeries {
  readonly series: "scs";
  /** What their 1024 counts span. */
  readonly spanDegrees: number;
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

/** What a servo's goal moves by in a cycle at most. */
export interface GoalStep {
  /** 0 where its maxSpeed is less than one a cycle. */
  readonly counts: number;
  /** How fast it goes by that. */
  readonly radPerS: number;
}

/** For messages. */
export function nameOfServo({ id, joint }: Servo): string {
  return `servo ${id} (${joint})`;
}

/** The encoder's number at `rad`, not rounded. */
export function countsAt(
  { sign, zeroCounts }: Servo,
  { radPerCount }: Pick<ServoScale, "radPerCount">,
  rad: number,
): number {
  return zeroCounts + (sign * rad) / radPerCount;
}

/** A goal moves by whole counts a cycle, of `periodUs`: at `maxSpeed`, rad/s, or slower. */
export function goalStepOf(
  { maxSpeed }: Pick<Servo, "maxSpeed">,
  { radPerCount }: Pick<ServoScale, "radPerCount">,
  periodUs: number,
): GoalStep {
  const counts = Math.floor((maxSpeed * periodUs) / 1e6 / radPerCount);
  return { counts, radPerS: (counts * radPerCount * 1e6) / periodUs };
}

/**
 * Which servo serves which channel of `spec`. Throws `SinewError("contract-mismatch")` that names
 * the channel: one that no servo has, a unit that is not rad or rad/s, a range that comes too near
 * an end of the encoder, a servo that the policy does not move, a speed below one count a cycle.
 */
export function servoJoints(
  spec: Spec,
  servos: readonly Servo[],
  { name, scale }: Pick<ServoFamily, "name" | "scale">,
): ServoJoint[] {
  for (const channel of spec.observation) {
    const known = servos.some(({ joint }) => {
      return channel.name === `${joint}_position` || channel.name === `${joint}_velocity`;
    });
    if (!known) refuse("observation", channel.name, `no servo of link.${name} tells it`);
  }
  for (const action of spec.action) {
    if (!servos.some(({ joint }) => action.name === `${joint}_position`)) {
      refuse("action", action.name, `no servo of link.${name} does it`);
    }
  }
  return servos.map((servo) => jointOf(spec, servo, scale));
}

function jointOf(spec: Spec, servo: Servo, scale: ServoScale): ServoJoint {
  const { joint, maxSpeed } = servo;
  const { radPerCount, marginCounts } = scale;
  const position = `${joint}_position`;
  const actionAt = spec.action.findIndex(({ name }) => name === position);
  if (actionAt < 0)
    refuse("action", position, `the policy has none, but servo ${servo.id} does it`);
  const action = spec.action[actionAt];
  requireUnit("action", action, "rad");
  const ends = [countsAt(servo, scale, action.low), countsAt(servo, scale, action.high)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (!keepsClear(scale, low, high)) {
    const range = `${Math.round(low)} to ${Math.round(high)}`;
    const line = `[${action.low}, ${action.high}] rad is ${range} counts of servo ${servo.id}`;
    refuse("action", position, `${line}: stay within ${marginCounts} to ${clearLast(scale)}`);
  }
  const stepCounts = goalStepOf(servo, scale, spec.periodUs).counts;
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
