import { setTimeout as sleep } from "node:timers/promises";
import { type LineFault, sound } from "../link/line-fault.ts";
import { encodeFrame, FrameDecoder, wireBytesMax } from "../wire/frame.ts";

/**
 * Changes a frame of `length` bytes in place, without its CRC, and says how long it is then: as
 * much as `frame` has room for.
 */
export type Change = (frame: DataView, length: number) => number;

/** Changes frames as a device or host with a fault of its own would send them: with a good CRC. */
export function altering(change: Change): LineFault {
  const decoder = new FrameDecoder();
  const out = new Uint8Array(wireBytesMax);
  return (frame, send) => {
    const whole = frame.reduce((good, byte) => decoder.push(byte) || good, false);
    if (!whole) {
      send(frame, 0);
      return;
    }
    const { length } = decoder;
    const plain = new Uint8Array(decoder.frame.length);
    plain.set(decoder.frame.subarray(0, length));
    const changed = change(new DataView(plain.buffer), length);
    send(out.slice(0, encodeFrame(plain, changed, out)), 0);
  };
}

/** One direction of a line, frame by frame, with a fault on it that can be changed at any time. */
export class FaultyLine {
  fault: LineFault = sound;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #look: (frame: DataView, length: number) => void;
  readonly #decoder = new FrameDecoder();
  #held: number[] = [];

  /** `look` is shown each good frame as it came in, before the fault. */
  constructor(send: (bytes: Uint8Array) => void, look: (frame: DataView, length: number) => void) {
    this.#send = send;
    this.#look = look;
  }

  push(bytes: Uint8Array): void {
    const view = new DataView(this.#decoder.frame.buffer);
    for (const byte of bytes) {
      if (this.#decoder.push(byte)) this.#look(view, this.#decoder.length);
      this.#held.push(byte);
      if (byte !== 0) continue;
      this.fault(Uint8Array.from(this.#held), (frame, afterUs) => this.#pass(frame, afterUs));
      this.#held = [];
    }
  }

  #pass(frame: Uint8Array, afterUs: number): void {
    if (afterUs <= 0) this.#send(frame);
    else void sleep(afterUs / 1000).then(() => this.#send(frame));
  }
}
