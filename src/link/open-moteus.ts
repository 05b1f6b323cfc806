import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import type { StopChoice } from "../wire/stop-choice.ts";
import { lookAnswerBytes, lookFrame, MoteusLine } from "./moteus.ts";
import { exchangeUs, MoteusBus } from "./moteus-bus.ts";
import { MotorDevice } from "./motor-device.ts";
import { type MotorChoice, type MotorJoint, motorJoints } from "./motor-joints.ts";
import { Order } from "./motor-line.ts";
import { motorAnswerUs } from "./motor-time.ts";
import type { Port } from "./port.ts";

/** moteus drives on one line. */
export interface MoteusChoice extends MotorChoice {
  readonly watchdogMs: number;
  /** What the port is: a converter for a bus of drives, or the UART of one. */
  readonly adapter: "fdcanusb" | "uart";
}

/** The moteus drives behind `port` as a device. Throws `SinewError`, see `motorJoints`. */
export function openMoteus(
  spec: Spec,
  choice: MoteusChoice,
  port: () => Port,
  clock: Pick<Clock, "now">,
  stops: Readonly<Record<string, StopChoice>> | undefined,
): MotorDevice {
  const joints = motorJoints(spec, choice, stops);
  const { motors, baud, watchdogMs, adapter } = choice;
  const ids = motors.map(({ id }) => id);
  const lineUs = ids.length * exchangeUs(lookFrame().length, lookAnswerBytes, baud);
  const answerUs = motorAnswerUs(spec, lineUs, baud);
  const bus = new MoteusBus(port(), clock, ids, answerUs, adapter === "uart");
  const line = new MoteusLine(bus, ids, joints.map(homeOf), watchdogMs * 1000, clock);
  return new MotorDevice(spec, joints, line, watchdogMs * 1000, clock);
}

/**
 * The least home state in which what a drive tells at 0 rad is the same each time it starts. What
 * is referenced to a rotor is so only where the rotor turns as the joint does.
 */
export function homeOf({ motor, order, positionAt }: MotorJoint): number {
  if (order !== Order.position && positionAt < 0) return 0;
  return motor.gear === 1 ? 1 : 2;
}
