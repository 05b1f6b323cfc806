import { frameBytesMax } from "./moteus-frame.ts";

/** `rcv`, an id, a frame, flags and a sum. */
const lineBytesMax = 192;
const Byte = { newline: 10, return: 13, space: 32, star: 42, zero: 48 } as const;
const send = Uint8Array.from("can send ", (letter) => letter.charCodeAt(0));
const receive = Uint8Array.from("rcv ", (letter) => letter.charCodeAt(0));
/** The CRC-8 of polynomial 0x97 of each half of a byte. */
const table = [0x00, 0x97, 0xb9, 0x2e, 0xe5, 0x72, 0x5c, 0xcb, 0x5d, 0xca, 0xe4, 0x73, 0xb8, 0x2f];
const sums: Uint8Array = Uint8Array.from([...table, 0x01, 0x96]);

/** CRC-8 with polynomial 0x97 of `bytes` from `from` to `to`. */
export function crc8(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) {
    sum = sums[(sum >> 4) ^ (bytes[at] >> 4)] ^ ((sum << 4) & 0xff);
    sum = sums[(sum >> 4) ^ (bytes[at] & 0xf)] ^ ((sum << 4) & 0xff);
  }
  return sum;
}

/**
 * Lines for an fdcanusb, or for a moteus on a UART that takes the same, one after another. With
 * `checks` each has a sum, as a UART needs it. Allocates nothing after construction.
 */
export class MoteusWriter {
  readonly bytes: Uint8Array;
  length = 0;
  readonly #checks: boolean;

  constructor(checks: boolean, bytesMax: number = 2048) {
    this.#checks = checks;
    this.bytes = new Uint8Array(bytesMax);
  }

  clear(): void {
    this.length = 0;
  }

  /** Sends the first `length` bytes of `frame` under `id`, 0 to 0xffff. */
  put(id: number, frame: Uint8Array, length: number): void {
    const from = this.length;
    this.bytes.set(send, this.length);
    this.length += send.length;
    this.#hex(id >> 8);
    this.#hex(id & 0xff);
    this.bytes[this.length++] = Byte.space;
    for (let at = 0; at < length; at++) this.#hex(frame[at]);
    if (this.#checks) {
      this.bytes[this.length++] = Byte.space;
      const sum = crc8(this.bytes, from, this.length);
      this.bytes[this.length++] = Byte.star;
      this.#hex(sum);
    }
    this.bytes[this.length++] = Byte.newline;
  }

  #hex(byte: number): void {
    this.bytes[this.length++] = digitOf(byte >> 4);
    this.bytes[this.length++] = digitOf(byte & 0xf);
  }
}

function digitOf(value: number): number {
  return value < 10 ? Byte.zero + value : 87 + value;
}

/** The value of a hexadecimal digit; -1 for what is none. */
function hexOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const small = byte | 0x20;
  return small >= 97 && small <= 102 ? small - 87 : -1;
}

/**
 * Finds received frames in a stream of bytes. With `checks` a line without a right sum is none.
 * Allocates nothing after construction.
 */
export class MoteusReader {
  /** The frame that `push` found: the id that it has on the bus, and its first `length` bytes. */
  id = 0;
  readonly frame: Uint8Array = new Uint8Array(frameBytesMax);
  length = 0;
  readonly #checks: boolean;
  readonly #line: Uint8Array = new Uint8Array(lineBytesMax);
  #held = 0;
  #overlong = false;
  #at = 0;

  constructor(checks: boolean) {
    this.#checks = checks;
  }

  /** Takes a byte; true where it ends a line that tells a frame. */
  push(byte: number): boolean {
    if (byte !== Byte.newline && byte !== Byte.return) {
      if (this.#held === lineBytesMax) this.#overlong = true;
      else this.#line[this.#held++] = byte;
      return false;
    }
    const held = this.#held;
    const end = this.#overlong ? -1 : this.#endOf(held);
    this.#held = 0;
    this.#overlong = false;
    return end >= 0 && this.#take(end);
  }

  /** Forgets the beginning of a line that has not ended. */
  clear(): void {
    this.#held = 0;
    this.#overlong = false;
  }

  /** Where the line ends without its sum; -1 where that is wrong. */
  #endOf(held: number): number {
    if (!this.#checks || held === 0) return held;
    const star = held - 3;
    if (star < 0 || this.#line[star] !== Byte.star) return -1;
    const high = hexOf(this.#line[star + 1]);
    const low = hexOf(this.#line[star + 2]);
    if (high < 0 || low < 0) return -1;
    return high * 16 + low === crc8(this.#line, 0, star) ? star : -1;
  }

  #take(end: number): boolean {
    if (end < receive.length) return false;
    for (let at = 0; at < receive.length; at++) {
      if (this.#line[at] !== receive[at]) return false;
    }
    this.#at = receive.length;
    this.id = 0;
    let digits = 0;
    for (; this.#at < end && hexOf(this.#line[this.#at]) >= 0; this.#at++, digits++) {
      this.id = this.id * 16 + hexOf(this.#line[this.#at]);
    }
    if (digits === 0 || digits > 8 || this.#line[this.#at++] !== Byte.space) return false;
    this.length = 0;
    while (this.#at < end && this.#line[this.#at] !== Byte.space) {
      const high = hexOf(this.#line[this.#at]);
      const low = this.#at + 1 < end ? hexOf(this.#line[this.#at + 1]) : -1;
      if (high < 0 || low < 0 || this.length === frameBytesMax) return false;
      this.frame[this.length++] = high * 16 + low;
      this.#at += 2;
    }
    return this.length > 0;
  }
}
