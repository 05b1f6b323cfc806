import assert from "node:assert/strict";
import { test } from "node:test";
import { type BridgeCheckup, checkBridge } from "../../src/link/bridge-checkup.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode, StopLine } from "../../src/wire/messages.ts";
import { DeskDevice } from "./desk-device.ts";

/** A look at a device on one simulated clock: a wait moves it. */
function lookAt(prepare: (far: DeskDevice) => void): { far: DeskDevice; seen: BridgeCheckup } {
  const [near, back] = memoryPorts();
  const far = new DeskDevice(pendulumSpec, back);
  prepare(far);
  let nowUs = 5_000_000;
  const port = {
    read: (into: Uint8Array) => near.read(into),
    write: (bytes: Uint8Array, length: number) => near.write(bytes, length),
    wait: (): void => {
      nowUs += 500;
      far.turn(nowUs);
    },
    close: (): void => near.close(),
  };
  return { far, seen: checkBridge(pendulumSpec, port, { now: () => nowUs }, undefined) };
}

test("bridge checkup: a firmware is seen to stop by itself, drives nothing and is at rest", () => {
  const { far, seen } = lookAt(() => {});
  assert.equal(seen.stopsByItself, true, seen.line);
  assert.match(seen.line, /stopped by itself as its last command expired/);
  assert.ok(seen.roundTripsUs.length >= 12, `${seen.roundTripsUs.length} round trips`);
  for (const us of seen.roundTripsUs) assert.ok(us >= 0 && us <= 1000, `${us} us`);
  assert.deepEqual([far.mode, far.accepted, far.applied[0]], [DeviceMode.disarmed, 0, 0]);
});

test("bridge checkup: a firmware that does not stop by itself is stopped, and told", () => {
  const late = lookAt((far) => {
    far.tripLateUs = 1e9;
  });
  assert.equal(late.seen.stopsByItself, false);
  assert.match(late.seen.line, /^its firmware does not stop by itself/);
  assert.equal(late.far.mode, DeviceMode.stopped);
  const armed = lookAt((far) => {
    far.onTrial = "arms";
  });
  assert.equal(armed.seen.stopsByItself, false);
  assert.match(armed.seen.line, /was driven in the trial of its watchdog/);
  assert.deepEqual([armed.far.mode, armed.far.applied[0]], [DeviceMode.stopped, 0]);
});

test("bridge checkup: where it is not tried nothing is armed, and the reason is told", () => {
  const cases: readonly [(far: DeskDevice) => void, RegExp][] = [
    [(far) => (far.stopLine = StopLine.open), /its stop line is open/],
    [(far) => (far.mode = DeviceMode.stopped), /is stopped \(none\), and only --reset/],
    [(far) => (far.mode = DeviceMode.armed), /is not at rest|is stopped \(expired\)/],
    [(far) => (far.silent = true), /does not answer; is it powered/],
  ];
  for (const [prepare, line] of cases) {
    const { far, seen } = lookAt(prepare);
    assert.equal(seen.stopsByItself, null, seen.line);
    assert.match(seen.line, line);
    assert.equal(far.armsAsked, 0);
  }
});
