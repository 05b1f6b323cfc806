// Six virtual Dynamixel servos on an emulated RP2040 behind a real serial port: what Feetech's do
// there, and what their Bus Watchdog does by the firmware's own clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Mode } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { startRun } from "../../src/edge/run.ts";
import { Request } from "../../src/edge/status.ts";
import type { Board } from "../../src/hil/board.ts";
import { armingMode } from "../../src/link/device.ts";
import { dynamixel } from "../../src/link/dynamixel-family.ts";
import { longAt, Table } from "../../src/link/dynamixel-table.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { assertAtRest, ServoArm, until } from "./servo-arm.ts";
import { bearsNoise, drivesWithinSteps, staysLimp } from "./servo-arm-cases.ts";
import { names } from "./servo-bench.ts";

const watchdogMs = 200;
const arm = new ServoArm(dynamixel, "rp2040-dxl-bus", [`watchdogMs: ${watchdogMs}`]);
/** Friction holds a servo up to 8 counts from its goal. */
const slack = 10;
const trippedAll = names.map(() => 255);

/** After how long a silence each servo stopped last, by the firmware's clock; no real one tells. */
async function silencesUs(board: Board): Promise<number[]> {
  const told = new Uint8Array(names.length * 4);
  await arm.ask(board, (bus) => assert.ok(bus.readEach(228, 4, told)));
  return names.map((_, at) => longAt(told, 4 * at));
}

/** A watchdog looks once a ms, and an emulator that was held makes up for at most 20. */
function assertInTime(us: number): void {
  const bearsUs = watchdogMs * 1000;
  assert.ok(us > bearsUs && us <= bearsUs + 21_000, `stopped after ${us} us of ${bearsUs}`);
}

test("dynamixel board: nothing is under torque because a loop runs", () => staysLimp(arm));

test("dynamixel board: the loop drives six servos within their steps and holds them", async () => {
  const report = await drivesWithinSteps(arm, slack);
  assert.match(report.protection.silence, /stop after 200 ms of silence/);
});

test("dynamixel board: after a run the servos are stopped by themselves", async () => {
  const board = await arm.board();
  const { watchdog, position } = await arm.servos(board);
  assert.deepEqual(watchdog, trippedAll);
  for (const us of await silencesUs(board)) assertInTime(us);
  await assert.rejects(
    runPolicy({ ...(await arm.optionsFor(board)), seconds: 1, arm: true }),
    /did not arm: the device is stopped \(expired\).*reset it first/,
  );
  const after = await arm.servos(board);
  assert.deepEqual(after.position, position);
  assert.deepEqual(after.watchdog, trippedAll);
});

test("dynamixel board: every servo misses a killed host within its time", async () => {
  const board = await arm.board();
  const before = await arm.servos(board);
  const host = await arm.startHost(board, 0.4, 60);
  await delay(1500);
  host.process.kill("SIGKILL");
  await host.ended;
  assert.match(host.told(), /one protection layer: .*\n.*stop after 200 ms of silence/);
  await delay(2 * watchdogMs);
  const after = await arm.servos(board);
  assert.deepEqual(after.watchdog, trippedAll);
  const silences = await silencesUs(board);
  for (const us of silences) assertInTime(us);
  console.log(`# killed: the servos stopped after ${silences.map((us) => us / 1000)} ms`);
  assertAtRest(after, slack);
  const way = Math.max(...after.position.map((at, i) => Math.abs(at - before.position[i])));
  assert.ok(way > 50, `it was driving: ${way}`);
  // Goals are refused until somebody clears it, to one and to many.
  await arm.ask(board, (bus) => {
    const goal = new Uint8Array(4);
    dynamixel.putGoal(goal, 0, after.position[0] + 5);
    assert.ok(bus.writeOne(0, Table.goalPosition, goal));
    assert.equal(bus.errors[0], 4, "Data Range");
  });
  await delay(500);
  const later = await arm.servos(board);
  assert.deepEqual([later.position, later.goal], [after.position, after.goal]);
});

test("dynamixel board: a host that hangs and comes back does not drive on", async () => {
  const board = await arm.board();
  const host = await arm.startHost(board, 0.4, 5);
  await delay(1500);
  host.process.kill("SIGSTOP");
  await delay(3 * watchdogMs);
  host.process.kill("SIGCONT");
  await host.ended;
  assert.equal(host.process.exitCode, 1);
  assert.match(host.told(), /stopped +by the device itself \(expired\): servo \d \(\w+\) heard/);
  assert.match(host.told(), /device at rest +yes/);
  assertAtRest(await arm.servos(board), slack);
});

test("dynamixel board: garbage and lost bytes neither stop the arm nor make it jump", () =>
  bearsNoise(arm, slack));

test("dynamixel board: a run that ends while the servos are tried stops them first", async () => {
  const board = await arm.board();
  const run = await startRun(await arm.optionsFor(board));
  await run.reset();
  run.status.ask(Request.arm);
  await until(() => run.status.deviceMode === armingMode);
  const report = await run.close();
  assert.ok(report.deviceAtRest, "it has said that it stopped");
  assert.equal(run.status.deviceReason, DeviceReason.host);
  assertAtRest(await arm.servos(board), slack);
});

test("dynamixel board: a servo that somebody lets go stops the arm, and stays let go", async () => {
  const board = await arm.board();
  const run = await startRun(await arm.optionsFor(board));
  await run.reset();
  await run.arm();
  await delay(300);
  const port = openSerialPort(board.path);
  const out = new Uint8Array(32);
  const length = dynamixel.packets.encodeWrite(4, Table.torqueEnable, Uint8Array.of(0), out);
  await until(() => {
    port.write(out, length);
    return run.status.mode === Mode.stopped;
  });
  port.close();
  const report = await run.close();
  const [, stop] = report.transitions;
  assert.deepEqual([stop.happening, stop.reason], [Happening.deviceStopped, DeviceReason.fault]);
  assert.equal(report.why, "servo 4 (flex) lost its torque");
  assert.ok(!report.deviceAtRest, "it cannot say that the servo without torque holds");
  assert.equal((await arm.servos(board)).torque[3], 0);
});

test("dynamixel board: a board that dies ends the run", async () => {
  const board = await arm.board();
  const run = await startRun(await arm.optionsFor(board));
  board.kill();
  await until(() => !run.running);
  const report = await run.close();
  assert.ok(report.linkLost && report.failure === null && !report.deviceAtRest);
  await board.close();
});
