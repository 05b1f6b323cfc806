// The vectors were computed from the protocol's definition apart from this code, and their sums
// added up by hand: `sum` is that of all bytes from the id to the last parameter.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import {
  encodePing,
  encodeRead,
  encodeStatus,
  encodeSyncRead,
  encodeSyncWrite,
  encodeWrite,
  FeetechDecoder,
  packetBytesMax,
} from "../../src/link/feetech-packet.ts";
import {
  putWord,
  SignBit,
  scs,
  signedOf,
  sts,
  wordAt,
  wordOf,
} from "../../src/link/feetech-registers.ts";

interface Vector {
  readonly name: string;
  readonly kind: "ping" | "read" | "write" | "syncRead" | "syncWrite" | "status";
  readonly id: number;
  readonly ids: string;
  readonly error: number;
  readonly address: number;
  readonly count: number;
  readonly data: string;
  readonly sum: number;
  readonly wire: string;
}

const vectors = JSON.parse(readFileSync("test/vectors/feetech.json", "utf8")) as Vector[];
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function encode(vector: Vector): string {
  const { kind, id, ids: listed, error, address, count } = vector;
  const out = new Uint8Array(packetBytesMax);
  const data = bytesOf(vector.data ?? "");
  const ids = bytesOf(listed ?? "");
  const encoders = {
    ping: () => encodePing(id, out),
    read: () => encodeRead(id, address, count, out),
    write: () => encodeWrite(id, address, data, out),
    syncRead: () => encodeSyncRead(ids, ids.length, address, count, out),
    syncWrite: () => encodeSyncWrite(ids, address, count, data, out),
    status: () => encodeStatus(id, error, data, out),
  };
  return hexOf(out.subarray(0, encoders[kind]()));
}

/** Every packet in `bytes`: id, code and parameters. */
function decode(decoder: FeetechDecoder, bytes: Iterable<number>): string[] {
  const found: string[] = [];
  for (const byte of bytes) {
    decoder.push(byte);
    while (decoder.next()) {
      const parameters = hexOf(decoder.parameters.subarray(0, decoder.parameterCount));
      found.push(`${decoder.id} ${decoder.code} ${parameters}`);
    }
  }
  return found;
}

/** A random status packet as bytes and as `decode` tells it. */
function randomPacket(rng: Rng, longest: number): { bytes: Uint8Array; told: string } {
  const out = new Uint8Array(packetBytesMax);
  const data = Uint8Array.from({ length: rng.below(longest + 1) }, () =>
    rng.below(3) === 0 ? 0xff : rng.below(256),
  );
  const [id, error] = [rng.below(254), rng.below(256)];
  const length = encodeStatus(id, error, data, out);
  return { bytes: out.slice(0, length), told: `${id} ${error} ${hexOf(data)}` };
}

for (const vector of vectors) {
  test(`feetech packet: ${vector.name}`, () => {
    const body = [...bytesOf(vector.wire)].slice(2, -1);
    assert.equal(
      body.reduce((sum, byte) => sum + byte, 0),
      vector.sum,
    );
    assert.equal(encode(vector), vector.wire);
    const found = decode(new FeetechDecoder(), bytesOf(vector.wire));
    assert.deepEqual(found, [`${body[0]} ${body[2]} ${hexOf(Uint8Array.from(body.slice(3)))}`]);
  });
}

test("feetech packet: packets are found however they follow each other and garbage", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const decoder = new FeetechDecoder(24);
    const bytes: number[] = [];
    const told: string[] = [];
    for (let at = 0; at < 30; at++) {
      // Garbage without a mark cannot be the beginning of anything.
      for (let left = rng.below(20); left > 0; left--) bytes.push(rng.below(255));
      // A lone mark and a run of them can.
      for (let left = rng.below(2); left > 0; left--) bytes.push(255);
      const packet = randomPacket(rng, 24);
      bytes.push(...packet.bytes);
      told.push(packet.told);
    }
    assert.deepEqual(decode(decoder, bytes), told, `seed ${seed}`);
    assert.equal(decoder.good, 30);
  }
});

test("feetech packet: one wrong byte is never accepted, and the next packet is found", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const rng = new Rng(seed);
    const broken = randomPacket(rng, 8);
    const next = randomPacket(rng, 8);
    const at = rng.below(broken.bytes.length);
    broken.bytes[at] ^= 1 + rng.below(255);
    const decoder = new FeetechDecoder(8);
    // Silence of a packet's length, so that a length that was made longer ends.
    const silence = new Array<number>(12).fill(0);
    const found = decode(decoder, [...broken.bytes, ...silence, ...next.bytes, ...silence]);
    assert.ok(!found.includes(broken.told), `seed ${seed}: ${broken.told}`);
    assert.ok(found.includes(next.told), `seed ${seed}`);
  }
});

test("feetech packet: what is accepted sums up, whatever comes in", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = new Rng(seed);
    const decoder = new FeetechDecoder(16);
    const out = new Uint8Array(packetBytesMax);
    let accepted = 0;
    const stream: number[] = [];
    for (let at = 0; at < 20_000; at++) {
      // Few different bytes, so that many beginnings and some sums come about.
      const byte = [0xff, rng.below(8), 0xf0 + rng.below(16)][rng.below(3)];
      stream.push(byte);
      decoder.push(byte);
      while (decoder.next()) {
        accepted++;
        const data = decoder.parameters.subarray(0, decoder.parameterCount);
        const wire = hexOf(out.subarray(0, encodeStatus(decoder.id, decoder.code, data, out)));
        const recent = hexOf(Uint8Array.from(stream.slice(-64)));
        assert.ok(recent.includes(wire), `seed ${seed}: ${wire} was not sent`);
      }
    }
    assert.ok(accepted > 0, `seed ${seed}: ${accepted}`);
  }
});

test("feetech packet: a beginning without an end is forgotten", () => {
  const decoder = new FeetechDecoder();
  const whole = bytesOf(vectors[0].wire);
  assert.deepEqual(decode(decoder, whole.subarray(0, 4)), []);
  decoder.clear();
  assert.deepEqual(decode(decoder, whole), ["1 1 "]);
});

test("feetech registers: words and signs of both series", () => {
  const bytes = new Uint8Array(2);
  putWord(bytes, 0, 0x0518, sts);
  assert.deepEqual([...bytes], [0x18, 0x05]);
  putWord(bytes, 0, 0x0118, scs);
  assert.deepEqual([...bytes], [0x01, 0x18]);
  assert.equal(wordAt(bytes, 0, scs), 0x0118);
  assert.equal(signedOf(0x812c, SignBit.velocity), -300);
  assert.equal(signedOf(0x012c, SignBit.velocity), 300);
  assert.equal(signedOf(0x0800 | 85, SignBit.homingOffset), -85);
  for (const [limit, bit] of [
    [32767, SignBit.velocity],
    [2047, SignBit.homingOffset],
  ]) {
    for (let value = -limit; value <= limit; value++) {
      assert.equal(signedOf(wordOf(value, bit), bit), value);
    }
  }
});
