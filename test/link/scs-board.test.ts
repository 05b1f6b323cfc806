// Six virtual SCS servos on an emulated RP2040 behind a real serial port, driven by the loop that
// drives everything else.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startRun } from "../../src/edge/run.ts";
import { feetech, scsFamily } from "../../src/link/feetech-family.ts";
import { assertAtRest, clock, ServoArm, spec } from "./servo-arm.ts";
import { bearsNoise, drivesWithinSteps } from "./servo-arm-cases.ts";

const settings = ["series: scs", "spanDegrees: 300"];
const arm = new ServoArm(scsFamily(300), "rp2040-scs-bus", settings);
/** Friction holds a servo up to 1 count from its goal. */
const slack = 1;

test("scs board: the driver of the other series refuses them by name", async () => {
  const board = await arm.board();
  const other = new ServoArm(feetech, "rp2040-scs-bus");
  await assert.rejects(
    startRun(await other.optionsFor(board)),
    /servo 1 \(pan\) is an SCS0009 \(1284\), not an STS3215 \(777\)/,
  );
});

test("scs board: the loop drives six servos within their steps and holds them", async () => {
  const report = await drivesWithinSteps(arm, slack);
  assert.equal(report.protection.gates.length, 1);
  assert.ok(report.failedReads <= report.cycles / 4, `${report.failedReads} of ${report.cycles}`);
});

test("scs board: a host that is killed leaves the arm holding its last goal", async () => {
  const board = await arm.board();
  // So slow that it is on its way for long.
  const speed = 0.2;
  const before = await arm.servos(board);
  const host = await arm.startHost(board, speed, 60);
  await delay(1200);
  host.process.kill("SIGKILL");
  await host.ended;
  const droveUs = clock.now() - host.startUs;
  assert.match(host.told(), /one protection layer/);
  assert.equal(host.process.signalCode, "SIGKILL");
  await delay(700);
  const after = await arm.servos(board);
  assertAtRest(after, slack);
  const ways = after.goal.map((counts, at) => Math.abs(counts - before.position[at]));
  // A step is whole counts, so it is slower than it may be.
  const step = Math.floor((speed * spec.periodUs) / 1e6 / arm.scale.radPerCount);
  const furthest = Math.ceil((droveUs / spec.periodUs) * step);
  assert.ok(Math.max(...ways) > furthest / 4, `it was driving: ${ways} of ${furthest}`);
  assert.ok(Math.max(...ways) <= furthest, `and by its steps: ${ways} of ${furthest}`);
  await delay(300);
  assert.deepEqual((await arm.servos(board)).position, after.position);
});

test("scs board: garbage and lost bytes neither stop the arm nor make it jump", () =>
  bearsNoise(arm, slack));

after(async () => {
  const board = await arm.board();
  board.kill();
  await board.close();
});
