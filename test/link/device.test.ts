import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { BridgeDevice, nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import type { Port } from "../../src/link/port.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode, StopLine } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { bytesOf } from "../allocation.ts";
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
    this.pass(200_000);
    assert.ok(this.device.armed);
  }

  /** Arms it, and what became of that within 2 s. */
  tried(): string {
    this.pass(1_000_000);
    this.device.arm(this.nowUs);
    this.pass(2_000_000);
    assert.ok(!this.device.armed && !this.device.arming);
    return this.device.why;
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

test("device: a cycle's reads and writes make no object", () => {
  const bytes = bytesOf(new URL("./device-bytes.js", import.meta.url));
  // As in a whole cycle, the engine boxes a number now and then.
  assert.ok(bytes < 50, `${bytes} bytes for each cycle`);
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

test("device: a reset that came while the stop line was open never leaves its stop", () => {
  const desk = new Desk();
  desk.arm();
  const { device, far } = desk;
  assert.deepEqual([device.stopLine, device.barred, device.why], [StopLine.none, false, ""]);
  far.openStopLine();
  desk.pass(20_000);
  assert.ok(device.stopped && device.barred);
  assert.equal(nameOfDeviceReason(device.reason), "stopLine");
  assert.match(device.why, /stop line is open: the switch is pressed, or its wire is cut/);
  device.reset();
  desk.pass(100_000);
  assert.ok(device.stopped && !device.resetting);
  far.stopLine = StopLine.closed;
  desk.pass(100_000);
  assert.ok(device.stopped && !device.barred);
  assert.equal(device.why, "its stop line was opened");
  device.reset();
  desk.pass(40_000);
  assert.ok(device.disarmed);
  assert.equal(device.why, "");
});

test("device: before it is first armed its firmware is seen to stop by itself", () => {
  const desk = new Desk();
  const { device, far } = desk;
  desk.pass(1_000_000);
  const modes: number[] = [];
  device.arm(desk.nowUs);
  assert.ok(device.arming && !device.armed && !device.disarmed && !device.stopped);
  const fromUs = desk.nowUs;
  while (!device.armed) {
    assert.ok(desk.nowUs < fromUs + 200_000, "it is short");
    if (modes.at(-1) !== far.mode) modes.push(far.mode);
    if (device.arming) assert.ok(!device.write(Float32Array.of(1), desk.nowUs + 50_000));
    desk.pass(500);
    assert.equal(far.applied[0], 0);
  }
  const { disarmed, trial, stopped, armed } = DeviceMode;
  assert.deepEqual(modes.slice(0, 4), [disarmed, trial, stopped, disarmed]);
  assert.ok(desk.nowUs > fromUs + 100_000);
  // Once is enough, until it starts anew.
  device.stop(StopReason.request);
  desk.pass(40_000);
  device.reset();
  desk.pass(40_000);
  device.arm(desk.nowUs);
  desk.pass(10_000);
  assert.equal(far.mode, armed);
  far.mode = disarmed;
  far.bootId++;
  desk.pass(1_000_000);
  device.arm(desk.nowUs);
  desk.pass(10_000);
  assert.equal(far.mode, trial);
});

test("device: nothing is said to a firmware that is to stop by itself", () => {
  // Whenever the clock was asked for last.
  for (let afterUs = 0; afterUs <= 250_000; afterUs += 50_000) {
    const desk = new Desk();
    desk.pass(1_000_000 + afterUs);
    desk.device.arm(desk.nowUs);
    while (desk.far.mode !== DeviceMode.trial) desk.pass(500);
    desk.pass(20_000);
    const { framesIn } = desk.far;
    while (desk.far.mode === DeviceMode.trial) desk.pass(500);
    assert.equal(desk.far.framesIn, framesIn);
  }
});

test("device: a firmware that stops late, early or never is not armed", () => {
  const cases: readonly [number, RegExp][] = [
    [300_000, /does not stop by itself: 5\d ms after its last command it went on/],
    [1e9, /does not stop by itself/],
    [55_000, /does not stop by itself|was seen to stop 5\d\.\d ms after/],
    [-30_000, /stopped (2\d|30)\.\d ms before its last command expired/],
  ];
  for (const [tripLateUs, line] of cases) {
    const desk = new Desk();
    desk.far.tripLateUs = tripLateUs;
    assert.match(desk.tried(), line);
    assert.ok(desk.device.stopped, String(tripLateUs));
    assert.equal(desk.far.applied[0], 0);
    desk.device.reset();
    desk.pass(100_000);
    assert.ok(desk.device.disarmed);
    assert.match(desk.tried(), line);
  }
  const desk = new Desk();
  desk.far.tripLateUs = 40_000;
  desk.arm();
});

test("device: a firmware that drives or arms in its trial is stopped and never armed", () => {
  for (const wrong of ["drives", "arms"] as const) {
    const desk = new Desk();
    desk.far.onTrial = wrong;
    assert.match(desk.tried(), /was driven in the trial of its watchdog/);
    assert.ok(desk.device.stopped);
  }
});

test("device: a firmware that takes no command in its trial, or does not latch, is refused", () => {
  const deaf = new Desk();
  deaf.far.onTrial = "deaf";
  assert.match(deaf.tried(), /took no command in its trial/);
  const loose = new Desk();
  loose.far.onTrial = "loose";
  assert.match(loose.tried(), /does not latch the stop of its trial/);
});

test("device: a clock that stands still in the trial is not taken for a watchdog", () => {
  const desk = new Desk();
  desk.pass(1_000_000);
  desk.device.arm(desk.nowUs);
  desk.pass(30_000);
  assert.equal(desk.far.mode, DeviceMode.trial);
  desk.far.holdClock = true;
  desk.pass(900_000);
  assert.ok(!desk.device.armed && !desk.device.arming);
  assert.match(desk.device.why, /does not stop by itself in the trial of its watchdog, or fell si/);
});

test("device: a stop, an open line or a restart ends the trial", () => {
  const stopped = new Desk();
  stopped.pass(1_000_000);
  stopped.device.arm(stopped.nowUs);
  stopped.pass(30_000);
  stopped.device.stop(StopReason.request);
  assert.ok(!stopped.device.arming);
  stopped.pass(300_000);
  assert.ok(stopped.device.stopped);
  assert.equal(nameOfDeviceReason(stopped.device.reason), "host");
  const opened = new Desk();
  opened.pass(1_000_000);
  opened.device.arm(opened.nowUs);
  opened.pass(30_000);
  opened.far.openStopLine();
  opened.pass(300_000);
  assert.ok(opened.device.stopped && opened.device.barred);
  assert.match(opened.device.why, /its stop line is open/);
  const restarted = new Desk();
  restarted.pass(1_000_000);
  restarted.device.arm(restarted.nowUs);
  restarted.pass(30_000);
  restarted.far.bootId++;
  restarted.far.mode = DeviceMode.disarmed;
  restarted.pass(1_000_000);
  assert.ok(restarted.device.stopped);
  assert.match(restarted.device.why, /started anew in the trial/);
});

test("device: a stop that was seen too late to tell is tried again", () => {
  const desk = new Desk();
  desk.pass(1_000_000);
  desk.device.arm(desk.nowUs);
  desk.pass(80_000);
  desk.far.mute = true;
  desk.pass(120_000);
  desk.far.mute = false;
  desk.pass(300_000);
  assert.ok(desk.device.armed);
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
