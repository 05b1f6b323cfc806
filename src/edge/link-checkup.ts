import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { messageOf } from "../core/errors.ts";
import { namesOfReasons } from "../core/step.ts";
import type { BridgeCheckup } from "../link/bridge-checkup.ts";
import { nameOfDeviceMode } from "../link/device.ts";
import { type LinkChoice, openLink } from "../link/link.ts";
import { type LatencyTimer, latencyTimerOf, slowAdapterOf } from "../link/serial.ts";
import { readPolicyFile } from "../policy/file.ts";
import { deviceSpecOf } from "../policy/history-policy.ts";
import type { Finding } from "./checkup.ts";
import type { GreetingWork } from "./greeting.ts";
import type { Percentiles } from "./histogram.ts";
import { commandTtlUs, limitsOfRobot } from "./robot.ts";
import { controlSpecOfRobot } from "./robot-control.ts";
import { type RunOptions, type RunReport, startRun } from "./run.ts";
import { specOfDevice } from "./setpoints.ts";

/** So long the device is listened to. */
const lookMs = 1000;
const napMs = 20;

/** What is made of round trips: the loop's cycle, and how old its news may be, microseconds. */
interface Patience {
  readonly periodUs: number;
  /** Commands and observations are good for so long, whichever is less. */
  readonly goodForUs: number;
}

/**
 * The link and what is behind it, which is not armed: nothing moves. A USB adapter that holds
 * answers back, a handshake with what reads of the device take, how long answers take, and its
 * watchdog, where that can be tried without torque.
 */
export async function checkLink(options: RunOptions): Promise<Finding[]> {
  const { link } = options.robot;
  const found = adapterOf(link);
  let report: RunReport;
  let mode: string;
  try {
    const run = await startRun(options);
    for (let ms = 0; ms < lookMs && run.running; ms += napMs) await delay(napMs);
    const reasons = namesOfReasons(run.status.reasons);
    mode = nameOfDeviceMode(run.status.deviceMode);
    report = await run.close();
    found.push(deviceAs(report, mode, reasons));
  } catch (error) {
    found.push({ name: "device", state: "bad", line: messageOf(error) });
    return [...found, untried("there was no handshake with the device")];
  }
  const patience = patienceOf(options);
  if (!("serial" in link || "mqtt" in link)) {
    return [...found, roundTripAs(report.times.roundTrip, patience), watchdogOf(link, mode)];
  }
  try {
    const seen = await greet(options);
    return [...found, roundTripAs(percentilesOf(seen), patience), watchdogAs(seen)];
  } catch (error) {
    return [...found, untried(messageOf(error))];
  }
}

/** What a run that was not armed says of its device; `reasons` are those of its newest cycle. */
export function deviceAs(
  { times, deviceAtRest, linkLost }: Pick<RunReport, "times" | "deviceAtRest" | "linkLost">,
  mode: string,
  reasons: readonly string[],
): Finding {
  const { count, p50, max } = times.age;
  const ages = `observations are ${p50.toFixed(0)} us old, at most ${max.toFixed(0)} us`;
  const told = count === 0 ? "it told no observation" : ages;
  const against = reasons.length === 0 ? "" : `; it would not be armed: ${reasons.join(", ")}`;
  const bad = linkLost || !deviceAtRest || count === 0 || reasons.length > 0;
  const line = `it shook hands and is ${mode}; ${told}${against}`;
  return { name: "device", state: bad ? "bad" : "good", line };
}

/**
 * Whether the device's answers come in time: with a middle one that takes longer than its news is
 * good for, the loop drives by what it may not rely on any more, or not at all.
 */
export function roundTripAs(
  { count, p50, max }: Pick<Percentiles, "count" | "p50" | "max">,
  { periodUs, goodForUs }: Patience,
): Finding {
  const name = "round trip";
  if (count === 0) return { name, state: "poor", line: "no answer was timed" };
  const times = `p50 ${p50.toFixed(0)} us, max ${max.toFixed(0)} us of ${count}`;
  const line = `${times}; a cycle is ${periodUs} us, and news is good for ${goodForUs} us`;
  if (p50 > goodForUs) {
    const advice = "a faster line, or a longer commandTtlMs and observationAgeMs";
    return { name, state: "bad", line: `${line}: it comes too late, so give ${advice}` };
  }
  const late = p50 > periodUs || max > goodForUs;
  return { name, state: late ? "poor" : "good", line: late ? `${line}: it is late` : line };
}

/** What is told of a port's own delay. */
export function adapterAs(timer: LatencyTimer | null, slow: string): Finding {
  if (slow !== "") return { name: "adapter", state: "poor", line: slow };
  const line = timer === null ? "this port tells no latency_timer" : `latency_timer ${timer.ms} ms`;
  return { name: "adapter", state: "good", line };
}

/** What is known of the watchdog of servos and drives, which were greeted and are in `mode`. */
export function watchdogOf(link: LinkChoice, mode: string): Finding {
  if ("feetech" in link) {
    return untried("these servos have none: they go on holding when this program ends");
  }
  if ("dynamixel" in link) {
    return untried("it needs torque: a run tries it at each arm, before the policy drives");
  }
  if ("odrive" in link && link.odrive.watchdogMs === undefined) {
    return untried("robot.yaml gives no watchdogMs: positions go on when this program ends");
  }
  if (mode !== "disarmed") {
    return untried(`the device is ${mode}: a run with --reset tries it before it is armed`);
  }
  const line = "each drive was seen to stop by itself as it was greeted";
  return { name: "watchdog", state: "good", line };
}

/** What came of the trial of a board's firmware. */
function watchdogAs({ stopsByItself, line }: BridgeCheckup): Finding {
  if (stopsByItself === null) return untried(line);
  return { name: "watchdog", state: stopsByItself ? "good" : "bad", line };
}

function untried(why: string): Finding {
  return { name: "watchdog", state: "poor", line: `not tried: ${why}` };
}

function patienceOf({ robot, policy }: RunOptions): Patience {
  const own = deviceSpecOf(readPolicyFile(policy.bytes).contract);
  const { periodUs } = controlSpecOfRobot(robot, own);
  const { ageUsMax } = limitsOfRobot(robot, own);
  return { periodUs, goodForUs: Math.min(ageUsMax, commandTtlUs(robot, own)) };
}

/** Greets a device behind firmware of ours anew, in a thread that does nothing else meanwhile. */
async function greet({ robot, policy }: RunOptions): Promise<BridgeCheckup> {
  const own = deviceSpecOf(readPolicyFile(policy.bytes).contract);
  const spec = specOfDevice(controlSpecOfRobot(robot, own), robot.setpoints);
  const link = await openLink(robot.link);
  try {
    const { stops, channels } = robot;
    const workerData: GreetingWork = { spec, door: link.door, stops, channels };
    const worker = new Worker(new URL("./greeting.js", import.meta.url), { workerData });
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  } finally {
    await link.close();
  }
}

function percentilesOf({
  roundTripsUs,
}: BridgeCheckup): Pick<Percentiles, "count" | "p50" | "max"> {
  const sorted = roundTripsUs.toSorted((a, b) => a - b);
  const count = sorted.length;
  return { count, p50: sorted[count >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
}

function adapterOf(link: LinkChoice): Finding[] {
  const [choice] = Object.values(link) as { readonly path?: string }[];
  const { path } = choice;
  return path === undefined ? [] : [adapterAs(latencyTimerOf(path), slowAdapterOf(path))];
}
