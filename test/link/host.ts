import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Clock, monotonicClock } from "../../src/core/clock.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { BridgeDevice } from "../../src/link/device.ts";
import { RingPort } from "../../src/link/memory.ts";
import { carryRings } from "../../src/link/mqtt.ts";
import type { MqttPlace } from "../../src/link/mqtt-place.ts";
import type { Port } from "../../src/link/port.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";
import { Layout, MessageType } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";

export const clock: Clock = monotonicClock();
/** What `Host.drive` sends. */
export const gentle = 0.25;

/** A port that also keeps the newest counters that the firmware tells. */
export class StatsPort implements Port {
  stats: Record<"commands" | "expired" | "notArmed" | "oldSequence" | "broken", number> | null =
    null;
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
      broken: view.getUint32(at.badFrame, true) + view.getUint32(at.badCrc, true),
    };
  }
}

/** One host with a session of its own, pumped by the test. Remembers the largest applied action. */
export class Host {
  readonly port: StatsPort;
  readonly session: Session = new Session(pendulumSpec);
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
    // Said again, as the loop does it: a link may lose it, or the answer.
    let askAgainUs = Number.NEGATIVE_INFINITY;
    await this.until("arming", () => {
      if (this.device.armed) return true;
      if (clock.now() < askAgainUs) return false;
      this.device.arm(clock.now());
      askAgainUs = clock.now() + 20_000;
      return false;
    });
  }

  /** Sends a small action, good for 0.8 s each time, for a while. */
  async drive(forMs: number): Promise<void> {
    const endUs = clock.now() + forMs * 1000;
    while (clock.now() < endUs) {
      this.device.write(Float32Array.of(gentle), clock.now() + 800_000);
      const nextUs = clock.now() + 10_000;
      await this.until("time", () => clock.now() >= nextUs);
    }
  }

  async stats(): Promise<NonNullable<StatsPort["stats"]>> {
    let askAgainUs = Number.NEGATIVE_INFINITY;
    await this.until("the counters", () => {
      if (this.port.stats !== null && askAgainUs > 0) return true;
      if (clock.now() < askAgainUs) return false;
      // Said again, because a port that is full just now does not take it.
      this.port.ask();
      askAgainUs = clock.now() + 200_000;
      return false;
    });
    return this.port.stats!;
  }
}

/** A host of its own behind a broker. */
export async function hostAt(place: MqttPlace): Promise<{ host: Host; close(): Promise<void> }> {
  const rings = makeRingPair();
  const { close } = await carryRings(place, rings);
  return { host: new Host(new RingPort(rings.toDevice, rings.fromDevice)), close };
}
