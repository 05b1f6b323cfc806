// Numbers of the control table as packets carry them. Where the manual prints a packet it is this
// one: write 512 to 116, read 4 bytes from 132, its answer 166.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { dynamixel } from "../../src/link/dynamixel-family.ts";
import { encodeStatus, packetBytesMax } from "../../src/link/dynamixel-packet.ts";
import { longAt, putLong, Table, velocityCountsPerS } from "../../src/link/dynamixel-table.ts";
import { wholeTurn } from "../../src/link/servo-scale.ts";

const { packets } = dynamixel;
const out = new Uint8Array(packetBytesMax);
const hexOf = (length: number): string => Buffer.from(out.subarray(0, length)).toString("hex");

test("dynamixel table: the manual's packets", () => {
  const goal = new Uint8Array(dynamixel.goal.count);
  dynamixel.putGoal(goal, 0, 512);
  const written = packets.encodeWrite(1, dynamixel.goal.address, goal, out);
  assert.equal(hexOf(written), "fffffd0001090003740000020000ca89");
  const asked = packets.encodeRead(1, Table.presentPosition, 4, out);
  assert.equal(hexOf(asked), "fffffd0001070002840004001d15");
});

test("dynamixel table: the watchdog of three servos, 100 ms", () => {
  const { watchdog } = dynamixel;
  assert.equal(watchdog!.address, 98);
  const units = new Uint8Array(3).fill(100_000 / watchdog!.unitUs);
  const length = packets.encodeSyncWrite(Uint8Array.of(1, 2, 3), 98, 1, units, out);
  assert.equal(hexOf(length).slice(0, -4), "fffffd00fe0d008362000100010502050305");
});

test("dynamixel table: an answer tells the error, then velocity and position", () => {
  const decoder = packets.makeDecoder(64);
  const present = new Uint8Array(dynamixel.present.count);
  putLong(present, 0, -217);
  putLong(present, 4, 166);
  const length = encodeStatus(7, 0x80, present, out);
  let answers = 0;
  for (let at = 0; at < length; at++) {
    decoder.push(out[at]);
    while (decoder.next()) answers++;
  }
  assert.deepEqual([answers, decoder.id, decoder.code, decoder.parameterCount], [1, 7, 0x80, 8]);
  assert.equal(dynamixel.placeOf(decoder.parameters, 0), 166);
  assert.equal(dynamixel.speedOf(decoder.parameters, 0), -217 * velocityCountsPerS);
  // 0.229 rev/min, as the manual gives it.
  const radPerS = (0.229 * 2 * Math.PI) / 60;
  assert.ok(Math.abs(velocityCountsPerS * wholeTurn.radPerCount - radPerS) < 1e-12);
});

test("dynamixel table: what the host itself says is no answer", () => {
  const decoder = packets.makeDecoder(64);
  const length = packets.encodeSyncWrite(Uint8Array.of(1), 116, 4, new Uint8Array(4), out);
  for (let at = 0; at < length; at++) {
    decoder.push(out[at]);
    assert.equal(decoder.next(), false);
  }
});

test("dynamixel table: orders are where they are", () => {
  const orders = new Uint8Array(dynamixel.orders.count);
  const at = (address: number): number => address - dynamixel.orders.address;
  orders[at(64)] = 1;
  orders[at(98)] = 255;
  putLong(orders, at(116), -3);
  assert.equal(dynamixel.torqueOf(orders, 0), 1);
  assert.equal(dynamixel.watchdogOf(orders, 0), dynamixel.watchdog!.tripped);
  assert.equal(dynamixel.goalOf(orders, 0), -3);
  assert.equal(at(119) + 1, orders.length);
});

test("dynamixel table: any signed number of 4 bytes comes back (seed 11)", () => {
  const rng = new Rng(11);
  const bytes = new Uint8Array(7);
  for (let round = 0; round < 5000; round++) {
    const value = Math.floor(rng.uniform(-(2 ** 31), 2 ** 31));
    putLong(bytes, 2, value);
    assert.equal(longAt(bytes, 2), value, "seed 11");
  }
});
