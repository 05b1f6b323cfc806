// Six virtual servos on an emulated RP2040 behind a real serial port, driven by the loop that
// drives everything else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../../src/core/errors.ts";
import { Mode } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { startRun } from "../../src/edge/run.ts";
import { feetech } from "../../src/link/feetech-family.ts";
import { Register } from "../../src/link/feetech-registers.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { wholeTurn } from "../../src/link/servo-scale.ts";
import { assertAtRest, clock, ServoArm, until } from "./servo-arm.ts";
import { bearsNoise, drivesWithinSteps, staysLimp } from "./servo-arm-cases.ts";
import { armSpec } from "./servo-bench.ts";

const arm = new ServoArm(feetech, "rp2040-sts-bus");
/** Friction holds a servo up to 2 counts from its goal. */
const slack = 3;

test("feetech board: a policy of another arm is refused by the channel's name", async () => {
  const board = await arm.board();
  await assert.rejects(startRun(await arm.optionsFor(board, armSpec(5))), (error: unknown) => {
    assert.ok(error instanceof SinewError);
    assert.equal(error.code, "contract-mismatch");
    assert.match(error.message, /action "grip_position": the policy has none/);
    return true;
  });
});

test("feetech board: nothing is under torque because a loop runs", () => staysLimp(arm));

test("feetech board: the loop drives six servos within their steps and holds them", async () => {
  const report = await drivesWithinSteps(arm, slack);
  assert.equal(report.protection.gates.length, 1);
});

test("feetech board: what holds from an earlier run is not armed unasked", async () => {
  const board = await arm.board();
  const options = await arm.optionsFor(board);
  await assert.rejects(
    runPolicy({ ...options, seconds: 1, arm: true }),
    /did not arm: the device is stopped \(host\).*reset it first/,
  );
});

test("feetech board: a host that is killed leaves the arm holding its last goal", async () => {
  const board = await arm.board();
  // So slow that it is on its way for long.
  const speed = 0.2;
  const before = await arm.servos(board);
  const host = await arm.startHost(board, speed, 60);
  await delay(1500);
  host.process.kill("SIGKILL");
  await host.ended;
  const droveUs = clock.now() - host.startUs;
  assert.match(host.told(), /one protection layer/);
  assert.equal(host.process.signalCode, "SIGKILL");
  await delay(1000);
  const after = await arm.servos(board);
  assertAtRest(after, slack);
  const ways = after.goal.map((counts, at) => Math.abs(counts - before.position[at]));
  const furthest = (speed * droveUs) / 1e6 / wholeTurn.radPerCount;
  assert.ok(Math.max(...ways) > furthest / 4, `it was driving: ${ways} of ${furthest}`);
  assert.ok(Math.max(...ways) <= furthest, `and by its steps: ${ways} of ${furthest}`);
  await delay(500);
  assert.deepEqual((await arm.servos(board)).position, after.position);
});

test("feetech board: garbage and lost bytes neither stop the arm nor make it jump", () =>
  bearsNoise(arm, slack));

test("feetech board: a servo that is unplugged stops the arm", async () => {
  const board = await arm.board();
  const run = await startRun(await arm.optionsFor(board));
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
  assertAtRest(await arm.servos(board), slack);
});

test("feetech board: a board that dies ends the run", async () => {
  const board = await arm.board();
  const run = await startRun(await arm.optionsFor(board));
  await run.reset();
  await run.arm();
  await delay(200);
  board.kill();
  await until(() => !run.running);
  const report = await run.close();
  assert.ok(report.linkLost && report.failure === null && !report.deviceAtRest);
  await board.close();
});
