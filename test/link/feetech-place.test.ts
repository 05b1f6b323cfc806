// Where servos are, and what is no place, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { radPerCount } from "../../src/link/feetech-joints.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { FeetechBench, isTorque, periodUs } from "./feetech-bench.ts";

test("feetech: a place near the end of the turn does not jump", () => {
  const bench = new FeetechBench(1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
  bench.bus.servos[0].position = 3885;
  bench.arm();
  bench.bus.servos[0].tick = () => {};
  const seen: number[] = [];
  for (let counts = 3900; counts <= 4095; counts += 15) {
    bench.bus.servos[0].position = counts;
    bench.cycle();
    seen.push(bench.observation[0]);
  }
  // Let go it may be turned over the end; while it is driven it may not.
  const free = new FeetechBench(1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
  free.greet();
  for (let counts = 3900; counts <= 4200; counts += 15) {
    free.bus.servos[0].position = counts % 4096;
    free.cycle();
    seen.push(free.observation[0]);
  }
  seen.slice(1).forEach((value, at) => {
    if (at + 1 === 14) return;
    assert.ok(Math.abs(value - seen[at] - 15 * radPerCount) < 1e-5, `${at}: ${value}`);
  });
  free.device.arm(free.bus.nowUs);
  assert.ok(!free.device.armed, "beyond the end it is not given torque");
  assert.ok(!free.bus.told.some(isTorque));
});

test("feetech: a servo that is pushed over the end of its turn is held there", () => {
  const bench = new FeetechBench(1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
  bench.bus.servos[0].position = 3990;
  bench.arm();
  bench.cycle(0.7);
  bench.bus.servos[0].tick = () => {};
  bench.bus.servos[0].position = 4090;
  bench.cycle(0.7);
  assert.ok(bench.device.armed);
  bench.bus.servos[0].position = 4;
  bench.cycle(0.7);
  assert.equal(bench.device.reason, DeviceReason.fault);
  assert.equal(bench.bus.goals.at(-1)![0], 4, "its goal is where it is, not the long way round");
});

function specNear(zero: number, low: number, high: number): FeetechBench["spec"] {
  return {
    observation: [{ name: "pan_position", unit: "rad", low: -7, high: 7 }],
    action: [
      {
        name: "pan_position",
        unit: "rad",
        low: (low - zero) * radPerCount,
        high: (high - zero) * radPerCount,
      },
    ],
    periodUs,
  };
}

/** An answer of a servo's place that is wrong by `counts` and sums up all the same. */
function misread(answer: Uint8Array, counts: number): Uint8Array {
  const parameters = answer.length - 6;
  if (parameters < 8) return answer;
  const wrong = Uint8Array.from(answer);
  const at = 5 + parameters - 8;
  // The high byte of the place, and that of the load, which nobody looks at.
  wrong[at + 1] += counts >> 8;
  wrong[at + 5] -= counts >> 8;
  return wrong;
}

test("feetech: a place where a driven servo cannot have gone is no answer", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycle(0);
  bench.bus.mangle = (answer) => misread(answer, 512);
  bench.cycle(0);
  assert.equal(bench.ageUs, periodUs);
  assert.ok(Math.abs(bench.observation[0]) < 0.01);
  bench.device.stop(StopReason.fault);
  for (const goal of bench.bus.goals.at(-1)!) assert.ok(Math.abs(goal - 2048) <= 1, `${goal}`);
});

test("feetech: no torque where a servo is not seen twice", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  let answers = 0;
  bench.bus.mangle = (answer) => (answers++ < 3 ? misread(answer, 512) : answer);
  bench.device.arm(bench.bus.nowUs);
  assert.equal(bench.bus.goals[0][0], 2048 + 512);
  assert.ok(!bench.device.armed && !bench.bus.told.some(isTorque));
  bench.device.arm(bench.bus.nowUs);
  assert.ok(bench.device.armed);
});

test("feetech: a goal that was misread is not taken for the servo's", () => {
  const bench = new FeetechBench();
  bench.arm();
  let misreads = 0;
  bench.bus.mangle = (answer) => {
    // One servo's orders, once: its goal, and its acceleration the other way.
    if (answer.length !== 10 || misreads++ > 0) return answer;
    const wrong = Uint8Array.from(answer);
    wrong[8] += 1;
    wrong[6] -= 1;
    return wrong;
  };
  bench.cycles(6, 0.2);
  assert.ok(misreads > 1);
  assert.equal(bench.device.lostGoals, 0);
  assert.ok(bench.bus.goals.at(-1)![0] < 2048 + 140);
});

test("feetech: a number that no encoder has is no answer", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycle(0);
  bench.bus.servos[0].tick = () => {};
  bench.bus.servos[0].position = 0x8000 + 2048;
  bench.cycle(0);
  assert.equal(bench.ageUs, periodUs);
});
