import { SinewError } from "../core/errors.ts";
import type { JointEnds } from "./barrier.ts";
import type { ActionLimit } from "./limits.ts";

/** How an effort holds a joint at a place. */
export interface HoldGains {
  /** Effort per distance from the place, such as N*m/rad. */
  readonly stiffness: number;
  /** Effort per velocity, such as N*m/(rad/s). */
  readonly damping: number;
}

/** So much of a velocity may be taken away before what was done about it can be seen. */
const dampingShare = 0.5;
/** So much of the way between its ends a held joint may give way to its load. */
export const giveShare = 0.1;

/**
 * The gains of `joint`, whose action is `name` and within `limit`, where an effort acts for
 * `delayS` before anybody can see what it did. Any delay makes a joint shake whose gains are too
 * great, and a load carries off one whose gains are too small, so they are bounded by the joint's
 * own promises: by how much an effort changes its velocity at most and at least, and by the load
 * that is left between what speeds it up at most and what brakes it at least. Within them a held
 * joint comes to rest near its place. Throws `SinewError("robot-file")` that names the joint and
 * the bounds.
 */
export function checkGains(
  name: string,
  joint: JointEnds,
  limit: ActionLimit,
  delayS: number,
): void {
  const { stiffness, damping } = joint.hold!;
  const { deceleration, low, high } = joint;
  const acceleration = joint.acceleration!;
  const room = giveShare * (high - low);
  const delayMs = rounded(delayS * 1000);
  // Else the barrier, which reckons with the worst, pushes it about wherever it is held.
  if ((acceleration * delayS * delayS) / 2 > room) {
    const line = `it may move by ${rounded(room)} within its delay of ${delayMs} ms`;
    fail(name, `hold: no gains hold it: ${line}; shorten observationAgeMs or commandTtlMs`);
  }
  const weak = Math.min(-limit.low, limit.high);
  const strong = Math.max(-limit.low, limit.high);
  // What an effort of 1 changes the velocity by per second.
  const least = deceleration / weak;
  const most = Math.max(least, acceleration / strong);
  const load = Math.max(0, acceleration - deceleration) / 2;
  const dampingMost = dampingShare / (most * delayS);
  if (!(damping > 0 && damping <= dampingMost)) {
    const line = `hold.damping is ${damping}: give above 0, at most ${rounded(dampingMost)}`;
    fail(name, `${line}, else it shakes for its delay of ${delayMs} ms`);
  }
  // Half of the critical damping, or more.
  const stiffnessMost = least * damping * damping;
  const stiffnessLeast = load / (least * room);
  if (stiffness > 0 && stiffness >= stiffnessLeast && stiffness <= stiffnessMost) return;
  const range = `at least ${rounded(stiffnessLeast)}, else its load carries it off, and at most`;
  const line = `hold.stiffness is ${stiffness}: give above 0, ${range} ${rounded(stiffnessMost)}`;
  fail(name, `${line}, else it shakes; more damping or a shorter delay permits more`);
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

function fail(name: string, line: string): never {
  throw new SinewError("robot-file", `joints: "${name}": ${line}`);
}
