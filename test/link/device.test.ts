import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { BridgeDevice, nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import type { Port } from "../../src/link/port.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { Session } from "../../src/wire/session.ts";
import { DeskDevice } from "./desk-device.ts";

/** A device and its far end on one simulated clock. */
class Desk {
  nowUs = 5_000_000;
  readonly ports: [Port, Port] = memoryPorts();
  readonly device: BridgeDevice;
  readonly far: DeskDevice;

  constructor(spec: Spec = pendulumSpec) {
    this.device = new BridgeDevice(pendulumSpec, this.ports[0], new Session(pendulumSpec));
    this.far = new DeskDevice(spec, this.ports[1]);
  }

  pass(forUs: number): void {
    for (const untilUs = this.nowUs + forUs; this.nowUs < untilUs; this.nowUs += 500) {
      this.far.turn(this.nowUs);
      this.device.poll(this.nowUs);
    }
  }

  arm(): void {
    this.pass(1_000_000);
    this.device.arm(this.nowUs);
    this.pass(20_000);
    assert.ok(this.device.armed);
  }
}

test("device: no observation, no age; then the age that the device's clock gives", () => {
  const { device, far, nowUs } = new Desk();
  const observation = new Float32Array(3);
  assert.equal(device.read(observation, nowUs), Number.POSITIVE_INFINITY);
  const desk = new Desk();
  desk.far.observation.set([1, 0.5, -3]);
  desk.pass(1_000_000);
  assert.equal(desk.device.phase, "ready");
  const ageUs = desk.device.read(observation, desk.nowUs);
  assert.deepEqual([...observation], [1, 0.5, -3]);
  assert.ok(ageUs > 0 && ageUs < 7000, `${ageUs} us`);
  desk.far.silent = true;
  desk.pass(100_000);
  assert.ok(Math.abs(desk.device.read(observation, desk.nowUs) - ageUs - 100_000) < 1);
  assert.equal(far.accepted, 0);
});

test("device: a command is obeyed until it expires, then the device stops by itself", () => {
  const desk = new Desk();
  desk.arm();
  assert.ok(desk.device.write(Float32Array.of(1.5), desk.nowUs + 50_000));
  desk.pass(40_000);
  assert.equal(desk.far.applied[0], 1.5);
  assert.ok(desk.device.roundTripUs > 0);
  desk.pass(20_000);
  assert.equal(desk.far.applied[0], 0);
  assert.ok(desk.device.stopped);
  assert.equal(nameOfDeviceReason(desk.device.reason), "expired");
});

test("device: a command that was held back past its expiry is refused", () => {
  const desk = new Desk();
  desk.arm();
  desk.device.write(Float32Array.of(0.5), desk.nowUs + 200_000);
  desk.pass(10_000);
  // The same clocks, the same sequence, but nothing arrives for a while.
  desk.far.silent = true;
  for (let sent = 0; sent < 50; sent++) {
    desk.device.write(Float32Array.of(2), desk.nowUs + 100_000);
    desk.nowUs += 1000;
  }
  desk.nowUs += 2_000_000;
  desk.far.silent = false;
  desk.pass(20_000);
  assert.equal(desk.far.accepted, 1);
  assert.ok(desk.far.refused > 0);
  assert.equal(desk.far.applied[0], 0);
});

test("device: a stop is said again until the device reports it", () => {
  const desk = new Desk();
  desk.arm();
  desk.far.silent = true;
  desk.device.stop(StopReason.fault);
  // What was said is lost on the way.
  desk.ports[1].read(new Uint8Array(4096));
  desk.far.silent = false;
  desk.pass(40_000);
  assert.ok(desk.device.stopped);
  assert.equal(nameOfDeviceReason(desk.device.reason), "gate");
  assert.ok(!desk.device.stopping);
  desk.device.reset();
  desk.pass(40_000);
  assert.ok(desk.device.disarmed);
});

test("device: a device made for another contract is refused by the channel's name", () => {
  const [cos, sin, velocity] = pendulumSpec.observation;
  const other = { ...pendulumSpec, observation: [cos, sin, { ...velocity, unit: "deg/s" }] };
  const desk = new Desk(other);
  desk.pass(1_000_000);
  assert.equal(desk.device.phase, "refused");
  assert.match(desk.device.refusal!, /pole_velocity.*rad\/s.*deg\/s/);
  desk.device.arm(desk.nowUs);
  desk.pass(100_000);
  assert.ok(!desk.device.armed);
});

test("device: it cannot be armed before its clock is known", () => {
  const desk = new Desk();
  desk.pass(2000);
  assert.notEqual(desk.device.phase, "ready");
  desk.device.arm(desk.nowUs);
  desk.far.turn(desk.nowUs);
  assert.equal(desk.far.mode, 0);
  assert.equal(desk.device.write(Float32Array.of(1), desk.nowUs + 50_000), false);
});

test("device: a lost link is a value", () => {
  const desk = new Desk();
  desk.arm();
  desk.ports[1].close();
  assert.equal(desk.device.write(Float32Array.of(1), desk.nowUs + 50_000), false);
  desk.device.poll(desk.nowUs);
  assert.ok(desk.device.lost);
  assert.equal(desk.device.droppedCount, 1);
});
