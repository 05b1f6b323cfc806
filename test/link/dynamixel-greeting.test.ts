// What the driver asks of Dynamixel servos before it drives them, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { StopReason } from "../../src/link/device.ts";
import { Table } from "../../src/link/dynamixel-table.ts";
import { openDevice, protectionOf } from "../../src/link/link.ts";
import { deskDynamixel } from "./desk-servo.ts";
import { armServos, armSpec, ServoBench } from "./servo-bench.ts";

test("dynamixel: every servo answers at once", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.greet();
  assert.equal(bench.device.phase, "ready");
  for (const { registers } of bench.bus.servos) assert.equal(registers[Table.returnDelay], 0);
});

test("dynamixel: a servo of another model, or set otherwise, is told by name", () => {
  const set: readonly [address: number, bytes: readonly number[], refusal: RegExp][] = [
    [Table.model, [1060 & 0xff, 1060 >> 8, 0, 0, 0, 0, 37], /has firmware 37, without a Bus Watch/],
    [Table.model, [350 & 0xff, 350 >> 8], /servo 3 \(elbow\) is model 350, which is none of the X/],
    [Table.operatingMode, [4], /servo 3 \(elbow\) is in operating mode 4: give it 3/],
    [Table.driveMode, [8], /servo 3 \(elbow\) takes torque from a goal: clear bit 3/],
    [Table.driveMode, [2], /servo 3 \(elbow\) follows another servo: clear bit 1/],
    [Table.driveMode, [4], /servo 3 \(elbow\) takes a profile for a time: clear bit 2/],
    [Table.secondaryId, [2], /servo 3 \(elbow\) obeys id 2 too: give it a Secondary_ID of 255/],
    [Table.homingOffset, [1], /servo 3 \(elbow\) has a Homing_Offset of 1: give it 0/],
    [Table.homingOffset, [0, 0xfc, 0xff, 0xff], /has a Homing_Offset of -1024/],
    // The range of the policy is 1070 to 3026.
    [Table.positionMin, [0x2e, 4], /keeps its goals within 1070 to 4095 counts: give it 0 to 4095/],
    [Table.positionMax, [0xd2, 0xb, 0, 0], /keeps its goals within 0 to 3026/],
    [Table.statusReturnLevel, [1], /servo 3 \(elbow\) has a Status_Return_Level of 1: give it 2/],
    [Table.profileVelocity, [0, 1], /follows goals by Profile_Velocity 256 and .*: give it 0/],
    [Table.profileAcceleration, [7], /follows goals by .* Profile_Acceleration 7: give it 0/],
  ];
  for (const [address, bytes, refusal] of set) {
    const bench = new ServoBench(deskDynamixel);
    bench.bus.servos[2].registers.set(bytes, address);
    bench.greet();
    assert.equal(bench.device.phase, "refused", String(refusal));
    assert.match(bench.device.refusal!, refusal);
    bench.device.arm(bench.bus.nowUs);
    assert.deepEqual(bench.bus.goals, []);
  }
});

test("dynamixel: what a servo keeps under torque it cannot be given", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.bus.servos[0].torque = true;
  bench.greet();
  assert.match(bench.device.refusal!, /servo 1 \(pan\) does not take a Return_Delay_Time of 0/);
  assert.match(bench.device.refusal!, /while it has torque: let it go first/);
});

test("dynamixel: what is wrong with an ill servo is told by name, and what to do", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.bus.servos[1].error = 0x80;
  bench.bus.servos[1].registers[Table.hardwareError] = 0x24;
  bench.greet();
  const line =
    "servo 2 (lift) reports overheating and an overload: let it cool, take the load off it, " +
    "then cut its power for a moment";
  assert.equal(bench.device.refusal, line);
});

test("dynamixel: a servo that fell ill says what it has, to be armed or driving", () => {
  const overloaded = /^servo 2 \(lift\) reports an overload: take the load off it, then cut its/;
  for (const arms of [false, true]) {
    const bench = new ServoBench(deskDynamixel);
    bench.greet();
    bench.cycle();
    if (arms) bench.ask();
    const [, ill] = bench.bus.servos;
    ill.error = 0x80;
    ill.registers[Table.hardwareError] = 0x20;
    if (arms) bench.cycle(0.1);
    else bench.device.arm(bench.bus.nowUs);
    assert.ok(!bench.device.armed && bench.device.disarmed !== arms);
    assert.match(bench.device.why, overloaded);
  }
});

test("dynamixel: firmware of the 330 size always has a watchdog", () => {
  const bench = new ServoBench(deskDynamixel);
  for (const { registers } of bench.bus.servos) registers[Table.firmware] = 1;
  bench.greet();
  assert.equal(bench.device.phase, "ready");
});

test("dynamixel: outside of the policy's range a servo stops and is armed where it is", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.arm();
  bench.cycles(100, 1.5);
  // Pushed on by its load.
  const [pushed] = bench.bus.servos;
  pushed.position += 30;
  pushed.move = () => {};
  bench.cycle(1.5);
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(bench.device.stopped);
  assert.equal(pushed.goal, pushed.position);
  bench.device.reset();
  bench.cycles(2);
  bench.ask();
  assert.ok(bench.device.armed);
});

test("dynamixel: turns that a joint was turned while it was let go do not count", () => {
  const bench = new ServoBench(deskDynamixel, 1);
  const [servo] = bench.bus.servos;
  bench.greet();
  servo.position = 4096 + 2100;
  bench.cycle();
  // As a servo does when it gets torque.
  const set = servo.set.bind(servo);
  servo.set = (address, data) => {
    if (address === Table.torqueEnable) servo.position %= 4096;
    return set(address, data);
  };
  bench.ask();
  assert.ok(bench.device.armed);
  for (const goals of bench.bus.goals) assert.deepEqual(goals, [2100]);
  // One that may be under torque, and still counts turns, is none that we know.
  bench.bus.servos[0].position = 4096 + 2100;
  bench.cycle(0);
  assert.ok(!bench.device.armed);
});

test("dynamixel: a servo that counts on over its end is not sent back the whole turn", () => {
  const bench = new ServoBench(
    deskDynamixel,
    1,
    { zeroCounts: 2600 },
    {
      ...armSpec(1),
      action: [{ name: "pan_position", unit: "rad", low: -1, high: 2.1 }],
    },
  );
  bench.bus.servos[0].position = 3900;
  bench.arm();
  bench.bus.servos[0].move = () => {};
  bench.bus.servos[0].position = 4090;
  bench.cycle(2);
  bench.bus.servos[0].position = 4100;
  bench.cycle(2);
  assert.ok(!bench.device.armed);
  assert.equal(bench.bus.goals.at(-1)![0], 4095);
});

test("dynamixel: layers are told, and a watchdog shorter than two periods is refused", () => {
  const line = { path: "/dev/no-such-port", baud: 1_000_000, servos: armServos(2) };
  const choice = { dynamixel: { ...line, watchdogMs: 20 } };
  assert.throws(
    () => openDevice(armSpec(2), choice, { now: () => 0 }, undefined),
    /watchdogMs 20 is less than two periods: give at least 40/,
  );
  assert.equal(protectionOf({ feetech: line }).gates.length, 1);
  assert.equal(protectionOf({ rings: makeRingPair() }).gates.length, 2);
  assert.match(protectionOf(choice).silence, /stop after 20 ms of silence/);
  const slow = { dynamixel: { ...line, baud: 57_600, watchdogMs: 100 } };
  assert.throws(
    () => openDevice(armSpec(2), slow, { now: () => 0 }, undefined),
    /2 servos at 57600 bits\/s need a period of \d+ us/,
  );
});
