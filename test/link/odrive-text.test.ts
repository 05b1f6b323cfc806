// The lines of an ODrive, against those that its documentation shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import {
  bytesOf,
  encodeOdriveLines,
  OdriveReader,
  OdriveWriter,
} from "../../src/link/odrive-text.ts";

const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** Every line that `text` holds for a reader. */
function readAll(text: string): string[] {
  const reader = new OdriveReader();
  const found: string[] = [];
  for (const byte of bytesOf(text)) {
    if (reader.push(byte)) found.push(textOf(reader.bytes.subarray(0, reader.length)));
  }
  return found;
}

test("odrive text: the sum is that of the documentation's example", () => {
  assert.equal(textOf(encodeOdriveLines(["r vbus_voltage"])), "r vbus_voltage *93\n");
});

test("odrive text: commands as the documentation writes them", () => {
  const writer = new OdriveWriter();
  const vectors: readonly [string, readonly number[], string][] = [
    ["p 0 ", [-2], "p 0 -2.000000 *93\n"],
    ["v 0 ", [1], "v 0 1.000000 *119\n"],
    ["c 1 ", [0.1], "c 1 0.100000 *99\n"],
    ["w axis0.controller.input_pos ", [-123.456], "w axis0.controller.input_pos -123.456000 *67\n"],
  ];
  for (const [words, numbers, line] of vectors) {
    writer.clear();
    writer.put(bytesOf(words));
    for (const value of numbers) writer.putNumber(value);
    assert.ok(writer.end());
    const text = textOf(writer.bytes.subarray(0, writer.length));
    assert.equal(text.slice(0, text.indexOf("*")), line.slice(0, line.indexOf("*")));
    // The sum by the documentation's rule, over what is before the star.
    const sum = [...text.slice(0, text.indexOf("*"))].reduce((a, b) => a ^ b.charCodeAt(0), 0);
    assert.equal(text.slice(text.indexOf("*")), `*${sum}\n`);
  }
});

test("odrive text: a number that is none takes its line back, and only that", () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const writer = new OdriveWriter();
    writer.put(bytesOf("u 0"));
    assert.ok(writer.end());
    const whole = writer.length;
    writer.put(bytesOf("c 0 "));
    writer.putNumber(wrong);
    assert.equal(writer.end(), false, String(wrong));
    assert.equal(writer.length, whole);
    writer.put(bytesOf("u 1"));
    assert.ok(writer.end());
    assert.equal(readAll(textOf(writer.bytes.subarray(0, writer.length))).length, 2);
  }
});

test("odrive text: a number that is too great is written as the greatest", () => {
  const written = (value: number): string => {
    const writer = new OdriveWriter();
    writer.putNumber(value);
    return textOf(writer.bytes.subarray(0, writer.length));
  };
  assert.equal(written(1e9), "999999.999999");
  assert.equal(written(-1e30), "-999999.999999");
  assert.equal(written(-0), "0.000000");
  assert.equal(written(-1e-9), "0.000000");
  assert.equal(written(0.9999999), "1.000000");
});

test("odrive text: what is written is read, to a millionth (seeds 0 to 499)", () => {
  for (let seed = 0; seed < 500; seed++) {
    const rng = new Rng(seed);
    const value = rng.uniform(-1, 1) * 10 ** rng.below(6);
    const writer = new OdriveWriter();
    writer.put(bytesOf("x "));
    writer.putNumber(value);
    writer.put(bytesOf(" "));
    writer.putWhole(seed);
    writer.end();
    const reader = new OdriveReader();
    const ends = [...writer.bytes.subarray(0, writer.length)].map((byte) => reader.push(byte));
    assert.equal(ends.indexOf(true), writer.length - 1, `seed ${seed}`);
    assert.ok(reader.begins(bytesOf("x ")) && !reader.over, `seed ${seed}`);
    assert.ok(Math.abs(reader.number() - value) <= 5.1e-7, `seed ${seed}: ${value}`);
    assert.equal(reader.number(), seed);
    assert.ok(reader.over && Number.isNaN(reader.number()), `seed ${seed}`);
  }
});

test("odrive text: a line without a sum, or with a wrong one, is none", () => {
  assert.deepEqual(readAll("8*56\r\n"), ["8"]);
  const wrong = ["8\r\n", "8*57\r\n", "8*\r\n", "8*0056\r\n", "8*5a\r\n", "*\n", "\r\n\r\n"];
  for (const line of wrong) assert.deepEqual(readAll(line), [], JSON.stringify(line));
  assert.deepEqual(readAll(`${"1".repeat(70)}*49\n8*56\n`), ["8"], "an overlong line");
});

test("odrive text: one wrong byte never makes another line (seeds 0 to 199)", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const said = `${rng.uniform(-9, 9).toFixed(6)} ${rng.uniform(-9, 9).toFixed(6)}`;
    const sum = [...said].reduce((a, b) => a ^ b.charCodeAt(0), 0);
    const bytes = bytesOf(`${said}*${sum}\r\n`);
    bytes[rng.below(bytes.length)] ^= 1 << rng.below(8);
    for (const line of readAll(textOf(bytes))) assert.equal(line, said, `seed ${seed}`);
  }
});

test("odrive text: what is no decimal number is none", () => {
  const reader = new OdriveReader();
  const first = (text: string): number => {
    const sum = [...text].reduce((a, b) => a ^ b.charCodeAt(0), 0);
    for (const byte of bytesOf(`${text}*${sum}\n`)) reader.push(byte);
    return reader.number();
  };
  assert.equal(first("-0.25"), -0.25);
  assert.equal(first("  2048"), 2048);
  assert.equal(first("7."), 7);
  for (const text of [
    "nan",
    "inf",
    "1e5",
    "1.2.3",
    "--1",
    "-",
    ".",
    "lu",
    "0d",
    "1234567890123456",
  ])
    assert.ok(Number.isNaN(first(text)), text);
});
