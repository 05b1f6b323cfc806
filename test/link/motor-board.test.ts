// Virtual motor drives on an emulated RP2040 behind a real serial port, driven by the loop that
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
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { parseRobot } from "../../src/edge/robot.ts";
import { type RunOptions, startRun } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { MoteusBus } from "../../src/link/moteus-bus.ts";
import { MoteusFrame, MoteusMode, MoteusType } from "../../src/link/moteus-frame.ts";
import { OdriveBus } from "../../src/link/odrive-bus.ts";
import { encodeOdriveLines } from "../../src/link/odrive-text.ts";
import { lockSerialLine, openSerialPort } from "../../src/link/serial.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { type Kind, motorSpec } from "./motor-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-motor-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const periodUs = 40_000;
const watchdogMs = 200;
const maxSpeed = 2;
const baud = 1_000_000;
const clock = monotonicClock();
const ranges = { position: 3, velocity: 10, torque: 0.05 };

function specOf(kind: Kind): Spec {
  const spec = motorSpec([kind], periodUs);
  const high = ranges[kind];
  return { ...spec, action: [{ ...spec.action[0], low: -high, high }] };
}

/** What a drive says of itself. */
interface Drive {
  readonly driven: boolean;
  readonly expired: boolean;
  readonly turns: number;
  readonly speed: number;
  readonly torque: number;
  /** By its own clock, from the newest order to the end of power, microseconds. */
  readonly silentUs: number;
}

/** A kind of drive: its image, its section of a robot file, and how to ask it. */
interface Family {
  readonly name: "odrive" | "moteus";
  /** What brakes it in a stop of its own, N*m at most. */
  readonly brakes: number;
  readonly section: readonly string[];
  ask(path: string): Drive;
}

const odrive: Family = {
  name: "odrive",
  brakes: 0,
  section: [`    axes: [{ axis: 0, joint: a, maxSpeed: ${maxSpeed} }]`],
  ask(path) {
    const bus = new OdriveBus(openSerialPort(path), clock, 500_000);
    const names = ["current_state", "error", "torque", "silent_us"];
    const lines = encodeOdriveLines([...names.map((name) => `r axis0.${name}`), "f 0"]);
    const answers = new Float64Array(6);
    try {
      assert.ok(bus.ask(lines, Uint8Array.of(1, 1, 1, 1, 2), answers), "the drive answers");
    } finally {
      bus.close();
    }
    const [state, error, torque, silentUs, turns, speed] = answers;
    return { driven: state === 8, expired: error === 0x800, torque, silentUs, turns, speed };
  },
};

const silentRegister = 0x12f;

const moteus: Family = {
  name: "moteus",
  brakes: 0.02,
  section: ["    adapter: uart", `    motors: [{ id: 1, joint: a, maxSpeed: ${maxSpeed} }]`],
  ask(path) {
    const bus = new MoteusBus(openSerialPort(path), clock, [1], 500_000, true);
    const frame = new MoteusFrame();
    frame.ask(MoteusType.float, 0, 4);
    frame.ask(MoteusType.float, silentRegister, 1);
    const answers = new Float64Array(5);
    try {
      assert.ok(bus.ask(frame, [0, 1, 2, 3, silentRegister], answers), "the drive answers");
    } finally {
      bus.close();
    }
    const [mode, turns, speed, torque, silentUs] = answers;
    const driven = mode === MoteusMode.position;
    return { driven, expired: mode === MoteusMode.timeout, torque, silentUs, turns, speed };
  },
};

function robotText(
  family: Family,
  board: Board,
  kind: Kind,
  directory: string = folder,
  bearsMs: number = watchdogMs,
): string {
  return [
    ...["robot: pole", "link:", `  ${family.name}:`, `    path: ${board.path}`],
    ...[`    baud: ${baud}`, `    watchdogMs: ${bearsMs}`, ...family.section],
    ...["observationAgeMs: 900", "commandTtlMs: 900"],
    `joints: { a_${kind}: { unlimited: true } }`,
    `log: { directory: ${JSON.stringify(directory)} }\n`,
  ].join("\n");
}

let runs = 0;

async function optionsFor(
  family: Family,
  board: Board,
  kind: Kind,
  seed: number = 3,
  bearsMs: number = watchdogMs,
): Promise<RunOptions> {
  const bytes = await exportPolicy(randomPolicy(seed, specOf(kind)));
  const startedAt = `2026-01-01T00:00:00.${String(runs++).padStart(3, "0")}Z`;
  const robot = parseRobot(robotText(family, board, kind, folder, bearsMs), "robot.yaml");
  return { policy: { bytes, path: "policy.onnx" }, robot, startedAt };
}

/** Asks the drive itself, on a descriptor of its own. */
async function askDrive(family: Family, board: Board): Promise<Drive> {
  const line = await lockSerialLine(board.path, baud, true);
  try {
    return family.ask(board.path);
  } finally {
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

/** A host in a process of its own that drives, until it is killed; what it printed. */
async function killWhileItDrives(family: Family, board: Board, kind: Kind): Promise<string> {
  const robot = join(folder, "robot.yaml");
  const policy = join(folder, "policy.onnx");
  const logs = join(folder, `killed-${family.name}-${kind}`);
  writeFileSync(robot, robotText(family, board, kind, logs));
  writeFileSync(policy, (await optionsFor(family, board, kind, 4)).policy.bytes);
  const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
  const words = ["run", robot, "--policy", policy, "--arm", "--reset", "--seconds", "60"];
  const host = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  host.stdout.on("data", (bytes: Buffer) => {
    told += bytes.toString();
  });
  const ended = new Promise((resolve) => host.once("exit", resolve));
  await until(() => existsSync(logs) && readdirSync(logs).length > 0);
  await delay(1500);
  host.kill("SIGKILL");
  await ended;
  assert.equal(host.signalCode, "SIGKILL");
  return told;
}

for (const family of [odrive, moteus]) {
  const { name } = family;
  let shared: Promise<Board> | null = null;
  /** One board for all tests of a family. The last one ends it. */
  const theBoard = (): Promise<Board> => {
    const image = `firmware-bridge/images/rp2040-${name}-axis.bin`;
    shared ??= startEmulated({ image, protocol: name });
    return shared;
  };

  test(`${name} board: no motor has power because a loop runs`, async () => {
    const board = await theBoard();
    const options = await optionsFor(family, board, "torque");
    const report = await runPolicy({ ...options, seconds: 0.5, arm: false });
    assert.ok(report.cycles > 5 && report.deviceAtRest, `${report.cycles} cycles`);
    const { driven, turns, torque } = await askDrive(family, board);
    assert.deepEqual([driven, turns, torque], [false, 0, 0]);
  });

  for (const kind of ["torque", "velocity", "position"] as const) {
    test(`${name} board: the loop drives a ${kind}, and its log replays`, async () => {
      const board = await theBoard();
      const before = await askDrive(family, board);
      const options = await optionsFor(family, board, kind);
      const report = await runPolicy({ ...options, seconds: 2, arm: true, reset: true });
      assert.equal(report.refused, 0);
      assert.equal(report.protection.gates.length, 1);
      assert.ok(report.deviceAtRest, JSON.stringify(report.transitions));
      const happenings = report.transitions.map(({ happening }) => happening);
      assert.deepEqual(happenings, [Happening.arm, Happening.stop]);
      const log = readLog(report.logPath);
      let armed = 0;
      let moved = 0;
      for (const { mode, observation } of log.steps()) {
        if (mode === Mode.armed) armed++;
        moved = Math.max(moved, Math.abs(observation[0] - before.turns * 2 * Math.PI));
      }
      assert.ok(armed > 10 && moved > 0.05, `${armed} armed cycles, ${moved} rad`);
      const furthest = (armed * maxSpeed * periodUs) / 1e6;
      if (kind === "position") assert.ok(moved <= furthest + 0.05, `${moved} of ${furthest}`);
      const replay = await replayLog(log, options.policy.bytes);
      assert.ok(replay.equal && replay.steps === report.steps);
      // A held place is let go when nobody feeds the drive any more.
      await delay(2 * watchdogMs);
      const after = await askDrive(family, board);
      assert.ok(!after.driven && Math.abs(after.torque) <= family.brakes, `${after.torque} N*m`);
    });

    test(`${name} board: a host killed with a ${kind} leaves no power behind`, async () => {
      const board = await theBoard();
      const told = await killWhileItDrives(family, board, kind);
      assert.match(told, /one protection layer/);
      await delay(1000);
      const { driven, expired, torque, silentUs } = await askDrive(family, board);
      assert.deepEqual([driven, expired], [false, true]);
      assert.ok(Math.abs(torque) <= family.brakes, `${torque} N*m`);
      // By the firmware's own clock, whose watchdog counts milliseconds.
      const withinUs = watchdogMs * 1000 + 2000;
      assert.ok(silentUs >= watchdogMs * 1000 - 1000 && silentUs <= withinUs, `${silentUs} us`);
      console.log(
        `${name}, ${kind}: no power ${silentUs} us after the last order of a killed host`,
      );
    });
  }

  test(`${name} board: a place is held for as long as its host lives`, async () => {
    const board = await theBoard();
    const bearsMs = 700;
    const run = await startRun(await optionsFor(family, board, "position", 3, bearsMs));
    await run.reset();
    await run.arm();
    await delay(500);
    await run.stop();
    await delay(2.5 * bearsMs);
    const report = await run.close();
    // Who asks this late has at most heard of power that the newest order gave.
    const held = await askDrive(family, board);
    assert.ok(report.deviceAtRest && held.driven, JSON.stringify(held));
    await delay(1.5 * bearsMs);
    const after = await askDrive(family, board);
    assert.ok(!after.driven && after.expired);
    const turned = Math.abs(after.turns - held.turns);
    assert.ok(Math.abs(held.speed) < 0.05 && turned < 0.05, `${held.speed} ${turned}`);
  });

  test(`${name} board: garbage and lost bytes neither stop it nor make it jump`, async () => {
    const board = await theBoard();
    const given = await optionsFor(family, board, "position", 3, 700);
    // A board that is emulated on a slow machine answers late besides, and that stops it, too.
    const options = { ...given, robot: { ...given.robot, observationAgeMs: 500 } };
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
    const stops = JSON.stringify(run.status.transitions());
    assert.equal(run.status.mode, Mode.armed, `seed 5: ${stops} ${run.status.why}`);
    const report = await run.close();
    assert.ok(report.deviceAtRest && report.refused === 0, "seed 5");
    assert.ok(lost > 0 && report.failedReads < report.cycles, `seed 5: ${lost} bytes lost`);
    const log = readLog(report.logPath);
    let last = Number.NaN;
    for (const { observation } of log.steps()) {
      const jump = Math.abs(observation[0] - last);
      assert.ok(!(jump > 5 * ((maxSpeed * periodUs) / 1e6)), `seed 5: ${jump} rad in a cycle`);
      last = observation[0];
    }
    assert.ok((await replayLog(log, options.policy.bytes)).equal, "seed 5");
  });

  test(`${name} board: a board that dies ends the run`, async () => {
    const board = await theBoard();
    const run = await startRun(await optionsFor(family, board, "torque"));
    await run.reset();
    await run.arm();
    await delay(200);
    board.kill();
    await until(() => !run.running);
    const report = await run.close();
    assert.ok(report.linkLost && report.failure === null && !report.deviceAtRest);
    await board.close();
  });
}
