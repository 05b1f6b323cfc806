import type { Servo } from "../link/servo-joints.ts";

/** A servo's line in a robot file, under `servos`. */
export function servoEntry({ id, joint, zeroCounts, sign, maxSpeed }: Servo): string {
  const how = `zeroCounts: ${zeroCounts}, sign: ${sign}, maxSpeed: ${maxSpeed}`;
  return `      - { id: ${id}, joint: ${joint}, ${how} }`;
}
