import { crc32 } from "node:zlib";
import { eventChannelId, writeEventChannel } from "./event-chunk.ts";
import {
  chunkHeaderBytes,
  McapBuffer,
  magic,
  messageHeaderBytes,
  nanosecondsOf,
  Opcode,
  recordHeaderBytes,
  setU64,
} from "./mcap.ts";
import { metadataName, writeMetadata } from "./metadata.ts";
import type { StepRecord } from "./record.ts";
import { messageName } from "./schema.ts";

// How our logs arrange an MCAP file:
//   magic, Header, Schema, Channel, Metadata "sinew",
//   then Chunk and MessageIndex in turn, of steps or (event-chunk.ts) of events,
//   then (closed files) Metadata "sinew" with counts, DataEnd, summary, Footer, magic.

export const topic = "/step";
export const channelId = 1;
const schemaId = 1;

/** One chunk of a log: where its Chunk record starts in the file, and what it holds. */
export interface ChunkPlace {
  /** `channelId` or `eventChannelId`: what all of its messages are. */
  readonly channel: number;
  readonly position: number;
  /** Bytes of the Chunk record; its MessageIndex follows. */
  readonly length: number;
  readonly messages: number;
  /** The earliest and the latest log time in it, in nanoseconds. */
  readonly startNs: number;
  readonly endNs: number;
}

/** Bytes of one Message record that holds one step. */
export function messageBytesOf(record: StepRecord): number {
  return messageHeaderBytes + record.size;
}

/** Bytes of the Chunk record with `messages` messages. */
export function chunkBytesOf(record: StepRecord, messages: number): number {
  return chunkHeaderBytes + messages * messageBytesOf(record);
}

/** Bytes of the MessageIndex record that follows a chunk of `messages` messages. */
export function indexBytesOf(messages: number): number {
  return recordHeaderBytes + 6 + messages * 16;
}

/** The start of a file, up to its first chunk. */
export function encodeHead(
  record: StepRecord,
  metadata: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  const out = new McapBuffer();
  out.raw(magic).record(Opcode.header, () => out.string("").string("sinew"));
  writeChannel(out, record);
  writeMetadata(out, metadata);
  return out.view().slice() as Uint8Array<ArrayBuffer>;
}

function writeChannel(out: McapBuffer, record: StepRecord): void {
  out.record(Opcode.schema, () => {
    out.u16(schemaId).string(messageName).string("protobuf").bytes(record.schema);
  });
  out.record(Opcode.channel, () => {
    out.u16(channelId).u16(schemaId).string(topic).string("protobuf").map([]);
  });
}

/**
 * Builds one chunk with its message index in memory of its own, made once: header, messages and
 * index end up side by side, so that one write puts them into the file.
 */
export class ChunkBuilder {
  messages = 0;
  startNs = 0;
  endNs = 0;
  readonly messagesMax: number;
  readonly #record: StepRecord;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** At least one message fits, however small `bytesMax`. */
  constructor(record: StepRecord, bytesMax: number) {
    this.#record = record;
    const room = Math.floor((bytesMax - chunkHeaderBytes) / messageBytesOf(record));
    this.messagesMax = Math.max(1, room);
    const size = chunkBytesOf(record, this.messagesMax) + indexBytesOf(this.messagesMax);
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Copies the record at `from[at, at + record.size)`. At most `messagesMax` fit. */
  add(from: Uint8Array, at: number): void {
    const view = this.#view;
    const size = this.#record.size;
    const header = chunkBytesOf(this.#record, this.messages);
    const payload = header + messageHeaderBytes;
    // By hand: `subarray` for `set` would make an object for each record.
    for (let i = 0; i < size; i++) this.#bytes[payload + i] = from[at + i];
    const timeNs = nanosecondsOf(this.#record.timeUsOf(view, payload));
    view.setUint8(header, Opcode.message);
    setU64(view, header + 1, messageHeaderBytes - recordHeaderBytes + size);
    view.setUint16(header + 9, channelId, true);
    view.setUint32(header + 11, this.#record.sequenceOf(view, payload), true);
    setU64(view, header + 15, timeNs);
    setU64(view, header + 23, timeNs);
    this.startNs = this.messages === 0 ? timeNs : Math.min(this.startNs, timeNs);
    this.endNs = this.messages === 0 ? timeNs : Math.max(this.endNs, timeNs);
    this.messages++;
  }

  /** The Chunk record and its MessageIndex record. A view, valid until the next `add`. */
  finish(): Uint8Array {
    const view = this.#view;
    const end = chunkBytesOf(this.#record, this.messages);
    const records = end - chunkHeaderBytes;
    view.setUint8(0, Opcode.chunk);
    setU64(view, 1, end - recordHeaderBytes);
    setU64(view, 9, this.startNs);
    setU64(view, 17, this.endNs);
    setU64(view, 25, records);
    view.setUint32(33, crc32(this.#bytes.subarray(chunkHeaderBytes, end)), true);
    view.setUint32(37, 0, true);
    setU64(view, 41, records);
    view.setUint8(end, Opcode.messageIndex);
    setU64(view, end + 1, indexBytesOf(this.messages) - recordHeaderBytes);
    view.setUint16(end + 9, channelId, true);
    view.setUint32(end + 11, this.messages * 16, true);
    for (let i = 0; i < this.messages; i++) {
      const header = chunkBytesOf(this.#record, i);
      const entry = end + 15 + i * 16;
      view.setUint32(entry, view.getUint32(header + 15, true), true);
      view.setUint32(entry + 4, view.getUint32(header + 19, true), true);
      setU64(view, entry + 8, header - chunkHeaderBytes);
    }
    return this.#bytes.subarray(0, end + indexBytesOf(this.messages));
  }

  /** Starts the next chunk. */
  clear(): void {
    this.messages = 0;
  }
}

/** What the end of a file tells of the rest of it. */
export interface Contents {
  readonly record: StepRecord;
  readonly chunks: readonly ChunkPlace[];
  /** Written again, with the counts: the start of the file may be damaged later. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the Metadata record at the start stands; null where it is damaged. */
  readonly headMetadata: { readonly start: number; readonly end: number } | null;
  /** Where the last chunk and its index end, and the CRC-32 of the file up to there. */
  readonly position: number;
  readonly crc: number;
}

/** The end of a file, from `contents.position`: metadata, DataEnd, summary, Footer, magic. */
export function encodeEnd(contents: Contents): Uint8Array {
  const { position } = contents;
  const out = new McapBuffer();
  writeMetadata(out, contents.metadata);
  const metadataEnd = out.length;
  const dataCrc = crc32(out.view(), contents.crc);
  out.record(Opcode.dataEnd, () => out.u32(dataCrc));
  const summary = out.length;
  const groups: { opcode: number; start: number; length: number }[] = [];
  const group = (opcode: number, write: () => void): void => {
    const start = out.length;
    write();
    groups.push({ opcode, start: position + start, length: out.length - start });
  };
  writeChannel(out, contents.record);
  const events = messagesIn(contents.chunks, eventChannelId);
  if (events > 0) writeEventChannel(out);
  group(Opcode.statistics, () => writeStatistics(out, contents.chunks, events));
  group(Opcode.chunkIndex, () => {
    for (const chunk of contents.chunks) writeChunkIndex(out, chunk);
  });
  group(Opcode.metadataIndex, () => {
    const head = contents.headMetadata;
    if (head !== null) writeMetadataIndex(out, head.start, head.end - head.start);
    writeMetadataIndex(out, position, metadataEnd);
  });
  const offsets = out.length;
  for (const { opcode, start, length } of groups) {
    if (length === 0) continue;
    out.record(Opcode.summaryOffset, () => out.u8(opcode).u64(start).u64(length));
  }
  const footer = out.length;
  out.record(Opcode.footer, () => {
    out.u64(position + summary).u64(position + offsets);
    // The content's length, which the checksum covers, is not in place yet: it is 20.
    const before = out.view(summary).slice();
    setU64(new DataView(before.buffer), footer - summary + 1, 20);
    out.u32(crc32(before));
  });
  return out.raw(magic).view();
}

/** How many messages of `channel` there are in `chunks`. */
export function messagesIn(chunks: readonly ChunkPlace[], channel: number): number {
  return chunks.reduce((sum, chunk) => sum + (chunk.channel === channel ? chunk.messages : 0), 0);
}

function writeStatistics(out: McapBuffer, chunks: readonly ChunkPlace[], events: number): void {
  const steps = messagesIn(chunks, channelId);
  let startNs = chunks.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  let endNs = 0;
  for (const chunk of chunks) {
    startNs = Math.min(startNs, chunk.startNs);
    endNs = Math.max(endNs, chunk.endNs);
  }
  const channels = events > 0 ? 2 : 1;
  out.record(Opcode.statistics, () => {
    // Messages, schemas, channels, attachments, metadata, chunks.
    out
      .u64(steps + events)
      .u16(channels)
      .u32(channels)
      .u32(0)
      .u32(2)
      .u32(chunks.length);
    out.u64(startNs).u64(endNs);
    out.sized(() => {
      out.u16(channelId).u64(steps);
      if (events > 0) out.u16(eventChannelId).u64(events);
    });
  });
}

function writeChunkIndex(out: McapBuffer, chunk: ChunkPlace): void {
  const { channel, position, length, messages } = chunk;
  out.record(Opcode.chunkIndex, () => {
    out.u64(chunk.startNs).u64(chunk.endNs).u64(position).u64(length);
    out.sized(() => out.u16(channel).u64(position + length));
    out.u64(indexBytesOf(messages)).string("");
    out.u64(length - chunkHeaderBytes).u64(length - chunkHeaderBytes);
  });
}

function writeMetadataIndex(out: McapBuffer, offset: number, length: number): void {
  out.record(Opcode.metadataIndex, () => out.u64(offset).u64(length).string(metadataName));
}
