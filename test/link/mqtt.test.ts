import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../../src/core/errors.ts";
import { startBroker } from "../../src/link/broker.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { RingPort } from "../../src/link/memory.ts";
import { carryRings, openMqttPipe } from "../../src/link/mqtt.ts";

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail("waited in vain");
}

function refuses(action: Promise<unknown>, line: RegExp): Promise<void> {
  return assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof SinewError);
    assert.equal(error.code, "broker");
    assert.match(error.message, line);
    return true;
  });
}

test("mqtt: frames cross the broker unchanged, each way on its own topic", async () => {
  const broker = await startBroker();
  const place = { url: broker.url, prefix: "lab", robot: "arm-1" };
  const atRobot: Uint8Array[] = [];
  const robot = await openMqttPipe(place, "robot", (bytes) => atRobot.push(bytes));
  const rings = makeRingPair();
  const endHost = await carryRings(place, rings);
  const control = new RingPort(rings.toDevice, rings.fromDevice);
  const frame = Uint8Array.of(3, 255, 1, 0);
  assert.ok(control.write(frame, frame.length));
  await until(() => atRobot.length === 1);
  assert.deepEqual(new Uint8Array(atRobot[0]), frame);
  assert.ok(robot.send(Uint8Array.of(9, 8, 0)));
  const into = new Uint8Array(16);
  let length = 0;
  await until(() => {
    length = control.read(into);
    return length !== 0;
  });
  assert.deepEqual([...into.subarray(0, length)], [9, 8, 0]);
  await endHost();
  assert.equal(control.read(into), -1, "the control thread sees the end of the link");
  await robot.close();
  await broker.close();
});

test("mqtt: nothing is kept while the broker is away, and the connection comes back", async () => {
  const first = await startBroker();
  const port = Number(new URL(first.url).port);
  const place = { url: first.url, prefix: "sinew", robot: "a" };
  const got: Uint8Array[] = [];
  const host = await openMqttPipe(place, "host", () => {});
  const robot = await openMqttPipe(place, "robot", (bytes) => got.push(bytes));
  await first.close();
  await until(() => !host.connected && !robot.connected);
  for (let sent = 0; sent < 50; sent++) assert.equal(host.send(Uint8Array.of(1, 0)), false);
  const second = await startBroker(port);
  await until(() => host.connected && robot.connected);
  const fresh = Uint8Array.of(2, 0);
  // The subscription is made again a moment after the connection.
  for (let turn = 0; turn < 100 && got.length === 0; turn++) {
    host.send(fresh);
    await delay(10);
  }
  assert.ok(got.length > 0);
  for (const bytes of got) assert.deepEqual(new Uint8Array(bytes), fresh);
  await host.close();
  await robot.close();
  await second.close();
});

test("mqtt: a broker that takes nothing in is not fed without end", async () => {
  const broker = await startBroker();
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(new URL(broker.url).port), "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    sockets.push(near, far);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const url = `mqtt://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const host = await openMqttPipe({ url, prefix: "s", robot: "a" }, "host", () => {});
  for (const socket of sockets) socket.pause().unpipe();
  const large = new Uint8Array(65_536);
  let taken = 0;
  for (let sent = 0; sent < 2000; sent++) {
    if (host.send(large)) taken++;
    if (sent % 100 === 0) await delay(1);
  }
  assert.ok(taken < 1000, `${taken} taken`);
  await host.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => proxy.close(resolve));
  await broker.close();
});

test("mqtt: a wrong or silent address is one clear line", async () => {
  const place = { prefix: "s", robot: "a" };
  const open = (url: string): Promise<unknown> => openMqttPipe({ ...place, url }, "host", () => {});
  await refuses(open("http://localhost"), /"http:\/\/localhost" is no broker: give mqtt:/);
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  await refuses(open(`mqtt://127.0.0.1:${port}`), /cannot reach the broker .*ECONNREFUSED/);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const busy = (taken.address() as AddressInfo).port;
  await refuses(startBroker(busy), /cannot listen on 127.0.0.1.*EADDRINUSE/);
  await new Promise((resolve) => taken.close(resolve));
});
