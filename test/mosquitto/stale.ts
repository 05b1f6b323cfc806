// What is old does not come, over Mosquitto, which here keeps whatever it may keep.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, connectAsync, type IClientOptions } from "mqtt";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { clock, gentle, hostAt } from "../link/host.ts";
import { anyoneAt, closeAfter, type Ear, earAt, startProxy, until } from "../link/mqtt-stage.ts";
import { Mosquitto } from "./mosquitto.ts";

let mosquitto: Mosquitto;
before(async () => {
  mosquitto = await Mosquitto.start();
});
after(() => mosquitto.close());

const old = Uint8Array.of(9, 9, 0);
const fresh = Uint8Array.of(7, 7, 0);

/** Sends until something comes: a subscription is made again a moment after the connection. */
async function hearsOnlyFresh(host: Ear, robot: Ear): Promise<void> {
  await until(() => host.pipe.connected && robot.pipe.connected, "reconnection");
  await delay(200);
  await until(() => {
    host.pipe.send(fresh);
    return robot.bytes.length > 0;
  }, "a fresh command");
  for (const bytes of robot.bytes) assert.deepEqual(bytes, fresh);
}

for (const version of [5, 4] as const) {
  test(`mosquitto: 500 frames each way, unchanged and in order, MQTT ${version}`, async () => {
    const place = mosquitto.place(version);
    const [robot, host] = [await earAt(place, "robot"), await earAt(place, "host")];
    const sent = Array.from({ length: 500 }, (_, i) => Uint8Array.of(1, i & 255, i >> 8, 0));
    for (const frame of sent) {
      assert.ok(host.pipe.send(frame) && robot.pipe.send(frame));
      await delay(1);
    }
    await until(() => robot.bytes.length === 500 && host.bytes.length === 500, "500 frames");
    assert.deepEqual(robot.bytes, sent);
    assert.deepEqual(host.bytes, sent);
  });

  test(`mosquitto: 50 commands while it is away never arrive, MQTT ${version}`, async () => {
    const place = mosquitto.place(version);
    const [robot, host] = [await earAt(place, "robot"), await earAt(place, "host")];
    await mosquitto.kill();
    await until(() => !host.pipe.connected, "the host to notice");
    for (let sent = 0; sent < 50; sent++) assert.equal(host.pipe.send(old), false);
    await delay(1000);
    await mosquitto.start();
    await hearsOnlyFresh(host, robot);
  });

  test(`mosquitto: what came while the robot was away never arrives, MQTT ${version}`, async () => {
    const place = mosquitto.place(version);
    const proxy = await startProxy(place.url);
    const host = await earAt(place, "host");
    const robot = await earAt({ ...place, url: proxy.url }, "robot");
    const anyone = await anyoneAt(place);
    proxy.cut();
    await until(() => !robot.pipe.connected, "the robot to notice");
    for (let sent = 0; sent < 50; sent++) {
      host.pipe.send(old);
      await anyone.publishAsync("sinew/bench/cmd", Buffer.from(old), { qos: 1 });
    }
    await hearsOnlyFresh(host, robot);
  });
}

test("mosquitto: a command that MQTT 5 held for a session expires at the broker, too", async () => {
  const { url } = mosquitto.place(5);
  const options: IClientOptions = {
    protocolVersion: 5,
    clientId: "a-bridge-of-others",
    clean: false,
    properties: { sessionExpiryInterval: 60 },
  };
  const first = await connectAsync(url, options);
  await first.subscribeAsync("sinew/bench/cmd", { qos: 1 });
  await first.endAsync();
  const host = await earAt(mosquitto.place(5), "host");
  const anyone = await anyoneAt(mosquitto.place(5));
  for (let sent = 0; sent < 5; sent++) assert.ok(host.pipe.send(old));
  // Of another's making, without an expiry: it shows that the broker does keep them.
  await anyone.publishAsync("sinew/bench/cmd", Buffer.from(fresh), { qos: 1 });
  await delay(2500);
  const second = connect(url, { ...options, manualConnect: true });
  closeAfter(() => second.endAsync());
  const kept: Uint8Array[] = [];
  second.on("message", (_topic, payload) => kept.push(new Uint8Array(payload)));
  second.connect();
  await until(() => kept.length > 0, "what the broker kept");
  await delay(200);
  assert.deepEqual(kept, [fresh]);
});

test("mosquitto: MQTT 5 tells what is live and to be retained: it is refused", async () => {
  const place = mosquitto.place(5);
  const robot = await earAt(place, "robot");
  const anyone = await anyoneAt(place);
  await anyone.publishAsync("sinew/bench/cmd", Buffer.from(old), { qos: 1, retain: true });
  await anyone.publishAsync("sinew/bench/cmd", Buffer.from(fresh), { qos: 1 });
  await until(() => robot.bytes.length > 0, "the fresh one");
  assert.deepEqual(robot.bytes, [fresh]);
  assert.match(robot.notices[0], /^refused what .* retains on sinew\/bench\/cmd: clear it$/);
  await anyone.publishAsync("sinew/bench/cmd", Buffer.alloc(0), { qos: 1, retain: true });
});

test("mosquitto: each command that comes twice is refused by its sequence", async () => {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  closeAfter(() => board.close());
  const place = mosquitto.place(5);
  const bridge = await startBridge(board.path, 1_000_000, place);
  closeAfter(() => bridge.close());
  const { host, close } = await hostAt(place);
  closeAfter(close);
  await host.ready();
  await host.arm();
  const before = await host.stats();
  const echo = await anyoneAt(place);
  let repeated = 0;
  const seen = new Set<string>();
  echo.on("message", (topic, payload) => {
    // Its own echo must not be echoed for ever.
    const text = payload.toString("hex");
    if (seen.has(text)) return;
    seen.add(text);
    repeated++;
    echo.publish(topic, payload, { qos: 0 });
  });
  await echo.subscribeAsync("sinew/bench/cmd", { qos: 0 });
  for (let sent = 0; sent < 30; sent++) {
    host.device.write(Float32Array.of(gentle), clock.now() + 500_000);
    const nextUs = clock.now() + 10_000;
    await host.until("time", () => clock.now() >= nextUs);
  }
  await host.until("the repetitions", () => repeated >= 30);
  await delay(50);
  const after = await host.stats();
  const of = (name: keyof typeof after): number => after[name] - before[name];
  // One that a busy machine held up for longer than its time is refused for that, twice.
  assert.ok(of("commands") > 0 && of("commands") <= 30, `${of("commands")} of 30 executed`);
  assert.ok(of("oldSequence") >= of("commands"), "the copy of each that was executed is refused");
  assert.equal(host.appliedMax, gentle);
});
