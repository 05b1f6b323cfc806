import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { McapIndexedReader, McapStreamReader } from "@mcap/core";
import { Rng } from "../../src/core/rng.ts";
import { makeStep } from "../../src/core/step.ts";
import { eventSchema, type LogEvent } from "../../src/log/event.ts";
import { eventChannelId } from "../../src/log/event-chunk.ts";
import { openLog } from "../../src/log/log.ts";
import { textOfSpec } from "../../src/log/metadata.ts";
import { LogFile, readLog } from "../../src/log/reader.ts";
import { StepRecord } from "../../src/log/record.ts";
import { RingProducer } from "../../src/log/ring.ts";
import { salvageLog } from "../../src/log/salvage.ts";
import { scanLog } from "../../src/log/scan.ts";
import { LogWriter } from "../../src/log/writer.ts";
import { fillStep, MemoryDisk, recordsOf, small, spec } from "./steps.ts";

const directory = mkdtempSync(join(tmpdir(), "sinew-events-"));
after(() => rmSync(directory, { recursive: true }));

const record = new StepRecord(spec);
const records = recordsOf(0, 20).map((one) => Buffer.from(one));
const command = { kind: "command", command: "arm", source: "keyboard" } as const;
const events: LogEvent[] = [
  { timeUs: 1_000_100.5, ...command },
  { timeUs: 1_000_200, ...command, kind: "answer", ok: false, line: "no: \u00e9\n\0\u{1f916}" },
  { timeUs: 1_010_000, kind: "transition", from: "armed", happening: "fault", to: "x", reason: "" },
];

/** Four chunks of five steps, with a chunk of two events behind the first, of one at the end. */
function makeFile(closed: boolean): Buffer {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, new Map([["spec", textOfSpec(spec)]]), small);
  records.forEach((bytes, at) => {
    writer.append(bytes, 0, 0);
    if (at === 4) writer.appendEvents(events.slice(0, 2));
  });
  writer.appendEvents(events.slice(2));
  if (closed) assert(writer.finish({ dropped: "0" }));
  return disk.bytes;
}

const closedFile = makeFile(true);
const openFile = makeFile(false);
const { chunks } = scanLog(closedFile, "x");
const ends = chunks.map(({ position, length }) => position + length);

/** Asserts that `file` gives whole chunks only; which of them, by their order. */
function foundIn(file: Buffer, where: string): boolean[] {
  const log = new LogFile("x.mcap.open", file);
  const steps = [...log.records()].map((one) => Buffer.from(one));
  const told = log.events();
  const known = [...records, ...events.map((one) => Buffer.from(JSON.stringify(one)))];
  const got = [...steps, ...told.map((one) => Buffer.from(JSON.stringify(one)))];
  for (const one of got) {
    assert(
      known.some((each) => each.equals(one)),
      `${where}: never written`,
    );
  }
  const has = (bytes: Buffer): boolean => got.some((one) => one.equals(bytes));
  // In file order: steps, two events, steps, steps, steps, one event.
  const firsts = [0, 20, 5, 10, 15, 22];
  return firsts.map((first) => has(known[first]));
}

test("events: they come back beside the steps, which are what they were", () => {
  for (const file of [closedFile, openFile]) {
    const log = new LogFile("x.mcap", file);
    assert.deepEqual(log.events(), events);
    assert(Buffer.concat([...log.records()]).equals(Buffer.concat(records)));
    assert.deepEqual([log.count, log.damaged], [20, 0]);
  }
  assert.deepEqual(
    chunks.map(({ channel }) => channel),
    [1, eventChannelId, 1, 1, 1, eventChannelId],
  );
});

test("events: a log without any begins as one with them, and has none", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, new Map([["spec", textOfSpec(spec)]]), small);
  for (const bytes of records) writer.append(bytes, 0, 0);
  writer.appendEvents([]);
  assert(writer.finish({ dropped: "0" }));
  const head = chunks[1].position;
  assert(disk.bytes.subarray(0, head).equals(closedFile.subarray(0, head)));
  assert.deepEqual(new LogFile("x.mcap", disk.bytes).events(), []);
  assert.equal(disk.bytes.includes("/event"), false);
});

test("events: @mcap/core reads them by their topic, with checksums on", async () => {
  const reader = await McapIndexedReader.Initialize({
    readable: {
      size: async () => BigInt(closedFile.length),
      read: async (at, n) => new Uint8Array(closedFile.subarray(Number(at), Number(at + n))),
    },
  });
  const told: unknown[] = [];
  for await (const message of reader.readMessages({ topics: ["/event"], validateCrcs: true })) {
    assert.equal(message.sequence, told.length);
    assert.equal(message.logTime, BigInt(Math.round(events[told.length].timeUs * 1000)));
    told.push(JSON.parse(new TextDecoder().decode(message.data)));
  }
  assert.deepEqual(told, events);
  const channel = reader.channelsById.get(eventChannelId)!;
  assert.deepEqual([channel.topic, channel.messageEncoding], ["/event", "json"]);
  const schema = reader.schemasById.get(channel.schemaId)!;
  assert.deepEqual([schema.name, schema.encoding], ["sinew.Event", "jsonschema"]);
  assert.equal(new TextDecoder().decode(schema.data), eventSchema);
  assert.deepEqual(
    [...reader.statistics!.channelMessageCounts],
    [
      [1, 20n],
      [2, 3n],
    ],
  );
  assert.equal(reader.statistics!.messageCount, 23n);
  const stream = new McapStreamReader({ validateCrcs: true });
  stream.append(new Uint8Array(closedFile));
  let messages = 0;
  for (let one = stream.nextRecord(); one !== undefined; one = stream.nextRecord()) {
    if (one.type === "Message") messages++;
  }
  assert.ok(stream.done());
  assert.equal(messages, 23);
});

test("events: a log cut at any byte gives exactly the chunks that are whole", () => {
  for (let length = chunks[0].position; length <= closedFile.length; length++) {
    const found = foundIn(closedFile.subarray(0, length), `cut at ${length}`);
    assert.deepEqual(
      found,
      ends.map((end) => end <= length),
      `cut at ${length}`,
    );
  }
});

test("events: one flipped bit anywhere costs at most the chunk it hits", () => {
  for (let at = chunks[0].position; at < closedFile.length; at++) {
    const broken = Buffer.from(closedFile);
    broken[at] ^= 1 << (at % 8);
    foundIn(broken, `byte ${at}`).forEach((found, chunk) => {
      const hit = at >= chunks[chunk].position && at < ends[chunk];
      assert(found || hit, `byte ${at}: chunk ${chunk} is lost`);
    });
  }
});

test("events: salvage keeps them, mends their frames and marks what is damaged", async () => {
  const event = chunks[1];
  const spots: [name: string, at: number, lost: number][] = [
    ["whole", -1, 0],
    ["time", event.position + 10, 0],
    ["index", ends[1] + 20, 0],
    ["payload", ends[1] - 3, 2],
  ];
  for (const [name, at, lost] of spots) {
    const open = join(directory, `${name}.mcap.open`);
    const file = Buffer.from(openFile);
    if (at >= 0) file[at] ^= 4;
    writeFileSync(open, file);
    const { path, steps, damaged } = salvageLog(open);
    assert.deepEqual([steps, damaged], [20, lost > 0 ? 1 : 0], name);
    assert.deepEqual(readLog(path).events(), events.slice(lost), name);
    const bytes = readFileSync(path);
    const reader = await McapIndexedReader.Initialize({
      readable: {
        size: async () => BigInt(bytes.length),
        read: async (from, n) => new Uint8Array(bytes.subarray(Number(from), Number(from + n))),
      },
    });
    let told = 0;
    for await (const _ of reader.readMessages({ topics: ["/event"], validateCrcs: true })) told++;
    assert.equal(told, events.length - lost, name);
  }
});

test("events: random damage gives none that was never written", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const broken = Buffer.from(closedFile);
    const start = chunks[0].position + rng.below(closedFile.length - chunks[0].position);
    const end = Math.min(closedFile.length, start + 1 + rng.below(1500));
    for (let at = start; at < end; at++) broken[at] = rng.word();
    foundIn(broken, `seed ${seed}`).forEach((found, chunk) => {
      const touched = start < ends[chunk] && end > chunks[chunk].position;
      assert(found || touched, `seed ${seed}: chunk ${chunk}`);
    });
  }
});

test("events: they are synced though no step comes, and a full disk ends them in silence", () => {
  const disk = new MemoryDisk();
  const writer = new LogWriter(disk, record, new Map([["spec", textOfSpec(spec)]]), small);
  assert.equal(writer.dueUs, Number.POSITIVE_INFINITY);
  writer.appendEvents(events);
  writer.poll(0);
  assert.equal(disk.syncs.length, 1);
  disk.syncs.splice(0)[0](null);
  assert.equal(writer.dueUs, Number.POSITIVE_INFINITY);
  // Room for some more of them.
  disk.capacity = disk.bytes.length + 4096;
  for (let time = 0; time < 20; time++) writer.appendEvents(events);
  assert.match(String(writer.failure), /ENOSPC/);
  const { length } = new LogFile("x.mcap.open", disk.bytes).events();
  assert.ok(length > 3 && length % 3 === 0, `${length}`);
});

test("events: two threads tell of them through the writer's thread", async () => {
  const log = await openLog({ directory, name: "run", spec, metadata: {} });
  const producer = new RingProducer(log.ring, spec);
  const step = makeStep(spec);
  log.append(events[0]);
  for (let seq = 0; seq < 30; seq++) {
    fillStep(step, seq);
    assert(producer.append(step));
  }
  log.events.postMessage(events[2]);
  log.append(events[1]);
  const { path, steps, failure } = await log.close();
  assert.deepEqual([steps, failure], [30, null]);
  assert.deepEqual(readLog(path).events(), events);
});
