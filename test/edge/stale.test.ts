import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { nameOfDeviceReason, StopReason } from "../../src/link/device.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { Session } from "../../src/wire/session.ts";
import { clock, gentle, Host, hostAt } from "../link/host.ts";
import { brokerHere, closeAfter, startProxy } from "../link/mqtt-stage.ts";

async function boardHere(): Promise<Board> {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  closeAfter(() => board.close());
  return board;
}

async function bridgeHere(board: Board, place: MqttPlace): Promise<void> {
  const bridge = await startBridge(board.path, 1_000_000, place);
  closeAfter(() => bridge.close());
}

async function hostHere(place: MqttPlace): Promise<Host> {
  const { host, close } = await hostAt(place);
  closeAfter(close);
  return host;
}

/** Fifty commands at full torque, each good for 100 ms when it is sent. */
function sendFifty(host: Host): void {
  for (let sent = 0; sent < 50; sent++) {
    assert.ok(host.device.write(Float32Array.of(2), clock.now() + 100_000));
  }
}

test("stale: 50 commands held for 2 s at the broker do not reach an armed motor", async () => {
  const board = await boardHere();
  const broker = await brokerHere();
  const gate = await startProxy(broker.url);
  const place = { prefix: "sinew", robot: "bench", protocolVersion: 4 as const };
  await bridgeHere(board, { ...place, url: broker.url });
  const late = await hostHere({ ...place, url: gate.url });
  const good = await hostHere({ ...place, url: broker.url });
  await late.ready();
  await good.ready();
  // The held commands shall be the newer ones by sequence, so that only their age can refuse them.
  const out = new Uint8Array(Session.outBytesMin);
  for (let at = 0; at < 2000; at++) late.session.encodeStop(0, out);
  gate.hold();
  sendFifty(late);
  await delay(2000);
  await good.arm();
  await good.drive(100);
  const before = await good.stats();
  gate.release();
  await good.drive(300);
  const after = await good.stats();
  assert.equal(after.expired - before.expired, 50, "each of them arrived, and was refused for age");
  assert.equal(good.appliedMax, gentle, "no pin followed one of them");
  assert.ok(good.device.armed, "and the good host drives on");
  good.device.stop(StopReason.request);
  await good.until("the stop", () => good.device.stopped);
});

test("stale: a broker dies: the firmware stops by itself, the return moves nothing", async () => {
  const board = await boardHere();
  const broker = await brokerHere();
  const place = { ...broker, prefix: "sinew", robot: "bench" };
  await bridgeHere(board, place);
  const host = await hostHere(place);
  const { device } = host;
  await host.ready();
  await host.arm();
  await host.drive(100);
  await broker.close();
  // This host has no gate and notices nothing: it goes on for longer than a command is good for.
  await host.drive(1500);
  await brokerHere(Number(new URL(place.url).port));
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
  const board = await boardHere();
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
});
