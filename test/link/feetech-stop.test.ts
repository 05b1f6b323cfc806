// How an arm of servos without firmware of ours stops, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { Register } from "../../src/link/feetech-registers.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { FeetechBench } from "./feetech-bench.ts";

test("feetech: a stop holds the place where the servos are, under torque, and latches", () => {
  const bench = new FeetechBench();
  const { bus, device } = bench;
  bench.arm();
  bus.servos[0].tick = () => {};
  bench.cycles(20, 1);
  const sent = bus.goals.at(-1)!;
  assert.ok(sent[0] > 2200, "a jammed servo's goal is far away");
  device.read(bench.observation, bus.nowUs);
  device.stop(StopReason.fault);
  assert.ok(device.stopping);
  assert.equal(bus.goals.at(-1)![0], 2048);
  assert.ok(Math.abs(bus.goals.at(-1)![1] - bus.servos[1].position) <= 1);
  bench.cycles(5, 1);
  assert.ok(device.stopped);
  assert.equal(device.reason, DeviceReason.gate);
  assert.ok(bus.servos.every(({ torque }) => torque));
  const goals = bus.goals.length;
  bench.cycles(5, 1);
  device.arm(bus.nowUs);
  assert.equal(bus.goals.length, goals, "nothing moves after a stop");
  device.reset();
  bench.cycle();
  assert.ok(device.disarmed && bus.servos.every(({ torque }) => torque));
  device.arm(bus.nowUs);
  assert.ok(device.armed);
});

test("feetech: a stop is said again until every servo has it", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(10, 1);
  bench.bus.losesPacket = (instruction) => instruction === Instruction.syncWrite;
  bench.device.stop(StopReason.request);
  bench.cycles(5);
  assert.ok(bench.device.stopping);
  bench.bus.losesPacket = () => false;
  bench.cycles(5);
  assert.ok(bench.device.stopped);
  const [goal] = bench.bus.goals.at(-1)!;
  assert.equal(bench.bus.servos[0].goal, goal);
});

test("feetech: a stop without a place to hold holds the last goal", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(10, 1);
  const sent = bench.bus.goals.at(-1)!;
  for (const servo of bench.bus.servos) servo.plugged = false;
  bench.cycle();
  for (const servo of bench.bus.servos) servo.plugged = true;
  bench.device.stop(StopReason.fault);
  assert.deepEqual(bench.bus.goals.at(-1), sent);
});

test("feetech: a stop is not over while a servo still moves", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.bus.servos[1].tick = function (): void {
    this.speed = 400;
  };
  bench.cycle();
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(bench.device.stopping);
});

test("feetech: nothing is given torque by a stop", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  bench.device.stop(StopReason.request);
  bench.cycles(3);
  assert.ok(bench.device.stopped);
  assert.deepEqual(bench.bus.goals, []);
  assert.ok(bench.bus.servos.every(({ torque }) => !torque));
});

test("feetech: what an earlier run left holding is a stop that must be left first", () => {
  const bench = new FeetechBench();
  for (const servo of bench.bus.servos) {
    servo.set(Register.goalPosition, Uint8Array.of(0, 8));
    servo.set(Register.torqueEnable, Uint8Array.of(1));
  }
  bench.greet();
  bench.cycle();
  assert.ok(bench.device.stopped);
  bench.device.arm(bench.bus.nowUs);
  assert.ok(!bench.device.armed);
  bench.device.reset();
  bench.cycle();
  assert.ok(
    bench.bus.servos.every(({ torque }) => torque),
    "and it is not let go",
  );
  bench.device.arm(bench.bus.nowUs);
  assert.ok(bench.device.armed);
});

test("feetech: a servo that reports an error stops the arm, and is not armed", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.bus.servos[1].error = 0x20;
  bench.cycle(0.5);
  assert.ok(bench.device.stopping || bench.device.stopped);
  assert.equal(bench.device.reason, DeviceReason.fault);
  bench.cycles(3);
  bench.device.reset();
  bench.cycle();
  bench.device.arm(bench.bus.nowUs);
  assert.ok(!bench.device.armed);
});

test("feetech: a servo that started anew is not driven on", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(3, 0.5);
  bench.bus.servos[2].registers[Register.torqueEnable] = 0;
  const goals = bench.bus.goals.length;
  bench.cycles(10, 1);
  assert.ok(!bench.device.armed);
  assert.equal(bench.device.reason, DeviceReason.fault);
  assert.ok(bench.bus.goals.length <= goals + 3 + 10);
  assert.ok(!bench.device.stopped, "it cannot say that this one holds");
  assert.ok(!bench.bus.servos[2].torque, "and does not give it torque unasked");
});
