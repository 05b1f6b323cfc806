import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode } from "../../src/core/step.ts";
import { commandNamed } from "../../src/edge/commands.ts";
import { Controls } from "../../src/edge/controls.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { replayLog } from "../../src/edge/replay.ts";
import type { RunReport } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { nameOfDeviceMode } from "../../src/link/device.ts";
import { readLog } from "../../src/log/reader.ts";
import { ownFolder, patientRun, pendulumImage, until } from "./board-run.ts";
import { refused, wordsOf } from "./run-words.ts";

const folder = ownFolder("drive");
const [arm, stop, reset, status] = ["arm", "stop", "reset", "status"].map(commandNamed);

let shared: Promise<Board> | null = null;
function theBoard(): Promise<Board> {
  shared ??= startEmulated({ image: pendulumImage });
  return shared;
}

/** A busy machine may be late with the answer. */
async function halt(controls: Controls): Promise<void> {
  await controls.order(stop, "keyboard").catch(() => {});
  const { status } = controls.run!;
  await until("the stop", () => nameOfDeviceMode(status.deviceMode) === "stopped");
}

function movedNothing(report: RunReport): void {
  for (const step of readLog(report.logPath).steps()) assert.equal(step.validUntilUs, 0);
  assert.ok(report.transitions.every(({ to }) => to !== Mode.armed));
}

test("drive: who asked for what, and what came of it, is in log and report", async () => {
  const options = await patientRun(await theBoard(), folder);
  const controls = new Controls();
  const running = runPolicy({ ...options, arm: true, seconds: 1e6, controls, source: "test" });
  await until("the run to drive", () => controls.run?.status.mode === Mode.armed);
  await controls.order(status, "keyboard");
  assert.match(await controls.order(status, "ctl"), /^armed.*, the device is armed; \d+ cycles/);
  await assert.rejects(
    controls.order(arm, "ctl pid 7"),
    refused("command", /arm is not permitted while armed; permitted: stop, hold, shadow, status/),
  );
  await halt(controls);
  const report = await running;
  const log = readLog(report.logPath);
  const events = log.events();
  const told = wordsOf(events);
  for (const [first, then] of [
    ["arm by test", "disarmed arm armed"],
    ["disarmed arm armed", "arm: armed"],
    ["status by keyboard", "status by ctl"],
    [
      "arm by ctl pid 7",
      "arm: arm is not permitted while armed; permitted: stop, hold, shadow, status",
    ],
    ["stop by keyboard", "armed stop stopped"],
    ["stop by keyboard", "end by test"],
  ]) {
    assert.ok(told.includes(first) && told.indexOf(first) < told.indexOf(then), `${told}`);
  }
  assert.ok(events.every(({ timeUs }, at) => at === 0 || timeUs >= events[at - 1].timeUs));
  const kept = report.commands.filter((event) => event.kind !== "transition");
  assert.ok(kept.length >= 7 && !wordsOf(kept).some((line) => line.startsWith("status")));
  // The steps are what they were.
  const replay = await replayLog(log, options.policy.bytes);
  assert.deepEqual([replay.equal, replay.steps], [true, report.steps]);
});

test("drive: a run without seconds outlives its stops, and is armed again", async () => {
  const options = await patientRun(await theBoard(), folder);
  const controls = new Controls();
  const abort = new AbortController();
  const running = runPolicy({ ...options, arm: false, controls, signal: abort.signal });
  await until("the run", () => controls.run !== null);
  for (let round = 0; round < 2; round++) {
    assert.equal(await controls.order(reset, "test"), "disarmed");
    assert.equal(await controls.order(arm, "test"), "armed");
    await halt(controls);
  }
  assert.equal(controls.run!.running, true);
  await controls.order(reset, "test");
  await controls.order(arm, "test");
  abort.abort("signal SIGTERM");
  const report = await running;
  const told = wordsOf(readLog(report.logPath).events());
  assert.equal(told.filter((line) => line === "disarmed arm armed").length, 3);
  assert.ok(told.indexOf("end by signal SIGTERM") > told.lastIndexOf("arm: armed"));
});

test("drive: a stop before the run has begun keeps it from being armed", async () => {
  const controls = new Controls();
  await assert.rejects(controls.order(arm, "keyboard"), refused("command", /the run is starting/));
  assert.match(await controls.order(stop, "keyboard"), /stopped before anything was armed/);
  const options = await patientRun(await theBoard(), folder);
  const driven = runPolicy({ ...options, arm: true, reset: true, seconds: 5, controls });
  await assert.rejects(driven, refused("command", /stopped before it began/));
  const { run } = controls;
  const log = readLog(run!.logPath.replace(/\.open$/, ""));
  const told = wordsOf(log.events());
  assert.deepEqual(told.slice(0, 2), ["arm by keyboard", "arm: the run is starting: wait for it"]);
  assert.ok(
    told.includes("stop by keyboard") && !told.some((line) => /^(reset|arm) by pro/.test(line)),
  );
  for (const step of log.steps()) assert.equal(step.validUntilUs, 0);
});

test("drive: who ends a run while it starts does not see it armed", async () => {
  const options = await patientRun(await theBoard(), folder);
  const signal = AbortSignal.abort("signal SIGINT");
  const report = await runPolicy({ ...options, arm: true, reset: true, seconds: 5, signal });
  movedNothing(report);
  assert.deepEqual(wordsOf(readLog(report.logPath).events()), ["end by signal SIGINT"]);
  await (await theBoard()).close();
});
