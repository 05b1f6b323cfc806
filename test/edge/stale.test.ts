import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { startBroker } from "../../src/link/broker.ts";
import { nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { Session } from "../../src/wire/session.ts";
import { clock, gentle, Host, hostAt } from "../link/host.ts";

const image = "firmware-bridge/images/rp2040-pendulum.bin";

/** Fifty commands at full torque, each good for 100 ms when it is sent. */
function sendFifty(host: Host): void {
  for (let sent = 0; sent < 50; sent++) {
    assert.ok(host.device.write(Float32Array.of(2), clock.now() + 100_000));
  }
}

/** A way to the broker that can be held up, with what is in it. */
async function startGate(brokerUrl: string): Promise<{
  url: string;
  hold(): void;
  release(): void;
  close(): Promise<void>;
}> {
  const pairs: [near: Socket, far: Socket][] = [];
  const gate = createServer({ noDelay: true }, (near) => {
    const far = connect({
      port: Number(new URL(brokerUrl).port),
      host: "127.0.0.1",
      noDelay: true,
    });
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.pipe(far).pipe(near);
    pairs.push([near, far]);
  });
  await new Promise<void>((resolve) => gate.listen(0, "127.0.0.1", resolve));
  return {
    url: `mqtt://127.0.0.1:${(gate.address() as AddressInfo).port}`,
    hold: () => {
      for (const [near, far] of pairs) near.unpipe(far).pause();
    },
    release: () => {
      for (const [near, far] of pairs) near.pipe(far);
    },
    close: async () => {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => gate.close(resolve));
    },
  };
}

test("stale: 50 commands held for 2 s at the broker do not reach an armed motor", async () => {
  const board = await startEmulated({ image });
  const broker = await startBroker();
  const gate = await startGate(broker.url);
  const place = { prefix: "sinew", robot: "bench", protocolVersion: 4 as const };
  const bridge = await startBridge(board.path, 1_000_000, { ...place, url: broker.url });
  const late = await hostAt({ ...place, url: gate.url });
  const good = await hostAt({ ...place, url: broker.url });
  await late.host.ready();
  await good.host.ready();
  // The held commands shall be the newer ones by sequence, so that only their age can refuse them.
  const out = new Uint8Array(Session.outBytesMin);
  for (let at = 0; at < 2000; at++) late.host.session.encodeStop(0, out);
  gate.hold();
  sendFifty(late.host);
  await delay(2000);
  await good.host.arm();
  await good.host.drive(100);
  const before = await good.host.stats();
  gate.release();
  await good.host.drive(300);
  const after = await good.host.stats();
  assert.equal(after.expired - before.expired, 50, "each of them arrived, and was refused for age");
  assert.equal(good.host.appliedMax, gentle, "no pin followed one of them");
  assert.ok(good.host.device.armed, "and the good host drives on");
  good.host.device.stop(StopReason.request);
  await good.host.until("the stop", () => good.host.device.stopped);
  await late.close();
  await good.close();
  await gate.close();
  await bridge.close();
  await broker.close();
  await board.close();
});

test("stale: a broker dies: the firmware stops by itself, the return moves nothing", async (t) => {
  const board = await startEmulated({ image });
  t.after(() => board.close());
  let broker = await startBroker();
  t.after(() => broker.close());
  const place = { ...broker, prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, 1_000_000, place);
  t.after(() => bridge.close());
  const { host, close } = await hostAt(place);
  t.after(close);
  const { device } = host;
  await host.ready();
  await host.arm();
  await host.drive(100);
  await broker.close();
  // This host has no gate and notices nothing: it goes on for longer than a command is good for.
  await host.drive(1500);
  broker = await startBroker(Number(new URL(place.url).port));
  await host.until("word of the device", () => device.stopped);
  assert.equal(nameOfDeviceReason(device.reason), "expired", "nobody told it to stop");
  const before = await host.stats();
  await host.drive(300);
  device.reset();
  await host.until("the reset", () => device.disarmed);
  await host.drive(300);
  const after = await host.stats();
  assert.equal(after.commands, before.commands, "neither what is old nor what is fresh moves it");
  assert.ok(after.notArmed > before.notArmed, "though it comes");
  assert.ok(device.disarmed);
  assert.equal(device.applied[0], 0);
  await host.arm();
  await host.drive(100);
  assert.ok((await host.stats()).commands > after.commands, "and armed it is driven");
  assert.equal(host.appliedMax, gentle);
});

test("stale: 50 commands held for 2 s in the pty do not reach the motor", async () => {
  const board = await startEmulated({ image });
  const host = new Host(openSerialPort(board.path));
  await host.ready();
  await host.arm();
  await host.drive(100);
  const before = await host.stats();
  board.pause();
  sendFifty(host);
  await delay(2000);
  board.resume();
  await host.until("the firmware's own stop", () => host.device.stopped);
  const after = await host.stats();
  assert.equal(after.commands, before.commands);
  assert.equal(after.expired + after.notArmed - before.expired - before.notArmed, 50);
  assert.equal(host.appliedMax, gentle);
  // A hung board's port fills up, in the middle of a frame. Nothing may be left broken by that.
  board.pause();
  let taken = 0;
  while (host.device.write(Float32Array.of(2), clock.now() + 100_000)) taken++;
  assert.ok(taken > 50 && taken < 5000, `${taken} taken`);
  board.resume();
  await delay(300);
  const last = await host.stats();
  assert.equal(last.broken, after.broken);
  assert.equal(last.commands, after.commands);
  host.device.close();
  await board.close();
});
