import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Mode } from "../../src/core/step.ts";
import { runPolicy } from "../../src/edge/drive.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { type RunReport, startRun } from "../../src/edge/run.ts";
import { readLog } from "../../src/log/reader.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { armedCyclesOf, assertAtRest, disturb, type ServoArm } from "./servo-arm.ts";
import { names } from "./servo-bench.ts";

/** Long enough for a servo to notice that a host has gone. */
const settleMs = 500;

/** Nothing is under torque because a loop runs. */
export async function staysLimp(arm: ServoArm): Promise<void> {
  const board = await arm.board();
  const report = await runPolicy({ ...(await arm.optionsFor(board)), seconds: 0.5, arm: false });
  assert.ok(report.cycles > 5 && report.deviceAtRest, `${report.cycles} cycles`);
  const { torque, position } = await arm.servos(board);
  assert.deepEqual([torque, position], [names.map(() => 0), names.map(() => arm.middle)]);
}

/** The loop drives six servos within their steps and holds them, up to `slack` counts off. */
export async function drivesWithinSteps(arm: ServoArm, slack: number): Promise<RunReport> {
  const board = await arm.board();
  const options = await arm.optionsFor(board);
  const report = await runPolicy({ ...options, seconds: 2, arm: true });
  assert.equal(report.refused, 0);
  assert.ok(report.deviceAtRest, JSON.stringify(report.transitions));
  const happenings = report.transitions.map(({ happening }) => happening);
  assert.deepEqual(happenings, [Happening.arm, Happening.stop]);
  await delay(settleMs);
  const servos = await arm.servos(board);
  assertAtRest(servos, slack);
  const far = 0.077 / arm.scale.radPerCount;
  assert.ok(
    servos.position.some((counts) => Math.abs(counts - arm.middle) > far),
    `${servos.position}`,
  );
  const log = readLog(report.logPath);
  const armed = armedCyclesOf(log);
  assert.ok(armed > 10, `${armed} armed cycles`);
  servos.goal.forEach((counts, at) => {
    assert.ok(
      Math.abs(counts - arm.middle) <= armed * arm.stepCounts,
      `servo ${at + 1}: ${counts}`,
    );
  });
  const replay = await replayLog(log, options.policy.bytes);
  assert.ok(replay.equal && replay.steps === report.steps);
  return report;
}

/** Garbage and lost bytes neither stop the arm nor make it jump. */
export async function bearsNoise(arm: ServoArm, slack: number): Promise<void> {
  const board = await arm.board();
  const before = await arm.servos(board);
  const options = await arm.optionsFor(board);
  const run = await startRun(options);
  await run.reset();
  await run.arm();
  const lost = await disturb(board, 5);
  assert.equal(run.status.mode, Mode.armed, "seed 5");
  const report = await run.close();
  assert.ok(report.deviceAtRest && report.refused === 0, "seed 5");
  const after = await arm.servos(board);
  assertAtRest(after, slack);
  const log = readLog(report.logPath);
  // It starts from where it is, which may be so far from its goal.
  const furthest = armedCyclesOf(log) * arm.stepCounts + slack;
  after.goal.forEach((counts, at) => {
    const way = Math.abs(counts - before.position[at]);
    assert.ok(way <= furthest, `seed 5: ${way} of ${furthest}, ${lost} bytes lost`);
  });
  assert.ok(lost > 0 && report.failedReads < report.cycles, `seed 5: ${lost} bytes lost`);
  assert.ok((await replayLog(log, options.policy.bytes)).equal, "seed 5");
}
