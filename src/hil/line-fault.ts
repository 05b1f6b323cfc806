import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "../core/rng.ts";
import { encodeFrame, FrameDecoder, wireBytesMax } from "../wire/frame.ts";

/** Sends bytes on, at once or later. */
export type Send = (bytes: Uint8Array) => void;

/**
 * What becomes of one frame on its way: `frame` is as it is on the wire, with its delimiter. A
 * fault sends none, one or several.
 */
export type LineFault = (frame: Uint8Array, send: Send) => void;

/** Nothing happens to it. */
export const sound: LineFault = (frame, send) => send(frame);

/** Loses a share of all frames, 0 to 1. */
export function dropping(rng: Rng, share: number): LineFault {
  return (frame, send) => {
    if (rng.uniform(0, 1) >= share) send(frame);
  };
}

/** Sends a share of all frames twice. */
export function duplicating(rng: Rng, share: number): LineFault {
  return (frame, send) => {
    send(frame);
    if (rng.uniform(0, 1) < share) send(frame);
  };
}

/** Holds back a share of all frames until the next has passed. */
export function reordering(rng: Rng, share: number): LineFault {
  let held: Uint8Array | null = null;
  return (frame, send) => {
    if (held === null && rng.uniform(0, 1) < share) {
      held = frame;
      return;
    }
    send(frame);
    if (held !== null) send(held);
    held = null;
  };
}

/** All come later by so many milliseconds, in their order. */
export function delaying(delayMs: number): LineFault {
  return (frame, send) => {
    void sleep(delayMs).then(() => send(frame));
  };
}

/** Turns one bit of a share of all frames, anywhere but in the delimiter. */
export function flipping(rng: Rng, share: number): LineFault {
  return (frame, send) => {
    if (frame.length > 1 && rng.uniform(0, 1) < share) {
      frame[rng.below(frame.length - 1)] ^= 1 << rng.below(8);
    }
    send(frame);
  };
}

/** Cuts the end off a share of all frames; the delimiter stays. */
export function truncating(rng: Rng, share: number): LineFault {
  return (frame, send) => {
    if (frame.length > 3 && rng.uniform(0, 1) < share) {
      frame = frame.slice(0, 2 + rng.below(frame.length - 2));
      frame[frame.length - 1] = 0;
    }
    send(frame);
  };
}

/** Changes a frame in place, without its CRC; false loses it. */
export type Change = (frame: DataView, length: number) => boolean;

/** Changes frames as a device or host with a fault of its own would send them: with a good CRC. */
export function altering(change: Change): LineFault {
  const decoder = new FrameDecoder();
  const out = new Uint8Array(wireBytesMax);
  return (frame, send) => {
    const whole = frame.reduce((good, byte) => decoder.push(byte) || good, false);
    if (!whole) {
      send(frame);
      return;
    }
    const { length } = decoder;
    const plain = new Uint8Array(decoder.frame.length);
    plain.set(decoder.frame.subarray(0, length));
    if (!change(new DataView(plain.buffer), length)) return;
    send(out.slice(0, encodeFrame(plain, length, out)));
  };
}

/** One direction of a line, frame by frame, with a fault on it that can be changed at any time. */
export class FaultyLine {
  fault: LineFault = sound;
  readonly #send: Send;
  readonly #look: (frame: DataView, length: number) => void;
  readonly #decoder = new FrameDecoder();
  #held: number[] = [];

  /** `look` is shown each good frame as it came in, before the fault. */
  constructor(send: Send, look: (frame: DataView, length: number) => void) {
    this.#send = send;
    this.#look = look;
  }

  push(bytes: Uint8Array): void {
    const view = new DataView(this.#decoder.frame.buffer);
    for (const byte of bytes) {
      if (this.#decoder.push(byte)) this.#look(view, this.#decoder.length);
      this.#held.push(byte);
      if (byte !== 0) continue;
      this.fault(Uint8Array.from(this.#held), this.#send);
      this.#held = [];
    }
  }
}
