// The shipped reaching policy on six virtual servos behind a real serial port: home, soft start,
// targets that the host supplies, and the same again from the log.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Mode, type Step } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { readLog } from "../../src/log/reader.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { distanceOf, ServoArm, servoArmSpec } from "../../src/sim/servo-arm.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-arm-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const path = "models/servo-arm/policy.onnx";
const home = [0.4, -0.3, 0.4, 0.3, 0, 0.4];
const targets = [
  { target_x: 0.24, target_y: 0.1, target_z: 0.16 },
  { target_x: 0.2, target_y: -0.14, target_z: 0.24 },
];

function robotText(port: string): string {
  const joints = servoArmSpec.action.map(({ name }) => name.replace("_position", ""));
  const servos = joints.map((joint, at) => {
    return { id: at + 1, joint, zeroCounts: 2048, sign: at % 2 === 0 ? 1 : -1, maxSpeed: 2 };
  });
  const place = Object.fromEntries(servoArmSpec.action.map(({ name }, at) => [name, home[at]]));
  // Where the policy may send them is where they end.
  const ends = servoArmSpec.action.map(({ name, low, high }) => {
    const velocity = name.replace("_position", "_velocity");
    const strength = { deceleration: 15, velocityMax: 7 };
    return [name, { position: name, velocity, low, high, ...strength }];
  });
  // JSON is YAML.
  return JSON.stringify({
    robot: "arm",
    link: { feetech: { path: port, servos } },
    setpoints: targets.map((target, at) => ({ seconds: 3 * at, ...target })),
    joints: Object.fromEntries(ends),
    start: { home: place, speed: 0.5, softSeconds: 0.4 },
    observationAgeMs: 900,
    commandTtlMs: 900,
    log: { directory: folder },
  });
}

/** What `sinew calibrate` says of servos that stand in the middle of their turn. */
async function zerosOf(port: string): Promise<number[]> {
  const robot = join(folder, "robot.yaml");
  writeFileSync(robot, robotText(port));
  const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
  const words = ["calibrate", robot, "--policy", path, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words]);
  const { joints } = JSON.parse(stdout) as { joints: { zeroCounts: number }[] };
  return joints.map(({ zeroCounts }) => zeroCounts);
}

function assertWayHome(homing: readonly Step[]): void {
  const strideMax = 0.5 * 0.04 + 1e-6;
  homing.forEach(({ action, observation }, at) => {
    // The first goes on from where the servos are seen, which tell their places first.
    const from = homing[at - 1]?.action ?? observation;
    for (const [i, goal] of action.entries()) {
      assert.ok(Math.abs(goal - from[i]) <= strideMax, `cycle ${at}, joint ${i}`);
    }
  });
  const { observation } = homing.at(-1)!;
  for (const [i, goal] of home.entries()) {
    assert.ok(Math.abs(observation[i] - goal) < 0.08, `joint ${i} came home at ${observation[i]}`);
  }
}

/** From each target at its end, m, in the simulator; the virtual servos carry no weight. */
async function simulated(bytes: Uint8Array): Promise<number[]> {
  const policy = await loadPolicy(bytes);
  const env = new ServoArm();
  env.parameters["gravity"] = 0;
  const observation = new Float32Array(servoArmSpec.observation.length);
  const action = Float32Array.from(home);
  let joints: readonly number[] = home;
  const misses: number[] = [];
  for (const target of targets) {
    env.setState(joints, Object.values(target));
    for (let step = 0; step < 75; step++) {
      env.step(action, observation);
      await policy.act(observation, action);
    }
    misses.push(distanceOf(observation));
    joints = [...observation.subarray(0, 6)];
  }
  await policy.close();
  return misses;
}

test("servo-arm board: home, soft start, two targets reached, and replayed", async () => {
  const bytes = new Uint8Array(readFileSync(path));
  const board = await startEmulated({
    image: "firmware-bridge/images/rp2040-sts-bus.bin",
    protocol: "feetech",
  });
  try {
    assert.deepEqual(await zerosOf(board.path), Array(6).fill(2048));
    const report = await runPolicy({
      policy: { bytes, path },
      robot: parseRobot(robotText(board.path), "robot.yaml"),
      startedAt: "2026-01-01T00:00:00.000Z",
      seconds: 6,
      arm: true,
    });
    const happenings = report.transitions.map(({ happening }) => happening);
    const { home: homing, homed, arm, stop } = Happening;
    assert.deepEqual(happenings, [homing, homed, arm, stop]);
    assert.ok(report.deviceAtRest && report.refused === 0);
    assert.equal(report.jointsWithEnds, 6);
    const log = readLog(report.logPath);
    const steps = Array.from(log.steps(), (step) => structuredClone(step));
    assertWayHome(steps.filter(({ mode }) => mode === Mode.homing));
    const armed = steps.filter(({ mode }) => mode === Mode.armed);
    const soft = armed[0].proposed.map((goal, i) => Math.abs(goal - home[i]));
    assert.ok(Math.max(...soft) < 0.3, `the policy took over by ${soft}`);
    const lastBefore = (seconds: number): Step => {
      return armed.filter(({ seq }) => seq - armed[0].seq < seconds * 25).at(-1)!;
    };
    const foretold = await simulated(bytes);
    for (const [at, step] of [lastBefore(3), lastBefore(6)].entries()) {
      assert.deepEqual(step.observation.slice(12), Float32Array.from(Object.values(targets[at])));
      const miss = distanceOf(step.observation);
      assert.ok(miss < 0.05, `target ${at}: ${miss} m`);
      const off = Math.abs(miss - foretold[at]);
      assert.ok(off < 0.01, `target ${at}: ${miss} m, the simulator says ${foretold[at]} m`);
    }
    assert.deepEqual((await replayLog(log, bytes)).differing, 0);
  } finally {
    await board.close();
  }
});
