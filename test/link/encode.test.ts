// Every place where a number that moves something becomes bytes: what does not fit must become the
// nearest that does, or nothing, and never wrap round or become 0.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { dynamixel } from "../../src/link/dynamixel-family.ts";
import { longAt, putLong } from "../../src/link/dynamixel-table.ts";
import { feetech } from "../../src/link/feetech-family.ts";
import {
  MoteusFrame,
  MoteusRegister,
  MoteusReply,
  MoteusType,
} from "../../src/link/moteus-frame.ts";
import { writeOrder } from "../../src/link/moteus-orders.ts";
import { Order } from "../../src/link/motor-line.ts";
import { OdriveWriter } from "../../src/link/odrive-text.ts";
import { FrameDecoder, wireBytesMax } from "../../src/wire/frame.ts";
import { Layout } from "../../src/wire/messages.ts";
import { Requests } from "../../src/wire/requests.ts";

/** Float32 bits: zeros, denormals, ones, the greatest, infinities, NaN of both kinds and signs. */
const bits = [
  0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x3f800000, 0x4effffff, 0x4f000000, 0x7f7fffff,
  0x7f800000, 0x7f800001, 0x7fa00000, 0x7fc00000, 0x7fffffff,
].flatMap((word) => [word, (word | 0x80000000) >>> 0]);
const floats = Float32Array.from(bits, (word) => new Float32Array(Uint32Array.of(word).buffer)[0]);

/** Numbers at which fields of 8, 16 and 32 bits end, and far beyond. */
const edges = [7, 8, 11, 12, 15, 16, 31, 32, 53].flatMap((bit) => {
  return [2 ** bit - 1, 2 ** bit - 0.4, 2 ** bit, 2 ** bit + 1].flatMap((one) => [one, -one]);
});
const extremes = [...edges, 0, -0, 0.4, -0.4, 1e300, -1e300, Infinity, -Infinity];

function nearest(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

test("encode: a Feetech goal stays within its turn", () => {
  const bytes = new Uint8Array(4).fill(0xaa);
  const random = new Rng(5);
  const some = Array.from({ length: 2000 }, () => random.uniform(-70_000, 70_000));
  for (const counts of [...extremes, ...some]) {
    feetech.putGoal(bytes, 1, counts);
    const goal = bytes[1] | (bytes[2] << 8);
    assert.ok(goal <= 4095, `seed 5: ${counts} becomes ${goal}`);
    assert.ok(Math.abs(goal - nearest(counts, 0, 4095)) <= 0.5, `seed 5: ${counts}: ${goal}`);
    assert.deepEqual([bytes[0], bytes[3]], [0xaa, 0xaa]);
  }
});

test("encode: a Dynamixel goal keeps its sign", () => {
  const bytes = new Uint8Array(4);
  for (const counts of extremes) {
    for (const put of [putLong, dynamixel.putGoal]) {
      put(bytes, 0, counts);
      const goal = new DataView(bytes.buffer).getInt32(0, true);
      assert.equal(longAt(bytes, 0), goal);
      const fits = nearest(counts, -(2 ** 31), 2 ** 31 - 1);
      assert.ok(Math.abs(goal - fits) <= 0.5, `${counts} becomes ${goal}`);
    }
  }
});

test("encode: a whole number of a moteus saturates, and NaN is its own", () => {
  const { int8, int16, int32 } = MoteusType;
  for (const [type, most] of [
    [int8, 127],
    [int16, 32_767],
    [int32, 2 ** 31 - 1],
  ] as const) {
    for (const value of [...extremes, ...floats]) {
      const frame = new MoteusFrame();
      frame.beginWrite(type, MoteusRegister.position, 1);
      frame.value(type, value);
      const reply = new MoteusReply(frame.bytes);
      assert.ok(reply.take(frame.length, true));
      const told = reply.values[MoteusRegister.position];
      if (Number.isNaN(value)) assert.equal(told, -most - 1);
      else assert.ok(Math.abs(told - nearest(value, -most, most)) <= 0.5, `${value}: ${told}`);
    }
  }
});

test("encode: an order of a moteus is finite in its bytes, or it is none", () => {
  const greatest = floats[bits.indexOf(0x7f7fffff)];
  for (const order of [Order.position, Order.velocity, Order.effort]) {
    for (const value of [...extremes, ...floats]) {
      const frame = new MoteusFrame();
      assert.equal(writeOrder(frame, order, value, 0.1), Number.isFinite(value), `${value}`);
      if (!Number.isFinite(value)) continue;
      const reply = new MoteusReply(frame.bytes);
      assert.ok(reply.take(frame.length, true));
      const { position, velocity, effort } = Order;
      const registers = {
        [position]: MoteusRegister.commandPosition,
        [velocity]: MoteusRegister.commandPosition + 1,
        [effort]: MoteusRegister.commandFeedforward,
      };
      const told = reply.values[registers[order]];
      assert.ok(Number.isFinite(told), `${value} becomes ${told}`);
      assert.equal(told, Math.fround(nearest(value, -greatest, greatest)));
    }
  }
});

test("encode: a number of an ODrive saturates, or takes its line back", () => {
  for (const value of [...extremes, ...floats]) {
    const writer = new OdriveWriter();
    writer.put(Uint8Array.of(0x70, 0x20));
    writer.putNumber(value);
    assert.equal(writer.end(), Number.isFinite(value), `${value}`);
    if (!Number.isFinite(value)) {
      assert.equal(writer.length, 0);
      continue;
    }
    const line = String.fromCharCode(...writer.bytes.subarray(0, writer.length));
    const told = Number(line.split(" ")[1]);
    const fits = nearest(value, -999_999.999999, 999_999.999999);
    assert.ok(Math.abs(told - fits) <= 1e-6, `${value} becomes ${line}`);
  }
});

test("encode: a command of the bridge keeps every bit of every finite action", () => {
  const finite = floats.filter(Number.isFinite);
  const requests = new Requests();
  const out = new Uint8Array(wireBytesMax);
  const decoder = new FrameDecoder();
  const length = requests.command(finite, 0, out);
  let found = false;
  for (const byte of out.subarray(0, length)) found = decoder.push(byte) || found;
  assert.ok(found);
  const at = decoder.frame.byteOffset + Layout.command.action;
  finite.forEach((value, i) => {
    const told = new DataView(decoder.frame.buffer).getFloat32(at + 4 * i, true);
    assert.ok(Object.is(told, value), `${value} becomes ${told}`);
  });
});
