/// <reference lib="es2024.sharedmemory" />

const head = 0;
const tail = 1;
const signal = 2;
const closed = 3;
const headerBytes = 16;

/** Shared memory for a ring that holds up to `capacity` bytes, a power of two. */
export function makeByteRing(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(headerBytes + capacity);
}

/**
 * One end of a ring of bytes between two threads: one writes, the other reads. What does not fit is
 * refused whole. Layout: i32 head, i32 tail, i32 signal, i32 closed, then the bytes.
 */
export class ByteRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared, 0, headerBytes / 4);
    this.#bytes = new Uint8Array(shared, headerBytes);
    this.#mask = this.#bytes.length - 1;
  }

  /**
   * Puts `length` bytes in and wakes the reader; false, and none is put in, when full or closed.
   */
  write(bytes: Uint8Array, length: number): boolean {
    if (Atomics.load(this.#words, closed) !== 0) return false;
    const at = Atomics.load(this.#words, head);
    const used = (at - Atomics.load(this.#words, tail)) | 0;
    if (length > this.#bytes.length - used) return false;
    for (let i = 0; i < length; i++) this.#bytes[(at + i) & this.#mask] = bytes[i]!;
    Atomics.store(this.#words, head, (at + length) | 0);
    this.#wake();
    return true;
  }

  /** Takes up to `into.length` bytes; 0 when there are none, -1 when it is empty and closed. */
  read(into: Uint8Array): number {
    const shut = Atomics.load(this.#words, closed) !== 0;
    const at = Atomics.load(this.#words, tail);
    const used = (Atomics.load(this.#words, head) - at) | 0;
    if (used === 0) return shut ? -1 : 0;
    const length = Math.min(used, into.length);
    for (let i = 0; i < length; i++) into[i] = this.#bytes[(at + i) & this.#mask]!;
    Atomics.store(this.#words, tail, (at + length) | 0);
    return length;
  }

  /** Blocks until the writer wrote or closed, for at most `timeoutUs`. Not on the main thread. */
  wait(timeoutUs: number): void {
    const seen = Atomics.load(this.#words, signal);
    if (this.#ready()) return;
    Atomics.wait(this.#words, signal, seen, timeoutUs / 1000);
  }

  /** As `wait`, without a time limit and without blocking. */
  async waitAsync(): Promise<void> {
    const seen = Atomics.load(this.#words, signal);
    if (this.#ready()) return;
    await Atomics.waitAsync(this.#words, signal, seen).value;
  }

  /** Lets the reader have what is left, then the end. */
  close(): void {
    Atomics.store(this.#words, closed, 1);
    this.#wake();
  }

  #ready(): boolean {
    const empty = Atomics.load(this.#words, head) === Atomics.load(this.#words, tail);
    return !empty || Atomics.load(this.#words, closed) !== 0;
  }

  #wake(): void {
    Atomics.add(this.#words, signal, 1);
    Atomics.notify(this.#words, signal);
  }
}

/** A link's two rings, from the control thread's side. */
export interface RingPair {
  readonly toDevice: SharedArrayBuffer;
  readonly fromDevice: SharedArrayBuffer;
}

// Room for some tens of frames: what waits longer than that is better lost than late.
const capacity = 4096;

export function makeRingPair(): RingPair {
  return { toDevice: makeByteRing(capacity), fromDevice: makeByteRing(capacity) };
}

/** What moves the bytes of a ring pair to and from a device. */
export interface RingCarrier {
  /** What it had to tell a person, oldest first; grows while it carries. */
  readonly notices: readonly string[];
  /** Ends it, and then the rings. */
  close(): Promise<void>;
}

/** Gives `take` what is put into `ring`, as soon as it is there, until the ring is closed. */
export async function pumpRing(ring: ByteRing, take: (bytes: Uint8Array) => void): Promise<void> {
  const chunk = new Uint8Array(capacity);
  for (;;) {
    await ring.waitAsync();
    const length = ring.read(chunk);
    if (length < 0) return;
    if (length > 0) take(chunk.subarray(0, length));
  }
}
