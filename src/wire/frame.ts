import { crc32c } from "../core/crc.ts";
import { channelsMax, crcBytes, headerBytes } from "./messages.ts";

/** Longest frame before COBS: a STATE with the most channels, rounded up. */
export const frameBytesMax: number = 32 + 4 * 2 * channelsMax;

/** Longest frame on the wire: one byte of COBS for each 254 begun, and the delimiter. */
export const wireBytesMax: number = frameBytesMax + Math.ceil(frameBytesMax / 254) + 1;

/**
 * Puts the CRC-32C behind `frame[0, length)` (so `frame` needs 4 bytes more), writes the whole as
 * COBS with its delimiter 0 into `out` from `at`, and returns where it ends. COBS: Cheshire and
 * Baker, "Consistent overhead byte stuffing", 1999.
 */
export function encodeFrame(
  frame: Uint8Array,
  length: number,
  out: Uint8Array,
  at: number = 0,
): number {
  const crc = crc32c(frame, 0, length);
  for (let i = 0; i < crcBytes; i++) frame[length + i] = crc >>> (8 * i);
  const end = length + crcBytes;
  let mark = at++;
  for (let from = 0; from < end; from++) {
    const byte = frame[from];
    if (byte !== 0) out[at++] = byte;
    // A block ends at a zero, which its length stands for, or at 254 bytes, unless all is said.
    if (byte === 0 || (at - mark === 255 && from + 1 < end)) {
      out[mark] = at - mark;
      mark = at++;
    }
  }
  out[mark] = at - mark;
  out[at++] = 0;
  return at;
}

/**
 * Finds frames in a stream of bytes. Whatever is broken is dropped up to the next delimiter and
 * counted; no more than `wireBytesMax` bytes are ever held.
 */
export class FrameDecoder {
  /** The newest good frame: type, sequence, payload. Overwritten by the next. */
  readonly frame: Uint8Array = new Uint8Array(wireBytesMax);
  /** Bytes of `frame` without its CRC. */
  length = 0;
  good = 0;
  bad = 0;
  #filled = 0;
  #overlong = false;

  /** Takes one byte. True when it completed a frame whose CRC holds. */
  push(byte: number): boolean {
    if (byte !== 0) {
      if (this.#filled < wireBytesMax - 1) this.frame[this.#filled++] = byte;
      else this.#overlong = true;
      return false;
    }
    const filled = this.#filled;
    const overlong = this.#overlong;
    this.#filled = 0;
    this.#overlong = false;
    // Two delimiters in a row are how a sender clears the line, not a fault.
    if (filled === 0) return false;
    const length = overlong ? 0 : unstuff(this.frame, filled);
    this.length = length - crcBytes;
    if (this.length < headerBytes || !this.#crcHolds()) {
      this.length = 0;
      this.bad++;
      return false;
    }
    this.good++;
    return true;
  }

  #crcHolds(): boolean {
    const { frame, length } = this;
    const crc =
      (frame[length] |
        (frame[length + 1] << 8) |
        (frame[length + 2] << 16) |
        (frame[length + 3] << 24)) >>>
      0;
    return crc === crc32c(frame, 0, length);
  }
}

/** Undoes COBS within `bytes[0, filled)`. The decoded length, or 0 where it is not COBS. */
function unstuff(bytes: Uint8Array, filled: number): number {
  let from = 0;
  let to = 0;
  while (from < filled) {
    const code = bytes[from++];
    const end = from + code - 1;
    if (end > filled) return 0;
    while (from < end) bytes[to++] = bytes[from++];
    if (code !== 255 && from < filled) bytes[to++] = 0;
  }
  return to;
}
