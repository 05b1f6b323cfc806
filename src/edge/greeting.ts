// A thread that greets a device behind firmware of ours, as checkup.ts asks, and does nothing else.
import { parentPort, workerData } from "node:worker_threads";
import type { ChannelChoice } from "../core/channel-map.ts";
import { monotonicClock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { type BridgeCheckup, checkBridge } from "../link/bridge-checkup.ts";
import type { StopChoice } from "../link/device.ts";
import { type Door, openPort } from "../link/link.ts";

/** What the thread is given. */
export interface GreetingWork {
  /** What the device is to tell and to do. */
  readonly spec: Spec;
  readonly door: Door;
  /** How each actuator is to stop; undefined: as the device itself says. */
  readonly stops: Readonly<Record<string, StopChoice>> | undefined;
  /** What the device calls its channels; undefined: as the spec does. */
  readonly channels: ChannelChoice | undefined;
}

function greet({ spec, door, stops, channels }: GreetingWork): BridgeCheckup {
  const port = openPort(door);
  try {
    return checkBridge(spec, port, monotonicClock(), stops, channels);
  } finally {
    port.close();
  }
}

if (parentPort !== null) parentPort.postMessage(greet(workerData as GreetingWork));
