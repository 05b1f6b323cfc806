/** The MCAP container (mcap.dev/spec, version 0): magic, opcodes, and a writer for its records. */
export const magic: Uint8Array = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

export const Opcode = {
  header: 0x01,
  footer: 0x02,
  schema: 0x03,
  channel: 0x04,
  message: 0x05,
  chunk: 0x06,
  messageIndex: 0x07,
  chunkIndex: 0x08,
  statistics: 0x0b,
  metadata: 0x0c,
  metadataIndex: 0x0d,
  summaryOffset: 0x0e,
  dataEnd: 0x0f,
  /** From the range that readers must skip: a stretch that salvage found damaged. */
  damaged: 0x80,
} as const;

/** Bytes before the content of a record: u8 opcode, u64 length of the content. */
export const recordHeaderBytes = 9;
/** Bytes of a Chunk record before its records, where they are not compressed. */
export const chunkHeaderBytes = 49;
/** Bytes of a Message record before its payload. */
export const messageHeaderBytes = 31;

const encoder = new TextEncoder();

/** A monotonic time as whole nanoseconds, as a double: exact to 2^53 ns (104 days), then even. */
export function nanosecondsOf(timeUs: number): number {
  return timeUs > 0 && timeUs < 9e15 ? Math.round(timeUs * 1000) : 0;
}

/** Writes a whole number in [0, 2^64) as u64: two 32-bit halves, so without a BigInt. */
export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Reads a u64 as a double: exact to 2^53. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Writes MCAP records, one after another, into one growing buffer. Little-endian. */
export class McapBuffer {
  #bytes: Uint8Array = new Uint8Array(4096);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number): this {
    const at = this.#grow(8);
    setU64(this.#view, at, value);
    return this;
  }

  /** Bytes without a length before them. */
  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** u32 length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  string(text: string): this {
    return this.bytes(encoder.encode(text));
  }

  /** u32 length in bytes, then whatever `write` writes. */
  sized(write: () => void): this {
    const at = this.#grow(4);
    write();
    this.#view.setUint32(at, this.#length - at - 4, true);
    return this;
  }

  map(entries: Iterable<readonly [string, string]>): this {
    return this.sized(() => {
      for (const [key, value] of entries) this.string(key).string(value);
    });
  }

  /** A record: opcode, length, and the content that `write` writes. */
  record(opcode: number, write: () => void): this {
    this.u8(opcode);
    const at = this.#grow(8);
    write();
    setU64(this.#view, at, this.#length - at - 8);
    return this;
  }

  /** What was written from `start` on. A view, valid until the next write. */
  view(start: number = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
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
