// The MQTT link against Debian's Mosquitto: frames unchanged both ways, and nothing that was sent
// while the broker was away arrives when it is back.
//   node dist/tools/test-mosquitto.js
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../src/core/errors.ts";
import { type MqttPipe, openMqttPipe } from "../src/link/mqtt.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-mosquitto-"));
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
server.close();
const configuration = join(folder, "mosquitto.conf");
writeFileSync(
  configuration,
  `listener ${port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n`,
);

async function startMosquitto(): Promise<ChildProcess> {
  const child = spawn("mosquitto", ["-c", configuration], { stdio: "ignore" });
  await Promise.race([
    once(child, "spawn"),
    once(child, "error").then(([error]) => {
      throw error;
    }),
  ]);
  return child;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (condition()) return;
    await delay(10);
  }
  assert.fail(`waited 5 s for: ${what}`);
}

const place = { url: `mqtt://127.0.0.1:${port}`, prefix: "sinew", robot: "ci" };
let broker = await startMosquitto();
let host: MqttPipe | null = null;
let robot: MqttPipe | null = null;
let [passed, failed] = [0, 0];
async function check(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
    passed++;
    process.stdout.write(`ok     ${name}\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`NOT OK ${name}: ${messageOf(error)}\n`);
  }
}

const commands: string[] = [];
const states: string[] = [];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
try {
  await until(() => broker.exitCode === null, "mosquitto to start");
  await delay(300);
  robot = await openMqttPipe(place, "robot", (bytes) => commands.push(hex(bytes)));
  host = await openMqttPipe(place, "host", (bytes) => states.push(hex(bytes)));
  await check("500 frames each way, unchanged and in order", async () => {
    const sent = Array.from({ length: 500 }, (_, i) => Uint8Array.of(1, i & 255, i >> 8, 0));
    for (const frame of sent) {
      assert.ok(host?.send(frame) && robot?.send(frame));
      await delay(1);
    }
    await until(() => commands.length === 500 && states.length === 500, "500 frames each way");
    assert.deepEqual(commands, sent.map(hex));
    assert.deepEqual(states, sent.map(hex));
  });
  await check("50 commands sent while the broker is away never arrive", async () => {
    commands.length = 0;
    broker.kill("SIGKILL");
    await once(broker, "exit");
    await until(() => host?.connected === false, "the host to notice");
    for (let i = 0; i < 50; i++) assert.equal(host?.send(Uint8Array.of(9, i, 0)), false);
    await delay(2000);
    broker = await startMosquitto();
    await until(() => host?.connected === true && robot?.connected === true, "reconnection");
    await delay(500);
    assert.deepEqual(commands, []);
    // Subscriptions come back too, so a fresh command gets through.
    await until(() => {
      host?.send(Uint8Array.of(7, 7, 0));
      return commands.length > 0;
    }, "a fresh command");
    assert.ok(commands.every((text) => text === "070700"));
  });
} finally {
  await host?.close();
  await robot?.close();
  broker.kill();
  rmSync(folder, { recursive: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
