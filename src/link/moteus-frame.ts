import { saturated } from "./saturated.ts";

/** Registers of a moteus that the driver uses, and what they hold; turns, turns/s, N*m, s. */
export const MoteusRegister = {
  mode: 0x000,
  position: 0x001,
  velocity: 0x002,
  /** What the position is referenced to: 0 nothing, 1 the rotor, 2 the output. */
  home: 0x00c,
  fault: 0x00f,
  commandPosition: 0x020,
  commandFeedforward: 0x022,
  commandKpScale: 0x023,
  /** How long a command is good for. */
  commandTimeout: 0x027,
  commandLimitScale: 0x02b,
  mapVersion: 0x102,
} as const;

/** Modes that matter here. */
export const MoteusMode = { stopped: 0, fault: 1, position: 10, timeout: 11 } as const;

/** What a value of a subframe is. */
export const MoteusType = { int8: 0, int16: 1, int32: 2, float: 3 } as const;
export type MoteusType = (typeof MoteusType)[keyof typeof MoteusType];

/** The longest frame. */
export const frameBytesMax = 64;
const sizes = [1, 2, 4, 4];
/** The greatest float32. */
const floatMost = (2 - 2 ** -23) * 2 ** 127;
const write = 0x00;
const read = 0x10;
const reply = 0x20;
const writeError = 0x30;
const readError = 0x31;
const nop = 0x50;
/** Lengths that a CAN-FD frame can have. */
const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64];
/** Registers from here on are not kept by a reader. */
const registersEnd = 0x130;

/** Puts subframes one after another into a frame. Allocates nothing after construction. */
export class MoteusFrame {
  readonly bytes: Uint8Array = new Uint8Array(frameBytesMax);
  length = 0;
  readonly #view: DataView = new DataView(this.bytes.buffer);

  clear(): void {
    this.length = 0;
  }

  /** What follows is `count` values, 1 to 127, for the registers from `register` on. */
  beginWrite(type: MoteusType, register: number, count: number): void {
    this.#begin(write, type, register, count);
  }

  /** Asks for the values of `count` registers, 1 to 127, from `register` on. */
  ask(type: MoteusType, register: number, count: number): void {
    this.#begin(read, type, register, count);
  }

  /** What a drive answers with, for virtual ones. */
  beginReply(type: MoteusType, register: number, count: number): void {
    this.#begin(reply, type, register, count);
  }

  /**
   * One value of the subframe that was begun; what does not fit is the nearest that does. It may be
   * NaN, which means another thing: of a whole number it is the one that has no opposite.
   */
  value(type: MoteusType, value: number): void {
    const most = 2 ** (8 * sizes[type] - 1) - 1;
    const whole = Number.isNaN(value) ? -most - 1 : saturated(value, -most, most);
    if (type === MoteusType.int8) this.#view.setInt8(this.length, whole);
    else if (type === MoteusType.int16) this.#view.setInt16(this.length, whole, true);
    else if (type === MoteusType.int32) this.#view.setInt32(this.length, whole, true);
    else this.#view.setFloat32(this.length, finiteFloat(value), true);
    this.length += sizes[type];
  }

  /** Fills it up with subframes that do nothing, to a length that a frame on the bus can have. */
  pad(): void {
    for (let at = 0; lengths[at] < this.length || at === 0; at++) {
      if (lengths[at + 1] < this.length) continue;
      while (this.length < lengths[at + 1]) this.bytes[this.length++] = nop;
      return;
    }
  }

  #begin(kind: number, type: MoteusType, register: number, count: number): void {
    const short = count <= 3;
    this.bytes[this.length++] = kind | (type << 2) | (short ? count : 0);
    if (!short) this.#number(count);
    this.#number(register);
  }

  #number(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest >>= 7) this.bytes[this.length++] = 0x80 | (rest & 0x7f);
    this.bytes[this.length++] = rest;
  }
}

/** A finite number stays one as a float32. */
function finiteFloat(value: number): number {
  if (!Number.isFinite(value)) return value;
  return Math.min(floatMost, Math.max(-floatMost, value));
}

/** Takes a frame apart. Allocates nothing after construction. */
export class MoteusReply {
  /** Values as they were sent, by register below 0x130; NaN where the frame has none. */
  readonly values: Float64Array = new Float64Array(registersEnd);
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView;
  #length = 0;
  #at = 0;

  /** Frames will lie in `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Reads the first `length` bytes; false where they are no frame of replies, or tell an error.
   * With `writes` it takes what a host writes instead, for virtual drives, and leaves what it asks.
   */
  take(length: number, writes: boolean = false): boolean {
    this.values.fill(Number.NaN);
    this.#length = length;
    this.#at = 0;
    while (this.#at < length) {
      const head = this.#bytes[this.#at++];
      if (head === nop) continue;
      if (head === writeError || head === readError) return false;
      const kind = head & 0xf0;
      if (kind !== (writes ? write : reply) && !(writes && kind === read)) return false;
      const type = (head >> 2) & 3;
      const count = (head & 3) === 0 ? this.#number() : head & 3;
      const register = this.#number();
      if (Number.isNaN(count) || Number.isNaN(register)) return false;
      if (kind !== read && !this.#values(type, register, count)) return false;
    }
    return true;
  }

  #values(type: number, register: number, count: number): boolean {
    const size = sizes[type];
    if (this.#at + count * size > this.#length) return false;
    for (let i = 0; i < count; i++, this.#at += size) {
      if (register + i < registersEnd) this.values[register + i] = this.#value(type);
    }
    return true;
  }

  #value(type: number): number {
    if (type === MoteusType.int8) return this.#view.getInt8(this.#at);
    if (type === MoteusType.int16) return this.#view.getInt16(this.#at, true);
    if (type === MoteusType.int32) return this.#view.getInt32(this.#at, true);
    return this.#view.getFloat32(this.#at, true);
  }

  /** NaN where it does not end. */
  #number(): number {
    let value = 0;
    for (let shift = 0; shift < 28 && this.#at < this.#length; shift += 7) {
      const byte = this.#bytes[this.#at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  }
}
