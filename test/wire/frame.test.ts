import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { encodeFrame, FrameDecoder, frameBytesMax, wireBytesMax } from "../../src/wire/frame.ts";
import { crcBytes, headerBytes } from "../../src/wire/messages.ts";
import {
  type FrameVector,
  makeVectors,
  slowCobs,
  slowCrc,
  slowFrame,
  vectorsText,
} from "./slow-frame.ts";

const vectors = JSON.parse(readFileSync("test/vectors/frames.json", "utf8")) as FrameVector[];
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const longestPayload = frameBytesMax - headerBytes - crcBytes;

/** The wire form by src/wire. */
function fast(type: number, sequence: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length + crcBytes);
  frame.set([type, sequence & 0xff, sequence >> 8]);
  frame.set(payload, headerBytes);
  const out = new Uint8Array(wireBytesMax);
  return out.slice(0, encodeFrame(frame, headerBytes + payload.length, out));
}

/** Every good frame in `bytes`, as hexadecimal of type, sequence and payload. */
function decode(decoder: FrameDecoder, bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (const byte of bytes) {
    if (decoder.push(byte)) found.push(hexOf(decoder.frame.subarray(0, decoder.length)));
  }
  return found;
}

const plain = ({ type, sequence, payload }: FrameVector): string =>
  hexOf(new Uint8Array([type, sequence & 0xff, sequence >> 8])) + payload;

const random = (rng: Rng, length: number, span: number): Uint8Array =>
  Uint8Array.from({ length }, () => rng.below(span));

test("the slow frame is right where its parts have published values", () => {
  assert.equal(slowCrc([...new TextEncoder().encode("123456789")]), 0xe3069283);
  // From the COBS paper's rules: a lone zero, none, and the edges of a block.
  assert.deepEqual(slowCobs([0]), [1, 1]);
  assert.deepEqual(slowCobs([]), [1]);
  assert.deepEqual(slowCobs([0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33]);
  const ones = (length: number): number[] => new Array<number>(length).fill(1);
  assert.deepEqual(slowCobs(ones(253)), [254, ...ones(253)]);
  assert.deepEqual(slowCobs(ones(254)), [255, ...ones(254)]);
  assert.deepEqual(slowCobs([...ones(254), 0]), [255, ...ones(254), 1, 1]);
  assert.deepEqual(slowCobs(ones(255)), [255, ...ones(254), 2, 1]);
});

test("the committed vectors are those of the slow frame", () => {
  assert.ok(vectors.length >= 30);
  assert.deepEqual(vectors, makeVectors());
  assert.equal(readFileSync("test/vectors/frames.json", "utf8"), vectorsText());
});

test("every vector encodes to its wire form", () => {
  for (const { name, type, sequence, payload, wire } of vectors) {
    assert.equal(hexOf(fast(type, sequence, bytesOf(payload))), wire, name);
  }
});

test("every vector decodes to its frame", () => {
  for (const vector of vectors) {
    const decoder = new FrameDecoder();
    assert.deepEqual(decode(decoder, bytesOf(vector.wire)), [plain(vector)], vector.name);
    assert.equal(decoder.bad, 0);
  }
});

test("random frames of every length agree with the slow frame and come back, seed 21", () => {
  const rng = new Rng(21);
  const decoder = new FrameDecoder();
  for (let length = 0; length <= longestPayload; length++) {
    // Two values make many zeros; 256 without zero make full blocks.
    for (const span of [2, 256]) {
      const payload = random(rng, length, span);
      if (span === 256 && length % 2 === 0)
        payload.forEach((b, i) => {
          payload[i] = b || 1;
        });
      const wire = fast(132, length, payload);
      assert.deepEqual([...wire], slowFrame(132, length, [...payload]), `${length} of ${span}`);
      const head = new Uint8Array([132, length & 0xff, length >> 8]);
      assert.deepEqual(decode(decoder, wire), [hexOf(head) + hexOf(payload)]);
    }
  }
  assert.equal(decoder.bad, 0);
});

test("the longest frame that does not compress fits wireBytesMax", () => {
  const wire = fast(132, 0x0101, new Uint8Array(longestPayload).fill(0xff));
  assert.ok(wire.length <= wireBytesMax, `${wire.length} > ${wireBytesMax}`);
});

test("every flip of one bit is seen, and never taken for another frame", () => {
  let flips = 0;
  for (const vector of vectors) {
    const wire = bytesOf(vector.wire);
    for (let bit = 0; bit < wire.length * 8; bit++) {
      const broken = wire.slice();
      broken[bit >> 3] ^= 1 << (bit & 7);
      const decoder = new FrameDecoder();
      // The second delimiter ends the frame where the flip hit the first.
      assert.deepEqual(
        decode(decoder, new Uint8Array([...broken, 0])),
        [],
        `${vector.name} ${bit}`,
      );
      assert.ok(decoder.bad > 0, `${vector.name} ${bit}`);
      flips++;
    }
  }
  assert.ok(flips > 10_000);
});

test("every cut at either end and every missing byte is never taken for a frame", () => {
  for (const vector of vectors) {
    const wire = bytesOf(vector.wire);
    for (let at = 1; at < wire.length - 1; at++) {
      const parts = [
        new Uint8Array([...wire.subarray(0, at), 0]),
        wire.slice(at),
        new Uint8Array([...wire.subarray(0, at), ...wire.subarray(at + 1)]),
      ];
      parts.forEach((part, kind) => {
        assert.deepEqual(decode(new FrameDecoder(), part), [], `${vector.name} ${at} ${kind}`);
      });
    }
  }
});

test("bursts of up to 32 bits are never taken for a frame, seed 22", () => {
  const rng = new Rng(22);
  for (let round = 0; round < 20_000; round++) {
    const vector = vectors[rng.below(vectors.length)];
    const wire = bytesOf(vector.wire);
    const start = rng.below(wire.length * 8);
    const broken = wire.slice();
    let changed = false;
    for (let bit = start; bit < Math.min(start + 32, wire.length * 8); bit++) {
      if (rng.below(2) === 0) continue;
      broken[bit >> 3] ^= 1 << (bit & 7);
      changed = true;
    }
    if (!changed) continue;
    const found = decode(new FrameDecoder(), new Uint8Array([...broken, 0]));
    assert.deepEqual(found, [], `seed 22, round ${round}, ${vector.name}`);
  }
});

test("any chunking of a stream gives the same frames, seed 23", () => {
  const rng = new Rng(23);
  const stream = bytesOf(vectors.map(({ wire }) => wire).join(""));
  for (let round = 0; round < 50; round++) {
    const decoder = new FrameDecoder();
    const found: string[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + rng.below(300);
      found.push(...decode(decoder, stream.subarray(at, end)));
      at = end;
    }
    assert.deepEqual(found, vectors.map(plain), `seed 23, round ${round}`);
    assert.equal(decoder.good, vectors.length);
    assert.equal(decoder.bad, 0);
  }
});

test("garbage of any length is dropped, and the next frame is found, seed 24", () => {
  const rng = new Rng(24);
  const decoder = new FrameDecoder();
  for (let round = 0; round < 2000; round++) {
    const garbage = random(rng, rng.below(1500), 256);
    const vector = vectors[rng.below(vectors.length)];
    const found = decode(decoder, new Uint8Array([...garbage, 0, ...bytesOf(vector.wire)]));
    assert.deepEqual(found, [plain(vector)], `seed 24, round ${round}`);
  }
  assert.equal(decoder.good, 2000);
  assert.ok(decoder.bad > 2000);
});

test("a frame that follows an unended one is lost with it, the one after is found", () => {
  const decoder = new FrameDecoder();
  const [first, second, third] = vectors;
  const cut = bytesOf(first.wire).slice(0, 4);
  const bytes = new Uint8Array([...cut, ...bytesOf(second.wire), ...bytesOf(third.wire)]);
  assert.deepEqual(decode(decoder, bytes), [plain(third)]);
  assert.equal(decoder.bad, 1);
});

test("delimiters alone are not faults", () => {
  const decoder = new FrameDecoder();
  assert.deepEqual(decode(decoder, new Uint8Array(1000)), []);
  assert.deepEqual([decoder.good, decoder.bad], [0, 0]);
});

test("a line that never ends a frame fills nothing, and counts as one fault", () => {
  const decoder = new FrameDecoder();
  assert.deepEqual(decode(decoder, new Uint8Array(1_000_000).fill(7)), []);
  assert.equal(decoder.frame.length, wireBytesMax);
  const vector = vectors[8];
  assert.deepEqual(decode(decoder, new Uint8Array([0, ...bytesOf(vector.wire)])), [plain(vector)]);
  assert.deepEqual([decoder.good, decoder.bad], [1, 1]);
});

test("a frame too short for its header and CRC is a fault even where its CRC holds", () => {
  for (const length of [0, 1, 2]) {
    const bytes = random(new Rng(length), length, 256);
    const crc = slowCrc([...bytes]);
    const tail = [0, 8, 16, 24].map((shift) => (crc >>> shift) & 0xff);
    const decoder = new FrameDecoder();
    assert.equal(decode(decoder, new Uint8Array([...slowCobs([...bytes, ...tail]), 0])).length, 0);
    assert.equal(decoder.bad, 1);
  }
});
