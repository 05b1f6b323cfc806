import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot, type Robot } from "../../src/edge/robot.ts";
import { type RunOptions, runPolicy, startRun } from "../../src/edge/run.ts";
import { type Board, startBoard } from "../../src/hil/board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { startBroker } from "../../src/link/broker.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const image = "firmware-bridge/images/rp2040-pendulum.bin";
const folder = mkdtempSync(join(tmpdir(), "sinew-run-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

let runs = 0;

async function optionsFor(robot: Robot, spec: Spec = pendulumSpec): Promise<RunOptions> {
  const bytes = await exportPolicy(randomPolicy(1, spec));
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

function robotAt(link: string): Robot {
  const source = `robot: bench\nlink: ${link}\nlog: { directory: ${JSON.stringify(folder)} }\n`;
  return parseRobot(source, "robot.yaml");
}

function robotOn(board: Board): Robot {
  return robotAt(`{ serial: { path: ${board.path} } }`);
}

async function withBoard(body: (board: Board) => Promise<void>): Promise<void> {
  const board = await startBoard({ image });
  try {
    await body(board);
  } finally {
    await board.close();
  }
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

test("run: drives the board over serial, logs each step, and replays it byte for byte", async () => {
  await withBoard(async (board) => {
    const options = await optionsFor(robotOn(board));
    const report = await runPolicy({ ...options, seconds: 1.5, arm: true });
    assert.ok(report.cycles >= 20, `${report.cycles} cycles`);
    assert.equal(report.refused, 0);
    assert.equal(report.steps, report.cycles);
    assert.equal(report.droppedSteps, 0);
    assert.ok(report.deviceAtRest);
    assert.ok(report.times.roundTrip.count > 10);
    const happenings = report.transitions.map(({ happening }) => happening);
    assert.deepEqual(happenings, [Happening.arm, Happening.stop]);
    const log = readLog(report.logPath);
    const modes = new Set([...log.steps()].map(({ mode }) => mode));
    assert.deepEqual(modes, new Set([Mode.disarmed, Mode.armed, Mode.stopped]));
    const replay = await replayLog(log, options.policy.bytes);
    assert.deepEqual(replay, {
      equal: true,
      steps: report.steps,
      differing: 0,
      first: null,
      samePolicy: true,
    });
    const other = await exportPolicy(randomPolicy(2));
    const changed = await replayLog(log, other);
    assert.equal(changed.equal, false);
    assert.equal(changed.samePolicy, false);
    assert.equal(changed.first!.field, "proposed[0]");
    // A second run finds the latched stop, and does not leave it unasked.
    const again = await optionsFor(robotOn(board));
    await refuses(
      runPolicy({ ...again, seconds: 1, arm: true }),
      "handshake",
      /did not arm: the device is stopped \(host\).*reset it first/,
    );
    const third = await optionsFor(robotOn(board));
    const reset = await runPolicy({ ...third, seconds: 0.3, arm: true, reset: true });
    assert.equal(reset.transitions[0].happening, Happening.arm);
  });
});

test("run: without arming nothing moves", async () => {
  await withBoard(async (board) => {
    const report = await runPolicy({
      ...(await optionsFor(robotOn(board))),
      seconds: 0.4,
      arm: false,
    });
    assert.deepEqual(report.transitions, []);
    assert.ok(report.steps > 3);
    for (const step of readLog(report.logPath).steps()) assert.equal(step.validUntilUs, 0);
  });
});

test("run: a board that dies while armed stops the run and is not started again", async () => {
  await withBoard(async (board) => {
    const run = await startRun(await optionsFor(robotOn(board)));
    await run.arm();
    await delay(200);
    board.kill();
    await until(() => !run.running);
    const report = await run.close();
    assert.ok(report.linkLost);
    assert.ok(!report.deviceAtRest);
    assert.equal(report.transitions.at(-1)!.to, Mode.stopped);
    assert.ok(report.steps > 0);
  });
});

test("run: a hung board makes observations stale; the loop stops and stays stopped", async () => {
  await withBoard(async (board) => {
    const run = await startRun(await optionsFor(robotOn(board)));
    await run.arm();
    await delay(200);
    board.pause();
    await until(() => run.status.mode === Mode.stopped);
    board.resume();
    await delay(400);
    assert.equal(run.status.mode, Mode.stopped);
    await refuses(run.arm(), "handshake", /stopped/);
    await run.reset();
    await run.arm();
    const report = await run.close();
    assert.ok(report.deviceAtRest);
    const [, fault] = report.transitions;
    assert.ok(fault.happening === Happening.fault || fault.happening === Happening.deviceStopped);
  });
});

test("run: a policy for another robot is refused by the channel's name", async () => {
  await withBoard(async (board) => {
    const [torque] = pendulumSpec.action;
    const spec = { ...pendulumSpec, action: [{ ...torque, high: 3, low: -3 }] };
    await refuses(
      startRun(await optionsFor(robotOn(board), spec)),
      "contract-mismatch",
      /serial .* does not fit this policy: .*pole_torque.*\[-3, 3\].*\[-2, 2\]/,
    );
  });
});

test("run: drives the board over a broker and a bridge", async () => {
  await withBoard(async (board) => {
    const broker = await startBroker();
    const place = { url: broker.url, prefix: "sinew", robot: "bench" };
    const bridge = await startBridge(board.path, 1_000_000, place);
    const options = await optionsFor(robotAt(`{ mqtt: { url: "${broker.url}" } }`));
    const report = await runPolicy({ ...options, seconds: 1, arm: true });
    assert.ok(report.cycles >= 10);
    assert.ok(report.deviceAtRest);
    assert.ok(bridge.counts.toDevice > 10);
    assert.ok((await replayLog(readLog(report.logPath), options.policy.bytes)).equal);
    await bridge.close();
    await broker.close();
  });
});

test("run: a missing port, a locked port and a silent port are one clear line", async () => {
  const missing = await optionsFor(robotAt("{ serial: { path: /dev/no-such-port } }"));
  await refuses(startRun(missing), "port", /\/dev\/no-such-port: there is no such port/);
  await withBoard(async (board) => {
    const run = await startRun(await optionsFor(robotOn(board)));
    const second = await optionsFor(robotOn(board));
    await refuses(startRun(second), "port", /another program holds it/);
    await run.close();
    board.pause();
    await refuses(startRun(second), "handshake", /does not answer/);
    board.resume();
  });
});
