// The links that npm alone brings. Those over Mosquitto: test/mosquitto.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { type LinkChoice, openLink, openPort } from "../../src/link/link.ts";
import { memoryPorts } from "../../src/link/memory.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeskDevice } from "./desk-device.ts";
import { clock, Host } from "./host.ts";
import { keepsTheContract } from "./link-contract.ts";
import { brokerHere, closeAfter, refuses } from "./mqtt-stage.ts";

const baud = 1_000_000;
const image = "firmware-bridge/images/rp2040-pendulum.bin";

test("link: memory", async () => {
  const [near, far] = memoryPorts();
  const desk = new DeskDevice(pendulumSpec, far);
  const port = {
    read: (into: Uint8Array) => {
      desk.turn(clock.now());
      return near.read(into);
    },
    write: (bytes: Uint8Array, length: number) => near.write(bytes, length),
    wait: (timeoutUs: number) => near.wait(timeoutUs),
    close: () => near.close(),
  };
  await keepsTheContract(port, 1);
  far.close();
  assert.equal(port.read(new Uint8Array(8)), -1, "a lost link is a value");
});

/** One board for the links of this file, because it takes a second to start. */
let board: Board | null = null;
after(() => board?.close());

/** It starts with the first test that asks for it, and takes no time from those before. */
async function booted(): Promise<Board> {
  board ??= await startEmulated({ image });
  return board;
}

async function keepsOver(choice: LinkChoice, name: RegExp, seed: number): Promise<void> {
  const link = await openLink(choice);
  closeAfter(() => link.close());
  assert.match(link.name, name);
  const port = openPort(link.door);
  await keepsTheContract(port, seed);
  assert.deepEqual(link.notices, []);
  port.close();
  await link.close();
  assert.equal(port.read(new Uint8Array(8)), -1, "a link that was closed is lost");
}

test("link: serial, by a descriptor of the control thread's own", async () => {
  const board = await booted();
  await keepsOver({ serial: { path: board.path, baud } }, /^serial \/dev/, 2);
});

test("link: serial, plain, through the package's stream", async () => {
  const board = await booted();
  await keepsOver({ serial: { path: board.path, baud, plain: true } }, /^serial .*, plain$/, 3);
});

test("link: MQTT 3.1.1 and a bridge", async () => {
  const board = await booted();
  const broker = await brokerHere();
  const place = { ...broker, prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, baud, place);
  closeAfter(() => bridge.close());
  await keepsOver({ mqtt: place }, /^mqtt mqtt:.* sinew\/bench$/, 4);
  assert.equal(bridge.device?.name, "rp2040-pendulum");
  await bridge.close();
  assert.equal(await bridge.ended, null);
});

test("link: a port that is held is not taken twice", async () => {
  const board = await booted();
  for (const plain of [false, true]) {
    const link = await openLink({ serial: { path: board.path, baud, plain } });
    closeAfter(() => link.close());
    for (const other of [false, true]) {
      const again = openLink({ serial: { path: board.path, baud, plain: other } });
      await refuses(again, /another program holds it/, "port");
    }
    await link.close();
  }
  const nowhere = openLink({ serial: { path: "/dev/no-such-port", baud, plain: true } });
  await refuses(nowhere, /there is no such port/, "port");
});

test("link: a plain port that does not keep up is not fed without end", async () => {
  const board = await booted();
  const link = await openLink({ serial: { path: board.path, baud, plain: true } });
  closeAfter(() => link.close());
  const host = new Host(openPort(link.door));
  await host.ready();
  const earlier = await host.stats();
  board.pause();
  // A hung board's pty takes some thousands; what comes after them is not kept.
  for (let sent = 0; sent < 20_000; sent++) {
    host.device.write(Float32Array.of(0), clock.now() + 100_000);
    if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  board.resume();
  const later = await host.stats();
  const came = later.notArmed + later.expired - earlier.notArmed - earlier.expired;
  assert.ok(came > 50 && came < 5000, `${came} came`);
  assert.equal(later.broken, earlier.broken, "and no frame was cut");
});

test("link: a bridge, and a plain port, that lose their line say so", async () => {
  const board = await booted();
  const broker = await brokerHere();
  const place = { ...broker, prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, baud, place);
  closeAfter(() => bridge.close());
  const next = new Host(openPort({ serialPath: board.path }));
  board.kill();
  assert.match((await bridge.ended)!, /serial port .*(unplugged|EIO|failed)/);
  await next.until("the loss", () => next.device.lost);
  next.device.close();
  const second = await startEmulated({ image });
  closeAfter(() => second.close());
  const link = await openLink({ serial: { path: second.path, baud, plain: true } });
  closeAfter(() => link.close());
  const host = new Host(openPort(link.door));
  await host.ready();
  second.kill();
  await host.until("the loss", () => host.device.lost);
  assert.match(link.notices[0], /^the serial port \/dev.* was lost/);
});
