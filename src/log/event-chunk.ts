import { crc32 } from "node:zlib";
import { eventSchema, type LogEvent } from "./event.ts";
import {
  getU64,
  McapBuffer,
  messageHeaderBytes,
  nanosecondsOf,
  Opcode,
  recordHeaderBytes,
} from "./mcap.ts";

// Events have chunks of their own beside those of the steps. Each carries its schema and channel,
// so the start of a file is the same whether there will be events or not, and a damaged chunk
// leaves the others readable.

export const eventTopic = "/event";
export const eventChannelId = 2;
const schemaId = 2;
const schemaName = "sinew.Event";

/** One event in the records of a chunk. */
export interface EventPlace {
  readonly timeNs: number;
  /** Of its Message record, from the start of the records. */
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** A Chunk record and its MessageIndex record. */
export interface EventChunk {
  readonly bytes: Uint8Array;
  /** Of the Chunk record alone. */
  readonly length: number;
  /** The earliest and the latest log time in it, in nanoseconds. */
  readonly startNs: number;
  readonly endNs: number;
}

/** The Schema and the Channel record of events. */
export function writeEventChannel(out: McapBuffer): void {
  out.record(Opcode.schema, () => {
    const text = new TextEncoder().encode(eventSchema);
    out.u16(schemaId).string(schemaName).string("jsonschema").bytes(text);
  });
  out.record(Opcode.channel, () => {
    out.u16(eventChannelId).u16(schemaId).string(eventTopic).string("json").map([]);
  });
}

/** The chunk of `events`, of which there is at least one; `sequence` is the number of the first. */
export function encodeEvents(events: readonly LogEvent[], sequence: number): EventChunk {
  const out = new McapBuffer();
  writeEventChannel(out);
  events.forEach((event, at) => {
    const timeNs = nanosecondsOf(event.timeUs);
    out.record(Opcode.message, () => {
      out.u16(eventChannelId).u32((sequence + at) >>> 0);
      out
        .u64(timeNs)
        .u64(timeNs)
        .raw(new TextEncoder().encode(JSON.stringify(event)));
    });
  });
  return frameEvents(out.view());
}

/** The chunk of `records`, in which `eventsIn` finds events. */
export function frameEvents(records: Uint8Array): EventChunk {
  const places = eventsIn(records)!;
  let startNs = Number.POSITIVE_INFINITY;
  let endNs = 0;
  for (const { timeNs } of places) {
    startNs = Math.min(startNs, timeNs);
    endNs = Math.max(endNs, timeNs);
  }
  const out = new McapBuffer();
  out.record(Opcode.chunk, () => {
    out.u64(startNs).u64(endNs).u64(records.length).u32(crc32(records)).string("");
    out.u64(records.length).raw(records);
  });
  const { length } = out;
  out.record(Opcode.messageIndex, () => {
    out.u16(eventChannelId).sized(() => {
      for (const { timeNs, offset } of places) out.u64(timeNs).u64(offset);
    });
  });
  return { bytes: out.view(), length, startNs, endNs };
}

/** The events in the records of a chunk; null where they are anything else. */
export function eventsIn(records: Uint8Array): EventPlace[] | null {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const places: EventPlace[] = [];
  for (let at = 0; at < records.length; ) {
    if (at + recordHeaderBytes > records.length) return null;
    const opcode = view.getUint8(at);
    const end = at + recordHeaderBytes + getU64(view, at + 1);
    if (end > records.length) return null;
    if (opcode === Opcode.message) {
      const own = at + messageHeaderBytes <= end && view.getUint16(at + 9, true) === eventChannelId;
      if (!own) return null;
      const payload = records.subarray(at + messageHeaderBytes, end);
      places.push({ timeNs: getU64(view, at + 15), offset: at, payload });
    } else if (opcode !== Opcode.schema && opcode !== Opcode.channel) return null;
    at = end;
  }
  return places.length === 0 ? null : places;
}
