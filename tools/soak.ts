/**
 * npm run soak [-- --hours 24] [--json]
 *
 * A day of a robot's life in minutes: loop, gate, session and log as `sinew run` has them, against
 * the firmware as a native program, in lockstep on one clock that both share. Every hour another
 * policy is looked at, swapped in and taken back, and the robot is stopped, reset and armed. Says
 * how memory grew, and requires that no step is missing in the log, no command was refused and the
 * robot did nothing that nobody asked for. Needs a C compiler.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Spec } from "../src/core/spec.ts";
import { isDriving, makeStep, type Step } from "../src/core/step.ts";
import { DecimatedPolicy } from "../src/edge/decimated-policy.ts";
import { Lineup, type Member } from "../src/edge/lineup.ts";
import { Loop, type Rig, shakeHands } from "../src/edge/loop.ts";
import { Setpoints } from "../src/edge/setpoints.ts";
import { Shadow } from "../src/edge/shadow.ts";
import { Start } from "../src/edge/start.ts";
import { Count, Request, Status } from "../src/edge/status.ts";
import { Succession } from "../src/edge/succession.ts";
import { startNative } from "../src/hil/target.ts";
import { BridgeDevice } from "../src/link/device.ts";
import { openSerialPort } from "../src/link/serial.ts";
import { type Log, openLog } from "../src/log/log.ts";
import { readLog } from "../src/log/reader.ts";
import { countsOfRing, RingProducer } from "../src/log/ring.ts";
import { type Driver, openDriver } from "../src/policy/driver.ts";
import { Guard } from "../src/safety/guard.ts";
import { Hold } from "../src/safety/hold.ts";
import { limitsOf } from "../src/safety/limits.ts";
import { Recovery } from "../src/safety/recovery.ts";
import { Supervisor } from "../src/safety/supervisor.ts";
import { Session } from "../src/wire/session.ts";
import { LockstepLine } from "./lockstep-line.ts";

/** The pendulum's policy, which swings up and stays there. */
const policyPath = "models/pendulum/policy.onnx";
const hourUs = 3600e6;
/** Between two looks at the memory. */
const lookUs = 600e6;
/** What is kept of each cycle, in bytes, must be less: the least number that is boxed has 16. */
const keptMost = 8;
const slots = 1 << 14;
/** What is asked for in each hour, and so many seconds after it begins. */
const hourly: readonly (readonly [seconds: number, request: number])[] = [
  [60, Request.shadow],
  [120, Request.swap],
  [600, Request.back],
  [3000, Request.stop],
  [3010, Request.reset],
  [3020, Request.arm],
];

/** Stopped, reset and armed; looked at, swapped in, kept after its watch, and taken back. */
const [modesAnHour, policiesAnHour] = [3, 4];

/** What the process and the device hold, in bytes, at a moment of their clock. */
interface Look {
  readonly timeUs: number;
  readonly resident: number;
  /** What the engine keeps after a collection. */
  readonly heapUsed: number;
  readonly deviceResident: number;
}

function residentOf(pid: number | "self"): number {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(text)![1]);
}

/** Slope of `value` over time by least squares, a day. */
function slopeADay(looks: readonly Look[], value: (look: Look) => number): number {
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const days = looks.map(({ timeUs }) => timeUs / (24 * hourUs));
  const values = looks.map(value);
  const [day, level] = [mean(days), mean(values)];
  const above = days.reduce((sum, one, at) => sum + (one - day) * (values[at] - level), 0);
  return above / days.reduce((sum, one) => sum + (one - day) ** 2, 0);
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** The log's ring as the loop has it; what is to happen in the hours happens between its steps. */
class Hours {
  readonly looks: Look[] = [];
  /** How much of what is asked for has been asked for. */
  asked = 0;
  readonly #endUs: number;
  readonly #log: Log;
  readonly #producer: RingProducer;
  readonly #status: Status;
  readonly #devicePid: number;
  #beginUs = Number.NaN;
  #lookAtUs = lookUs;

  constructor(hours: number, log: Log, spec: Spec, status: Status, devicePid: number) {
    this.#endUs = hours * hourUs;
    this.#log = log;
    this.#producer = new RingProducer(log.ring, spec);
    this.#status = status;
    this.#devicePid = devicePid;
  }

  append(step: Step): boolean {
    // In real time the writer has a period for each step.
    const { appended, drained } = countsOfRing(this.#log.ring);
    if (appended - drained > slots / 2) pause(this.#log.ring);
    const kept = this.#producer.append(step);
    if (Number.isNaN(this.#beginUs)) this.#beginUs = step.timeUs;
    const pastUs = step.timeUs - this.#beginUs;
    if (pastUs >= this.#endUs) this.#status.ask(Request.end);
    const [seconds, request] = hourly[this.asked % hourly.length];
    const hour = Math.floor(this.asked / hourly.length);
    if (pastUs >= hour * hourUs + seconds * 1e6) {
      this.#status.ask(request);
      this.asked++;
    }
    if (pastUs >= this.#lookAtUs) this.#look(pastUs);
    return kept;
  }

  #look(pastUs: number): void {
    collectGarbage();
    const [resident, deviceResident] = [residentOf("self"), residentOf(this.#devicePid)];
    const { heapUsed } = process.memoryUsage();
    this.looks.push({ timeUs: pastUs, resident, heapUsed, deviceResident });
    this.#lookAtUs += lookUs;
    if (!process.stderr.isTTY) return;
    const hours = `${(pastUs / hourUs).toFixed(1)} of ${this.#endUs / hourUs} h`;
    process.stderr.write(`\r${hours}, ${Math.round(resident / 2 ** 20)} MB resident `);
  }
}

/** The parts of a run as `edge/worker.ts` puts them together, but for the clock. */
function loopOf(
  driver: Driver,
  line: LockstepLine,
  hours: Pick<Hours, "append">,
  status: Status,
  log: Log,
): Loop {
  const { policy } = driver;
  const { spec } = policy;
  const device = new BridgeDevice(spec, line, new Session(spec));
  assert(shakeHands(device, line, 3e6), `no handshake: ${device.refusal ?? device.silence}`);
  const limits = limitsOf(spec);
  const cycles = (seconds: number): number => Math.round((seconds * 1e6) / spec.periodUs);
  const lineup = new Lineup(policy, {
    ...{ blendCycles: cycles(0.5), watchCycles: cycles(10), limitedMax: 0.25 },
  });
  let members = 1;
  const offered = (): Member => ({ index: members++, policy });
  const step = makeStep(spec);
  const rig: Rig = {
    clock: line,
    device,
    policy: new DecimatedPolicy(lineup, { every: 1, between: "hold" }, step),
    succession: new Succession(lineup, new Shadow(spec, limits), status, log, offered),
    setpoints: new Setpoints(spec, []),
    approach: new Start(spec, limits, undefined),
    hold: new Hold(spec, limits, { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    guard: new Guard(spec, limits),
    supervisor: new Supervisor(),
    log: hours,
    events: log,
    step,
    ttlUs: 2 * spec.periodUs,
    onMiss: "coast",
  };
  return new Loop(rig, status);
}

async function soak(hours: number, folder: string) {
  const board = await startNative("pendulum");
  const driver = await openDriver(readFileSync(policyPath));
  const { spec } = driver.policy;
  const log = await openLog({ directory: folder, name: "soak", spec, metadata: {}, slots });
  const line = new LockstepLine(openSerialPort(board.path));
  const status = new Status(spec);
  const past = new Hours(hours, log, spec, status, board.pid);
  const loop = loopOf(driver, line, past, status, log);
  const startMs = performance.now();
  status.ask(Request.arm);
  await loop.run();
  const seconds = (performance.now() - startMs) / 1000;
  const closed = await log.close();
  assert.equal(closed.failure, null);
  line.close();
  await board.close();
  await driver.close();
  const settled = past.looks.slice(Math.floor(past.looks.length / 4));
  const cycles = status.count(Count.cycles);
  return {
    ...{ hours, seconds, cycles },
    missed: status.count(Count.missed),
    refused: status.count(Count.refused),
    refusedRequests: status.count(Count.refusedRequests),
    droppedCommands: status.count(Count.droppedCommands),
    unanswered: line.unanswered,
    stepsDropped: closed.dropped,
    ...readBack(closed.path, cycles),
    changesOfModeAsked: 1 + modesAnHour * Math.floor(past.asked / hourly.length),
    changesOfPolicyAsked: policiesAnHour * Math.floor(past.asked / hourly.length),
    residentMb: (settled.at(-1)?.resident ?? 0) / 2 ** 20,
    growthMbADay: slopeADay(settled, ({ resident }) => resident) / 2 ** 20,
    heapGrowthMbADay: slopeADay(settled, ({ heapUsed }) => heapUsed) / 2 ** 20,
    deviceGrowthMbADay: slopeADay(settled, ({ deviceResident }) => deviceResident) / 2 ** 20,
    cyclesADay: (24 * hourUs) / spec.periodUs,
  };
}

/** What the log says of it. */
function readBack(path: string, cycles: number) {
  const log = readLog(path);
  let [armed, missing, last] = [0, 0, -1];
  for (const { seq, mode } of log.steps()) {
    missing += seq - last - 1;
    last = seq;
    if (isDriving(mode)) armed++;
  }
  const events = log.events();
  return {
    armedShare: armed / log.count,
    stepsLogged: log.count,
    stepsMissing: missing + cycles - log.count,
    changesOfMode: events.filter(({ kind }) => kind === "transition").length,
    changesOfPolicy: events.filter(({ kind }) => kind === "policy").length,
  };
}

const pillow = new Int32Array(new SharedArrayBuffer(4));

/** Waits until the writer has taken most of what waits. */
function pause(ring: SharedArrayBuffer): void {
  for (;;) {
    const { appended, drained } = countsOfRing(ring);
    if (appended - drained < slots / 4) return;
    Atomics.wait(pillow, 0, 0, 1);
  }
}

/** What went wrong, in lines. */
function faultsOf(found: Awaited<ReturnType<typeof soak>>): string[] {
  const refusals = ["refused", "refusedRequests", "droppedCommands", "unanswered"] as const;
  const faults = [...refusals, ...(["missed", "stepsDropped", "stepsMissing"] as const)]
    .filter((name) => found[name] !== 0)
    .map((name) => `${name} is ${found[name]}, not 0`);
  if (found.changesOfMode !== found.changesOfModeAsked) faults.push("the mode changed unasked");
  if (found.changesOfPolicy !== found.changesOfPolicyAsked)
    faults.push("the policies did not change");
  if (found.armedShare < 0.95) faults.push("it did not drive");
  const keptBytes = (found.growthMbADay * 2 ** 20) / found.cyclesADay;
  // A shorter run ends before the growth of the engine's own heap does.
  if (found.hours >= 6 && keptBytes > keptMost) {
    faults.push(`each cycle keeps ${keptBytes.toFixed(1)} bytes, more than ${keptMost}`);
  }
  return faults;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { hours: { type: "string", default: "24" }, json: { type: "boolean" } },
  });
  const hours = Number(values.hours);
  assert(hours >= 1 && hours <= 240, "--hours is 1 to 240");
  const folder = mkdtempSync(join(tmpdir(), "sinew-soak-"));
  try {
    const found = await soak(hours, folder);
    const faults = faultsOf(found);
    if (values.json) process.stdout.write(`${JSON.stringify(found)}\n`);
    else {
      for (const [name, value] of Object.entries(found)) {
        process.stdout.write(`${name.padEnd(20)} ${Number(value.toFixed(3))}\n`);
      }
    }
    for (const fault of faults) process.stdout.write(`NOT OK   ${fault}\n`);
    process.stdout.write(`${faults.length === 0 ? 1 : 0} passed, ${faults.length} failed\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
