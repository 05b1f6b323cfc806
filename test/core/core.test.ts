import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "../../src/core/crc.ts";
import { SinewError } from "../../src/core/errors.ts";
import { ProtoWriter, readFields } from "../../src/core/protobuf.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { canonicalBytes, checkSpec, differenceOfSpecs, hashSpec } from "../../src/core/spec.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("CRC-32C gives the published check values", () => {
  assert.equal(crc32c(bytesOf("123456789")), 0xe3069283);
  // RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

test("CRC-32C in two parts is that of the whole", () => {
  const whole = bytesOf("a learned policy");
  const first = crc32c(whole, 0, 5);
  assert.equal(crc32c(whole, 5, whole.length, first), crc32c(whole));
});

test("equal seeds give equal numbers, other seeds and streams others", () => {
  const draw = (seed: number, stream: number): number[] => {
    const rng = new Rng(seed, stream);
    return Array.from({ length: 8 }, () => rng.word());
  };
  assert.deepEqual(draw(7, 0), draw(7, 0));
  const heads = new Set([draw(7, 0)[0], draw(8, 0)[0], draw(7, 1)[0], draw(7 + 2 ** 32, 0)[0]]);
  assert.equal(heads.size, 4);
});

test("a generator goes on from its saved state", () => {
  const rng = new Rng(3);
  rng.normal();
  const copy = new Rng(0);
  copy.state.set(rng.state);
  assert.equal(copy.normal(), rng.normal());
});

test("uniform and normal draws have their moments", () => {
  const rng = new Rng(11);
  const count = 200_000;
  let [sum, squares, fourth, uniform] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const x = rng.normal();
    sum += x;
    squares += x * x;
    fourth += x ** 4;
    const u = rng.uniform(-2, 4);
    assert.ok(u >= -2 && u < 4);
    uniform += u;
  }
  // Four standard errors each.
  assert.ok(Math.abs(sum / count) < 4 / Math.sqrt(count));
  assert.ok(Math.abs(squares / count - 1) < 4 * Math.sqrt(2 / count));
  assert.ok(Math.abs(fourth / count - 3) < 4 * Math.sqrt(96 / count));
  assert.ok(Math.abs(uniform / count - 1) < 4 * Math.sqrt(3 / count));
});

test("below() draws words again that lie in an incomplete last run", () => {
  for (const count of [1, 3, 12, 1_001_000, 3 * 2 ** 30, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32]) {
    const [rng, words] = [new Rng(7), new Rng(7)];
    const whole = 2n ** 32n - (2n ** 32n % BigInt(count));
    for (let i = 0; i < 200; i++) {
      let word = BigInt(words.word());
      while (word >= whole) word = BigInt(words.word());
      assert.equal(rng.below(count), Number(word % BigInt(count)), `of ${count}`);
    }
  }
});

test("below() is uniform: chi-squared over 12 cells, seed 5", () => {
  const rng = new Rng(5);
  const cells = new Array<number>(12).fill(0);
  const count = 120_000;
  for (let i = 0; i < count; i++) cells[rng.below(12)]++;
  const expected = count / 12;
  const chi = cells.reduce((total, cell) => total + (cell - expected) ** 2 / expected, 0);
  assert.ok(chi < 31.3, `chi-squared ${chi}, 0.1 % point of 11 degrees is 31.3`);
});

test("protocol buffers: the documented encodings", () => {
  const hex = (write: (w: ProtoWriter) => void): string => {
    const writer = new ProtoWriter();
    write(writer);
    return Buffer.from(writer.finish()).toString("hex");
  };
  // protobuf.dev/programming-guides/encoding: field 1 = 150, field 2 = "testing".
  assert.equal(
    hex((w) => w.varint(1, 150)),
    "089601",
  );
  assert.equal(
    hex((w) => w.string(2, "testing")),
    "120774657374696e67",
  );
  assert.equal(
    hex((w) => w.message(3, (inner) => inner.varint(1, 150))),
    "1a03089601",
  );
  assert.equal(
    hex((w) => w.varint(1, -2)),
    "08feffffffffffffffff01",
  );
  assert.equal(
    hex((w) => w.varint(1, 2 ** 53)),
    "088080808080808010",
  );
});

test("protocol buffers: numbers survive the buffer's growth at any place", () => {
  for (let pad = 0; pad < 600; pad++) {
    const writer = new ProtoWriter().bytes(1, new Uint8Array(pad)).double(2, Math.PI).float(3, 0.5);
    const [, double, float] = [...readFields(writer.finish())];
    assert.equal(Buffer.from(double.bytes).readDoubleLE(0), Math.PI, `after ${pad} bytes`);
    assert.equal(Buffer.from(float.bytes).readFloatLE(0), 0.5);
  }
});

test("protocol buffers: every cut of a message is refused or is whole fields", () => {
  const whole = new ProtoWriter()
    .varint(1, -5)
    .string(2, "abc")
    .double(3, 1.5)
    .float(4, 2)
    .finish();
  const values = [...readFields(whole)].map(({ field, value }) => [field, value]);
  assert.deepEqual(values, [
    [1, -5],
    [2, 0],
    [3, 0],
    [4, 0],
  ]);
  for (let length = 0; length < whole.length; length++) {
    try {
      assert.ok([...readFields(whole.subarray(0, length))].length < 4);
    } catch (error) {
      assert.ok(error instanceof SinewError);
    }
  }
});

const torque: Channel = { name: "torque", unit: "N*m", low: -2, high: 2 };
const angle: Channel = { name: "angle", unit: "rad", low: -Infinity, high: Infinity };
const spec: Spec = { observation: [angle], action: [torque], periodUs: 50_000 };

test("a spec's bytes are what the firmware computes", () => {
  const text = Buffer.from(canonicalBytes(spec)).toString("hex");
  const channels =
    "616e676c65007261640000" + "0080ff0000807f746f72717565004e2a6d00000000c000000040";
  assert.equal(text, `0150c300000101${channels}`);
  assert.equal(hashSpec(spec), crc32c(canonicalBytes(spec)));
});

const differences: readonly [string, Spec, RegExp][] = [
  ["another name", { ...spec, action: [{ ...torque, name: "force" }] }, /action\[0\].*"force"/],
  ["another unit", { ...spec, observation: [{ ...angle, unit: "deg" }] }, /"angle".*rad.*deg/],
  [
    "another limit",
    { ...spec, action: [{ ...torque, high: 3 }] },
    /"torque".*\[-2, 2\].*\[-2, 3\]/,
  ],
  ["one more", { ...spec, action: [torque, { ...torque, name: "b" }] }, /unexpected channel "b"/],
  ["one missing", { ...spec, observation: [angle], action: [] }, /"torque" is missing/],
  ["another rate", { ...spec, periodUs: 20_000 }, /50000 us, got 20000 us/],
];

for (const [name, other, told] of differences) {
  test(`unequal specs say which channel: ${name}`, () => {
    assert.match(differenceOfSpecs(spec, other) ?? "equal", told);
    if (other.action.length > 0) assert.notEqual(hashSpec(other), hashSpec(spec));
  });
}

test("a spec differs from itself in nothing, also after float32", () => {
  const rounded = { ...torque, low: Math.fround(-0.1), high: Math.fround(0.3) };
  const exact = { ...torque, low: -0.1, high: 0.3 };
  assert.equal(
    differenceOfSpecs({ ...spec, action: [exact] }, { ...spec, action: [rounded] }),
    null,
  );
});

const broken: readonly [string, Partial<Spec>][] = [
  ["no channel", { action: [] }],
  ["a capital", { action: [{ ...torque, name: "Torque" }] }],
  ["a name twice", { action: [torque, torque] }],
  ["no unit", { action: [{ ...torque, unit: "" }] }],
  ["limits the wrong way", { action: [{ ...torque, low: 3 }] }],
  ["a limit that is no number", { action: [{ ...torque, low: Number.NaN }] }],
  ["an unbounded action", { action: [{ ...torque, high: Infinity }] }],
  ["half a microsecond", { periodUs: 50_000.5 }],
];

for (const [name, part] of broken) {
  test(`a spec with ${name} is refused`, () => {
    assert.throws(() => checkSpec({ ...spec, ...part }), { code: "spec" });
  });
}

test("a sound spec is let through", () => checkSpec(spec));
