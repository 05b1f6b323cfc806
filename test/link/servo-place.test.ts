// Where servos are, and what is no place, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { wholeTurn } from "../../src/link/servo-scale.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import type { DeskBus } from "./desk-bus.ts";
import { countsOn, type DeskFamily, deskFeetech, deskScs, placeOn } from "./desk-servo.ts";
import { periodUs, ServoBench, servoTest, turnTest } from "./servo-bench.ts";

const { radPerCount } = wholeTurn;

turnTest("a place near the end of the turn does not jump", (desk) => {
  const bench = new ServoBench(desk, 1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
  bench.bus.servos[0].position = 3885;
  bench.arm();
  bench.bus.servos[0].move = () => {};
  const seen: number[] = [];
  for (let counts = 3900; counts <= 4095; counts += 15) {
    bench.bus.servos[0].position = counts;
    bench.cycle();
    seen.push(bench.observation[0]);
  }
  // Let go it may be turned over the end; while it is driven it may not.
  const free = new ServoBench(desk, 1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
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
  assert.equal(free.torques, 0);
});

turnTest("a servo that is pushed over the end of its turn is held there", (desk) => {
  const bench = new ServoBench(desk, 1, { zeroCounts: 3500 }, specNear(3500, 3000, 4000));
  bench.bus.servos[0].position = 3990;
  bench.arm();
  bench.cycle(0.7);
  bench.bus.servos[0].move = () => {};
  bench.bus.servos[0].position = 4090;
  bench.cycle(0.7);
  assert.ok(bench.device.armed);
  bench.bus.servos[0].position = 4;
  bench.cycle(0.7);
  assert.equal(bench.device.reason, DeviceReason.fault);
  assert.equal(bench.bus.goals.at(-1)![0], 4, "its goal is where it is, not the long way round");
});

function specNear(zero: number, low: number, high: number): ServoBench["spec"] {
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

/** Falsifies a servo's place by `counts` wherever it is read. */
function misreading(desk: DeskFamily, counts: number): DeskBus["falsify"] {
  const { present, placeOf } = desk.family;
  return (told, address) => {
    const at = present.address - address;
    if (at < 0 || told.length < at + present.count) return;
    desk.putPlace(told.subarray(at), placeOf(told, at) + counts);
  };
}

servoTest("a place where a driven servo cannot have gone is no answer", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycle(0);
  bench.bus.falsify = misreading(desk, countsOn(desk, 1024));
  bench.cycle(0);
  assert.equal(bench.ageUs, periodUs);
  assert.ok(Math.abs(bench.observation[0]) < 0.01);
  bench.device.stop(StopReason.fault);
  for (const goal of bench.bus.goals.at(-1)!)
    assert.ok(Math.abs(goal - bench.middle) <= 1, `${goal}`);
});

servoTest("no torque where a servo is not seen twice", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  let answers = 0;
  const misread = misreading(desk, countsOn(desk, 512));
  bench.bus.falsify = (told, address) => {
    if (address <= desk.family.present.address && answers < 3) {
      const before = told.slice();
      misread(told, address);
      if (!before.every((byte, at) => byte === told[at])) answers++;
    }
  };
  bench.device.arm(bench.bus.nowUs);
  assert.equal(bench.bus.goals[0][0], placeOn(desk, 2048 + 512));
  assert.ok(!bench.device.armed && bench.torques === 0);
  bench.ask();
  assert.ok(bench.device.armed);
});

servoTest("a goal that was misread is not taken for the servo's", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  let misreads = 0;
  const { orders, goal } = desk.family;
  bench.bus.falsify = (told, address) => {
    // One servo's orders, once.
    if (address === orders.address && misreads++ === 0) told[goal.address - address + 1] ^= 1;
  };
  bench.cycles(6, 0.2);
  assert.ok(misreads > 1);
  assert.equal(bench.device.lostGoals, 0);
  assert.ok(bench.bus.goals.at(-1)![0] < placeOn(desk, 2048 + 140));
});

for (const desk of [deskFeetech, deskScs]) {
  test(`${desk.label}: a number that no encoder has is no answer`, () => {
    const bench = new ServoBench(desk);
    bench.arm();
    bench.cycle(0);
    bench.bus.servos[0].move = () => {};
    bench.bus.servos[0].position = 0x8000 + bench.middle;
    bench.cycle(0);
    assert.equal(bench.ageUs, periodUs);
  });
}
