import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { McapIndexedReader, McapStreamReader } from "@mcap/core";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import { textOfSpec } from "../../src/log/metadata.ts";
import { LogFile, readLog } from "../../src/log/reader.ts";
import { StepRecord } from "../../src/log/record.ts";
import { salvageLog } from "../../src/log/salvage.ts";
import { scanLog } from "../../src/log/scan.ts";
import { LogWriter } from "../../src/log/writer.ts";
import { MemoryDisk, recordsOf, small, spec } from "./steps.ts";

const record = new StepRecord(spec);
const steps = 35;
const records = recordsOf(0, steps).map((one) => Buffer.from(one));
const directory = mkdtempSync(join(tmpdir(), "sinew-log-"));
after(() => rmSync(directory, { recursive: true }));

/** A file of seven chunks of five steps, closed or not. */
function makeFile(closed: boolean): Buffer {
  const disk = new MemoryDisk();
  const metadata = new Map([["spec", textOfSpec(spec)]]);
  const writer = new LogWriter(disk, record, metadata, small);
  for (const bytes of records) writer.append(bytes, 0, 0);
  if (closed) assert(writer.finish({ dropped: "0" }));
  return disk.bytes;
}

const closedFile = makeFile(true);
const openFile = makeFile(false);
const chunks = scanLog(closedFile, "x").chunks;
/** Where each chunk ends, its index not counted. */
const ends = chunks.map(({ position, messages }) => position + 49 + messages * (31 + record.size));

/** The numbers of the chunks whose steps `file` still gives; asserts that it gives nothing else. */
function chunksOf(file: Buffer, where: string): { found: number[]; damaged: number } | null {
  let log: LogFile;
  try {
    log = new LogFile("x.mcap.open", file);
  } catch (error) {
    assert(error instanceof SinewError && error.code === "log-file", `${where}: ${error}`);
    assert(!error.message.includes("\n"), where);
    return null;
  }
  assert.deepEqual(log.spec, spec, where);
  const found: number[] = [];
  const got = [...log.records()];
  assert.equal(got.length % 5, 0, where);
  for (let at = 0; at < got.length; at += 5) {
    const first = records.findIndex((one) => one.equals(got[at]));
    assert(first >= 0 && first % 5 === 0, `${where}: a record that was never written`);
    for (let i = 0; i < 5; i++) assert(records[first + i].equals(got[at + i]), where);
    found.push(first / 5);
  }
  assert.deepEqual(
    found,
    [...new Set(found)].sort((a, b) => a - b),
    where,
  );
  return { found, damaged: log.damaged };
}

test("the file has seven chunks of five steps", () => {
  assert.deepEqual(
    chunks.map(({ messages }) => messages),
    [5, 5, 5, 5, 5, 5, 5],
  );
  assert.deepEqual(chunksOf(closedFile, "closed"), { found: [0, 1, 2, 3, 4, 5, 6], damaged: 0 });
  assert.deepEqual(chunksOf(openFile, "open"), { found: [0, 1, 2, 3, 4, 5, 6], damaged: 0 });
});

test("a log cut at any byte gives exactly the chunks that are whole", () => {
  const head = chunks[0].position;
  for (let length = 0; length <= closedFile.length; length++) {
    const got = chunksOf(closedFile.subarray(0, length), `cut at ${length}`);
    if (length < head) {
      assert.equal(got, null, `cut at ${length}`);
      continue;
    }
    const whole = ends.filter((end) => end <= length).length;
    assert.equal(got!.found.length, whole, `cut at ${length}`);
    assert(got!.damaged <= 1, `cut at ${length}`);
  }
});

test("a log cut at any byte and followed by zeros gives exactly the chunks that are whole", () => {
  for (let length = chunks[0].position; length <= ends.at(-1)!; length += 3) {
    const file = Buffer.alloc(openFile.length + 4096);
    openFile.copy(file, 0, 0, length);
    const got = chunksOf(file, `cut at ${length}`)!;
    // A chunk whose last bytes are zeros anyway may end before the cut does.
    const whole = ends.filter((end) => end <= length).length;
    assert(got.found.length === whole || got.found.length === whole + 1, `cut at ${length}`);
  }
});

test("one flipped bit anywhere costs at most the chunk it hits, and gives no wrong record", () => {
  const head = chunks[0].position;
  for (const [name, file, stride] of [
    ["closed", closedFile, 1],
    ["open", openFile.subarray(0, chunks[6].position + 900), 5],
  ] as const) {
    for (let at = 0; at < file.length; at += stride) {
      const bit = 1 << (at % 8);
      const where = `${name}, byte ${at} bit ${bit}`;
      const broken = Buffer.from(file);
      broken[at] ^= bit;
      const got = chunksOf(broken, where);
      if (got === null) {
        assert(at < head && (name === "open" || at < 8), where);
        continue;
      }
      const hit = chunks.findIndex(({ position }, i) => at >= position && at < ends[i]);
      const lost = [0, 1, 2, 3, 4, 5, 6].filter((chunk) => !got.found.includes(chunk));
      assert(lost.length === 0 || (lost.length === 1 && lost[0] === hit), `${where}: lost ${lost}`);
      if (lost.length === 1) assert.equal(got.damaged, 1, where);
    }
  }
});

test("random damage gives no wrong record and keeps the chunks it does not touch", () => {
  for (let seed = 0; seed < 400; seed++) {
    const rng = new Rng(seed);
    const broken = Buffer.from(closedFile);
    const start = chunks[0].position + rng.below(closedFile.length - chunks[0].position);
    const end = Math.min(closedFile.length, start + 1 + rng.below(2000));
    for (let at = start; at < end; at++) broken[at] = rng.word();
    const { found } = chunksOf(broken, `seed ${seed}`)!;
    chunks.forEach(({ position }, i) => {
      const touched = start < ends[i] && end > position;
      assert(touched || found.includes(i), `seed ${seed}: chunk ${i}`);
    });
  }
});

/** Salvages `file`, and checks the result with our reader and with both of @mcap/core's. */
async function salvaged(file: Buffer, name: string): Promise<{ found: number[]; path: string }> {
  const open = join(directory, `${name}.mcap.open`);
  writeFileSync(open, file);
  const result = salvageLog(open);
  assert(!existsSync(open));
  assert.equal(result.path, join(directory, `${name}.mcap`));
  const bytes = readFileSync(result.path);
  const got = chunksOf(bytes, name)!;
  assert.equal(result.steps, got.found.length * 5, name);
  const log = readLog(result.path);
  assert(log.closed, name);
  assert.equal(log.metadata.get("steps"), String(result.steps), name);
  assert.equal(log.metadata.get("salvaged"), "true", name);

  const stream = new McapStreamReader({ validateCrcs: true });
  stream.append(new Uint8Array(bytes));
  let messages = 0;
  for (let one = stream.nextRecord(); one !== undefined; one = stream.nextRecord()) {
    if (one.type === "Message") messages++;
  }
  assert(stream.done(), name);
  assert.equal(messages, result.steps, name);
  const indexed = await McapIndexedReader.Initialize({
    readable: {
      size: async () => BigInt(bytes.length),
      read: async (at, n) => new Uint8Array(bytes.subarray(Number(at), Number(at + n))),
    },
  });
  const expected = got.found.flatMap((chunk) => records.slice(chunk * 5, chunk * 5 + 5));
  const data: Buffer[] = [];
  for await (const one of indexed.readMessages({ validateCrcs: true })) {
    data.push(Buffer.from(one.data));
  }
  assert.deepEqual(data, expected, name);
  return { found: got.found, path: result.path };
}

test("salvage closes a log that was cut anywhere", async () => {
  const rng = new Rng(4);
  for (let round = 0; round < 60; round++) {
    const length = chunks[0].position + rng.below(openFile.length - chunks[0].position);
    const file = Buffer.alloc(length + rng.below(2) * 3000);
    openFile.copy(file, 0, 0, length);
    await salvaged(file, `cut-${round}`);
  }
});

test("salvage of an undamaged open log gives every step", async () => {
  const { found } = await salvaged(openFile, "whole");
  assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6]);
});

test("salvage mends heads and indexes, and marks chunks that a flipped bit broke", async () => {
  const spots: Record<string, number> = {
    library: 30,
    schema: 100,
    "chunk-opcode": chunks[2].position,
    "chunk-length": chunks[2].position + 3,
    "chunk-time": chunks[2].position + 10,
    "chunk-crc": chunks[2].position + 33,
    payload: chunks[2].position + 100,
    "index-opcode": ends[2],
    "index-length": ends[2] + 2,
    "index-entry": ends[2] + 20,
    "last-chunk": chunks[6].position + 60,
  };
  for (const [name, at] of Object.entries(spots)) {
    const file = Buffer.from(openFile);
    file[at] ^= 4;
    const { found } = await salvaged(file, name);
    const kept = /library|schema|index|time/.test(name);
    const lost = name === "last-chunk" ? 6 : 2;
    assert.deepEqual(
      found,
      [0, 1, 2, 3, 4, 5, 6].filter((i) => kept || i !== lost),
      name,
    );
  }
});

test("salvage that was interrupted before the rename can run again", async () => {
  const { path } = await salvaged(openFile, "twice");
  await salvaged(readFileSync(path), "twice-more");
  await salvaged(readFileSync(path).subarray(0, -50), "twice-cut");
});

test("salvage refuses what it cannot or must not touch", () => {
  const write = (name: string, bytes: Buffer): string => {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return path;
  };
  const refused = (path: string, message: RegExp): void => {
    assert.throws(() => salvageLog(path), { name: "SinewError", code: "log-file", message });
  };
  refused(write("a.mcap", closedFile), /its name lacks \.open/);
  write("taken.mcap", closedFile);
  refused(write("taken.mcap.open", openFile), /taken\.mcap exists/);
  refused(write("text.mcap.open", Buffer.from("hello")), /does not start as MCAP does/);
  refused(write("head.mcap.open", openFile.subarray(0, 200)), /not a Sinew log/);
  refused(join(directory, "missing.mcap.open"), /cannot read the log/);
});

test("a file that is not a log is refused in one clear line", () => {
  const refused = (bytes: Buffer | null, message: RegExp): void => {
    const path = join(directory, "other.mcap");
    if (bytes !== null) writeFileSync(path, bytes);
    assert.throws(() => readLog(bytes === null ? directory : path), {
      name: "SinewError",
      code: "log-file",
      message,
    });
  };
  refused(Buffer.alloc(0), /does not start as MCAP does/);
  refused(Buffer.from("not a log at all"), /does not start as MCAP does/);
  refused(Buffer.concat([closedFile.subarray(0, 8), closedFile.subarray(-8)]), /not a Sinew log/);
  refused(null, /cannot read the log/);
});
