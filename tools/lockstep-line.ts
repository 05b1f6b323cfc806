import assert from "node:assert/strict";
import type { Clock } from "../src/core/clock.ts";
import type { Port } from "../src/link/port.ts";
import { FrameDecoder, wireBytesMax } from "../src/wire/frame.ts";
import { Requests } from "../src/wire/requests.ts";

/** The firmware's turn, SINEW_TICK_US. */
const tickUs = 1000;
/** SINEW_STEP_TICKS_MAX. */
const ticksMax = 1000;
/** Real time after which a frame is taken for one that has no answer. */
const patienceMs = 1000;
const napUs = 1000;
/** So often an answer is looked for before anybody naps. */
const looksAwake = 1000;

/**
 * A line to firmware in lockstep, and the clock that host and firmware share: whoever waits moves
 * it instead of the hands, so an hour takes as long as its frames need to go there and back. Each
 * frame is answered before the clock goes on.
 */
export class LockstepLine implements Port, Clock {
  readonly #port: Port;
  readonly #requests = new Requests();
  readonly #decoder = new FrameDecoder();
  readonly #out = new Uint8Array(wireBytesMax + 1);
  readonly #in = new Uint8Array(1 << 16);
  #held = 0;
  #nowUs = 0;
  #ticks = 0;
  #lost = false;
  /** Frames that had no answer. */
  unanswered = 0;

  /** `port` is not used by anybody else. Throws where the device does not answer. */
  constructor(port: Port) {
    this.#port = port;
    // The first byte ends whatever the line held.
    this.#out[0] = 0;
    this.#send(this.#out, 1 + this.#requests.lockstep(true, this.#out.subarray(1)), 1);
    assert.equal(this.unanswered, 0, "the device does not answer LOCKSTEP");
    this.#held = 0;
  }

  now(): number {
    return this.#nowUs;
  }

  until(dueUs: number): void {
    this.#nowUs = Math.max(this.#nowUs, dueUs);
    this.#catchUp();
  }

  wait(timeoutUs: number): void {
    this.#nowUs += timeoutUs;
  }

  read(into: Uint8Array): number {
    if (this.#lost) return -1;
    const length = Math.min(this.#held, into.length);
    into.set(this.#in.subarray(0, length));
    this.#in.copyWithin(0, length, this.#held);
    this.#held -= length;
    return length;
  }

  write(bytes: Uint8Array, length: number): boolean {
    this.#catchUp();
    let frames = 0;
    for (let at = 0; at < length; at++) if (bytes[at] === 0) frames++;
    return this.#send(bytes, length, frames);
  }

  close(): void {
    this.#port.close();
  }

  /** Lets the device live through what has passed since. */
  #catchUp(): void {
    for (;;) {
      const ticks = Math.min(ticksMax, Math.floor(this.#nowUs / tickUs) - this.#ticks);
      if (ticks < 1 || this.#lost) return;
      this.#ticks += ticks;
      this.#send(this.#out, this.#requests.step(ticks, this.#out), 1);
    }
  }

  /** Sends frames and waits for as many answers. */
  #send(bytes: Uint8Array, length: number, frames: number): boolean {
    if (!this.#port.write(bytes, length)) return false;
    const untilMs = Date.now() + patienceMs;
    let left = frames;
    let looks = 0;
    while (left > 0 && !this.#lost) {
      const got = this.#port.read(this.#in.subarray(this.#held));
      if (got < 0) this.#lost = true;
      for (let at = 0; at < got; at++) {
        if (this.#decoder.push(this.#in[this.#held + at])) left--;
      }
      this.#held += Math.max(0, got);
      if (got !== 0) continue;
      // A pty answers within microseconds, and a nap is no shorter than a millisecond.
      if (++looks > looksAwake) this.#port.wait(napUs);
      if (Date.now() <= untilMs) continue;
      this.unanswered += left;
      break;
    }
    return true;
  }
}
