import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Finding } from "../../src/edge/checkup.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { ownFolder, patientRobot, pendulumImage } from "../edge/board-run.ts";
import { deskBehindPty } from "../link/desk-pty.ts";
import { randomPolicy, unevenSpec } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("doctor");

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What `sinew doctor` answers of the robot of `text`. */
async function doctor(text: string, ...words: readonly string[]): Promise<Answer> {
  writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1)));
  writeFileSync(join(folder, "robot.yaml"), text);
  const all = [main, "doctor", "robot.yaml", "--policy", "policy.onnx", ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: folder }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

/** As every run of a machine that is busy with other tests: no judge of how late it is. */
function withoutSchedule(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ name }) => name !== "schedule");
}

test("doctor: a board that is fit has every row, nothing bad, and is at rest", async () => {
  const board = await startEmulated({ image: pendulumImage });
  try {
    const { out, err } = await doctor(patientRobot(board, folder), "--json");
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    const names = ["node", "signature", "real time", "threads", "schedule", "clock", "governor"];
    assert.deepEqual(
      findings.map(({ name }) => name),
      [...names, "swap", "proof", "decide", "adapter", "device", "round trip", "watchdog"],
    );
    const bad = withoutSchedule(findings).filter(({ state }) => state === "bad");
    assert.deepEqual(bad, []);
    const line = (name: string): string => findings.find((one) => one.name === name)!.line;
    assert.match(line("watchdog"), /^its firmware stopped by itself as its last command expired$/);
    assert.match(line("device"), /is disarmed/);
    assert.match(err, /^good +round trip +p50 \d+ us, max \d+ us of \d+; a cycle is 50000 us/m);
  } finally {
    await board.close();
  }
});

test("doctor: exit code 0 where nothing is bad", async () => {
  const desk = await deskBehindPty(pendulumSpec);
  try {
    for (let turn = 1; ; turn++) {
      const { code, out } = await doctor(patientRobot(desk, folder));
      const late = /^bad +schedule/m.test(out);
      assert.equal(code, late ? 1 : 0, out);
      assert.doesNotMatch(out.replace(/^bad +schedule.*$/m, ""), /^bad/m);
      assert.equal(desk.device.mode, DeviceMode.disarmed);
      assert.equal(desk.device.accepted, 0);
      // Another program may take the processor once, not always.
      if (!late) break;
      assert.ok(turn < 3, "the schedule is always bad here");
    }
  } finally {
    desk.close();
  }
});

test("doctor: exit code 1 for a firmware that does not stop by itself", async () => {
  const desk = await deskBehindPty(pendulumSpec);
  desk.device.tripLateUs = 1e9;
  try {
    const { code, out, err } = await doctor(patientRobot(desk, folder));
    assert.deepEqual([code, err], [1, ""]);
    assert.match(out, /^bad +watchdog +its firmware does not stop by itself/m);
    assert.match(out, /^good +device/m);
    assert.equal(desk.device.mode, DeviceMode.stopped);
    const again = await doctor(patientRobot(desk, folder));
    assert.match(again.out, /^poor +watchdog +not tried: the device is stopped \(gate\)/m);
  } finally {
    desk.close();
  }
});

test("doctor: exit code 1 for a device that does not fit, which tries nothing", async () => {
  const desk = await deskBehindPty(unevenSpec);
  try {
    const { code, out } = await doctor(patientRobot(desk, folder));
    assert.equal(code, 1);
    assert.match(out, /^bad +device +serial .* does not fit this policy/m);
    assert.match(out, /^poor +watchdog +not tried: there was no handshake with the device/m);
    assert.equal(desk.device.armsAsked, 0);
  } finally {
    desk.close();
  }
});

test("doctor: what cannot be looked at is one line and exit code 2", async () => {
  const { code, out, err } = await doctor("robot: bench\nlink: {}\n");
  assert.deepEqual([code, out, err.trim().split("\n").length], [2, "", 1], err);
  assert.match(err, /^robot\.yaml:2:7: link: give exactly one of/);
});

test("doctor: a robot file that does not fit its policy is bad, and nobody greeted", async () => {
  const limits = "limits: { pole_torqe: {}, pole_torque: { low: -9 } }";
  const { code, out } = await doctor(`robot: a\nlink: { serial: { path: p } }\n${limits}\n`);
  assert.equal(code, 1);
  assert.match(out, /^bad +robot +robot\.yaml:3:\d+: limits: "pole_torqe" is no action channel/m);
  assert.match(out, /^bad +robot +robot\.yaml:3:\d+: limits: "pole_torque" has the limits/m);
  assert.doesNotMatch(out, /device/);
});
