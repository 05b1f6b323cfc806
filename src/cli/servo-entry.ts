import type { Servo } from "../link/servo-joints.ts";

/** A servo's line in a robot file, under `servos`; whose sign nobody knows yet, says so. */
export function servoEntry(servo: Servo, isUnsigned: boolean = false): string {
  const { id, joint, zeroCounts, sign, maxSpeed } = servo;
  const told = isUnsigned ? "unknown" : sign;
  const how = `zeroCounts: ${zeroCounts}, sign: ${told}, maxSpeed: ${maxSpeed}`;
  return `      - { id: ${id}, joint: ${joint}, ${how} }`;
}
