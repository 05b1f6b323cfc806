// A run over Mosquitto when the broker or the bridge goes away, and when somebody only says so.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startBridgeProcess } from "../../src/cli/bridge-process.ts";
import { Mode } from "../../src/core/step.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { type Run, startRun } from "../../src/edge/run.ts";
import { Count } from "../../src/edge/status.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { nameOfDeviceMode, nameOfDeviceReason } from "../../src/link/device.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { anyoneAt, refuses, until } from "../link/mqtt-stage.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { Mosquitto } from "./mosquitto.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-run-"));
const place = { prefix: "sinew", robot: "bench" };
let mosquitto: Mosquitto;
let board: Board;
before(async () => {
  mosquitto = await Mosquitto.start();
  board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
});
after(async () => {
  await board.close();
  await mosquitto.close();
  rmSync(folder, { recursive: true });
});

let runs = 0;

/** A run that drives, over MQTT 5. */
async function driving(): Promise<Run> {
  const robot = parseRobot(
    JSON.stringify({
      robot: place.robot,
      link: { mqtt: { url: mosquitto.place(5).url } },
      ...{ commandTtlMs: 400, observationAgeMs: 400, log: { directory: folder } },
    }),
    "robot.yaml",
  );
  const bytes = await exportPolicy(randomPolicy(1, pendulumSpec));
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  const run = await startRun({ policy: { bytes, path: "policy.onnx" }, robot, startedAt });
  await run.reset();
  await run.arm();
  await delay(200);
  assert.equal(run.status.mode, Mode.armed);
  return run;
}

const deviceOf = ({ status }: Run): string => nameOfDeviceMode(status.deviceMode);
const reasonOf = ({ status }: Run): string => nameOfDeviceReason(status.deviceReason);

/** It stays stopped by itself, and takes reset, then arm. */
async function onlyAPersonGoesOn(run: Run): Promise<void> {
  const cycles = run.status.count(Count.cycles);
  await until(() => run.status.count(Count.cycles) > cycles + 10, "half a second of cycles");
  assert.equal(run.status.mode, Mode.stopped);
  assert.equal(deviceOf(run), "stopped");
  assert.equal(reasonOf(run), "expired", "the device stopped by itself, before anyone told it");
  await refuses(run.arm(), /stopped.*reset it first/, "handshake");
  // Who was not let arm has asked to stop, and a stop wins over a reset that comes with it.
  await delay(100);
  await run.reset();
  assert.equal(run.status.mode, Mode.disarmed);
  await run.arm();
  assert.equal(run.status.mode, Mode.armed);
}

test("mosquitto: killed amid a run, which goes on only by reset and arm", async () => {
  const bridge = await startBridge(board.path, 1_000_000, mosquitto.place(5));
  const run = await driving();
  await mosquitto.kill();
  await until(() => run.status.mode === Mode.stopped, "the stop");
  await mosquitto.start();
  await until(() => /there again/.test(run.notices.at(-1) ?? ""), "reconnection");
  await until(() => deviceOf(run) === "stopped", "word of the device");
  await onlyAPersonGoesOn(run);
  const report = await run.close();
  assert.ok(report.deviceAtRest && !report.linkLost);
  assert.match(report.notices[0], /^the connection to mqtt:.* broke$/);
  await bridge.close();
});

test("mosquitto: a false last will stops nothing, and is told", async () => {
  const bridge = await startBridge(board.path, 1_000_000, mosquitto.place(5));
  const run = await driving();
  const anyone = await anyoneAt(mosquitto.place(5));
  const lie = JSON.stringify({ alive: false, device: null, why: "I say so" });
  await anyone.publishAsync("sinew/bench/presence", lie, { qos: 1, retain: true });
  await until(() => run.notices.length > 0, "the lie");
  assert.match(run.notices[0], /^bench: its bridge is gone, says the broker \(I say so\); no run/);
  const cycles = run.status.count(Count.cycles);
  await until(() => run.status.count(Count.cycles) > cycles + 10, "half a second of cycles");
  assert.equal(run.status.mode, Mode.armed);
  assert.equal(deviceOf(run), "armed");
  const report = await run.close();
  assert.equal(report.notices.length, 1);
  assert.ok(report.deviceAtRest);
  await bridge.close();
});

test("mosquitto: a bridge that hangs leaves no will, and the device stops", async () => {
  const bridge = await startBridgeProcess(board.path, mosquitto.place(5), place.robot);
  const run = await driving();
  process.kill(bridge.pid, "SIGSTOP");
  try {
    await until(() => run.status.mode === Mode.stopped, "the stop");
    // Longer than any command is good for: what hangs in the bridge is old now.
    await delay(1000);
    assert.deepEqual(run.notices, [], "nobody knows of it yet");
  } finally {
    process.kill(bridge.pid, "SIGCONT");
  }
  await until(() => deviceOf(run) === "stopped", "word of the device");
  await onlyAPersonGoesOn(run);
  assert.ok((await run.close()).deviceAtRest);
  await bridge.close();
});

test("mosquitto: a bridge that is killed leaves its will, and the device stops", async () => {
  const bridge = await startBridgeProcess(board.path, mosquitto.place(5), place.robot);
  const run = await driving();
  process.kill(bridge.pid, "SIGKILL");
  await until(() => run.notices.length > 0, "the will");
  assert.match(
    run.notices[0],
    /^bench: its bridge is gone, says the broker \(the broker lost it\)/,
  );
  await until(() => run.status.mode === Mode.stopped, "the stop");
  await bridge.close();
  const next = await startBridge(board.path, 1_000_000, mosquitto.place(5));
  await until(() => run.notices.length === 2, "the birth of the next");
  assert.match(run.notices[1], /^bench: its bridge is there again/);
  await until(() => deviceOf(run) === "stopped", "word of the device");
  await onlyAPersonGoesOn(run);
  assert.ok((await run.close()).deviceAtRest);
  await next.close();
});

test("mosquitto: who starts without a bridge is told that it is gone", async () => {
  const bridge = await startBridge(board.path, 1_000_000, mosquitto.place(5));
  await bridge.close();
  await refuses(
    driving(),
    /does not answer.*; bench: its bridge is gone, .*it was ended/,
    "handshake",
  );
});
