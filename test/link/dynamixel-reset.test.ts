// How Dynamixel servos that stopped by themselves get out of it, in simulated time: nothing but a
// reset that was asked for after the stop, and none of them goes on to where it was going.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { Instruction } from "../../src/link/dynamixel-packet.ts";
import { Table } from "../../src/link/dynamixel-table.ts";
import { DeskX, deskDynamixel } from "./desk-servo.ts";
import { ServoBench } from "./servo-bench.ts";

const syncWrite = Instruction.syncWrite;

function servosOf(bench: ServoBench): DeskX[] {
  return bench.bus.servos.map((servo) => {
    assert.ok(servo instanceof DeskX);
    return servo;
  });
}

/** A bench whose servos stopped by themselves on their way, and could go on fast. */
function tripped(change: (servo: DeskX) => void = () => {}): ServoBench {
  const bench = new ServoBench(deskDynamixel);
  for (const servo of servosOf(bench)) {
    change(servo);
    servo.slewPerMs = 0.4;
  }
  bench.arm();
  bench.cycles(40, 1.4);
  bench.bus.until(bench.bus.nowUs + 500_000);
  bench.cycles(10, 1.4);
  assert.ok(bench.device.stopped);
  for (const servo of servosOf(bench)) servo.slewPerMs = 3.4;
  return bench;
}

/** The furthest that a servo is from its place within so many cycles. */
function furthest(bench: ServoBench, cycles: number): number {
  const places = bench.bus.servos.map(({ position }) => position);
  let far = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    bench.cycle();
    bench.bus.servos.forEach(({ position }, at) => {
      far = Math.max(far, Math.abs(position - places[at]));
    });
  }
  bench.bus.servos.forEach(({ goal, position }, at) => {
    assert.ok(Math.abs(goal - places[at]) <= 1 && Math.abs(position - goal) <= 1, `servo ${at}`);
  });
  return far;
}

test("dynamixel: a reset from before a stop does not leave it", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.greet();
  bench.cycle();
  bench.device.reset();
  for (const servo of servosOf(bench)) servo.slewPerMs = 0.4;
  bench.arm();
  bench.cycles(20, 1.4);
  bench.bus.until(bench.bus.nowUs + 500_000);
  bench.cycles(20, 1.4);
  assert.ok(bench.device.stopped);
  assert.ok(servosOf(bench).every((servo) => servo.tripped));
});

test("dynamixel: a reset is over once each servo has its place, though a goal is lost", () => {
  const bench = tripped();
  let writes = 0;
  // The first is what clears, the goal comes behind it, twice.
  bench.bus.losesPacket = (instruction) => instruction === syncWrite && ++writes === 2;
  bench.device.reset();
  assert.ok(furthest(bench, 5) <= 1);
  assert.ok(bench.device.disarmed);
});

test("dynamixel: where all that follows a clearing is lost the place is said again", () => {
  const bench = tripped();
  let writes = 0;
  bench.bus.losesPacket = (instruction) => {
    return instruction === syncWrite && ++writes > 1 && writes <= 3;
  };
  bench.device.reset();
  const far = furthest(bench, 20);
  // At its greatest speed for 20 ms, until it is asked what it has.
  assert.ok(far > 10 && far <= 4 * 20, `${far}`);
  assert.ok(bench.device.disarmed);
});

test("dynamixel: a port that takes the clearing alone does not bring the old goal back", () => {
  const bench = new ServoBench(deskDynamixel);
  const { bus } = bench;
  // As an earlier run left them.
  for (const servo of servosOf(bench)) {
    servo.registers[Table.returnDelay] = 0;
    servo.goal = 2300;
    servo.torque = true;
    servo.trip(bus.nowUs);
  }
  bench.greet();
  bench.cycle();
  const write = bus.write.bind(bus);
  let partly = 0;
  bus.write = (bytes, length) => {
    const first = 7 + (bytes[5] | (bytes[6] << 8));
    if (bytes[7] !== syncWrite || partly++ > 0) return write(bytes, length);
    write(bytes, first);
    return false;
  };
  bench.device.reset();
  assert.ok(furthest(bench, 20) <= 4 * 20);
  assert.ok(partly > 1 && bench.device.disarmed);
});

test("dynamixel: a stop while watchdogs are cleared holds where the servos are", () => {
  const bench = tripped();
  let writes = 0;
  bench.bus.losesPacket = (instruction) => instruction === syncWrite && ++writes > 1;
  const before = bench.bus.servos.map(({ position }) => position);
  const ahead = bench.bus.servos.map(({ goal }, at) => Math.abs(goal - before[at]));
  assert.ok(
    ahead.every((counts) => counts > 150),
    `${ahead}`,
  );
  bench.device.reset();
  bench.cycle();
  assert.ok(bench.device.stopped && bench.device.resetting);
  bench.device.stop(StopReason.request);
  bench.bus.losesPacket = () => false;
  bench.cycles(10);
  assert.ok(bench.device.stopped && !bench.device.resetting);
  bench.bus.servos.forEach(({ goal, position }, at) => {
    assert.ok(Math.abs(goal - position) <= 1, `servo ${at} goes nowhere`);
    assert.ok(Math.abs(position - before[at]) <= 4 * 20, `servo ${at} did not go on`);
  });
});

/** What the manual leaves open, answered otherwise. */
const others: readonly [name: string, change: (servo: DeskX) => void][] = [
  [
    "gives up its goal",
    (servo) => {
      servo.trip = function (nowUs): void {
        DeskX.prototype.trip.call(this, nowUs);
        this.goal = Math.round(this.position);
      };
    },
  ],
  [
    "goes on to its goal",
    (servo) => {
      servo.runsOn = true;
    },
  ],
];

for (const [name, change] of others) {
  test(`dynamixel: tried, stopped and reset where a servo that trips ${name}`, () => {
    const bench = tripped(change);
    assert.ok(servosOf(bench).every((servo) => servo.tripped));
    bench.device.reset();
    assert.ok(furthest(bench, 10) <= 1);
    assert.ok(bench.device.disarmed);
    bench.ask();
    assert.ok(bench.device.armed);
    for (const { registers } of servosOf(bench)) assert.equal(registers[Table.busWatchdog], 5);
  });
}
