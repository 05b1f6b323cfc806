// Each driver over a port that is opened once only, as on Windows: the bytes go from thread to
// thread. What a driver does is tested elsewhere, over a port of its own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { Spec } from "../../src/core/spec.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { parseRobot, type Robot } from "../../src/edge/robot.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { type LinkChoice, openLink, protectionOf } from "../../src/link/link.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { motorSpec } from "./motor-bench.ts";
import { closeAfter } from "./mqtt-stage.ts";
import type { DriverReport, DriverWork } from "./plain-driver.ts";
import { armSpec, names } from "./servo-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-plain-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Answers have 20 ms, which is the most. */
const periodUs = 80_000;
const servos = names.map((joint, at) => `{ id: ${at + 1}, joint: ${joint}, zeroCounts: 2048 }`);
const motor = "joint: a, maxSpeed: 2";

/** A kind of driver, its image, and what its link says beside the port. */
const drivers = [
  ["feetech", "sts-bus", `servos: [${servos}]`],
  ["dynamixel", "dxl-bus", `watchdogMs: 500, servos: [${servos}]`],
  ["odrive", "odrive-axis", `watchdogMs: 1000, axes: [{ axis: 0, ${motor} }]`],
  ["moteus", "moteus-axis", `watchdogMs: 700, adapter: uart, motors: [{ id: 1, ${motor} }]`],
] as const;

function robotOf(name: string, board: Board, section: string, { action }: Spec): Robot {
  const port = `path: ${board.path}, baud: 1000000, plain: true`;
  const text = [
    ...[`robot: ${name}`, `link: { ${name}: { ${port}, ${section} } }`, "commandTtlMs: 900"],
    ...["observationAgeMs: 900", `log: { directory: ${JSON.stringify(folder)} }`, "joints:"],
    ...action.map((channel) => `  ${channel.name}: { unlimited: true }`),
  ];
  return parseRobot(text.join("\n"), "robot.yaml");
}

function driven(work: DriverWork): Promise<DriverReport> {
  const worker = new Worker(new URL("./plain-driver.js", import.meta.url), { workerData: work });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** An emulated board that is held up counts less time than there was: then once more. */
const slowBoard = /the watchdog of .* has not expired/;

async function drivenOver(choice: LinkChoice, name: string, spec: Spec): Promise<DriverReport> {
  const action = new Float32Array(spec.action.length).fill(0.05);
  for (let turn = 1; ; turn++) {
    const link = await openLink(choice);
    closeAfter(() => link.close());
    assert.equal(link.name, name);
    assert.deepEqual(protectionOf(link.door), protectionOf(choice));
    const report = await driven({ spec, door: link.door, action });
    await link.close();
    if (turn === 4 || !slowBoard.test(report.why)) return report;
  }
}

for (const [name, image, section] of drivers) {
  test(`plain: ${name} is armed, driven and stopped, and a run has it`, async () => {
    const board = await startEmulated({
      image: `firmware-bridge/images/rp2040-${image}.bin`,
      protocol: name,
    });
    closeAfter(() => board.close());
    const isArm = section.includes("servos");
    const spec: Spec = isArm ? { ...armSpec(), periodUs } : motorSpec(["velocity"], periodUs);
    const robot = robotOf(name, board, section, spec);

    const report = await drivenOver(robot.link, `${name} ${board.path}, plain`, spec);
    assert.deepEqual(report, { driven: true, stopped: true, why: "" });

    const bytes = await exportPolicy(randomPolicy(3, spec));
    const given = { robot, policy: { bytes, path: "policy.onnx" } };
    const startedAt = "2026-01-01T00:00:00.000Z";
    const run = await runPolicy({ ...given, startedAt, seconds: 0.5, arm: false });
    assert.ok(run.cycles > 0 && run.failure === null && !run.linkLost);
  });
}
