import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { monotonicClock } from "../core/clock.ts";
import { aboutPolicy, messageOf } from "../core/errors.ts";
import { type Driver, openDriver } from "../policy/driver.ts";
import type { Pulse, PulseWork } from "./pulse.ts";
import { memoryLine, type RealTimeChoice } from "./real-time.ts";
import type { Robot } from "./robot.ts";
import { type PolicyBytes, signerOf, trustedKeys } from "./trust.ts";

/** What was looked at, how it is, and where it is not well what to do. */
export interface Finding {
  readonly name: string;
  /** `bad`: a robot should not be driven so. */
  readonly state: "good" | "poor" | "bad";
  readonly line: string;
}

const pulseSeconds = 3;
/** A loop is judged by so many cycles at least, for which nobody waits longer than the latter. */
const cyclesMin = 20;
const pulseSecondsMax = 30;
const tries = 2000;
/** Less of the cycles may be missed than this, and by less be late. */
const missedMax = 0.005;
const latenessShareMax = 0.1;
/** What deciding may take of a period. */
const decideShareMax = 0.5;
const tellsNone = "this machine tells none";

/**
 * The clock, the scheduler, the processors, their speed and the swap of this machine, below `root`.
 */
export async function checkMachine(
  periodUs: number,
  realTime: RealTimeChoice = "auto",
  root: string = "/",
): Promise<Finding[]> {
  const seconds = Math.min(pulseSecondsMax, Math.max(pulseSeconds, (cyclesMin * periodUs) / 1e6));
  const pulse = await pulseOf({ periodUs, seconds, realTime });
  const { granted, line } = pulse.realTime;
  const without = realTime === "required" ? "bad" : realTime === "off" ? "good" : "poor";
  return [
    { name: "real time", state: granted ? "good" : without, line: `${line}; ${memoryLine}` },
    threadsOn(availableParallelism()),
    onTime(pulse, periodUs),
    clockIn(root),
    governorIn(root),
    swapIn(root),
  ];
}

function pulseOf(work: PulseWork): Promise<Pulse> {
  const worker = new Worker(new URL("./pulse.js", import.meta.url), { workerData: work });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** Whether so many processors are enough for the threads of a run. */
export function threadsOn(processors: number): Finding {
  const threads = "a run has three: main, control, which also decides, and log";
  const many = processors === 1 ? "one processor" : `${processors} processors`;
  const line = `${threads}; this program may use ${many}`;
  if (processors > 1) return { name: "threads", state: "good", line };
  const advice = "give it a second one: what else runs here makes the loop late";
  return { name: "threads", state: "poor", line: `${line}: ${advice}` };
}

/** How an empty loop kept its times. */
export function onTime(
  { lateness, due, missed }: Omit<Pulse, "realTime">,
  periodUs: number,
): Finding {
  if (due < cyclesMin) {
    const few = `only ${due} cycles of ${periodUs} us could be looked at`;
    return { name: "schedule", state: "poor", line: few };
  }
  const late = lateness.p99 > latenessShareMax * periodUs;
  const bad = missed > missedMax * due;
  const times = `p99 ${lateness.p99.toFixed(0)} us late, at most ${lateness.max.toFixed(0)} us`;
  const line = `an empty loop of ${periodUs} us: ${times}, missed ${missed} of ${due}`;
  const advice = bad || late ? "; end what else runs here, or permit real time" : "";
  return { name: "schedule", state: bad ? "bad" : late ? "poor" : "good", line: line + advice };
}

/** Reading some clocks takes a microsecond, and some of those jump. */
function clockIn(root: string): Finding {
  const path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
  const source = textOf(join(root, path)) ?? "unknown";
  const clock = monotonicClock();
  let back = 0;
  let beforeUs = clock.now();
  const startUs = beforeUs;
  for (let at = 0; at < 100_000; at++) {
    const nowUs = clock.now();
    if (nowUs < beforeUs) back++;
    beforeUs = nowUs;
  }
  const readNs = ((beforeUs - startUs) / 100_000) * 1000;
  const line = `${source}, read in ${readNs.toFixed(0)} ns`;
  if (back > 0) return { name: "clock", state: "bad", line: `${line}; it went back ${back} times` };
  const slow = /hpet|acpi_pm|jiffies/.test(source);
  const advice = slow
    ? "; a slow source: boot with clocksource=tsc if the machine's is stable"
    : "";
  return { name: "clock", state: slow ? "poor" : "good", line: line + advice };
}

/** A processor that has to speed up first is late. */
function governorIn(root: string): Finding {
  const folder = join(root, "sys/devices/system/cpu");
  const names = new Set<string>();
  for (const cpu of namesIn(folder)) {
    if (!/^cpu\d+$/.test(cpu)) continue;
    const name = textOf(join(folder, cpu, "cpufreq/scaling_governor"));
    if (name !== null) names.add(name);
  }
  if (names.size === 0) return { name: "governor", state: "good", line: tellsNone };
  const line = [...names].join(", ");
  const fast = [...names].every((name) => name === "performance");
  const advice = fast ? "" : "; sudo cpupower frequency-set -g performance";
  return { name: "governor", state: fast ? "good" : "poor", line: line + advice };
}

/** What was swapped out comes back late. */
function swapIn(root: string): Finding {
  const text = textOf(join(root, "proc/swaps"));
  if (text === null) return { name: "swap", state: "good", line: tellsNone };
  const some = text
    .split("\n")
    .slice(1)
    .some((row) => row.trim() !== "");
  const line = some ? "there is swap: sudo swapoff -a, or MemorySwapMax=0 in the unit" : "none";
  return { name: "swap", state: some ? "poor" : "good", line };
}

/** Whether a signature of the policy is asked for, and holds. Bad: nothing of it is to be read. */
export function checkTrust(robot: Robot, policy: PolicyBytes): Finding {
  const name = "signature";
  try {
    const signer = signerOf(policy, trustedKeys(robot));
    if (signer === null) {
      return { name, state: "good", line: "none is asked for: trust in robot.yaml says whose" };
    }
    return { name, state: "good", line: `by key ${signer.keyId}; ${signer.comment}` };
  } catch (error) {
    return { name, state: "bad", line: messageOf(error) };
  }
}

/**
 * The proof of the policy at `path` on this machine, and how long it takes to decide, in cycles of
 * `periodUs`.
 */
export async function checkPolicy(
  bytes: Uint8Array,
  periodUs: number,
  path: string = "",
): Promise<Finding[]> {
  let driver: Driver;
  try {
    driver = await openDriver(bytes);
  } catch (error) {
    return [{ name: "proof", state: "bad", line: messageOf(aboutPolicy(error, path)) }];
  }
  const { policy, proofError, runner } = driver;
  const { spec } = policy;
  const observation = new Float32Array(spec.observation.length);
  const action = new Float32Array(spec.action.length);
  const times = new Float64Array(tries);
  const clock = monotonicClock();
  for (let at = 0; at < tries; at++) {
    const startUs = clock.now();
    await policy.act(observation, action);
    times[at] = clock.now() - startUs;
  }
  await driver.close();
  times.sort();
  const [middle, late] = [times[tries >> 1], times[tries - 1 - Math.floor(tries / 100)]];
  const slow = late > decideShareMax * periodUs;
  const spent = `p50 ${middle.toFixed(0)} us, p99 ${late.toFixed(0)} us of ${periodUs} us`;
  const line = `${spent}, by one thread`;
  const advice = slow
    ? "; too slow for its period here: a smaller network, or a faster machine"
    : "";
  return [
    {
      name: "proof",
      state: "good",
      line: `${runner}, at most ${proofError.toExponential(1)} from what was proved`,
    },
    { name: "decide", state: slow ? "bad" : "good", line: line + advice },
  ];
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
