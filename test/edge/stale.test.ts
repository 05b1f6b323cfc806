import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicClock } from "../../src/core/clock.ts";
import { startBoard } from "../../src/hil/board.ts";
import { startBridge } from "../../src/link/bridge.ts";
import { startBroker } from "../../src/link/broker.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { BridgeDevice, StopReason } from "../../src/link/device.ts";
import { RingPort } from "../../src/link/memory.ts";
import { carryRings, type MqttPlace } from "../../src/link/mqtt.ts";
import type { Port } from "../../src/link/port.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";
import { Layout, MessageType } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";

const image = "firmware-bridge/images/rp2040-pendulum.bin";
const clock = monotonicClock();
const held = 2;
const fresh = 0.25;

/** A port that also keeps the newest counters that the firmware tells. */
class StatsPort implements Port {
  stats: Record<"commands" | "expired" | "notArmed" | "oldSequence", number> | null = null;
  readonly #port: Port;
  readonly #decoder = new FrameDecoder();

  constructor(port: Port) {
    this.#port = port;
  }

  read(into: Uint8Array): number {
    const length = this.#port.read(into);
    for (let at = 0; at < length; at++) {
      if (this.#decoder.push(into[at]) && this.#decoder.frame[0] === MessageType.stats)
        this.#take();
    }
    return length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    return this.#port.write(bytes, length);
  }

  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  close(): void {
    this.#port.close();
  }

  ask(): void {
    const frame = new Uint8Array(16);
    frame[0] = MessageType.askStats;
    const out = new Uint8Array(32);
    this.stats = null;
    this.#port.write(out, encodeFrame(frame, Layout.askStats.size, out));
  }

  #take(): void {
    const view = new DataView(this.#decoder.frame.buffer);
    const at = Layout.stats;
    this.stats = {
      commands: view.getUint32(at.commands, true),
      expired: view.getUint32(at.expired, true),
      notArmed: view.getUint32(at.notArmed, true),
      oldSequence: view.getUint32(at.oldSequence, true),
    };
  }
}

/** One host with a session of its own, pumped by the test. Remembers the largest applied action. */
class Host {
  readonly port: StatsPort;
  readonly session = new Session(pendulumSpec);
  readonly device: BridgeDevice;
  appliedMax = 0;

  constructor(port: Port) {
    this.port = new StatsPort(port);
    this.device = new BridgeDevice(pendulumSpec, this.port, this.session);
  }

  async until(what: string, holds: () => boolean, limitMs: number = 10_000): Promise<void> {
    for (const endUs = clock.now() + limitMs * 1000; !holds(); ) {
      assert.ok(clock.now() < endUs, `waited for ${what}`);
      this.device.poll(clock.now());
      this.appliedMax = Math.max(this.appliedMax, Math.abs(this.device.applied[0]));
      await delay(1);
    }
  }

  async ready(): Promise<void> {
    await this.until("the handshake", () => this.device.phase === "ready");
  }

  async arm(): Promise<void> {
    this.device.arm(clock.now());
    await this.until("arming", () => this.device.armed);
  }

  /** Sends fresh commands, each good for 200 ms, for a while. */
  async drive(forMs: number): Promise<void> {
    const endUs = clock.now() + forMs * 1000;
    while (clock.now() < endUs) {
      this.device.write(Float32Array.of(fresh), clock.now() + 200_000);
      const nextUs = clock.now() + 10_000;
      await this.until("time", () => clock.now() >= nextUs);
    }
  }

  async stats(): Promise<NonNullable<StatsPort["stats"]>> {
    this.port.ask();
    await this.until("the counters", () => this.port.stats !== null);
    return this.port.stats!;
  }

  /** Fifty commands, each good for 100 ms when it is sent. */
  sendFifty(): void {
    for (let sent = 0; sent < 50; sent++) {
      assert.ok(this.device.write(Float32Array.of(held), clock.now() + 100_000));
    }
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

async function hostAt(place: MqttPlace): Promise<{ host: Host; close: () => Promise<void> }> {
  const rings = makeRingPair();
  const close = await carryRings(place, rings);
  return { host: new Host(new RingPort(rings.toDevice, rings.fromDevice)), close };
}

test("stale: 50 commands held for 2 s at the broker do not reach an armed motor", async () => {
  const board = await startBoard({ image });
  const broker = await startBroker();
  const gate = await startGate(broker.url);
  const place = { prefix: "sinew", robot: "bench" };
  const bridge = await startBridge(board.path, 1_000_000, { ...place, url: broker.url });
  const late = await hostAt({ ...place, url: gate.url });
  const good = await hostAt({ ...place, url: broker.url });
  await late.host.ready();
  await good.host.ready();
  // The held commands shall be the newer ones by sequence, so that only their age can refuse them.
  const out = new Uint8Array(Session.outBytesMin);
  for (let at = 0; at < 2000; at++) late.host.session.encodeStop(0, out);
  gate.hold();
  late.host.sendFifty();
  await delay(2000);
  await good.host.arm();
  await good.host.drive(100);
  const before = await good.host.stats();
  gate.release();
  await good.host.drive(300);
  const after = await good.host.stats();
  assert.equal(after.expired - before.expired, 50, "each of them arrived, and was refused for age");
  assert.equal(good.host.appliedMax, fresh, "no pin followed one of them");
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

test("stale: 50 commands held for 2 s in the pty do not reach the motor", async () => {
  const board = await startBoard({ image });
  const host = new Host(openSerialPort(board.path));
  await host.ready();
  await host.arm();
  await host.drive(100);
  const before = await host.stats();
  board.pause();
  host.sendFifty();
  await delay(2000);
  board.resume();
  await host.until("the firmware's own stop", () => host.device.stopped);
  const after = await host.stats();
  assert.equal(after.commands, before.commands);
  assert.equal(after.expired + after.notArmed - before.expired - before.notArmed, 50);
  assert.equal(host.appliedMax, fresh);
  host.device.close();
  await board.close();
});
