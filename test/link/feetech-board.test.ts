// Six virtual servos on an emulated RP2040 behind a real serial port, driven by the loop that
// drives everything else.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { monotonicClock } from "../../src/core/clock.ts";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { type RunOptions, runPolicy, startRun } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { feetech } from "../../src/link/feetech-family.ts";
import { Register, sts, wordAt } from "../../src/link/feetech-registers.ts";
import { lockSerialLine, openSerialPort } from "../../src/link/serial.ts";
import { ServoBus } from "../../src/link/servo-bus.ts";
import { radPerCount } from "../../src/link/servo-joints.ts";
import { type LogFile, readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { armSpec, names } from "./servo-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-feetech-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const spec: Spec = { ...armSpec(), periodUs: 40_000 };
const maxSpeed = 2;
/** What the goal of a servo may move by in a cycle. */
const stepCounts = Math.floor((maxSpeed * spec.periodUs) / 1e6 / radPerCount);
const ids = Uint8Array.from(names, (_, at) => at + 1);
const clock = monotonicClock();

let shared: Promise<Board> | null = null;

/** One board for all tests of this file. The last one ends it. */
function theBoard(): Promise<Board> {
  shared ??= startEmulated({
    image: "firmware-bridge/images/rp2040-sts-bus.bin",
    protocol: "feetech",
  });
  return shared;
}

function robotText(board: Board, speed: number = maxSpeed, directory: string = folder): string {
  const servos = names.map((joint, at) => {
    const sign = at % 2 === 0 ? 1 : -1;
    const how = `sign: ${sign}, zeroCounts: 2048, maxSpeed: ${speed}`;
    return `      - { id: ${at + 1}, joint: ${joint}, ${how} }`;
  });
  return [
    ...["robot: arm", "link:", "  feetech:", `    path: ${board.path}`, "    servos:", ...servos],
    ...["observationAgeMs: 900", "commandTtlMs: 900"],
    `log: { directory: ${JSON.stringify(directory)} }\n`,
  ].join("\n");
}

let runs = 0;

async function optionsFor(
  board: Board,
  contract: Spec = spec,
  seed: number = 3,
): Promise<RunOptions> {
  const bytes = await exportPolicy(randomPolicy(seed, contract));
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  const robot = parseRobot(robotText(board), "robot.yaml");
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

interface Servos {
  readonly torque: number[];
  readonly goal: number[];
  readonly position: number[];
  readonly speed: number[];
}

/** Asks the servos themselves, on a descriptor of its own. */
async function servosOf(board: Board): Promise<Servos> {
  const line = await lockSerialLine(board.path, 1_000_000, true);
  const bus = new ServoBus(feetech.packets, openSerialPort(board.path), clock, ids, 200_000);
  try {
    const registers = new Uint8Array(ids.length * 20);
    assert.ok(bus.readEach(Register.torqueEnable, 20, registers), "the servos answer");
    const words = (address: number): number[] => {
      return [...ids].map((_, at) => wordAt(registers, at * 20 + address - 40, sts));
    };
    return {
      torque: words(Register.torqueEnable).map((word) => word & 0xff),
      goal: words(Register.goalPosition),
      position: words(Register.presentPosition),
      speed: words(Register.presentVelocity),
    };
  } finally {
    bus.close();
    await line.close();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail("waited in vain");
}

function armedCyclesOf(log: LogFile): number {
  let armed = 0;
  for (const { mode } of log.steps()) if (mode === Mode.armed) armed++;
  return armed;
}

function assertAtRest({ torque, goal, position, speed }: Servos): void {
  assert.deepEqual(
    torque,
    names.map(() => 1),
  );
  goal.forEach((counts, at) => {
    // Friction holds a servo up to 2 counts from its goal.
    assert.ok(Math.abs(position[at] - counts) <= 3, `${position[at]} of ${counts}`);
  });
  assert.deepEqual(
    speed,
    names.map(() => 0),
  );
}

test("feetech board: a policy of another arm is refused by the channel's name", async () => {
  const board = await theBoard();
  await assert.rejects(startRun(await optionsFor(board, armSpec(5))), (error: unknown) => {
    assert.ok(error instanceof SinewError);
    assert.equal(error.code, "contract-mismatch");
    assert.match(error.message, /action "grip_position": the policy has none/);
    return true;
  });
});

test("feetech board: nothing is under torque because a loop runs", async () => {
  const board = await theBoard();
  const report = await runPolicy({ ...(await optionsFor(board)), seconds: 0.5, arm: false });
  assert.ok(report.cycles > 5 && report.deviceAtRest, `${report.cycles} cycles`);
  const { torque, position } = await servosOf(board);
  assert.deepEqual([torque, position], [names.map(() => 0), names.map(() => 2048)]);
});

test("feetech board: the loop drives six servos within their steps and holds them", async () => {
  const board = await theBoard();
  const options = await optionsFor(board);
  const report = await runPolicy({ ...options, seconds: 2, arm: true });
  assert.equal(report.refused, 0);
  assert.equal(report.protectionLayers.length, 1);
  assert.ok(report.deviceAtRest, JSON.stringify(report.transitions));
  const happenings = report.transitions.map(({ happening }) => happening);
  assert.deepEqual(happenings, [Happening.arm, Happening.stop]);
  const servos = await servosOf(board);
  assertAtRest(servos);
  assert.ok(
    servos.position.some((counts) => Math.abs(counts - 2048) > 50),
    `${servos.position}`,
  );
  const log = readLog(report.logPath);
  const armed = armedCyclesOf(log);
  assert.ok(armed > 10, `${armed} armed cycles`);
  servos.goal.forEach((counts, at) => {
    assert.ok(Math.abs(counts - 2048) <= armed * stepCounts, `servo ${at + 1}: ${counts}`);
  });
  const replay = await replayLog(log, options.policy.bytes);
  assert.ok(replay.equal && replay.steps === report.steps);
});

test("feetech board: what holds from an earlier run is not armed unasked", async () => {
  const board = await theBoard();
  const options = await optionsFor(board);
  await assert.rejects(
    runPolicy({ ...options, seconds: 1, arm: true }),
    /did not arm: the device is stopped \(host\).*reset it first/,
  );
});

test("feetech board: a host that is killed leaves the arm holding its last goal", async () => {
  const board = await theBoard();
  const robot = join(folder, "robot.yaml");
  const policy = join(folder, "policy.onnx");
  const logs = join(folder, "killed");
  // So slow that it is on its way for long.
  const speed = 0.2;
  writeFileSync(robot, robotText(board, speed, logs));
  // Another policy than that of the drive before, so that there is a way to go.
  writeFileSync(policy, (await optionsFor(board, spec, 4)).policy.bytes);
  const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
  const before = await servosOf(board);
  const words = ["run", robot, "--policy", policy, "--arm", "--reset", "--seconds", "60"];
  const host = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  host.stdout.on("data", (bytes: Buffer) => {
    told += bytes.toString();
  });
  const ended = new Promise((resolve) => host.once("exit", resolve));
  // The port is locked, so the arm cannot be asked; with its log the loop begins, then it is armed.
  await until(() => existsSync(logs) && readdirSync(logs).length > 0);
  const startUs = clock.now();
  await delay(1500);
  host.kill("SIGKILL");
  await ended;
  const droveUs = clock.now() - startUs;
  assert.match(told, /one protection layer/);
  assert.equal(host.signalCode, "SIGKILL");
  await delay(1000);
  const after = await servosOf(board);
  assertAtRest(after);
  const ways = after.goal.map((counts, at) => Math.abs(counts - before.position[at]));
  const furthest = (speed * droveUs) / 1e6 / radPerCount;
  assert.ok(Math.max(...ways) > furthest / 4, `it was driving: ${ways} of ${furthest}`);
  assert.ok(Math.max(...ways) <= furthest, `and by its steps: ${ways} of ${furthest}`);
  await delay(500);
  assert.deepEqual((await servosOf(board)).position, after.position);
});

test("feetech board: garbage and lost bytes neither stop the arm nor make it jump", async () => {
  const board = await theBoard();
  const before = await servosOf(board);
  const options = await optionsFor(board);
  const run = await startRun(options);
  await run.reset();
  await run.arm();
  const port = openSerialPort(board.path);
  const rng = new Rng(5);
  const stolen = new Uint8Array(40);
  let lost = 0;
  for (let turn = 0; turn < 60; turn++) {
    const noise = Uint8Array.from({ length: 1 + rng.below(6) }, () => rng.below(255));
    port.write(noise, noise.length);
    // Every third time it takes what the host should have got, as soon as there is something.
    for (let tries = 0, taken = 0; turn % 3 === 0 && taken === 0 && tries < 1000; tries++) {
      taken = Math.max(0, port.read(stolen.subarray(0, 1 + rng.below(40))));
      lost += taken;
      port.wait(50);
    }
    await delay(20 + rng.below(10));
  }
  port.close();
  assert.equal(run.status.mode, Mode.armed, "seed 5");
  const report = await run.close();
  assert.ok(report.deviceAtRest && report.refused === 0, "seed 5");
  const after = await servosOf(board);
  assertAtRest(after);
  const log = readLog(report.logPath);
  const furthest = armedCyclesOf(log) * stepCounts;
  after.goal.forEach((counts, at) => {
    const way = Math.abs(counts - before.position[at]);
    assert.ok(way <= furthest, `seed 5: ${way} of ${furthest}, ${lost} bytes lost`);
  });
  assert.ok(lost > 0 && report.failedReads < report.cycles, `seed 5: ${lost} bytes lost`);
  assert.ok((await replayLog(log, options.policy.bytes)).equal, "seed 5");
});

test("feetech board: a servo that is unplugged stops the arm", async () => {
  const board = await theBoard();
  const run = await startRun(await optionsFor(board));
  await run.reset();
  await run.arm();
  await delay(300);
  // A new id is as good as a pulled plug, and can be given over the line.
  const port = openSerialPort(board.path);
  const call = (id: number, address: number, value: number): void => {
    const bytes = Uint8Array.of(0xff, 0xff, id, 4, 3, address, value, 0);
    bytes[7] = ~bytes.subarray(2, 7).reduce((sum, byte) => sum + byte, 0) & 0xff;
    port.write(bytes, bytes.length);
  };
  await until(() => {
    call(4, Register.lock, 0);
    call(4, Register.id, 44);
    return run.status.mode === Mode.stopped;
  });
  const report = await run.close();
  assert.ok(report.failedReads > 0);
  assert.ok(!report.deviceAtRest, "it cannot say that the servo without an answer holds");
  call(44, Register.lock, 0);
  call(44, Register.id, 4);
  await delay(100);
  port.close();
  assertAtRest(await servosOf(board));
});

test("feetech board: a board that dies ends the run", async () => {
  const board = await theBoard();
  const run = await startRun(await optionsFor(board));
  await run.reset();
  await run.arm();
  await delay(200);
  board.kill();
  await until(() => !run.running);
  const report = await run.close();
  assert.ok(report.linkLost && report.failure === null && !report.deviceAtRest);
  await board.close();
});
