import { SinewError } from "./errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Writes protocol-buffer messages, field by field, into one growing buffer. Numbers follow
 * protobuf.dev/programming-guides/encoding; fields are written also where they hold the default.
 */
export class ProtoWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** int32, int64, uint32, uint64, bool or enum: a whole number of at most 2^53 in magnitude. */
  varint(field: number, value: number): this {
    this.#tag(field, 0);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#tag(field, 5);
    // Growing replaces the view, so it comes first.
    const at = this.#grow(4);
    this.#view.setFloat32(at, value, true);
    return this;
  }

  double(field: number, value: number): this {
    this.#tag(field, 1);
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, 2);
    this.#varint(value.length);
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  message(field: number, write: (message: ProtoWriter) => void): this {
    const inner = new ProtoWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  /** The bytes written so far, as a copy. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    if (value < 0) {
      // Two's complement over 64 bits, as protobuf writes negative int32 and int64.
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 127n) {
        this.#byte(Number(rest & 127n) | 128);
        rest >>= 7n;
      }
      this.#byte(Number(rest));
      return;
    }
    let rest = value;
    while (rest > 127) {
      this.#byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    const at = this.#grow(1);
    this.#bytes[at] = value;
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/**
 * One field of a message: `value` for varints (as a signed 64-bit number), `bytes` for all
 * others.
 */
export interface ProtoField {
  readonly field: number;
  readonly wireType: 0 | 1 | 2 | 5;
  readonly value: number;
  /** The payload: 8, n or 4 bytes for the wire types 1, 2 and 5. A view, not a copy. */
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

/**
 * The fields of a message in file order. Throws `SinewError("usage")` where the bytes are no
 * message.
 */
export function* readFields(bytes: Uint8Array): Generator<ProtoField> {
  let at = 0;
  const fail = (): never => {
    throw new SinewError("usage", `not a protocol buffer: broken at byte ${at} of ${bytes.length}`);
  };
  const varint = (): number => {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = at < bytes.length ? bytes[at++]! : fail();
      result |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, result));
    }
    return fail();
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (field < 1) fail();
    if (wireType === 0) {
      yield { field, wireType, value: varint(), bytes: nothing };
    } else if (wireType === 1 || wireType === 2 || wireType === 5) {
      const length = wireType === 2 ? varint() : wireType === 1 ? 8 : 4;
      if (length < 0 || at + length > bytes.length) fail();
      yield { field, wireType, value: 0, bytes: bytes.subarray(at, at + length) };
      at += length;
    } else {
      fail();
    }
  }
}

/** The text of a string field. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
