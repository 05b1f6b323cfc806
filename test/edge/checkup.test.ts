import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import {
  checkMachine,
  checkPolicy,
  type Finding,
  onTime,
  threadsOn,
} from "../../src/edge/checkup.ts";
import type { Percentiles } from "../../src/edge/histogram.ts";
import {
  adapterAs,
  checkLink,
  deviceAs,
  roundTripAs,
  watchdogOf,
} from "../../src/edge/link-checkup.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import type { RunReport } from "../../src/edge/run.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import type { LinkChoice } from "../../src/link/link.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy, unevenSpec } from "../policy/random-policy.ts";
import { ownFolder, patientRobot, patientRun, pendulumImage } from "./board-run.ts";

const folder = ownFolder("checkup");

function named(findings: readonly Finding[], name: string): Finding | undefined {
  return findings.find((finding) => finding.name === name);
}

/** A machine's files, below a folder. */
function machine(files: Readonly<Record<string, string>>): string {
  const root = join(folder, "root");
  rmSync(root, { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("doctor: a machine that slows down, swaps and has a slow clock is told so", async () => {
  const root = machine({
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpufreq/policy0": "",
    "proc/swaps": "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n",
  });
  const findings = await checkMachine(10_000, "auto", root);
  for (const [name, line] of [
    ["clock", /^hpet, read in \d+ ns; a slow source/],
    ["governor", /^powersave; sudo cpupower/],
    ["swap", /there is swap: sudo swapoff -a/],
  ] as const) {
    assert.equal(named(findings, name)!.state, "poor", name);
    assert.match(named(findings, name)!.line, line);
  }
  assert.match(named(findings, "schedule")!.line, /^an empty loop of 10000 us: p99 \d+ us late/);
  const realTime = named(findings, "real time")!.line;
  assert.match(realTime, /^(SCHED_FIFO 50|no, .+); memory is not locked \(mlockall\), in which V8/);
  assert.match(
    named(findings, "threads")!.line,
    /^a run has three: .*; this program may use \w+ p/,
  );
});

test("doctor: a machine in order has nothing to do, nor one that tells nothing", async () => {
  const root = machine({
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "proc/swaps": "Filename Type Size Used Priority\n",
  });
  const findings = await checkMachine(100_000, "off", root);
  for (const name of ["clock", "governor", "swap"]) {
    assert.equal(named(findings, name)!.state, "good", named(findings, name)!.line);
  }
  const silent = await checkMachine(100_000, "auto", machine({}));
  for (const name of ["governor", "swap"]) {
    assert.deepEqual(named(silent, name), { name, state: "good", line: "this machine tells none" });
  }
  assert.equal(named(findings, "real time")!.state, "good", "it was not asked for");
});

test("doctor: a schedule is good, poor or bad, and not judged by a few cycles", () => {
  const lateness = (p99: number): Percentiles => ({ count: 9, p50: 1, p99, p999: p99, max: p99 });
  const state = (p99: number, due: number, missed: number): string =>
    onTime({ lateness: lateness(p99), due, missed }, 1000).state;
  assert.deepEqual([state(99, 1000, 5), state(101, 1000, 5)], ["good", "poor"]);
  assert.deepEqual([state(99, 1000, 6), state(99, 19, 0)], ["bad", "poor"]);
});

test("doctor: a program with one processor is told that the loop shares it", () => {
  assert.deepEqual([threadsOn(1).state, threadsOn(2).state], ["poor", "good"]);
  assert.match(threadsOn(1).line, /may use one processor: give it a second one/);
});

test("doctor: answers that take longer than their news is good for are bad", () => {
  const patience = { periodUs: 20_000, goodForUs: 40_000 };
  const told = (p50: number, max: number, count: number = 12): Finding =>
    roundTripAs({ count, p50, max }, patience);
  assert.deepEqual(told(900, 4000), {
    ...{ name: "round trip", state: "good" },
    line: "p50 900 us, max 4000 us of 12; a cycle is 20000 us, and news is good for 40000 us",
  });
  assert.deepEqual([told(20_000, 40_000).state, told(20_001, 30_000).state], ["good", "poor"]);
  assert.deepEqual([told(40_000, 50_000).state, told(40_001, 50_000).state], ["poor", "bad"]);
  assert.match(told(40_001, 50_000).line, /too late, so give a faster line, or a longer commandTt/);
  assert.deepEqual([told(0, 0, 0).state, told(0, 0, 0).line], ["poor", "no answer was timed"]);
});

test("doctor: what a port tells of its own delay, and that it tells nothing", () => {
  assert.deepEqual(
    [adapterAs(null, "").state, adapterAs({ ms: 16, file: "f" }, "16 ms").state],
    [...["good", "poor"]],
  );
  assert.equal(adapterAs(null, "").line, "this port tells no latency_timer");
  assert.equal(adapterAs({ ms: 1, file: "f" }, "").line, "latency_timer 1 ms");
});

test("doctor: of servos and drives it says whose watchdog was tried, and why not", () => {
  const place = { path: "p", baud: 1, servos: [] };
  const drive = { path: "p", baud: 1, motors: [], watchdogMs: 100 };
  const cases: readonly [LinkChoice, string, string, RegExp][] = [
    [{ feetech: place }, "disarmed", "poor", /^not tried: these servos have none: they go on hold/],
    [{ dynamixel: { ...place, watchdogMs: 100 } }, "disarmed", "poor", /^not tried: it needs torq/],
    [{ odrive: drive }, "disarmed", "good", /^each drive was seen to stop by itself/],
    [{ odrive: { ...drive, watchdogMs: undefined } }, "disarmed", "poor", /gives no watchdogMs/],
    [{ moteus: { ...drive, adapter: "uart" } }, "disarmed", "good", /^each drive was seen/],
    [
      { moteus: { ...drive, adapter: "uart" } },
      "stopped",
      "poor",
      /is stopped: a run with --reset/,
    ],
  ];
  for (const [link, mode, state, line] of cases) {
    const found = watchdogOf(link, mode);
    assert.equal(found.state, state, found.line);
    assert.match(found.line, line);
  }
});

test("doctor: a device that tells nothing, or would not be armed, is bad", () => {
  const age = { count: 50, p50: 900, p99: 2000, p999: 2000, max: 2000 };
  const report = (changed: object) =>
    ({ times: { age }, deviceAtRest: true, linkLost: false, ...changed }) as unknown as RunReport;
  const good = deviceAs(report({}), "disarmed", []);
  assert.deepEqual(good, {
    ...{ name: "device", state: "good" },
    line: "it shook hands and is disarmed; observations are 900 us old, at most 2000 us",
  });
  const silent = report({ times: { age: { ...age, count: 0 } } });
  assert.match(deviceAs(silent, "disarmed", []).line, /it told no observation/);
  for (const bad of [silent, report({ deviceAtRest: false }), report({ linkLost: true })]) {
    assert.equal(deviceAs(bad, "disarmed", []).state, "bad");
  }
  const far = deviceAs(report({}), "disarmed", ["beyondLimits"]);
  assert.deepEqual([far.state, /would not be armed: beyondLimits/.test(far.line)], ["bad", true]);
});

test("doctor: a policy is proved and timed; a damaged one is bad", async () => {
  const bytes = await exportPolicy(randomPolicy(1));
  const found = await checkPolicy(bytes, 50_000);
  assert.match(named(found, "proof")!.line, /^perceptron 1, at most \d\.\de-\d from what was prov/);
  assert.match(named(found, "decide")!.line, /^p50 \d+ us, p99 \d+ us of 50000 us, by one threa/);
  bytes[bytes.length >> 1] ^= 1;
  const [damaged, ...others] = await checkPolicy(bytes, 50_000);
  assert.deepEqual([damaged.name, damaged.state, others.length], ["proof", "bad", 0]);
});

test("doctor: a board is greeted and left at rest; one that does not fit is bad", async () => {
  const board = await startEmulated({ image: pendulumImage });
  try {
    const options = await patientRun(board, folder);
    const found = await checkLink(options);
    assert.equal(named(found, "device")!.state, "good", named(found, "device")!.line);
    assert.match(named(found, "device")!.line, /^it shook hands and is (disarmed|stopped); obs/);
    assert.deepEqual(named(found, "watchdog"), {
      ...{ name: "watchdog", state: "good" },
      line: "its firmware stopped by itself as its last command expired",
    });
    assert.match(
      named(found, "round trip")!.line,
      /^p50 \d+ us, max \d+ us of \d\d; a cycle is 50000/,
    );
    assert.equal(named(found, "adapter")!.line, "this port tells no latency_timer");
    const bytes = await exportPolicy(randomPolicy(1, unevenSpec));
    const joints = { hip: { unlimited: true }, knee: { unlimited: true } } as const;
    const robot = { ...options.robot, joints };
    const other = await checkLink({ ...options, robot, policy: { bytes, path: "other.onnx" } });
    assert.equal(named(other, "device")!.state, "bad");
    assert.match(named(other, "device")!.line, /does not fit this policy/);
    assert.match(named(other, "watchdog")!.line, /^not tried: there was no handshake/);
    const text = patientRobot({ ...board, path: "/dev/no-such-port" }, folder);
    const none = await checkLink({ ...options, robot: parseRobot(text, "robot.yaml") });
    assert.match(named(none, "device")!.line, /there is no such port/);
  } finally {
    await board.close();
  }
});
