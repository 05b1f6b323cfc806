import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { messageOf } from "../core/errors.ts";
import { type LogDisk, writeAll } from "./disk.ts";
import type { LogEvent } from "./event.ts";
import { encodeEvents, eventChannelId } from "./event-chunk.ts";
import {
  ChunkBuilder,
  type ChunkPlace,
  channelId,
  chunkBytesOf,
  encodeEnd,
  encodeHead,
} from "./layout.ts";
import { findMetadata } from "./metadata.ts";
import type { StepRecord } from "./record.ts";

export interface WriterSettings {
  /** A chunk is written when its first record has waited this long here. */
  readonly chunkUs: number;
  /** A chunk is written when it has this many bytes. */
  readonly chunkBytesMax: number;
  /** What was written is synced this often. */
  readonly syncUs: number;
  /** Zeros written ahead at the start, so that a sync need not change the file's size. */
  readonly preallocateBytes: number;
  /** And each time these are used up. */
  readonly growBytes: number;
}

/** Together with the writer thread's sleep of at most 10 ms, a step is on its way in 60 ms. */
export const writerDefaults: WriterSettings = {
  chunkUs: 50_000,
  chunkBytesMax: 256 * 1024,
  syncUs: 500_000,
  preallocateBytes: 16 * 1024 * 1024,
  growBytes: 1024 * 1024,
};

/**
 * Writes a log: chunks in memory, whole chunks to the file, syncs on schedule. Time is passed in.
 * The constructor throws what the disk throws; after it, nothing does: the first failure ends the
 * logging, and what is lost is counted.
 */
export class LogWriter {
  /** Steps in the file; steps that survive a power cut; steps lost because of `failure`. */
  written = 0;
  durable = 0;
  unwritten = 0;
  /** Why logging ended, on one line; null while all is well. */
  failure: string | null = null;
  /** Whether a sync is under way. */
  syncing = false;

  readonly #disk: LogDisk;
  readonly #record: StepRecord;
  readonly #settings: WriterSettings;
  readonly #metadata: ReadonlyMap<string, string>;
  readonly #headMetadata: { readonly start: number; readonly end: number };
  readonly #chunk: ChunkBuilder;
  readonly #chunks: ChunkPlace[] = [];
  /** In the file. */
  #events = 0;
  #chunkDueUs = 0;
  #syncDueUs = Number.NEGATIVE_INFINITY;
  /** End of the last whole chunk. */
  #position = 0;
  /** Up to here the file survives a power cut. */
  #synced = 0;
  #crc = 0;
  /** End of the zeros written ahead. */
  #allocated = 0;
  #growing = true;

  constructor(
    disk: LogDisk,
    record: StepRecord,
    metadata: ReadonlyMap<string, string>,
    settings: WriterSettings = writerDefaults,
  ) {
    assert(!metadata.has("steps"), "the log counts its steps itself");
    this.#disk = disk;
    this.#record = record;
    this.#settings = settings;
    this.#metadata = metadata;
    this.#chunk = new ChunkBuilder(record, settings.chunkBytesMax);
    const head = encodeHead(record, metadata);
    const [found] = findMetadata(Buffer.from(head.buffer));
    assert(found !== undefined);
    this.#headMetadata = found;
    this.#extend(settings.preallocateBytes);
    this.#put(head);
    disk.syncNow();
    this.#synced = this.#position;
  }

  /** When `poll` next has something to do; Infinity when nothing waits. */
  get dueUs(): number {
    const chunkDueUs = this.#chunk.messages > 0 ? this.#chunkDueUs : Number.POSITIVE_INFINITY;
    const syncDueUs = this.#unsynced ? this.#syncDueUs : Number.POSITIVE_INFINITY;
    return Math.min(chunkDueUs, syncDueUs);
  }

  /** Copies the record at `bytes[at, at + record.size)`; writes where this fills a chunk. */
  append(bytes: Uint8Array, at: number, nowUs: number): void {
    if (this.failure !== null) {
      this.unwritten++;
      return;
    }
    if (this.#chunk.messages === 0) this.#chunkDueUs = nowUs + this.#settings.chunkUs;
    this.#chunk.add(bytes, at);
    if (this.#chunk.messages === this.#chunk.messagesMax) this.#flush();
  }

  /** Writes `events` at once, as a chunk: they are few, and each tells why. */
  appendEvents(events: readonly LogEvent[]): void {
    if (events.length === 0 || this.failure !== null) return;
    const position = this.#position;
    const messages = events.length;
    const { bytes, ...place } = encodeEvents(events, this.#events);
    if (!this.#keep(bytes)) return;
    this.#events += messages;
    this.#chunks.push({ ...place, channel: eventChannelId, position, messages });
  }

  /** Writes the chunk and starts the sync that are due. */
  poll(nowUs: number): void {
    if (this.#chunk.messages > 0 && nowUs >= this.#chunkDueUs) this.#flush();
    if (!this.#unsynced || nowUs < this.#syncDueUs) return;
    this.#syncDueUs = nowUs + this.#settings.syncUs;
    this.#startSync();
  }

  /**
   * Writes what waits, the summary, and `counts` as further metadata; ends the file there and syncs
   * it. True where the file is complete; else `failure` says why, and salvage can finish the file
   * from its last whole chunk. Call it while `syncing` is false.
   */
  finish(counts: Readonly<Record<string, string>>): boolean {
    assert(!this.syncing, "finish during a sync");
    this.#flush();
    try {
      this.#end(counts);
      this.durable = this.written;
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #end(counts: Readonly<Record<string, string>>): void {
    // Where the disk is full, the room of a half-written chunk is needed for the summary.
    this.#disk.truncate(this.#position);
    const end = encodeEnd({
      record: this.#record,
      chunks: this.#chunks,
      metadata: new Map([
        ...this.#metadata,
        ["steps", String(this.written)],
        ["unwritten", String(this.unwritten)],
        ...Object.entries(counts),
      ]),
      headMetadata: this.#headMetadata,
      position: this.#position,
      crc: this.#crc,
    });
    writeAll(this.#disk, end, this.#position);
    this.#disk.syncNow();
  }

  get #unsynced(): boolean {
    return this.failure === null && !this.syncing && this.#synced < this.#position;
  }

  #flush(): void {
    const { messages, startNs, endNs } = this.#chunk;
    if (messages === 0) return;
    const position = this.#position;
    if (this.failure === null && this.#keep(this.#chunk.finish())) {
      const length = chunkBytesOf(this.#record, messages);
      this.#chunks.push({ channel: channelId, position, length, messages, startNs, endNs });
      this.written += messages;
    } else {
      this.unwritten += messages;
    }
    this.#chunk.clear();
  }

  #keep(bytes: Uint8Array): boolean {
    try {
      this.#put(bytes);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #put(bytes: Uint8Array): void {
    if (this.#growing && this.#position + bytes.length > this.#allocated) this.#grow(bytes.length);
    writeAll(this.#disk, bytes, this.#position);
    this.#position += bytes.length;
    this.#crc = crc32(bytes, this.#crc);
  }

  /** Room ahead is a kindness to the medium, so doing without it is no failure. */
  #grow(length: number): void {
    try {
      this.#extend(Math.max(length, this.#settings.growBytes));
    } catch {
      this.#growing = false;
    }
  }

  #extend(length: number): void {
    const start = Math.max(this.#allocated, this.#position);
    const zeros = new Uint8Array(Math.min(length, 1024 * 1024));
    for (let done = 0; done < length; done += zeros.length) {
      writeAll(this.#disk, zeros.subarray(0, Math.min(zeros.length, length - done)), start + done);
    }
    this.#allocated = start + length;
  }

  #startSync(): void {
    const written = this.written;
    const position = this.#position;
    this.syncing = true;
    try {
      this.#disk.sync((error) => {
        this.syncing = false;
        if (error !== null) return this.#fail(error);
        this.durable = written;
        this.#synced = position;
      });
    } catch (error) {
      this.syncing = false;
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.failure ??= messageOf(error);
  }
}
