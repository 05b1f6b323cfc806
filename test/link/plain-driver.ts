// A thread that arms a device behind a door, has it do one action, and stops it.
import { parentPort, workerData } from "node:worker_threads";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import { type RobotDevice, StopReason } from "../../src/link/device.ts";
import { type Door, openDevice } from "../../src/link/link.ts";

/** What it is given. */
export interface DriverWork {
  readonly spec: Spec;
  readonly door: Door;
  readonly action: Float32Array;
}

/** What it answers. */
export interface DriverReport {
  /** It was armed, took the action, and tells that something moved. */
  readonly driven: boolean;
  /** Then it said that it had stopped. */
  readonly stopped: boolean;
  readonly why: string;
}

const { spec, door, action } = workerData as DriverWork;
const clock = monotonicClock();
const withinUs = 60e6;
const device = openDevice(spec, door, clock, undefined);
const observation = new Float32Array(spec.observation.length);

/** Turns it until `holds`; on a busy machine answers come late, so all is asked for again. */
function until(holds: () => boolean): boolean {
  for (const endUs = clock.now() + withinUs; clock.now() < endUs; ) {
    device.poll(clock.now());
    if (device.phase === "ready") device.read(observation, clock.now());
    if (holds()) return true;
    if (device.phase === "refused") return false;
    device.wait(2000);
  }
  return false;
}

function drives(robot: RobotDevice): boolean {
  if (robot.phase !== "ready") return false;
  if (robot.stopped && !robot.resetting) robot.reset();
  if (robot.disarmed) robot.arm(clock.now());
  const took = robot.armed && robot.write(action, clock.now() + 1e6);
  return took && observation.some((value) => Math.abs(value) > 0.001);
}

const driven = until(() => drives(device));
device.stop(StopReason.request);
const stopped = until(() => device.stopped);
const report: DriverReport = { driven, stopped, why: device.refusal ?? device.why };
device.close();
parentPort!.postMessage(report);
