// A second, slow implementation of the frame, written from the definitions alone: it shares nothing
// with src/wire, so that agreement means something. Run by itself it writes the vectors:
//   node dist/test/wire/slow-frame.js
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** One frame and how it looks on the wire; all bytes as hexadecimal. */
export interface FrameVector {
  readonly name: string;
  readonly type: number;
  readonly sequence: number;
  readonly payload: string;
  /** COBS with its delimiter. */
  readonly wire: string;
}

/** CRC-32C by polynomial division, one bit at a time, most significant bit first. */
export function slowCrc(bytes: readonly number[]): number {
  const reverse = (value: number, width: number): number =>
    Number.parseInt(value.toString(2).padStart(width, "0").split("").reverse().join(""), 2);
  let remainder = 0xffffffffn;
  for (const byte of bytes) {
    remainder ^= BigInt(reverse(byte, 8)) << 24n;
    for (let bit = 0; bit < 8; bit++) {
      remainder <<= 1n;
      if (remainder > 0xffffffffn) remainder = (remainder ^ 0x1edc6f41n) & 0xffffffffn;
    }
  }
  return reverse(Number(remainder ^ 0xffffffffn), 32);
}

/** COBS as its paper states it: cut at zeros, then each piece into blocks of at most 254. */
export function slowCobs(bytes: readonly number[]): number[] {
  const pieces: number[][] = [[]];
  for (const byte of bytes) {
    if (byte === 0) pieces.push([]);
    else pieces.at(-1)!.push(byte);
  }
  return pieces.flatMap((piece, index) => {
    const stuffed: number[] = [];
    let rest = piece;
    while (rest.length >= 254) {
      stuffed.push(255, ...rest.slice(0, 254));
      rest = rest.slice(254);
      // A full block at the very end needs no empty one behind it.
      if (rest.length === 0 && index === pieces.length - 1) return stuffed;
    }
    return [...stuffed, rest.length + 1, ...rest];
  });
}

/** The bytes on the wire of one frame, with the delimiter. */
export function slowFrame(type: number, sequence: number, payload: readonly number[]): number[] {
  const head = [type, sequence & 0xff, sequence >> 8, ...payload];
  const crc = slowCrc(head);
  const tail = [0, 8, 16, 24].map((shift) => (crc >>> shift) & 0xff);
  return [...slowCobs([...head, ...tail]), 0];
}

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString("hex");
const ramp = (length: number, from: number): number[] =>
  Array.from({ length }, (_, i) => (from + i) & 0xff);
const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** Longest payload that every firmware can hold: 250 bytes of frame less type, sequence and CRC. */
export const payloadMax = 243;

// Bit patterns of float32 that arithmetic would hide: quiet, signalling, negative NaN and so on.
const patterns: readonly [name: string, bits: number][] = [
  ["quiet NaN", 0x7fc00000],
  ["signalling NaN", 0x7f800001],
  ["negative NaN", 0xffc00000],
  ["NaN with every bit", 0xffffffff],
  ["Infinity", 0x7f800000],
  ["-Infinity", 0xff800000],
  ["-0", 0x80000000],
  ["smallest denormal", 0x00000001],
  ["largest finite", 0x7f7fffff],
  ["2", 0x40000000],
];

function cases(): [name: string, type: number, sequence: number, payload: number[]][] {
  const same = (length: number, byte: number): number[] => new Array<number>(length).fill(byte);
  return [
    ["empty payload", 7, 1, []],
    ["empty payload, sequence 0", 9, 0, []],
    ["sequence 0xffff", 9, 0xffff, []],
    ["sequence 0x0100", 7, 0x0100, []],
    ["sequence 0x00ff", 7, 0x00ff, []],
    ["one byte 0", 5, 2, [0]],
    ["one byte 1", 5, 3, [1]],
    ["one byte 0xff", 5, 4, [0xff]],
    ["two zeros", 2, 5, [0, 0]],
    ["zero, then not", 2, 6, [0, 1]],
    ["not, then zero", 2, 7, [1, 0]],
    ["delimiters among ones", 130, 8, [0, 255, 0, 255, 0, 255]],
    ["all zeros, 16", 132, 9, same(16, 0)],
    ["all ones, 16", 132, 10, same(16, 0xff)],
    ["counting from 1", 129, 11, ramp(46, 1)],
    ["counting from 250, over zero", 129, 12, ramp(46, 250)],
    ["every tenth zero", 132, 13, Array.from({ length: 100 }, (_, i) => (i % 10 === 9 ? 0 : i))],
    ["type 0", 0, 14, [1, 2, 3]],
    ["type 255", 255, 15, [1, 2, 3]],
    ["sync token 0", 3, 16, u32(0)],
    ["sync token 0xffffffff", 3, 17, u32(0xffffffff)],
    ["sync token 0x00ff00ff", 3, 18, u32(0x00ff00ff)],
    ["longest, zeros", 132, 19, same(payloadMax, 0)],
    ["longest, ones", 132, 20, same(payloadMax, 0xff)],
    ["longest, counting", 132, 21, ramp(payloadMax, 1)],
    ["longest but one", 132, 22, ramp(payloadMax - 1, 7)],
    ["zero at the end of the longest", 132, 23, [...same(payloadMax - 1, 9), 0]],
    ["zero at the start of the longest", 132, 24, [0, ...same(payloadMax - 1, 9)]],
    ...patterns.map(([name, bits], i): [string, number, number, number[]] => [
      `command with ${name}`,
      8,
      100 + i,
      [...u32(50_000 * i), 1, ...u32(bits)],
    ]),
    [
      "command, four values",
      8,
      120,
      [...u32(0xfffffff0), 4, ...patterns.slice(0, 4).flatMap(([, bits]) => u32(bits))],
    ],
  ];
}

/** Every vector, in the order of the file. */
export function makeVectors(): FrameVector[] {
  return cases().map(([name, type, sequence, payload]) => ({
    name,
    type,
    sequence,
    payload: hex(payload),
    wire: hex(slowFrame(type, sequence, payload)),
  }));
}

/** The text of test/vectors/frames.json: one vector on a line. */
export function vectorsText(): string {
  return `[\n${makeVectors()
    .map((vector) => `  ${JSON.stringify(vector)}`)
    .join(",\n")}\n]\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync("test/vectors/frames.json", vectorsText());
}
