import { readFileSync } from "node:fs";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { makeStep, type Step } from "../core/step.ts";
import type { LogEvent } from "./event.ts";
import { eventChannelId, eventsIn } from "./event-chunk.ts";
import { channelId, chunkBytesOf, messagesIn } from "./layout.ts";
import { chunkHeaderBytes, messageHeaderBytes } from "./mcap.ts";
import { type Scan, scanLog } from "./scan.ts";

/** A log in memory. Every record in it has passed its chunk's checksum. */
export class LogFile {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly spec: Spec;
  /** Readable steps. */
  readonly count: number;
  /** Stretches of the file, each of one chunk or more, that could not be read. */
  readonly damaged: number;
  /** Whether the log was closed; one that was not may lack its last 100 ms. */
  readonly closed: boolean;
  readonly #file: Buffer;
  readonly #scan: Scan;

  constructor(path: string, file: Buffer) {
    const scan = scanLog(file, path);
    this.path = path;
    this.metadata = scan.metadata;
    this.spec = scan.spec;
    this.count = messagesIn(scan.chunks, channelId);
    this.damaged = scan.gaps.length;
    this.closed = scan.end !== null;
    this.#file = file;
    this.#scan = scan;
  }

  /**
   * The bytes of each step as `StepRecord` encoded them, in the order of writing. They are views
   * of the file, not copies.
   */
  *records(): Generator<Uint8Array> {
    const { record, chunks } = this.#scan;
    for (const { channel, position, messages } of chunks) {
      if (channel !== channelId) continue;
      for (let i = 0; i < messages; i++) {
        const at = position + chunkBytesOf(record, i) + messageHeaderBytes;
        yield this.#file.subarray(at, at + record.size);
      }
    }
  }

  /** The steps, in one `Step` that is overwritten each time: copy what you keep. */
  *steps(): Generator<Step> {
    const step = makeStep(this.spec);
    for (const bytes of this.records()) {
      this.#scan.record.decode(bytes, 0, step);
      yield step;
    }
  }

  /** What happened beside the cycles, by its time; none in a log from before there were events. */
  events(): LogEvent[] {
    const events: LogEvent[] = [];
    for (const { channel, position, length } of this.#scan.chunks) {
      if (channel !== eventChannelId) continue;
      const records = this.#file.subarray(position + chunkHeaderBytes, position + length);
      for (const { payload } of eventsIn(records)!) {
        events.push(JSON.parse(new TextDecoder().decode(payload)) as LogEvent);
      }
    }
    // Two threads tell of them.
    return events.sort((a, b) => a.timeUs - b.timeUs);
  }
}

/**
 * Reads a log, closed (`.mcap`) or not (`.mcap.open`), whole into memory: at most 2 GiB. Throws
 * `SinewError("log-file")` where the file cannot be read or is not a log of ours.
 */
export function readLog(path: string): LogFile {
  return new LogFile(path, readLogBytes(path));
}

/** The bytes of `path`; throws `SinewError("log-file")` where it cannot be read. */
export function readLogBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new SinewError("log-file", `cannot read the log ${path}: ${messageOf(error)}`);
  }
}
