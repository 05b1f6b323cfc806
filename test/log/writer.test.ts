import assert from "node:assert/strict";
import { test } from "node:test";
import { McapIndexedReader, McapStreamReader } from "@mcap/core";
import { readFields, textOf } from "../../src/core/protobuf.ts";
import { Rng } from "../../src/core/rng.ts";
import { textOfSpec } from "../../src/log/metadata.ts";
import { LogFile } from "../../src/log/reader.ts";
import { StepRecord } from "../../src/log/record.ts";
import { LogWriter } from "../../src/log/writer.ts";
import { MemoryDisk, recordsOf, small, spec } from "./steps.ts";

const record = new StepRecord(spec);
const metadata = new Map([
  ["policyId", "ab12"],
  ["robot", "bench\n\u00e9\u{1f916}"],
  ["empty", ""],
  ["spec", textOfSpec(spec)],
]);

/** Appends `records` at 1 kHz, polls after each, completes every sync at once. */
function feed(
  writer: LogWriter,
  disk: MemoryDisk,
  records: readonly Uint8Array[],
  fromUs = 0,
): void {
  records.forEach((bytes, index) => {
    const nowUs = fromUs + index * 1000;
    writer.append(bytes, 0, nowUs);
    writer.poll(nowUs);
    for (const done of disk.syncs.splice(0)) done(null);
  });
}

/** A writer on `disk` that was fed `records`. */
function fed(disk: MemoryDisk, records: readonly Uint8Array[]): LogWriter {
  const writer = new LogWriter(disk, record, metadata, small);
  feed(writer, disk, records);
  return writer;
}

function written(records: readonly Uint8Array[], counts = { dropped: "3" }): Buffer {
  const disk = new MemoryDisk();
  assert(fed(disk, records).finish(counts));
  return disk.bytes;
}

function readable(bytes: Buffer): {
  size(): Promise<bigint>;
  read(at: bigint, n: bigint): Promise<Uint8Array>;
} {
  return {
    size: async () => BigInt(bytes.length),
    read: async (at, n) => new Uint8Array(bytes.subarray(Number(at), Number(at + n))),
  };
}

test("@mcap/core's indexed reader reads every message back with checksums on", async () => {
  const records = recordsOf(0, 333);
  const bytes = written(records);
  const reader = await McapIndexedReader.Initialize({ readable: readable(bytes) });
  let at = 0;
  for await (const message of reader.readMessages({ validateCrcs: true })) {
    assert.deepEqual(message.data, new Uint8Array(records[at]));
    assert.equal(message.sequence, at);
    assert.equal(message.logTime, BigInt(1e9 + at * 1e6 + 250));
    assert.equal(message.publishTime, message.logTime);
    at++;
  }
  assert.equal(at, 333);
  assert.equal(reader.statistics?.messageCount, 333n);
  assert.equal(reader.statistics?.chunkCount, reader.chunkIndexes.length);
  assert.equal(reader.statistics?.messageStartTime, 1_000_000_250n);
  assert.equal(reader.statistics?.messageEndTime, 1_332_000_250n);
  assert.deepEqual([...reader.statistics!.channelMessageCounts], [[1, 333n]]);
  assert(reader.chunkIndexes.length > 50);
  const channel = reader.channelsById.get(1)!;
  assert.deepEqual([channel.topic, channel.messageEncoding], ["/step", "protobuf"]);
  const schema = reader.schemasById.get(channel.schemaId)!;
  assert.deepEqual([schema.name, schema.encoding], ["sinew.Step", "protobuf"]);
  assert.deepEqual(schema.data, record.schema);
  assert.equal(reader.header.library, "sinew");
  const kept = [];
  for await (const one of reader.readMetadata({ name: "sinew" })) kept.push(one.metadata);
  assert.equal(kept.length, 2);
  for (const [key, value] of metadata) {
    assert.equal(kept[0].get(key), value);
    assert.equal(kept[1].get(key), value);
  }
  assert.equal(kept[1].get("steps"), "333");
  assert.equal(kept[1].get("dropped"), "3");
});

test("@mcap/core reads a stretch of time through the message indexes", async () => {
  const reader = await McapIndexedReader.Initialize({
    readable: readable(written(recordsOf(0, 100))),
  });
  const args = { startTime: 1_040_000_000n, endTime: 1_050_000_000n, validateCrcs: true };
  const sequences = [];
  for await (const { sequence } of reader.readMessages(args)) sequences.push(sequence);
  assert.deepEqual(sequences, [40, 41, 42, 43, 44, 45, 46, 47, 48, 49]);
});

test("@mcap/core's stream reader accepts the file to its end, data checksum included", () => {
  const reader = new McapStreamReader({ validateCrcs: true });
  reader.append(new Uint8Array(written(recordsOf(0, 40))));
  const types = new Map<string, number>();
  for (let one = reader.nextRecord(); one !== undefined; one = reader.nextRecord()) {
    types.set(one.type, (types.get(one.type) ?? 0) + 1);
    if (one.type === "DataEnd") assert.notEqual(one.dataSectionCrc, 0);
  }
  assert(reader.done());
  assert.equal(types.get("Message"), 40);
  assert.equal(types.get("Metadata"), 2);
});

test("@mcap/core's stream reader gets every whole chunk of a log that is still open", () => {
  const disk = new MemoryDisk();
  const writer = fed(disk, recordsOf(0, 40));
  const reader = new McapStreamReader({ validateCrcs: true });
  reader.append(new Uint8Array(disk.bytes));
  let messages = 0;
  for (let one = reader.nextRecord(); one !== undefined; one = reader.nextRecord()) {
    if (one.type === "Message") messages++;
  }
  assert.equal(messages, writer.written);
  assert.equal(new LogFile("x.mcap.open", disk.bytes).count, messages);
});

test("an empty log is a whole file too", async () => {
  const bytes = written([]);
  const reader = await McapIndexedReader.Initialize({ readable: readable(bytes) });
  assert.equal(reader.statistics?.messageCount, 0n);
  const log = new LogFile("x.mcap", bytes);
  assert.deepEqual([log.count, log.damaged, log.closed], [0, 0, true]);
});

test("our reader gives the same bytes, the metadata and the spec with its infinite limit", () => {
  const records = recordsOf(0, 100);
  const log = new LogFile("x.mcap", written(records));
  assert.deepEqual(
    [...log.records()].map((one) => Buffer.from(one)),
    records.map((one) => Buffer.from(one)),
  );
  assert.deepEqual(log.spec, spec);
  assert.equal(log.metadata.get("robot"), metadata.get("robot"));
  assert.equal(log.metadata.get("dropped"), "3");
  let seq = 0;
  for (const step of log.steps()) assert.equal(step.seq, seq++);
  assert.equal(seq, 100);
});

test("the same steps at the same times give the same bytes", () => {
  assert(written(recordsOf(0, 150)).equals(written(recordsOf(0, 150))));
});

test("a chunk is written when its first record has waited 50 ms, and not before", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, metadata, { ...small, chunkBytesMax: 1 << 16 });
  const [first, second] = recordsOf(0, 2);
  assert.equal(writer.dueUs, Number.POSITIVE_INFINITY);
  writer.append(first, 0, 1_000_000);
  assert.equal(writer.dueUs, 1_050_000);
  writer.append(second, 0, 1_040_000);
  writer.poll(1_049_999);
  assert.equal(writer.written, 0);
  writer.poll(1_050_000);
  assert.equal(writer.written, 2);
  assert.equal(new LogFile("x.mcap.open", disk.bytes).count, 2);
});

test("a full chunk is written at once", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, metadata, small);
  const fits = Math.floor((small.chunkBytesMax - 49) / (31 + record.size));
  for (const bytes of recordsOf(0, fits)) writer.append(bytes, 0, 0);
  assert.equal(writer.written, fits);
});

test("what is written is synced every 500 ms, and durable once the sync is done", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, metadata, small);
  const times: number[] = [];
  recordsOf(0, 2000).forEach((bytes, index) => {
    writer.append(bytes, 0, index * 1000);
    writer.poll(index * 1000);
    if (disk.syncs.length === 0) return;
    times.push(index);
    const before = writer.written;
    assert.ok(writer.syncing && writer.durable < before);
    for (const done of disk.syncs.splice(0)) done(null);
    assert.equal(writer.durable, before);
  });
  assert.equal(times.length, 4);
  for (const [index, at] of times.slice(1).entries()) assert.equal(at - times[index], 500);
});

test("room is made ahead, and given back at the end", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, metadata, small);
  assert.equal(disk.bytes.length, small.preallocateBytes);
  feed(writer, disk, recordsOf(0, 100));
  assert.equal((disk.bytes.length - small.preallocateBytes) % small.growBytes, 0);
  assert(disk.bytes.length > small.preallocateBytes);
  assert(writer.finish({}));
  assert(disk.bytes.subarray(-8).equals(disk.bytes.subarray(0, 8)));
});

test("a disk that takes a few bytes at a time gets the same file", () => {
  const expected = written(recordsOf(0, 60), { dropped: "0" });
  for (const takesAtMost of [1, 7, 1000]) {
    const disk = new MemoryDisk();
    disk.takesAtMost = takesAtMost;
    assert.equal(fed(disk, recordsOf(0, 60)).finish({ dropped: "0" }), true);
    assert.ok(disk.bytes.equals(expected));
  }
});

test("a full disk ends the logging, is counted, throws nothing, and leaves whole chunks", () => {
  const records = recordsOf(0, 200);
  const whole = written(records);
  const rng = new Rng(9);
  for (let round = 0; round < 300; round++) {
    const disk = new MemoryDisk();
    disk.capacity =
      small.preallocateBytes + rng.below(whole.length + 8000 - small.preallocateBytes);
    disk.takesAtMost = 1 + rng.below(2000);
    const writer = fed(disk, records);
    const complete = writer.finish({});
    const where = `round ${round}, room for ${disk.capacity} of ${whole.length} bytes`;
    assert.equal(writer.written + writer.unwritten, 200, where);
    if (writer.failure !== null) assert.match(writer.failure, /^ENOSPC/, where);
    if (writer.unwritten > 0) assert.notEqual(writer.failure, null, where);
    const log = new LogFile("x.mcap.open", disk.bytes);
    assert.equal(log.count, writer.written, where);
    const found = Buffer.concat([...log.records()]);
    assert(found.equals(Buffer.concat(records.slice(0, log.count))), where);
    if (!complete) continue;
    assert(log.closed, where);
    assert.equal(log.damaged, 0, where);
  }
});

test("a sync that fails ends the logging", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, metadata, small);
  const [first, ...rest] = recordsOf(0, 20);
  writer.append(first, 0, 0);
  writer.poll(60_000);
  disk.syncs.splice(0)[0](new Error("EIO: i/o error, fdatasync"));
  assert.equal(writer.failure, "EIO: i/o error, fdatasync");
  feed(writer, disk, rest, 70_000);
  assert.deepEqual([writer.written, writer.durable, writer.unwritten], [1, 0, 19]);
});

test("the descriptor in the file decodes the payload", async () => {
  const reader = await McapIndexedReader.Initialize({
    readable: readable(written(recordsOf(7, 1))),
  });
  const [file] = [...readFields(reader.schemasById.get(1)!.data)];
  const message = [...readFields(file.bytes)].find(({ field }) => field === 4)!;
  const names = [...readFields(message.bytes)]
    .filter(({ field }) => field === 2)
    .map(({ bytes }) => textOf([...readFields(bytes)].find(({ field }) => field === 1)!.bytes));
  for await (const { data } of reader.readMessages()) {
    const values = new Map(
      [...readFields(data)].map(({ field, bytes }) => [names[field - 1], bytes]),
    );
    const of = (name: string): DataView => {
      const bytes = values.get(name)!;
      return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    };
    assert.equal(of("seq").getBigInt64(0, true), 7n);
    assert.equal(of("time_us").getFloat64(0, true), 1_007_000.25);
    assert.equal(of("observation").getFloat32(8, true), Math.fround(Math.sin(9)));
    assert.equal(of("proposed").getFloat32(0, true), Math.fround(Math.cos(7)));
  }
});
