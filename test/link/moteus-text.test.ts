// Lines and frames of a moteus, against those that its documentation shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import {
  MoteusFrame,
  MoteusMode,
  MoteusRegister,
  MoteusReply,
  MoteusType,
} from "../../src/link/moteus-frame.ts";
import { stopFrame, writeOrder } from "../../src/link/moteus-orders.ts";
import { crc8, MoteusReader, MoteusWriter } from "../../src/link/moteus-text.ts";
import { Order } from "../../src/link/motor-line.ts";

const { int8, int16, float } = MoteusType;

const hexOf = ({ bytes, length }: { bytes: Uint8Array; length: number }): string => {
  return Buffer.from(bytes.subarray(0, length)).toString("hex");
};

/** Every frame that `text` holds for a reader, as its id and its bytes. */
function readAll(text: string, checks: boolean): [number, string][] {
  const reader = new MoteusReader(checks);
  const found: [number, string][] = [];
  for (const byte of Buffer.from(text)) {
    if (reader.push(byte)) {
      found.push([reader.id, hexOf({ bytes: reader.frame, length: reader.length })]);
    }
  }
  return found;
}

function summed(text: string): string {
  const sum = crc8(Buffer.from(`${text} `), 0, text.length + 1);
  return `${text} *${sum.toString(16).padStart(2, "0").toUpperCase()}\r\n`;
}

/** The frame of the documentation's example. */
function exampleFrame(): MoteusFrame {
  const frame = new MoteusFrame();
  frame.beginWrite(int8, MoteusRegister.mode, 1);
  frame.value(int8, MoteusMode.position);
  frame.beginWrite(int16, MoteusRegister.commandPosition, 3);
  for (const value of [96, 288, -176]) frame.value(int16, value);
  frame.ask(int16, 0x000, 4);
  frame.ask(int8, 0x00d, 3);
  return frame;
}

test("moteus frame: the documentation's example", () => {
  assert.equal(hexOf(exampleFrame()), "01000a07206000200150ff140400130d");
  const bytes = Buffer.from("2404000a005000000170ff230d181400", "hex");
  const reply = new MoteusReply(bytes);
  assert.ok(reply.take(bytes.length));
  assert.deepEqual([...reply.values.subarray(0, 4)], [10, 80, 256, -144]);
  assert.deepEqual([...reply.values.subarray(0x0d, 0x10)], [24, 20, 0]);
  assert.ok(Number.isNaN(reply.values[4]));
});

test("moteus text: the documentation's lines, with flags and without", () => {
  const writer = new MoteusWriter(false);
  const frame = exampleFrame();
  writer.put(0x8001, frame.bytes, frame.length);
  const line = Buffer.from(writer.bytes.subarray(0, writer.length)).toString();
  assert.equal(line, "can send 8001 01000a07206000200150ff140400130d\n");
  const hex = "2404000a005000000170ff230d181400";
  const found: [number, string][] = [[0x100, hex]];
  assert.deepEqual(readAll(`OK\r\nrcv 100 ${hex}\r\n`, false), found);
  assert.deepEqual(readAll(`rcv 00000100 ${hex} E B F\n`, false), found);
  assert.deepEqual(readAll(`rcv 100 ${hex.toUpperCase()}\n`, false), found);
});

test("moteus text: the sum is the CRC-8 of polynomial 0x97", () => {
  /** Bit by bit, as the polynomial says it. */
  const slow = (text: string): number => {
    let sum = 0;
    for (const byte of Buffer.from(text)) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = (sum & 0x80 ? (sum << 1) ^ 0x97 : sum << 1) & 0xff;
    }
    return sum;
  };
  for (const text of ["", "1", "OK ", "can send 8001 1100 ", "123456789"]) {
    assert.equal(crc8(Buffer.from(text), 0, text.length), slow(text), text);
  }
  const writer = new MoteusWriter(true);
  writer.put(0x8101, Uint8Array.of(0x11, 0), 2);
  const line = Buffer.from(writer.bytes.subarray(0, writer.length)).toString();
  assert.equal(line.toUpperCase(), summed("can send 8101 1100").replace("\r", "").toUpperCase());
});

test("moteus text: where sums are due, a line without one or with a wrong one is none", () => {
  const right = summed("rcv 100 2000");
  assert.deepEqual(readAll(right, true), [[0x100, "2000"]]);
  for (const line of ["rcv 100 2000\r\n", "rcv 100 2000 *0G\r\n", "*\n", "\n", right.slice(1)]) {
    assert.deepEqual(readAll(line, true), [], JSON.stringify(line));
  }
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const bytes = Buffer.from(right);
    bytes[rng.below(bytes.length - 2)] ^= 1 << rng.below(8);
    for (const found of readAll(bytes.toString("latin1"), true)) {
      assert.deepEqual(found, [0x100, "2000"], `seed ${seed}`);
    }
  }
});

test("moteus text: what is no received frame is none", () => {
  const lines = ["OK", "ERR unknown", "rcv", "rcv 100", "rcv 100 ", "rcv  2000", "rcv 100 200"];
  const others = ["rcv g 20", "rcv 100 2g", `rcv 100 ${"00".repeat(65)}`, "rcv 123456789 20"];
  for (const line of [...lines, ...others, "x".repeat(300)]) {
    assert.deepEqual(readAll(`${line}\n`, false), [], line);
  }
});

test("moteus frame: an order is padded to a length of the bus, and carries its time", () => {
  const frame = new MoteusFrame();
  const lengths = [Order.position, Order.velocity, Order.effort].map((order) => {
    assert.ok(writeOrder(frame, order, 0.25, 0.1));
    const written = new MoteusReply(frame.bytes);
    assert.ok(written.take(frame.length, true));
    assert.equal(written.values[MoteusRegister.mode], MoteusMode.position);
    assert.ok(Math.abs(written.values[MoteusRegister.commandTimeout] - 0.1) < 1e-6);
    return frame.length;
  });
  assert.deepEqual(lengths, [20, 32, 48]);
  assert.equal(hexOf(stopFrame()), "010000");
  const position = new MoteusFrame();
  writeOrder(position, Order.position, 0.25, 0.1);
  assert.equal(hexOf(position), "01000a0e200000803e000000000d27cdcccc3d50");
});

test("moteus frame: a value that is not finite is no order, though a drive takes it", () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const order of [Order.position, Order.velocity, Order.effort]) {
      assert.equal(writeOrder(new MoteusFrame(), order, wrong, 0.1), false);
    }
  }
});

test("moteus frame: any type and register comes back (seeds 0 to 199)", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const frame = new MoteusFrame();
    const expected = new Map<number, number>();
    for (let register = rng.below(0x40); register < 0x110 && frame.length < 30; ) {
      const type = [int8, int16, MoteusType.int32, float][rng.below(4)];
      const count = 1 + rng.below(5);
      frame.beginReply(type, register, count);
      for (let i = 0; i < count; i++, register++) {
        const value = rng.below(200) - 100;
        frame.value(type, value);
        expected.set(register, value);
      }
      register += rng.below(100);
    }
    frame.pad();
    const reply = new MoteusReply(frame.bytes);
    assert.ok(reply.take(frame.length), `seed ${seed}`);
    for (const [register, value] of expected) {
      assert.equal(reply.values[register], value, `seed ${seed} register ${register}`);
    }
  }
});

test("moteus frame: garbage is no reply, and does no harm (seeds 0 to 1999)", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const rng = new Rng(seed);
    const bytes = Uint8Array.from({ length: 1 + rng.below(64) }, () => rng.below(256));
    new MoteusReply(bytes).take(bytes.length, rng.below(2) === 0);
  }
  const error = Uint8Array.of(0x31, 0x01, 0x01);
  assert.equal(new MoteusReply(error).take(3), false);
  const cut = Uint8Array.of(0x2c, 0x04, 0x01, 0, 0, 0, 0);
  assert.equal(new MoteusReply(cut).take(7), false);
  const endless = Uint8Array.of(0x20, 0xff, 0xff);
  assert.equal(new MoteusReply(endless).take(3), false);
});
