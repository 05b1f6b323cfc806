import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { reasonsOfStops } from "../../src/cli/drive.ts";
import { SinewError } from "../../src/core/errors.ts";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, Reason } from "../../src/core/step.ts";
import type { ControlThread } from "../../src/edge/control-thread.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { Holds } from "../../src/edge/holds.ts";
import { Second } from "../../src/edge/lineup.ts";
import { Members } from "../../src/edge/members.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot, type Robot } from "../../src/edge/robot.ts";
import { Run, type RunOptions, startRun } from "../../src/edge/run.ts";
import { statusOf } from "../../src/edge/run-status.ts";
import { Count, State, Status } from "../../src/edge/status.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { startBroker } from "../../src/link/broker.ts";
import type { Log } from "../../src/log/log.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { issue } from "../link/certificate.ts";
import { randomPolicy, unevenSpec } from "../policy/random-policy.ts";
import { defaultTerms } from "./staged-run.ts";

const image = "firmware-bridge/images/rp2040-pendulum.bin";
const folder = mkdtempSync(join(tmpdir(), "sinew-run-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let runs = 0;

async function optionsFor(
  robot: Robot,
  spec: Spec = pendulumSpec,
  past: number = 0,
): Promise<RunOptions> {
  const parts = randomPolicy(1, specWithHistory(spec, past, past));
  const history = past > 0 && { actionHistory: past, observationHistory: past };
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, ...history } });
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

function robotAt(link: string): Robot {
  const source = `robot: bench\nlink: ${link}\nlog: { directory: ${JSON.stringify(folder)} }\n`;
  return parseRobot(source, "robot.yaml");
}

/** For tests of what a calm machine does: as patient as a robot may be. */
function patient(robot: Robot): Robot {
  return { ...robot, commandTtlMs: 900, observationAgeMs: 900 };
}

function robotOn(board: Board): Robot {
  return robotAt(`{ serial: { path: ${board.path} } }`);
}

let shared: Promise<Board> | null = null;

/**
 * One board for all tests of this file, because it takes a second to start. The last one ends it.
 */
function theBoard(): Promise<Board> {
  shared ??= startEmulated({ image });
  return shared;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail("waited in vain");
}

function refuses(action: Promise<unknown>, code: string, line: RegExp): Promise<void> {
  return assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof SinewError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, line);
    return true;
  });
}

test("run: a policy for another robot is refused by the channel's name", async () => {
  const board = await theBoard();
  const [torque] = pendulumSpec.action;
  const spec = { ...pendulumSpec, action: [{ ...torque, high: 3, low: -3 }] };
  await refuses(
    startRun(await optionsFor(robotOn(board), spec)),
    "contract-mismatch",
    /serial .* does not fit this policy: .*pole_torque.*\[-3, 3\].*\[-2, 2\]/,
  );
});

test("run: a board that stops otherwise than the robot file asks is refused by name", async () => {
  const robot = { ...robotOn(await theBoard()), stops: { pole_torque: "off" as const } };
  await refuses(
    startRun(await optionsFor(robot)),
    "contract-mismatch",
    /pole_torque.*expected to stop by off, got ramp to zero/,
  );
  const ramping = { ...robot, stops: { pole_torque: "ramp_to_zero" as const } };
  await (await startRun(await optionsFor(ramping))).close();
  const lost = { ...robot, stops: { pole: "off" as const } };
  await refuses(startRun(await optionsFor(lost)), "robot-file", /"pole" is no action channel/);
});

test("run: what does not fit the policy is told with the file, before a port opens", async () => {
  const robot = robotAt("{ serial: { path: /dev/no-such-port } }");
  for (const [change, line] of [
    [{ limits: { torqe: { low: 0 } } }, /^robot\.yaml: limits: "torqe" is no action channel/],
    [{ setpoints: [{ seconds: 0, values: { x: 0 } }] }, /^robot\.yaml: setpoints: "x" is not/],
    [{ start: { home: { x: 0 }, speed: 1, softSeconds: 1 } }, /^robot\.yaml: start.home: "x"/],
  ] as const) {
    await refuses(startRun(await optionsFor({ ...robot, ...change })), "robot-file", line);
  }
  const places = startRun(await optionsFor(robotAt("{ serial: { path: /dev/none } }"), unevenSpec));
  await refuses(places, "robot-file", /robot\.yaml: joints: "hip" is a place \(rad\): say where/);
});

test("run: a certificate that has expired is told before a broker is spoken to", async () => {
  const old = issue({ name: "arm-1", to: 2021 });
  const at = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const tls = { cert: at("old.pem", old.cert), key: at("old.key", old.key) };
  const robot = robotAt(JSON.stringify({ mqtt: { url: "mqtts://127.0.0.1:1", tls } }));
  await refuses(startRun(await optionsFor(robot)), "broker", /^cert .*old\.pem: it expired on/);
});

test("run: who stands beyond its limits is named where arming is refused", async () => {
  const status = new Status(pendulumSpec);
  status.setState(State.running);
  const first = { id: "x", path: "x.onnx", signer: null };
  const link = { name: "arm", door: { serialPath: "" }, notices: [], close: async () => {} };
  const thread = { ended: new Promise(() => {}) } as unknown as ControlThread;
  const log = { path: "x.mcap" } as Log;
  const offers = { offer: () => {} };
  const run = new Run(
    {
      members: new Members(first, randomPolicy(1).contract, null, status, offers),
      holds: new Holds(null, status),
      spec: pendulumSpec,
      limits: limitsOf(pendulumSpec),
      ...defaultTerms,
      realTime: { granted: false, line: "no" },
    },
    status,
    link,
    log,
    thread,
  );
  const step = makeStep(pendulumSpec);
  step.reasons = Reason.beyondLimits;
  status.showFurthest(0, 0.9);
  status.show(step);
  setTimeout(() => status.add(Count.refusedRequests, 1), 20);
  await refuses(run.arm(), "handshake", /\(beyondLimits: pole_torque by 0\.900 N\*m\)/);
});

test("run: a missing port and a locked port are one clear line", async () => {
  const missing = await optionsFor(robotAt("{ serial: { path: /dev/no-such-port } }"));
  await refuses(startRun(missing), "port", /\/dev\/no-such-port: there is no such port/);
  const board = await theBoard();
  const run = await startRun(await optionsFor(robotOn(board)));
  await refuses(startRun(await optionsFor(robotOn(board))), "port", /another program holds it/);
  const report = await run.close();
  // It was never armed, so nothing moved.
  assert.deepEqual(report.transitions, []);
  for (const step of readLog(report.logPath).steps()) assert.equal(step.validUntilUs, 0);
});

test("run: drives a board, logs each step, replays byte for byte", async () => {
  const board = await theBoard();
  const options = await optionsFor(patient(robotOn(board)));
  const report = await runPolicy({ ...options, seconds: 1, arm: true });
  assert.ok(report.cycles >= 5, `${report.cycles} cycles`);
  assert.equal(report.refused, 0);
  assert.equal(report.steps, report.cycles);
  assert.equal(report.droppedSteps, 0);
  assert.ok(report.deviceAtRest);
  const happenings = report.transitions.map(({ happening }) => happening);
  assert.deepEqual(happenings, [Happening.arm, Happening.stop]);
  const log = readLog(report.logPath);
  const modes = new Set<Mode>();
  for (const { mode } of log.steps()) modes.add(mode);
  assert.ok(modes.has(Mode.armed) && modes.has(Mode.stopped));
  const replay = await replayLog(log, options.policy.bytes);
  const { steps } = report;
  const sound = { differing: 0, unverified: 0, first: null, samePolicy: true };
  assert.deepEqual(replay, { equal: true, steps, ...sound });
});

test("run: a policy that observes its past drives a board that has none", async () => {
  const board = await theBoard();
  const options = await optionsFor(patient(robotOn(board)), pendulumSpec, 2);
  const report = await runPolicy({ ...options, seconds: 0.6, arm: true, reset: true });
  assert.ok(report.cycles >= 4 && report.refused === 0 && report.deviceAtRest);
  const log = readLog(report.logPath);
  assert.equal(log.spec.observation.length, 3);
  const { steps } = report;
  const replay = await replayLog(log, options.policy.bytes);
  const sound = { differing: 0, unverified: 0, first: null, samePolicy: true };
  assert.deepEqual(replay, { equal: true, steps, ...sound });
});

test("run: a policy of 10 Hz drives a board of 20 Hz, asked in every second cycle", async () => {
  const board = await theBoard();
  const slow = { ...pendulumSpec, periodUs: 100_000 };
  for (const between of ["hold", "interpolate"] as const) {
    const robot = { ...patient(robotOn(board)), control: { rateHz: 20, between } };
    const options = await optionsFor(robot, slow, 2);
    const paces = new Set<string>();
    const onLook = ({ pace }: Run) => paces.add(`${pace.policyPeriodUs} ${pace.between}`);
    const report = await runPolicy({ ...options, seconds: 0.8, arm: true, reset: true, onLook });
    assert.deepEqual([...paces], [`100000 ${between}`]);
    assert.ok(report.cycles >= 6 && report.refused === 0 && report.deviceAtRest);
    const log = readLog(report.logPath);
    assert.equal(log.spec.periodUs, 50_000);
    assert.equal(log.metadata.get("control"), JSON.stringify({ every: 2, between }));
    const { policyCalls, cycles, steps } = report;
    // Once more when it was armed, and later where a cycle was skipped.
    assert.ok(policyCalls <= cycles / 2 + 2 && policyCalls >= (cycles - report.missed) / 3);
    assert.equal(report.times.decide.count, policyCalls);
    const replay = await replayLog(log, options.policy.bytes);
    const sound = { differing: 0, unverified: 0, first: null, samePolicy: true };
    assert.deepEqual(replay, { equal: true, steps, ...sound });
  }
  // The board states the period of the loop, not that of the policy.
  await refuses(
    startRun(await optionsFor(robotOn(board), slow)),
    "contract-mismatch",
    /period: expected 100000 us, got 50000 us/,
  );
  const odd = { ...robotOn(board), control: { rateHz: 33, between: "hold" as const } };
  await refuses(
    startRun(await optionsFor(odd)),
    "robot-file",
    /^robot\.yaml: control\.rateHz: 33 is no whole multiple of the policy's 20: give 20 or 40/,
  );
});

test("run: a policy is looked at, swapped in, kept, and gone back from, on a board", async () => {
  const board = await theBoard();
  const swap = { blendSeconds: 0.2, watchSeconds: 0.5, limitedMax: 1 };
  const options = await optionsFor({ ...patient(robotOn(board)), swap });
  const { contract, ...parts } = randomPolicy(2, specWithHistory(pendulumSpec, 0, 2));
  const other = await exportPolicy({ ...parts, contract: { ...contract, observationHistory: 2 } });
  const path = join(folder, "other.onnx");
  writeFileSync(path, other);
  const wrong = await exportPolicy(randomPolicy(2, unevenSpec));
  writeFileSync(join(folder, "wrong.onnx"), wrong);
  const run = await startRun(options);
  const { members, status } = run;
  await refuses(
    members.shadow(join(folder, "wrong.onnx")),
    "contract-mismatch",
    /for what is driven: period/,
  );
  await refuses(
    members.shadow(join(folder, "none.onnx")),
    "policy-file",
    /no file that the run can read/,
  );
  await refuses(members.shadow(folder), "policy-file", /no file that the run can read/);
  await refuses(members.swap(), "command", /no policy is in the shadow/);
  await refuses(members.back(), "command", /no policy drove before/);
  await run.reset();
  await run.arm();
  assert.match(await members.shadow(path), /other\.onnx \(.{8}\) is asked beside policy\.onnx/);
  await until(() => status.shadow().cycles >= 5);
  assert.match(
    await members.swap(),
    /other\.onnx .* drives, .* stands by; in the shadow: \d+ cycl/,
  );
  assert.equal(members.driver.path, path);
  await refuses(members.shadow(path), "command", /another policy stands by/);
  await until(() => status.secondAs === Second.none);
  assert.match(await members.back(), /policy\.onnx .* drives again; .*other\.onnx .* its shadow/);
  const report = await run.close();
  assert.deepEqual([report.refused, report.deviceAtRest], [0, true]);
  const log = readLog(report.logPath);
  const told = log.events().filter((event) => event.kind === "policy");
  assert.deepEqual(
    told.map(({ what }) => what),
    ["shadow", "swap", "keep", "back"],
  );
  const { equal, steps } = await replayLog(log, options.policy.bytes, [other]);
  assert.deepEqual([equal, steps], [true, report.steps]);
});

test("run: a latched stop of an earlier run is not left unasked", async () => {
  const board = await theBoard();
  const options = await optionsFor(robotOn(board));
  await refuses(
    runPolicy({ ...options, seconds: 1, arm: true }),
    "handshake",
    /did not arm: the device is stopped \(\w+\).*reset it first/,
  );
});

test("run: a hung board makes observations stale; the loop stops and stays stopped", async () => {
  const board = await theBoard();
  const run = await startRun(await optionsFor(robotOn(board)));
  await run.reset();
  await run.arm();
  await delay(100);
  board.pause();
  await until(() => run.status.mode === Mode.stopped);
  board.resume();
  await delay(300);
  assert.equal(run.status.mode, Mode.stopped);
  await refuses(run.arm(), "handshake", /stopped/);
  const report = await run.close();
  assert.ok(report.deviceAtRest);
  const [, fault] = report.transitions;
  assert.ok([Happening.fault, Happening.deviceStopped].some((one) => one === fault.happening));
});

test("run: an open stop line arms no board, and stops it; closed it starts nothing", async () => {
  const board = await theBoard();
  const run = await startRun(await optionsFor(patient(robotOn(board))));
  const line = async (open: boolean): Promise<void> => {
    board.setStopLine!(open);
    await until(() => statusOf(run).stopLine === (open ? "open" : "closed"));
  };
  await line(true);
  await refuses(run.reset(), "handshake", /did not reset: .*close its stop line, then reset it/);
  await line(false);
  await run.reset();
  await line(true);
  const pressed = /device is disarmed.*; close its stop line first; its stop line is open: the swi/;
  await refuses(run.arm(), "handshake", pressed);
  await line(false);
  await run.arm();
  await delay(100);
  await line(true);
  await until(() => run.status.mode === Mode.stopped);
  await line(false);
  await delay(300);
  const { mode, device, deviceReason } = statusOf(run);
  assert.deepEqual([mode, device, deviceReason], ["stopped", "stopped", "stopLine"]);
  const opened = /device is stopped \(stopLine\).*; reset it first; its stop line was opened/;
  await refuses(run.arm(), "handshake", opened);
  const report = await run.close();
  assert.equal(report.stopLine, "closed");
  assert.match(reasonsOfStops(report)[0], /by the device itself \(stopLine\): its stop line was/);
  const events = readLog(report.logPath).events();
  const stop = events.find((event) => event.kind === "transition" && event.to === "stopped");
  assert.match(stop?.kind === "transition" ? stop.reason : "", /^stopLine: its stop line is open/);
});

test("run: drives a board over a broker and a bridge", async () => {
  const board = await theBoard();
  const broker = await startBroker();
  const at = { url: broker.url, protocolVersion: broker.protocolVersion };
  const bridge = await startBridge(board.path, 1_000_000, {
    ...at,
    prefix: "sinew",
    robot: "bench",
  });
  const options = await optionsFor(patient(robotAt(JSON.stringify({ mqtt: at }))));
  const report = await runPolicy({ ...options, seconds: 0.6, arm: true, reset: true });
  assert.ok(report.cycles >= 4);
  assert.ok(report.deviceAtRest);
  assert.ok(bridge.counts.toDevice > 10);
  assert.ok((await replayLog(readLog(report.logPath), options.policy.bytes)).equal);
  await bridge.close();
  await broker.close();
});

test("run: a board that dies while armed stops the run, which does not start again", async () => {
  const board = await theBoard();
  const run = await startRun(await optionsFor(robotOn(board)));
  await run.reset();
  await run.arm();
  await delay(100);
  board.kill();
  await until(() => !run.running);
  const report = await run.close();
  assert.ok(report.linkLost);
  assert.equal(report.failure, null);
  assert.ok(!report.deviceAtRest);
  assert.equal(report.transitions.at(-1)!.to, Mode.stopped);
  assert.ok(report.steps > 0);
  await board.close();
});
