import { crc32 } from "node:zlib";
import { messageOf, SinewError } from "../core/errors.ts";
import { type Channel, checkSpec, type Spec } from "../core/spec.ts";
import { getU64, type McapBuffer, Opcode, recordHeaderBytes } from "./mcap.ts";

/** The name of the Metadata record that each log has twice: at its start, and again at its end. */
export const metadataName = "sinew";

const checkKey = "crc32";
const nameBytes = new Uint8Array(Buffer.from(`\x05\0\0\0${metadataName}`, "latin1"));
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Writes the Metadata record. MCAP has no checksum for it, so the last entry, `crc32`, is one: of
 * all the bytes of the record before that entry's value, in hexadecimal.
 */
export function writeMetadata(out: McapBuffer, entries: ReadonlyMap<string, string>): void {
  const start = out.length;
  out.record(Opcode.metadata, () => {
    out.string(metadataName).map([...entries, [checkKey, "00000000"]]);
  });
  const record = out.view(start);
  const check = crc32(record.subarray(0, record.length - 8));
  record.set(Buffer.from(check.toString(16).padStart(8, "0"), "latin1"), record.length - 8);
}

/** A Metadata record that was found whole in the bytes of a log. */
export interface FoundMetadata {
  readonly start: number;
  readonly end: number;
  readonly entries: Map<string, string>;
}

/**
 * The whole Metadata records named `sinew` in `file`, in file order. They are found by their name
 * and proved by their checksum, so damage elsewhere does not hide them.
 */
export function findMetadata(file: Buffer): FoundMetadata[] {
  const found: FoundMetadata[] = [];
  let name = file.indexOf(nameBytes);
  while (name >= 0) {
    const start = name - recordHeaderBytes;
    const one = start < 0 ? null : metadataAt(file, start);
    if (one !== null) found.push(one);
    name = file.indexOf(nameBytes, one === null ? name + 1 : one.end);
  }
  return found;
}

function metadataAt(file: Buffer, start: number): FoundMetadata | null {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const end = start + recordHeaderBytes + getU64(view, start + 1);
  const mapAt = start + recordHeaderBytes + nameBytes.length;
  if (file[start] !== Opcode.metadata || end > file.length || mapAt + 4 > end) return null;
  const check = file.toString("latin1", end - 8, end);
  if (
    check !==
    crc32(file.subarray(start, end - 8))
      .toString(16)
      .padStart(8, "0")
  )
    return null;
  const entries = new Map<string, string>();
  let at = mapAt + 4;
  const text = (): string => {
    const from = at + 4;
    at = from + view.getUint32(at, true);
    return decoder.decode(file.subarray(from, at));
  };
  while (at < end) {
    const key = text();
    entries.set(key, text());
  }
  entries.delete(checkKey);
  return { start, end, entries };
}

/** `spec` as JSON in full precision; limits that are not finite become strings ("Infinity"). */
export function textOfSpec(spec: Spec): string {
  const channels = (group: readonly Channel[]): unknown[] =>
    group.map(({ name, unit, low, high }) => ({ name, unit, low: limit(low), high: limit(high) }));
  return JSON.stringify({
    observation: channels(spec.observation),
    action: channels(spec.action),
    periodUs: spec.periodUs,
  });
}

function limit(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : numberText(value);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The spec that `textOfSpec` wrote. Throws `SinewError("log-file")` where it is none. */
export function specOfText(text: string): Spec {
  try {
    const value = asRecord(JSON.parse(text));
    const spec: Spec = {
      observation: channelsOf(value.observation),
      action: channelsOf(value.action),
      periodUs: Number(value.periodUs),
    };
    checkSpec(spec);
    return spec;
  } catch (error) {
    throw new SinewError("log-file", `the log's spec cannot be used: ${messageOf(error)}`);
  }
}

function channelsOf(value: unknown): Channel[] {
  if (!Array.isArray(value)) throw new SinewError("log-file", "a list of channels is missing");
  return value.map((one: unknown) => {
    const { name, unit, low, high } = asRecord(one);
    return { name: String(name), unit: String(unit), low: Number(low), high: Number(high) };
  });
}

/** What JSON of a spec or of a channel may hold. */
interface Loose {
  readonly observation?: unknown;
  readonly action?: unknown;
  readonly periodUs?: unknown;
  readonly name?: unknown;
  readonly unit?: unknown;
  readonly low?: unknown;
  readonly high?: unknown;
}

function asRecord(value: unknown): Loose {
  if (typeof value !== "object" || value === null) {
    throw new SinewError("log-file", "an object is missing");
  }
  return value;
}
