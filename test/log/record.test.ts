import assert from "node:assert/strict";
import { test } from "node:test";
import { readFields, textOf } from "../../src/core/protobuf.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, type Step } from "../../src/core/step.ts";
import { StepRecord } from "../../src/log/record.ts";
import { bytesOf } from "../allocation.ts";
import { fillStep, scrambleStep, spec } from "./steps.ts";

const bitsOf = (floats: Float32Array): Uint32Array =>
  new Uint32Array(floats.buffer, floats.byteOffset, floats.length).slice();

function assertSame(actual: Step, expected: Step, where: string): void {
  for (const key of ["seq", "timeUs", "ageUs", "decidedUs", "validUntilUs"] as const) {
    assert(Object.is(actual[key], expected[key]), `${where}: ${key} ${actual[key]}`);
  }
  for (const key of ["mode", "verdict", "reasons"] as const) {
    assert.equal(actual[key], expected[key], `${where}: ${key}`);
  }
  for (const key of ["observation", "proposed", "action"] as const) {
    assert.deepEqual(bitsOf(actual[key]), bitsOf(expected[key]), `${where}: ${key}`);
  }
}

test("a step comes back from its record with every bit", () => {
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    const channels = (count: number): Spec["action"] =>
      Array.from({ length: count }, (_, at) => ({ name: `c${at}`, unit: "1", low: -1, high: 1 }));
    const shape: Spec = {
      observation: channels(1 + rng.below(64)),
      action: channels(1 + rng.below(64)),
      periodUs: 1000,
    };
    const record = new StepRecord(shape);
    const step = makeStep(shape);
    const back = makeStep(shape);
    const bytes = new Uint8Array(record.size + 13);
    for (let round = 0; round < 20; round++) {
      const at = rng.below(13);
      scrambleStep(step, rng);
      record.encode(step, bytes, at);
      record.decode(bytes, at, back);
      assertSame(back, step, `seed ${seed} round ${round}`);
    }
  }
});

test("a blank step survives: seq -1, age Infinity", () => {
  const record = new StepRecord(spec);
  const bytes = new Uint8Array(record.size);
  const back = makeStep(spec);
  back.seq = 7;
  record.encode(makeStep(spec), bytes, 0);
  record.decode(bytes, 0, back);
  assert.equal(back.seq, -1);
  assert.equal(back.ageUs, Number.POSITIVE_INFINITY);
});

test("a record is a protocol buffer that another decoder reads", () => {
  const record = new StepRecord(spec);
  const step = makeStep(spec);
  fillStep(step, 2 ** 40 + 5);
  step.observation[1] = Number.NaN;
  const bytes = new Uint8Array(record.size);
  record.encode(step, bytes, 0);
  const fields = [...readFields(bytes)];
  assert.deepEqual(
    fields.map(({ field, wireType }) => [field, wireType]),
    [1, 2, 3, 4, 5]
      .map((field) => [field, 1])
      .concat(
        [6, 7, 8].map((field) => [field, 5]),
        [9, 10, 11].map((field) => [field, 2]),
      ),
  );
  const view = (at: number): DataView => {
    const { buffer, byteOffset, length } = fields[at].bytes;
    return new DataView(buffer, byteOffset, length);
  };
  assert.equal(view(0).getBigInt64(0, true), 2n ** 40n + 5n);
  assert.equal(view(1).getFloat64(0, true), step.timeUs);
  assert.equal(view(4).getFloat64(0, true), step.validUntilUs);
  assert.equal(view(5).getUint32(0, true), step.mode);
  assert.equal(view(7).getUint32(0, true), step.reasons);
  assert.equal(view(8).byteLength, 12);
  assert.equal(view(8).getFloat32(0, true), step.observation[0]);
  assert(Number.isNaN(view(8).getFloat32(4, true)));
  assert.equal(view(10).getFloat32(0, true), step.action[0]);
});

test("the descriptor names every field, its number, its type and its unit", () => {
  const [file] = [...readFields(new StepRecord(spec).schema)];
  const parts = [...readFields(file.bytes)];
  const texts = new Map(parts.map(({ field, bytes }) => [field, bytes]));
  assert.equal(textOf(texts.get(2)!), "sinew");
  assert.equal(textOf(texts.get(12)!), "proto3");
  const message = [...readFields(texts.get(4)!)];
  assert.equal(textOf(message[0].bytes), "Step");
  const fields = message.slice(1).map(({ bytes }) => {
    const one = new Map([...readFields(bytes)].map((part) => [part.field, part]));
    const [number, label, type] = [3, 4, 5].map((field) => one.get(field)!.value);
    return `${number} ${textOf(one.get(1)!.bytes)} ${type} ${label}`;
  });
  assert.deepEqual(fields, [
    "1 seq 16 1",
    "2 time_us 1 1",
    "3 age_us 1 1",
    "4 decided_us 1 1",
    "5 valid_until_us 1 1",
    "6 mode 7 1",
    "7 verdict 7 1",
    "8 reasons 7 1",
    "9 observation 2 3",
    "10 proposed 2 3",
    "11 action 2 3",
  ]);
  const comments = Buffer.from(texts.get(9)!).toString("latin1");
  for (const text of ["pole_velocity, rad/s, -Infinity to 8.1", "2 armed", "64 linkLost"]) {
    assert(comments.includes(text), text);
  }
});

test("bytes that are no record of the spec are refused", () => {
  const record = new StepRecord(spec);
  const bytes = new Uint8Array(record.size);
  const step = makeStep(spec);
  record.encode(step, bytes, 0);
  const refused = { name: "SinewError", code: "log-file" };
  assert.throws(() => record.decode(bytes, 1, step), refused);
  assert.throws(() => record.decode(bytes.subarray(1), 0, step), refused);
  bytes[9] ^= 8;
  assert.throws(() => record.decode(bytes, 0, step), refused);
});

test("encoding allocates nothing", () => {
  const bytes = bytesOf(new URL("./record-bytes.js", import.meta.url));
  assert(bytes < 2, `${bytes} bytes for each step`);
});
