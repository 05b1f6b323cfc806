// How an arm of servos without firmware of ours stops, in simulated time.
import assert from "node:assert/strict";
import { StopReason } from "../../src/link/device.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { placeOn } from "./desk-servo.ts";
import { ServoBench, servoTest } from "./servo-bench.ts";

servoTest("a stop holds the place where the servos are, under torque, and latches", (desk) => {
  const bench = new ServoBench(desk);
  const { bus, device } = bench;
  bench.arm();
  bus.servos[0].move = () => {};
  bench.cycles(20, 1);
  const sent = bus.goals.at(-1)!;
  assert.ok(sent[0] > placeOn(desk, 2200), "a jammed servo's goal is far away");
  device.read(bench.observation, bus.nowUs);
  device.stop(StopReason.fault);
  assert.ok(device.stopping);
  assert.equal(bus.goals.at(-1)![0], bench.middle);
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
  bench.ask();
  assert.ok(device.armed);
});

servoTest("servos are not said to be at rest by what was seen before their stop", (desk) => {
  const bench = new ServoBench(desk);
  const { bus, device } = bench;
  bench.arm();
  bench.cycles(2);
  device.stop(StopReason.request);
  for (let ms = 0; ms < 60; ms++) {
    bus.until(bus.nowUs + 1000);
    device.poll(bus.nowUs);
  }
  assert.ok(device.stopping, "nobody has looked");
  bench.cycles(3);
  assert.ok(device.stopped);
});

servoTest("a stop is said again until every servo has it", (desk) => {
  const bench = new ServoBench(desk);
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

servoTest("a stop without a place to hold holds the last goal", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycles(10, 1);
  const sent = bench.bus.goals.at(-1)!;
  for (const servo of bench.bus.servos) servo.plugged = false;
  bench.cycle();
  for (const servo of bench.bus.servos) servo.plugged = true;
  bench.device.stop(StopReason.fault);
  assert.deepEqual(bench.bus.goals.at(-1), sent);
});

servoTest("a stop is not over while a servo still moves", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.bus.servos[1].move = function (): void {
    this.speed = 400;
  };
  bench.cycle();
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(bench.device.stopping);
});

servoTest("nothing is given torque by a stop", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  bench.device.stop(StopReason.request);
  bench.cycles(3);
  assert.ok(bench.device.stopped);
  assert.deepEqual(bench.bus.goals, []);
  assert.ok(bench.bus.servos.every(({ torque }) => !torque));
});

servoTest("what an earlier run left holding is a stop that must be left first", (desk) => {
  const bench = new ServoBench(desk);
  for (const servo of bench.bus.servos) {
    // An earlier run has left nothing else to be set under torque.
    servo.registers[desk.family.name === "feetech" ? 7 : 9] = 0;
    servo.goal = bench.middle;
    servo.torque = true;
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
  bench.ask();
  assert.ok(bench.device.armed);
});

servoTest("a servo that reports an error stops the arm, and is not armed", (desk) => {
  const bench = new ServoBench(desk);
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

servoTest("a servo that started anew is not driven on", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycles(3, 0.5);
  bench.bus.servos[2].torque = false;
  const goals = bench.bus.goals.length;
  bench.cycles(10, 1);
  assert.ok(!bench.device.armed);
  assert.equal(bench.device.reason, DeviceReason.fault);
  assert.ok(bench.bus.goals.length <= goals + 3 + 10);
  assert.ok(!bench.device.stopped, "it cannot say that this one holds");
  assert.ok(!bench.bus.servos[2].torque, "and does not give it torque unasked");
});
