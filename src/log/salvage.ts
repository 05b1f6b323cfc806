import { renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { messageOf, SinewError } from "../core/errors.ts";
import { FileDisk, syncDirectory, writeAll } from "./disk.ts";
import { eventChannelId, frameEvents } from "./event-chunk.ts";
import {
  ChunkBuilder,
  type ChunkPlace,
  channelId,
  chunkBytesOf,
  encodeEnd,
  encodeHead,
  messagesIn,
} from "./layout.ts";
import { chunkHeaderBytes, messageHeaderBytes, Opcode, recordHeaderBytes, setU64 } from "./mcap.ts";
import { readLogBytes } from "./reader.ts";
import { type Scan, scanLog } from "./scan.ts";

/** What `salvageLog` saved. */
export interface Salvage {
  /** The closed log, `.mcap`. */
  readonly path: string;
  readonly steps: number;
  /** Stretches that could not be read; they stay in the file, marked for readers to skip. */
  readonly damaged: number;
}

/** What a log is called while it is being written; it is added to the name. */
export const openSuffix = ".open";

/**
 * Closes a log that its writer could not close, after a crash, a kill or a power cut: keeps every
 * whole chunk, marks damage so that other tools skip it, writes the summary, and renames
 * `x.mcap.open` to `x.mcap`. Interrupted, it can be run again. The file must have no writer.
 * Throws `SinewError("log-file")` where there is no log to save, or `x.mcap` is there already.
 */
export function salvageLog(openPath: string): Salvage {
  if (!openPath.endsWith(openSuffix)) {
    throw new SinewError(
      "log-file",
      `${openPath} is not an open log: its name lacks ${openSuffix}`,
    );
  }
  const path = openPath.slice(0, -openSuffix.length);
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new SinewError("log-file", `${path} exists: move it away before salvaging ${openPath}`);
  }
  const file = readLogBytes(openPath);
  const scan = scanLog(file, openPath);
  const steps = messagesIn(scan.chunks, channelId);
  const { bytes, patches, chunks } = mend(file, scan);
  const end = endOf(scan, chunks, bytes, steps);
  try {
    const disk = new FileDisk(openPath, "r+");
    try {
      for (const { start, end: stop } of patches)
        writeAll(disk, bytes.subarray(start, stop), start);
      disk.truncate(bytes.length);
      writeAll(disk, end, bytes.length);
      disk.syncNow();
    } finally {
      disk.close();
    }
    renameSync(openPath, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw new SinewError("log-file", `cannot salvage ${openPath}: ${messageOf(error)}`);
  }
  return { path, steps, damaged: scan.gaps.length };
}

/** The file up to its last whole chunk as it should be, and where it differs from what is there. */
interface Mended {
  readonly bytes: Uint8Array;
  readonly patches: readonly { readonly start: number; readonly end: number }[];
  readonly chunks: readonly ChunkPlace[];
}

function mend(file: Buffer, scan: Scan): Mended {
  const bytes = new Uint8Array(scan.position);
  bytes.set(file.subarray(0, scan.position));
  const patches: { start: number; end: number }[] = [];
  const put = (start: number, right: Uint8Array): void => {
    const end = start + right.length;
    if (Buffer.compare(file.subarray(start, end), right) === 0) return;
    bytes.set(right, start);
    patches.push({ start, end });
  };
  if (scan.head !== null) {
    const head = encodeHead(scan.record, scan.head.entries);
    // A head of another length is another version's: it stays.
    if (head.length === scan.head.end) put(0, head);
  }
  for (const { start, end } of scan.gaps) {
    if (end > scan.position) continue;
    const header = new Uint8Array(recordHeaderBytes);
    header[0] = Opcode.damaged;
    setU64(new DataView(header.buffer), 1, end - start - recordHeaderBytes);
    put(start, header);
  }
  // Time bounds and message indexes have no checksum: make them anew.
  const chunks = scan.chunks.map((chunk) => {
    const { bytes: right, startNs, endNs } = framed(chunk, bytes, scan);
    put(chunk.position, right);
    return { ...chunk, startNs, endNs };
  });
  return { bytes, patches, chunks };
}

/** `chunk` as its writer framed it. */
function framed(
  { channel, position, length, messages }: ChunkPlace,
  bytes: Uint8Array,
  { record }: Scan,
): { readonly bytes: Uint8Array; readonly startNs: number; readonly endNs: number } {
  if (channel === eventChannelId) {
    return frameEvents(bytes.subarray(position + chunkHeaderBytes, position + length));
  }
  const builder = new ChunkBuilder(record, length);
  for (let i = 0; i < messages; i++) {
    builder.add(bytes, position + chunkBytesOf(record, i) + messageHeaderBytes);
  }
  return { bytes: builder.finish(), startNs: builder.startNs, endNs: builder.endNs };
}

function endOf(
  scan: Scan,
  chunks: readonly ChunkPlace[],
  bytes: Uint8Array,
  steps: number,
): Uint8Array {
  return encodeEnd({
    record: scan.record,
    chunks,
    metadata: new Map([
      ...scan.metadata,
      ["steps", String(steps)],
      ["salvaged", "true"],
      ["damaged", String(scan.gaps.length)],
    ]),
    headMetadata: scan.head,
    position: scan.position,
    crc: crc32(bytes),
  });
}
