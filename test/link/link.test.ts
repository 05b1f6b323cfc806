// What every link must do, whatever carries its bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { startBroker } from "../../src/link/broker.ts";
import { nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import { openLink, openPort } from "../../src/link/link.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeskDevice } from "./desk-device.ts";
import { clock, gentle, Host } from "./host.ts";

async function keepsTheContract(host: Host): Promise<void> {
  const { device, session } = host;
  await host.ready();
  const observation = new Float32Array(3);
  await host.until("an observation", () => device.read(observation, clock.now()) < 50_000);
  assert.ok(observation.every(Number.isFinite));
  assert.ok(!device.armed, "nothing is armed because somebody connected");
  await host.arm();
  await host.drive(60);
  assert.equal(device.applied[0], Math.fround(gentle));
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
  assert.equal(session.counts.framesBad, 0, "no byte was lost or stolen");
  assert.equal(device.lost, false);
}

test("link: memory", async () => {
  const [near, far] = memoryPorts();
  const desk = new DeskDevice(pendulumSpec, far);
  const host = new Host({
    read: (into) => {
      desk.turn(clock.now());
      return near.read(into);
    },
    write: (bytes, length) => near.write(bytes, length),
    wait: (timeoutUs) => near.wait(timeoutUs),
    close: () => near.close(),
  });
  await keepsTheContract(host);
  far.close();
  await host.until("the loss", () => host.device.lost);
});

let board: Board;

test("link: mqtt, bridge and serial to the firmware", async () => {
  board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  const broker = await startBroker();
  const place = { url: broker.url, prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, 1_000_000, place);
  const link = await openLink({ mqtt: place });
  const host = new Host(openPort(link.door));
  await keepsTheContract(host);
  await link.close();
  await host.until("the loss", () => host.device.lost);
  await bridge.close();
  assert.equal(await bridge.ended, null);
  await broker.close();
});

test("link: serial to the firmware, and a bridge that loses its port says so", async () => {
  const link = await openLink({ serial: { path: board.path, baud: 1_000_000 } });
  const host = new Host(openPort(link.door));
  await keepsTheContract(host);
  host.device.close();
  await link.close();
  const broker = await startBroker();
  const place = { url: broker.url, prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, 1_000_000, place);
  const next = new Host(openPort({ serialPath: board.path }));
  board.kill();
  assert.match((await bridge.ended)!, /serial port .*(unplugged|EIO|failed)/);
  await next.until("the loss", () => next.device.lost);
  next.device.close();
  await bridge.close();
  await broker.close();
  await board.close();
});
