import { crc32 } from "node:zlib";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { eventChannelId, eventsIn } from "./event-chunk.ts";
import {
  type ChunkPlace,
  channelId,
  chunkBytesOf,
  indexBytesOf,
  messageBytesOf,
} from "./layout.ts";
import {
  chunkHeaderBytes,
  getU64,
  magic,
  messageHeaderBytes,
  Opcode,
  recordHeaderBytes,
} from "./mcap.ts";
import { type FoundMetadata, findMetadata, specOfText } from "./metadata.ts";
import { StepRecord } from "./record.ts";

/** What stands where in the bytes of a log. */
export interface Scan {
  /** The metadata at the start; null where it is damaged. */
  readonly head: FoundMetadata | null;
  /** The metadata at the end; null in a file that was not closed. */
  readonly end: FoundMetadata | null;
  readonly metadata: Map<string, string>;
  readonly spec: Spec;
  readonly record: StepRecord;
  /** The whole chunks, in file order. */
  readonly chunks: ChunkPlace[];
  /** Stretches between the whole chunks, or after the last, that should hold chunks. */
  readonly gaps: { readonly start: number; readonly end: number }[];
  /** Where the last whole chunk and its index end. */
  readonly position: number;
}

/**
 * Finds every whole chunk in `file`. A chunk counts only where its frame is exactly as our writer
 * makes it and its CRC-32 holds, and the search goes on behind damage byte by byte, so no damaged
 * record comes out and no whole chunk is missed. Throws `SinewError("log-file")`, naming `path`,
 * where the bytes are not a log of ours.
 */
export function scanLog(file: Buffer, path: string): Scan {
  if (!magic.every((byte, at) => file[at] === byte)) {
    throw new SinewError("log-file", `${path} is not a log: it does not start as MCAP does`);
  }
  const found = findMetadata(file);
  const head = found.find(({ entries }) => !entries.has("steps")) ?? null;
  const end = found.find(({ entries }) => entries.has("steps")) ?? null;
  const metadata = (end ?? head)?.entries;
  const text = metadata?.get("spec");
  if (metadata === undefined || text === undefined) {
    throw new SinewError("log-file", `${path} is not a Sinew log, or its first bytes are damaged`);
  }
  const spec = specOfText(text);
  const record = new StepRecord(spec);
  const walk = new Walk(file, record);
  walk.from(head?.end ?? magic.length, end?.start ?? file.length, head !== null);
  const { chunks, gaps, position } = walk;
  return { head, end, metadata, spec, record, chunks, gaps, position };
}

class Walk {
  readonly chunks: ChunkPlace[] = [];
  readonly gaps: { start: number; end: number }[] = [];
  position = 0;
  readonly #file: Buffer;
  readonly #view: DataView;
  readonly #record: StepRecord;

  constructor(file: Buffer, record: StepRecord) {
    this.#file = file;
    this.#view = new DataView(file.buffer, file.byteOffset, file.length);
    this.#record = record;
  }

  /** `exact`: the first chunk stands at `start`; else what comes before the first one is no gap. */
  from(start: number, end: number, exact: boolean): void {
    this.position = start;
    for (;;) {
      const at = this.#find(this.position, end);
      if (at < 0) break;
      if (at > this.position && (exact || this.chunks.length > 0)) {
        this.gaps.push({ start: this.position, end: at });
      }
      const chunk = this.#chunkAt(at, end)!;
      this.chunks.push(chunk);
      this.position = at + chunk.length + indexBytesOf(chunk.messages);
    }
    // Zeros are room that the writer made ahead.
    const rest = this.#file.subarray(this.position, end);
    if (rest.some((byte) => byte !== 0)) this.gaps.push({ start: this.position, end });
  }

  /** The first whole chunk at `start`, or behind at least the header of something else; or -1. */
  #find(start: number, end: number): number {
    if (this.#chunkAt(start, end) !== null) return start;
    let at = this.#file.indexOf(Opcode.chunk, start + recordHeaderBytes);
    while (at >= 0 && at < end) {
      if (this.#chunkAt(at, end) !== null) return at;
      at = this.#file.indexOf(Opcode.chunk, at + 1);
    }
    return -1;
  }

  #chunkAt(at: number, end: number): ChunkPlace | null {
    const view = this.#view;
    if (at + chunkHeaderBytes > end || view.getUint8(at) !== Opcode.chunk) return null;
    const records = getU64(view, at + 41);
    const length = chunkHeaderBytes + records;
    const framed =
      at + length <= end &&
      getU64(view, at + 1) === length - recordHeaderBytes &&
      getU64(view, at + 25) === records &&
      view.getUint32(at + 37, true) === 0;
    if (!framed) return null;
    const body = this.#file.subarray(at + chunkHeaderBytes, at + length);
    if (crc32(body) !== view.getUint32(at + 33, true)) return null;
    const times = { startNs: getU64(view, at + 9), endNs: getU64(view, at + 17) };
    const steps = records / messageBytesOf(this.#record);
    if (steps > 0 && Number.isInteger(steps) && this.#holdsSteps(at, steps)) {
      return { channel: channelId, position: at, length, messages: steps, ...times };
    }
    const events = eventsIn(body);
    if (events === null) return null;
    return { channel: eventChannelId, position: at, length, messages: events.length, ...times };
  }

  #holdsSteps(chunk: number, messages: number): boolean {
    for (let i = 0; i < messages; i++) {
      const at = chunk + chunkBytesOf(this.#record, i);
      const length = messageHeaderBytes - recordHeaderBytes + this.#record.size;
      const step =
        this.#view.getUint8(at) === Opcode.message &&
        getU64(this.#view, at + 1) === length &&
        this.#view.getUint16(at + 9, true) === channelId;
      if (!step) return false;
    }
    return true;
  }
}
