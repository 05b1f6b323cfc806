// The first four vectors are printed in ROBOTIS's e-Manual, "DYNAMIXEL Protocol 2.0"; the doubled
// FD, which it describes in words, is checked by what a decoder has to give back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import {
  DynamixelDecoder,
  encodePing,
  encodeRead,
  encodeStatus,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  Instruction,
  packetBytesMax,
} from "../../src/link/dynamixel-packet.ts";

const out = new Uint8Array(packetBytesMax);
const hexOf = (length: number): string =>
  Buffer.from(out.subarray(0, length)).toString("hex").toUpperCase();
const word32 = (value: number): Uint8Array =>
  Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);

/** Every packet in `bytes`: id, instruction and parameters. */
function decoded(bytes: Iterable<number>, decoder: DynamixelDecoder = new DynamixelDecoder()) {
  const found: string[] = [];
  for (const byte of bytes) {
    decoder.push(byte);
    while (decoder.next()) {
      const parameters = Buffer.from(decoder.parameters.subarray(0, decoder.parameterCount));
      found.push(`${decoder.id} ${decoder.instruction} ${parameters.toString("hex")}`);
    }
  }
  return found;
}

test("dynamixel packet: the manual's vectors", () => {
  assert.equal(hexOf(encodePing(1, out)), "FFFFFD0001030001194E");
  assert.equal(hexOf(encodeRead(1, 132, 4, out)), "FFFFFD0001070002840004001D15");
  const goal = encodeWrite(1, 116, word32(512), out);
  assert.equal(hexOf(goal), "FFFFFD0001090003740000020000CA89");
  const answer = encodeStatus(1, 0, Uint8Array.of(0x06, 0x04, 0x26), out);
  assert.equal(hexOf(answer), "FFFFFD000107005500060426655D");
  assert.deepEqual(decoded(out.subarray(0, answer)), ["1 85 00060426"]);
});

test("dynamixel packet: sync packets name each servo", () => {
  const ids = Uint8Array.of(3, 7, 9);
  const asked = out.slice(0, encodeSyncRead(ids, 2, 128, 8, out));
  assert.deepEqual(decoded(asked), [`254 ${Instruction.syncRead} 800008000307`]);
  const set = out.slice(0, encodeSyncWrite(ids.subarray(0, 2), 116, 2, word32(0x04030201), out));
  assert.deepEqual(decoded(set), [`254 ${Instruction.syncWrite} 74000200030102070304`]);
});

test("dynamixel packet: FF FF FD inside is doubled, so no packet holds another's beginning", () => {
  const data = Uint8Array.of(0xff, 0xff, 0xfd, 0x00, 0xff, 0xff, 0xfd, 0xfd);
  const packet = out.slice(0, encodeWrite(1, 116, data, out));
  const inside = Buffer.from(packet.subarray(7));
  assert.equal(inside.indexOf(Buffer.from("fffffd00", "hex")), -1);
  assert.equal(packet.length, 7 + 1 + 2 + data.length + 2 + 2);
  assert.equal(packet[5], packet.length - 7);
  assert.deepEqual(decoded(packet), ["1 3 7400fffffd00fffffdfd"]);
});

test("dynamixel packet: what has no room is not sent in part", () => {
  const data = new Uint8Array(20);
  const packet = encodeWrite(1, 116, data, out);
  assert.equal(encodeWrite(1, 116, data, new Uint8Array(packet)), packet);
  assert.equal(encodeWrite(1, 116, data, new Uint8Array(packet - 1)), 0);
});

/** Bytes of which most are parts of a header. */
function nasty(rng: Rng, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => [0xff, 0xfd, 0, rng.below(256)][rng.below(4)]);
}

test("dynamixel packet: whatever is sent comes out, behind any garbage (seeds 1 to 300)", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const rng = new Rng(seed);
    const decoder = new DynamixelDecoder(40);
    const line: number[] = [];
    const sent: string[] = [];
    for (let packet = 0; packet < 5; packet++) {
      line.push(...nasty(rng, rng.below(12)));
      const data = nasty(rng, rng.below(38));
      const [id, error] = [rng.below(253), rng.below(256)];
      line.push(...out.subarray(0, encodeStatus(id, error, data, out)));
      const parameters = Buffer.from([error, ...data]).toString("hex");
      sent.push(`${id} ${Instruction.status} ${parameters}`);
      // A beginning in garbage may claim what follows; silence ends it.
      line.push(...new Uint8Array(64));
    }
    const found = decoded(line, decoder);
    assert.deepEqual(found, sent, `seed ${seed}`);
  }
});

test("dynamixel packet: up to three wrong bits, and bursts of 16, are never taken (seed 5)", () => {
  const rng = new Rng(5);
  const decoder = new DynamixelDecoder(40);
  for (let round = 0; round < 20_000; round++) {
    const data = Uint8Array.from({ length: 8 }, () => rng.below(256));
    const packet = out.slice(0, encodeStatus(1, 0, data, out));
    if (round % 2 === 0) {
      for (let flips = 1 + rng.below(3); flips > 0; flips--) {
        packet[rng.below(packet.length)] ^= 1 << rng.below(8);
      }
    } else {
      const at = rng.below(packet.length - 1);
      packet[at] ^= 1 + rng.below(255);
      packet[at + 1] ^= rng.below(256);
    }
    const told = `1 85 00${Buffer.from(data).toString("hex")}`;
    for (const one of decoded(packet, decoder)) assert.equal(one, told, `round ${round}`);
    decoder.clear();
  }
});
