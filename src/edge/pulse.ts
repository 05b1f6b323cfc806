// A thread that keeps the loop's schedule and does nothing in it, to see what the machine takes.
import { parentPort, workerData } from "node:worker_threads";
import { monotonicClock } from "../core/clock.ts";
import { Histogram, histogramBytes, type Percentiles } from "./histogram.ts";
import { askRealTime, type RealTime, type RealTimeChoice } from "./real-time.ts";

/** What the thread is given. */
export interface PulseWork {
  readonly periodUs: number;
  readonly seconds: number;
  readonly realTime: RealTimeChoice;
}

/** How it kept its times. */
export interface Pulse {
  readonly realTime: RealTime;
  /** From when a cycle was due to when it began, us. */
  readonly lateness: Percentiles;
  /** Cycles that were due, and those of them whose time had passed before they began. */
  readonly due: number;
  readonly missed: number;
}

/** Keeps the schedule in the calling thread, which it blocks. */
export async function beat({ periodUs, seconds, realTime }: PulseWork): Promise<Pulse> {
  const granted = await askRealTime(realTime);
  const clock = monotonicClock();
  const lateness = new Histogram(new ArrayBuffer(histogramBytes));
  const endUs = clock.now() + seconds * 1e6;
  let missed = 0;
  let due = 0;
  for (let dueUs = clock.now() + periodUs; dueUs < endUs; dueUs += periodUs) {
    clock.until(dueUs);
    const behind = Math.floor((clock.now() - dueUs) / periodUs);
    missed += behind;
    due += behind + 1;
    dueUs += behind * periodUs;
    lateness.add(clock.now() - dueUs);
  }
  return { realTime: granted, lateness: lateness.percentiles(), due, missed };
}

if (parentPort !== null) parentPort.postMessage(await beat(workerData as PulseWork));
