import assert from "node:assert/strict";
import type { Spec } from "../core/spec.ts";
import type { Step } from "../core/step.ts";
import { StepRecord } from "./record.ts";

// Positions of 32-bit words. What the producer writes and what the consumer writes lie on cache
// lines of their own, so that neither slows the other.
const recordBytesAt = 0;
const slotsAt = 1;
const closedAt = 2;
const bellAt = 3;
const appendedAt = 16;
const droppedAt = 18;
const drainedAt = 32;
const writtenAt = 34;
const durableAt = 36;
const unwrittenAt = 38;
const headerWords = 48;

/** What became of the steps of a run, in steps. Exact, and the same from every thread. */
export interface LogCounts {
  /** Taken by the ring. */
  readonly appended: number;
  /** Refused by the ring because it was full or closed. */
  readonly dropped: number;
  /** Taken from the ring by the writer. */
  readonly drained: number;
  /** Given to the operating system: they survive the end of this process. */
  readonly written: number;
  /** Written and synced: they survive a power cut. */
  readonly durable: number;
  /** Drained but lost, because the file could not be written. */
  readonly unwritten: number;
}

/**
 * Memory for a ring of `slots` records of `recordBytes` each, shared by one producer thread and one
 * consumer thread.
 */
export function makeRing(recordBytes: number, slots: number): SharedArrayBuffer {
  assert(Number.isInteger(slots) && slots >= 2, `a ring of ${slots} slots`);
  const buffer = new SharedArrayBuffer(headerWords * 4 + recordBytes * slots);
  const words = new Int32Array(buffer, 0, headerWords);
  words[recordBytesAt] = recordBytes;
  words[slotsAt] = slots;
  return buffer;
}

/** The counts of `ring`, from any thread. */
export function countsOfRing(ring: SharedArrayBuffer): LogCounts {
  const words = new Int32Array(ring, 0, headerWords);
  return {
    appended: readCount(words, appendedAt),
    dropped: readCount(words, droppedAt),
    drained: readCount(words, drainedAt),
    written: readCount(words, writtenAt),
    durable: readCount(words, durableAt),
    unwritten: readCount(words, unwrittenAt),
  };
}

/** Ends the ring: later steps are dropped, and the consumer stops once it is empty. */
export function closeRing(ring: SharedArrayBuffer): void {
  const words = new Int32Array(ring, 0, headerWords);
  Atomics.store(words, closedAt, 1);
  ringBell(words);
}

/** The control thread's end. */
export class RingProducer {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #record: StepRecord;
  readonly #slots: number;
  #appended: number;
  #dropped: number;

  constructor(ring: SharedArrayBuffer, spec: Spec) {
    this.#words = new Int32Array(ring, 0, headerWords);
    this.#bytes = new Uint8Array(ring, headerWords * 4);
    this.#record = new StepRecord(spec);
    this.#slots = this.#words[slotsAt];
    assert.equal(this.#words[recordBytesAt], this.#record.size, "the ring is of another spec");
    this.#appended = readCount(this.#words, appendedAt);
    this.#dropped = readCount(this.#words, droppedAt);
  }

  /**
   * Copies `step` into the ring. False where the ring is full or closed: the step is dropped and
   * counted. Never waits, throws or allocates.
   */
  append(step: Step): boolean {
    const words = this.#words;
    const used = this.#appended - readCount(words, drainedAt);
    if (used >= this.#slots || Atomics.load(words, closedAt) !== 0) {
      this.#dropped++;
      writeCount(words, droppedAt, this.#dropped);
      return false;
    }
    const slot = this.#appended % this.#slots;
    this.#record.encode(step, this.#bytes, slot * this.#record.size);
    this.#appended++;
    writeCount(words, appendedAt, this.#appended);
    // The consumer looks by itself every few milliseconds; it is called only when the ring fills.
    if (used === this.#slots >> 1) ringBell(words);
    return true;
  }
}

/** The writer thread's end. */
export class RingConsumer {
  /** The records, one after another; `drain` says where each stands. */
  readonly bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #recordBytes: number;
  readonly #slots: number;
  #drained: number;

  constructor(ring: SharedArrayBuffer) {
    this.#words = new Int32Array(ring, 0, headerWords);
    this.bytes = new Uint8Array(ring, headerWords * 4);
    this.#recordBytes = this.#words[recordBytesAt];
    this.#slots = this.#words[slotsAt];
    this.#drained = readCount(this.#words, drainedAt);
  }

  /** Whether `closeRing` was called. Records may still wait to be drained. */
  get closed(): boolean {
    return Atomics.load(this.#words, closedAt) !== 0;
  }

  /**
   * Calls `take` with the offset in `bytes` of each record that waits, oldest first, and frees each
   * after its call. Returns how many there were.
   */
  drain(take: (at: number) => void): number {
    const waiting = readCount(this.#words, appendedAt) - this.#drained;
    for (let i = 0; i < waiting; i++) {
      take((this.#drained % this.#slots) * this.#recordBytes);
      this.#drained++;
      writeCount(this.#words, drainedAt, this.#drained);
    }
    return waiting;
  }

  /** Publishes what the writer did with the drained records. */
  report(written: number, durable: number, unwritten: number): void {
    writeCount(this.#words, writtenAt, written);
    writeCount(this.#words, durableAt, durable);
    writeCount(this.#words, unwrittenAt, unwritten);
  }

  /** Sleeps for `timeoutMs`, or less where the ring becomes half full or is closed. */
  wait(timeoutMs: number): void {
    const bell = Atomics.load(this.#words, bellAt);
    if (Atomics.load(this.#words, closedAt) !== 0) return;
    Atomics.wait(this.#words, bellAt, bell, timeoutMs);
  }
}

/**
 * One more reader, from any thread, who takes nothing away and whom neither end notices: what it
 * does not look at in time is overwritten.
 */
export class RingSpectator {
  readonly recordBytes: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #slots: number;
  #seen: number;

  /** Sees the newest `backlog` records, as far as the ring still has them, and all that follow. */
  constructor(ring: SharedArrayBuffer, backlog: number) {
    this.#words = new Int32Array(ring, 0, headerWords);
    this.#bytes = new Uint8Array(ring, headerWords * 4);
    this.recordBytes = this.#words[recordBytesAt];
    this.#slots = this.#words[slotsAt];
    const appended = readCount(this.#words, appendedAt);
    this.#seen = Math.max(0, this.#oldest(appended), appended - backlog);
  }

  /**
   * Copies the newest records since the last call into `into`, oldest first, as many as fit.
   * Returns how many, and how many were missed: overwritten already, or without room.
   */
  copy(into: Uint8Array): { readonly records: number; readonly missed: number } {
    const size = this.recordBytes;
    const end = readCount(this.#words, appendedAt);
    const room = Math.floor(into.length / size);
    const from = Math.max(this.#seen, this.#oldest(end), end - room);
    for (let record = from; record < end; record++) {
      const at = (record % this.#slots) * size;
      into.set(this.#bytes.subarray(at, at + size), (record - from) * size);
    }
    // Those that the producer may have begun to overwrite meanwhile are none.
    const whole = Math.min(end, Math.max(from, this.#oldest(readCount(this.#words, appendedAt))));
    into.copyWithin(0, (whole - from) * size, (end - from) * size);
    const missed = whole - this.#seen;
    this.#seen = end;
    return { records: end - whole, missed };
  }

  /** The oldest record that is not being overwritten while the one after `appended` is written. */
  #oldest(appended: number): number {
    return appended - this.#slots + 1;
  }
}

function ringBell(words: Int32Array): void {
  Atomics.add(words, bellAt, 1);
  Atomics.notify(words, bellAt);
}

// A count is a low word and a high word, for 32 bits wrap within two months at 1 kHz. The high word
// is stored doubled; it is odd while the pair changes, and a reader then looks again.
function readCount(words: Int32Array, at: number): number {
  for (;;) {
    const high = Atomics.load(words, at + 1);
    const low = Atomics.load(words, at) >>> 0;
    if ((high & 1) === 0 && Atomics.load(words, at + 1) === high) return high * 2 ** 31 + low;
  }
}

function writeCount(words: Int32Array, at: number, count: number): void {
  const high = Math.floor(count / 2 ** 32) * 2;
  if (Atomics.load(words, at + 1) === high) {
    Atomics.store(words, at, count | 0);
    return;
  }
  Atomics.store(words, at + 1, high - 1);
  Atomics.store(words, at, count | 0);
  Atomics.store(words, at + 1, high);
}
