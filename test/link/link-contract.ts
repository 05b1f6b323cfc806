// What every link must do, whatever carries its bytes.
import assert from "node:assert/strict";
import { nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import { type Faults, FaultyPort } from "../../src/link/faulty.ts";
import type { Port } from "../../src/link/port.ts";
import { clock, gentle, Host } from "./host.ts";

/** As bad as a link may be without keeping the device from being driven for 0.8 s. */
const bad: Faults = {
  ...{ loss: 0.1, duplication: 0.1, reordering: 0.1, corruption: 0.1 },
  delayUs: [0, 4000],
};

/** `port` as it is, then behind a line with every fault, must keep the contract. */
export async function keepsTheContract(port: Port, seed: number): Promise<void> {
  const sound = new Host(port);
  await sound.ready();
  // Who joins a device that speaks already may hear the end of a frame first.
  const { framesBad } = sound.session.counts;
  await keeps(sound);
  assert.equal(sound.session.counts.framesBad, framesBad, "no byte was lost or stolen");
  const faulty = new Host(new FaultyPort(port, clock, { seed, toDevice: bad, fromDevice: bad }));
  try {
    await keeps(faulty);
  } catch (error) {
    throw new Error(`behind a faulty line, seed ${seed}`, { cause: error });
  }
  assert.ok(faulty.session.counts.framesBad > 0, "the faults were there");
}

async function keeps(host: Host): Promise<void> {
  const { device } = host;
  await host.ready();
  const observation = new Float32Array(3);
  await host.until("an observation", () => device.read(observation, clock.now()) < 50_000);
  assert.ok(observation.every(Number.isFinite));
  assert.ok(!device.armed, "nothing is armed because somebody connected");
  await host.arm();
  await host.drive(60);
  await host.until("the command", () => device.applied[0] === Math.fround(gentle));
  assert.ok(device.roundTripUs > 0);
  device.stop(StopReason.fault);
  await host.until("the stop", () => device.stopped);
  assert.equal(nameOfDeviceReason(device.reason), "gate");
  assert.equal(device.applied[0], 0);
  device.reset();
  await host.until("the reset", () => device.disarmed);
  await host.arm();
  // The first command must come within a second of arming, and none does.
  await host.until("the device's own stop", () => device.stopped);
  assert.equal(nameOfDeviceReason(device.reason), "expired");
  device.reset();
  await host.until("the reset", () => device.disarmed);
  assert.equal(host.appliedMax, Math.fround(gentle), "nothing else was ever applied");
  assert.equal(device.lost, false);
}
