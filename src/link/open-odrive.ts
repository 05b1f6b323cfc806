import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import type { StopChoice } from "../wire/stop-choice.ts";
import { MotorDevice } from "./motor-device.ts";
import { type MotorChoice, motorJoints } from "./motor-joints.ts";
import { motorAnswerUs } from "./motor-time.ts";
import { lookBytes, OdriveLine } from "./odrive.ts";
import { askUs, OdriveBus } from "./odrive-bus.ts";
import type { Port } from "./port.ts";

/** The axes of an ODrive behind `port` as a device. Throws `SinewError`, see `motorJoints`. */
export function openOdrive(
  spec: Spec,
  choice: MotorChoice,
  port: () => Port,
  clock: Pick<Clock, "now">,
  stops: Readonly<Record<string, StopChoice>> | undefined,
): MotorDevice {
  const joints = motorJoints(spec, choice, stops);
  const { motors, baud, watchdogMs } = choice;
  const axes = motors.map(({ id }) => id);
  const { lines, answerBytes } = lookBytes(axes);
  const answerUs = motorAnswerUs(spec, askUs(lines, answerBytes, baud), baud);
  const bus = new OdriveBus(port(), clock, answerUs);
  const watchdogUs = watchdogMs === undefined ? null : watchdogMs * 1000;
  const line = new OdriveLine(bus, axes, watchdogUs, clock);
  return new MotorDevice(spec, joints, line, watchdogUs, clock);
}
