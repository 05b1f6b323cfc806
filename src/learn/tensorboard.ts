import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "../core/crc.ts";
import { SinewError } from "../core/errors.ts";
import { ProtoWriter, readFields } from "../core/protobuf.ts";

/**
 * A TensorBoard event file: TFRecords (u64 length, masked CRC-32C, payload, masked CRC-32C) of
 * `tensorflow.Event` messages with scalar summaries.
 */
export class EventFile {
  readonly path: string;
  readonly #fd: number;

  /**
   * Creates `events.out.tfevents.<seconds>.<host>.sinew` in `folder`. `wallSeconds` is Unix
   * time. Throws `SinewError("usage")` where it cannot.
   */
  constructor(folder: string, wallSeconds: number) {
    const seconds = Math.floor(wallSeconds);
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.sinew`);
    try {
      this.#fd = openSync(this.path, "a");
    } catch (error) {
      throw new SinewError("usage", `cannot write ${this.path}`, { cause: error });
    }
    this.#append(new ProtoWriter().double(1, wallSeconds).string(3, "brain.Event:2").finish());
  }

  /** Appends the scalars, by tag, at `step`. */
  scalars(step: number, wallSeconds: number, values: Readonly<Record<string, number>>): void {
    const event = new ProtoWriter().double(1, wallSeconds).varint(2, step);
    event.message(5, (summary) => {
      for (const [tag, value] of Object.entries(values)) {
        summary.message(1, (entry) => entry.string(1, tag).float(2, value));
      }
    });
    this.#append(event.finish());
  }

  close(): void {
    closeSync(this.#fd);
  }

  #append(payload: Uint8Array): void {
    const record = Buffer.alloc(payload.length + 16);
    record.writeUInt32LE(payload.length, 0);
    record.writeUInt32LE(masked(crc32c(record, 0, 8)), 8);
    record.set(payload, 12);
    record.writeUInt32LE(masked(crc32c(payload)), 12 + payload.length);
    writeSync(this.#fd, record);
  }
}

/** Whether a file of this name is an event file of ours. */
export function isEventFile(name: string): boolean {
  return /^events\.out\.tfevents\..*\.sinew$/.test(name);
}

/**
 * Drops from the event files in `folder` what was told beyond `step`, and a record that was cut
 * short: a run that goes on from there tells it again. Throws `SinewError("usage")` where a file
 * cannot be written.
 */
export function cutEvents(folder: string, step: number): void {
  for (const name of readdirSync(folder).filter(isEventFile)) {
    const path = join(folder, name);
    const bytes = readFileSync(path);
    const kept = recordsOf(bytes).filter((record) => stepOf(record) <= step);
    const whole = Buffer.concat(kept);
    if (whole.length === bytes.length) continue;
    // A file of its own first: a run that dies here has lost no event.
    try {
      writeFileSync(`${path}.next`, whole);
      renameSync(`${path}.next`, path);
    } catch (error) {
      throw new SinewError("usage", `cannot write ${path}`, { cause: error });
    }
  }
}

/** Whole TFRecords; one that was being written is left out. */
function recordsOf(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    records.push(bytes.subarray(at, end));
    at = end;
  }
  return records;
}

/** Of the event in a TFRecord; 0 where it says none. */
function stepOf(record: Buffer): number {
  const event = readFields(record.subarray(12, -4));
  return [...event].find(({ field }) => field === 2)?.value ?? 0;
}

/**
 * The mask of TFRecord: rotated right by 15 bits, plus a constant, so a CRC of CRCs stays
 * sound.
 */
function masked(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}
