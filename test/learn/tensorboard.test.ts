import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readFields, textOf } from "../../src/core/protobuf.ts";
import { cutEvents, EventFile } from "../../src/learn/tensorboard.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-events-"));
after(() => rmSync(folder, { recursive: true }));

/** Payloads of a TFRecord file, lengths and masks checked the slow way, bit by bit. */
function recordsOf(bytes: Buffer): Buffer[] {
  const masked = (part: Buffer): number => {
    let crc = 0xffffffff;
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    const value = BigInt(~crc >>> 0);
    return Number((((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn);
  };
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), masked(bytes.subarray(at, at + 8)));
    const payload = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), masked(payload));
    records.push(payload);
    at += 16 + length;
  }
  return records;
}

test("an event file is what TensorBoard reads", () => {
  const events = new EventFile(folder, 1_700_000_000.5);
  events.scalars(300, 1_700_000_001, { "train/q": -12.5, "time/fps": 1000 });
  events.close();
  assert.match(events.path, /events\.out\.tfevents\.1700000000\./);
  const [version, scalars, ...rest] = recordsOf(readFileSync(events.path));
  assert.equal(rest.length, 0);
  const fileVersion = [...readFields(version)].find(({ field }) => field === 3)!;
  assert.equal(textOf(fileVersion.bytes), "brain.Event:2");
  const fields = [...readFields(scalars)];
  assert.equal(fields.find(({ field }) => field === 2)!.value, 300);
  const summary = fields.find(({ field }) => field === 5)!;
  const values = [...readFields(summary.bytes)].map(({ bytes }) => {
    const [tag, value] = [...readFields(bytes)];
    return [textOf(tag.bytes), Buffer.from(value.bytes).readFloatLE(0)];
  });
  assert.deepEqual(values, [
    ["train/q", -12.5],
    ["time/fps", 1000],
  ]);
});

test("what was told beyond a step is dropped from all event files, the rest stays", () => {
  const own = mkdtempSync(join(folder, "cut-"));
  const stepsIn = (path: string): number[] =>
    recordsOf(readFileSync(path)).map((record) => {
      return [...readFields(record)].find(({ field }) => field === 2)?.value ?? 0;
    });
  const [first, second] = [1_700_000_000, 1_700_000_100].map((seconds) => {
    const events = new EventFile(own, seconds);
    for (let step = 100; step <= 500; step += 100) events.scalars(step, seconds, { q: step });
    events.close();
    return events.path;
  });
  const before = readFileSync(first);
  // As kill -9 leaves it: the last record is not whole.
  appendFileSync(second, before.subarray(0, 30));
  cutEvents(own, 300);
  assert.deepEqual(stepsIn(first), [0, 100, 200, 300]);
  assert.deepEqual(stepsIn(second), [0, 100, 200, 300]);
  assert.ok(before.subarray(0, readFileSync(first).length).equals(readFileSync(first)));
  assert.equal(readdirSync(own).length, 2);
});
