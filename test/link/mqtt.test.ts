import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Aedes, type AedesOptions } from "aedes";
import { startBroker } from "../../src/link/broker.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { RingPort } from "../../src/link/memory.ts";
import { carryRings } from "../../src/link/mqtt.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import { lastWill } from "../../src/link/presence.ts";
import {
  anyoneAt,
  brokerHere,
  closeAfter,
  earAt,
  refuses,
  startProxy,
  until,
} from "./mqtt-stage.ts";

const protocolVersion = 4;

test("mqtt: frames cross the broker unchanged, each way on its own topic", async () => {
  const broker = await brokerHere();
  const place = { ...broker, prefix: "lab", robot: "arm-1" };
  const robot = await earAt(place, "robot");
  const rings = makeRingPair();
  const carrier = await carryRings(place, rings);
  closeAfter(carrier.close);
  const control = new RingPort(rings.toDevice, rings.fromDevice);
  const frame = Uint8Array.of(3, 255, 1, 0);
  assert.ok(control.write(frame, frame.length));
  await until(() => robot.bytes.length === 1);
  assert.deepEqual(robot.bytes[0], frame);
  assert.ok(robot.pipe.send(Uint8Array.of(9, 8, 0)));
  const into = new Uint8Array(16);
  let length = 0;
  await until(() => {
    length = control.read(into);
    return length !== 0;
  });
  assert.deepEqual([...into.subarray(0, length)], [9, 8, 0]);
  await carrier.close();
  assert.deepEqual(carrier.notices, [], "all was as it should be");
  assert.equal(control.read(into), -1, "the control thread sees the end of the link");
});

test("mqtt: nothing is kept while the broker is away, and the connection comes back", async () => {
  const first = await brokerHere();
  const port = Number(new URL(first.url).port);
  const place = { ...first, prefix: "sinew", robot: "a" };
  const host = await earAt(place, "host");
  const robot = await earAt(place, "robot");
  await first.close();
  await until(() => !host.pipe.connected && !robot.pipe.connected);
  for (let sent = 0; sent < 50; sent++) assert.equal(host.pipe.send(Uint8Array.of(1, 0)), false);
  await until(() => host.notices.length > 1);
  await brokerHere(port);
  await until(() => host.pipe.connected && robot.pipe.connected);
  const fresh = Uint8Array.of(2, 0);
  // The subscription is made again a moment after the connection.
  for (let turn = 0; turn < 100 && robot.bytes.length === 0; turn++) {
    host.pipe.send(fresh);
    await delay(10);
  }
  assert.ok(robot.bytes.length > 0);
  for (const bytes of robot.bytes) assert.deepEqual(bytes, fresh);
  assert.match(host.notices[0], /^the connection to mqtt:.* broke$/);
  assert.match(host.notices[1], /^cannot reach the broker .*ECONNREFUSED/);
  assert.match(host.notices.at(-1)!, /^the broker mqtt:.* is there again$/);
  assert.equal(host.notices.length, 3, "each is said once");
});

test("mqtt: a broker that takes nothing in is not fed without end", async () => {
  const broker = await brokerHere();
  const proxy = await startProxy(broker.url);
  const place = { url: proxy.url, prefix: "s", robot: "a", protocolVersion } as const;
  const host = await earAt(place, "host");
  proxy.hold();
  const large = new Uint8Array(65_536);
  let taken = 0;
  for (let sent = 0; sent < 2000; sent++) {
    if (host.pipe.send(large)) taken++;
    if (sent % 100 === 0) await delay(1);
  }
  assert.ok(taken < 1000, `${taken} taken`);
  // To say farewell is tried, and not for ever.
  await host.pipe.close();
});

test("mqtt: what the broker retained is refused on either side, and told once", async () => {
  const broker = await brokerHere();
  const place = { ...broker, prefix: "s", robot: "a" };
  const anyone = await anyoneAt(place);
  for (const topic of ["s/a/cmd", "s/a/state"]) {
    await anyone.publishAsync(topic, Buffer.of(7, 0), { qos: 1, retain: true });
  }
  const robot = await earAt(place, "robot");
  const host = await earAt(place, "host");
  for (const { pipe } of [robot, host]) pipe.send(Uint8Array.of(1, 0));
  await until(() => robot.bytes.length > 0 && host.bytes.length > 0);
  assert.deepEqual([robot.bytes, host.bytes], [[Uint8Array.of(1, 0)], [Uint8Array.of(1, 0)]]);
  assert.deepEqual(robot.notices, [`refused what ${broker.url} retains on s/a/cmd: clear it`]);
  assert.deepEqual(host.notices, [`refused what ${broker.url} retains on s/a/state: clear it`]);
});

test("mqtt: a birth is kept, and a death is told, with or without a farewell", async () => {
  const broker = await brokerHere();
  const proxy = await startProxy(broker.url);
  const place = { ...broker, prefix: "s", robot: "a" };
  const device = { name: "desk", bootId: 5, contractHash: 6, protocolHash: 7 };
  const birth = { alive: true, device };
  const robot = await earAt({ ...place, url: proxy.url }, "robot");
  robot.pipe.leaveWord(birth);
  // Whoever comes later hears it too.
  const host = await earAt(place, "host");
  await until(() => host.presences.length === 1);
  proxy.cut();
  // The broker tells the will, and the pipe, once it is back, its birth.
  await until(() => host.presences.length === 3);
  const farewell = { alive: false, device: null, why: "it was ended" };
  robot.pipe.leaveWord(farewell);
  await robot.pipe.close();
  await until(() => host.presences.length === 4);
  const late = await earAt(place, "host");
  await until(() => late.presences.length === 1);
  await delay(50);
  // A farewell is no will: the broker tells none.
  assert.deepEqual(host.presences, [birth, lastWill, birth, farewell]);
  assert.deepEqual(late.presences, [farewell]);
});

test("mqtt: what a run is told of its bridge, and that is all that comes of it", async () => {
  const broker = await brokerHere();
  const place = { ...broker, prefix: "s", robot: "arm" };
  const rings = makeRingPair();
  const carrier = await carryRings(place, rings);
  closeAfter(carrier.close);
  const control = new RingPort(rings.toDevice, rings.fromDevice);
  const anyone = await anyoneAt(place);
  const says = (text: string): Promise<unknown> => anyone.publishAsync("s/arm/presence", text);
  await says("no JSON");
  await says('{"alive":"no"}');
  await says('{"alive":false,"device":null,"why":"\\u001b[2J"}');
  await until(() => carrier.notices.length === 1);
  assert.match(carrier.notices[0], /^arm: its bridge is gone, says the broker \(\?\[2J\); no run/);
  // Nothing of it came to the control thread, and the link is whole.
  assert.equal(control.read(new Uint8Array(64)), 0);
  assert.ok(control.write(Uint8Array.of(1, 0), 2));
  await says(
    '{"alive":true,"device":{"name":"desk","bootId":1,"contractHash":2,"protocolHash":3}}',
  );
  await until(() => carrier.notices.length === 2);
  assert.equal(carrier.notices[1], "arm: its bridge is there again, with desk");
});

/** A broker with rules of its own, and who is connected to it. */
async function strictBroker(rules: AedesOptions): Promise<{ place: MqttPlace; sockets: Socket[] }> {
  const aedes = await Aedes.createBroker(rules);
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeAfter(() => new Promise((resolve) => aedes.close(() => server.close(resolve))));
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { place: { url, prefix: "s", robot: "a", protocolVersion }, sockets };
}

test("mqtt: a broker that says no for a while after its start is asked again", async () => {
  let saysNo = false;
  let refusals = 0;
  const { place, sockets } = await strictBroker({
    authenticate: (_client, _username, _password, done) => {
      if (!saysNo) return done(null, true);
      refusals++;
      // 3: the server is unavailable.
      done(Object.assign(new Error("not yet"), { returnCode: 3 }), false);
    },
  });
  const host = await earAt(place, "host");
  saysNo = true;
  sockets[0].destroy();
  await until(() => refusals > 2);
  saysNo = false;
  await until(() => host.pipe.connected);
  assert.match(host.notices[1], /^cannot reach the broker .*: .*Server unavailable/);
});

test("mqtt: a broker that lets nobody hear the robot is one clear line", async () => {
  let hidden = "s/a/state";
  const { place } = await strictBroker({
    authorizeSubscribe: (_client, wish, done) => done(null, wish.topic === hidden ? null : wish),
  });
  await refuses(earAt(place, "host"), /^the broker mqtt:.* does not let us hear s\/a\/state: /);
  hidden = "s/a/presence";
  const host = await earAt(place, "host");
  assert.ok(host.pipe.connected);
});

test("mqtt: a wrong or silent address is one clear line", async () => {
  const open = (url: string, more: Partial<MqttPlace> = {}): Promise<unknown> =>
    earAt({ prefix: "s", robot: "a", url, protocolVersion, ...more }, "host");
  await refuses(open("http://localhost"), /"http:\/\/localhost" is no broker: give mqtt:/);
  await refuses(open("mqtt://"), /"mqtt:\/\/" is no broker/);
  await refuses(open("mqtt://host/a/topic"), /is no broker/);
  for (const part of ["+", "#", "a b", "a/+"]) {
    await refuses(open("mqtt://host", { robot: part }), /" is no topic: give one without \+, # or/);
    await refuses(open("mqtt://host", { prefix: part }), /" is no topic/);
  }
  // A password is not said again.
  await refuses(
    open("mqtt://me:secret@host"),
    /^"mqtt:\/\/\.\.\.@host" is no broker: .* in a file/,
  );
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  await refuses(open(`mqtt://127.0.0.1:${port}`), /cannot reach the broker .*ECONNREFUSED/);
  const taken = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const busy = (taken.address() as AddressInfo).port;
  await refuses(startBroker(busy), /cannot listen on 127.0.0.1.*EADDRINUSE/);
  await refuses(open(`mqtt://127.0.0.1:${busy}`), /cannot reach the broker .*: it does not answer/);
  await new Promise((resolve) => taken.close(resolve));
  const broker = await brokerHere();
  const five = open(broker.url, { protocolVersion: 5 });
  await refuses(five, /it does not speak MQTT 5: give protocolVersion 4/);
});
