import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicClock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { Port } from "../link/port.ts";
import { FrameDecoder, wireBytesMax } from "../wire/frame.ts";
import { Layout, MessageType, Result } from "../wire/messages.ts";
import { Requests } from "../wire/requests.ts";

const steps = 400;
const ticksPerStep = 5;
const expiryAheadUs = 50_000;
const patienceUs = 5_000_000;

/**
 * Drives a simulated target through 400 steps of 5 turns in lockstep, by commands that swing from
 * limit to limit, and stops it. Returns the SHA-256 of all STATE frames' payloads, without boot id
 * and stop line: the same on every board that computes the same. Throws `SinewError("board")` where
 * the device refuses or falls silent.
 */
export async function lockstepHash(port: Port): Promise<string> {
  const device = new LockstepDevice(port);
  const info = await device.info();
  const spans = await device.limits(info.actions);
  await device.accepted((out) => device.requests.lockstep(true, out));
  await device.accepted((out) => device.requests.arm(info.contractHash, expiryAheadUs, out));
  const hash = createHash("sha256");
  const action = new Float32Array(info.actions);
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < action.length; i++) {
      // A triangle wave in quarters: no rounding, so every host commands the same bits.
      const phase = (step * (i + 1)) % 64;
      const share = (phase < 32 ? phase : 64 - phase) / 32;
      action[i] = spans[i].low + (spans[i].high - spans[i].low) * share;
    }
    const expiresUs = step * ticksPerStep * 1000 + expiryAheadUs;
    hash.update(await device.state((out) => device.requests.command(action, expiresUs, out)));
    hash.update(await device.state((out) => device.requests.step(ticksPerStep, out)));
  }
  // No more commands: the watchdog trips, the ramp runs, all by the held clock.
  for (let step = 0; step < 40; step++) {
    hash.update(await device.state((out) => device.requests.step(ticksPerStep, out)));
  }
  await device.accepted((out) => device.requests.reset(out));
  await device.accepted((out) => device.requests.lockstep(false, out));
  return hash.digest("hex");
}

/** A device that is asked one thing at a time. */
class LockstepDevice {
  readonly requests = new Requests();
  readonly #port: Port;
  readonly #clock = monotonicClock();
  readonly #decoder = new FrameDecoder();
  readonly #view = new DataView(this.#decoder.frame.buffer);
  readonly #in = new Uint8Array(4096);
  readonly #out = new Uint8Array(wireBytesMax + 1);
  #left: Uint8Array = this.#in.subarray(0, 0);

  constructor(port: Port) {
    this.#port = port;
  }

  async info(): Promise<{ actions: number; contractHash: number }> {
    const at = Layout.info;
    await this.#ask((out) => this.requests.hello(out, 0), MessageType.info);
    return {
      actions: this.#view.getUint8(at.actionCount),
      contractHash: this.#view.getUint32(at.contractHash, true),
    };
  }

  async limits(actions: number): Promise<{ low: number; high: number }[]> {
    const limits: { low: number; high: number }[] = [];
    const at = Layout.channel;
    for (let i = 0; i < actions; i++) {
      await this.#ask((out) => this.requests.query(1, i, out, 0), MessageType.channel);
      limits.push({
        low: this.#view.getFloat32(at.low, true),
        high: this.#view.getFloat32(at.high, true),
      });
    }
    return limits;
  }

  /** A request that has to be accepted. */
  async accepted(encode: (out: Uint8Array) => number): Promise<void> {
    await this.#ask(encode, MessageType.answer);
    const result = this.#view.getUint8(Layout.answer.result);
    if (result === Result.accepted) return;
    const name = Object.keys(Result)[result] ?? result;
    throw new SinewError("board", `the device refuses lockstep: ${name}`);
  }

  /** The payload of the STATE that answers, without what is the board's own. */
  async state(encode: (out: Uint8Array) => number): Promise<Uint8Array> {
    await this.#ask(encode, MessageType.state);
    const payload = this.#decoder.frame.slice(0, this.#decoder.length);
    payload.fill(0, Layout.state.boot, Layout.state.boot + 2);
    payload.fill(0, Layout.state.stopLine, Layout.state.stopLine + 1);
    payload.fill(0, 1, 3);
    return payload;
  }

  async #ask(encode: (out: Uint8Array) => number, type: number): Promise<void> {
    const endUs = this.#clock.now() + patienceUs;
    // The first byte ends whatever the line held.
    this.#out[0] = 0;
    const length = encode(this.#out.subarray(1)) + 1;
    if (!this.#port.write(this.#out, length)) throw new SinewError("board", "the line is full");
    while (!this.#take(type)) {
      if (this.#clock.now() > endUs) throw new SinewError("board", "the device has fallen silent");
      await sleep(0);
    }
  }

  /** Reads on until a frame of the type has come; what lies behind it stays. */
  #take(type: number): boolean {
    for (;;) {
      for (let at = 0; at < this.#left.length; at++) {
        if (!this.#decoder.push(this.#left[at]) || this.#view.getUint8(0) !== type) continue;
        this.#left = this.#left.subarray(at + 1);
        return true;
      }
      const length = this.#port.read(this.#in);
      if (length < 0) throw new SinewError("board", "the device is gone");
      this.#left = this.#in.subarray(0, length);
      if (length === 0) return false;
    }
  }
}
