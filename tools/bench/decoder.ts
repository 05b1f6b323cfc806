import { monotonicClock } from "../../src/core/clock.ts";
import { Rng } from "../../src/core/rng.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult } from "./rounds/result.ts";

/** A STATE of six actuators before its CRC, and how many bytes a round decodes. */
const frameBytes = 86;
const roundBytes = 30_000_000;
const corruptedFrames = 6_000_000;

export const bench: Bench = {
  title:
    `Our decoder, byte by byte: ${roundBytes / 1e6} MB of frames of ${frameBytes} bytes a round; ` +
    "and how many broken frames it takes for good ones: bits flipped (1 to 3), bursts of 16 " +
    "bits, bytes replaced, bytes lost, in equal shares (seed 1).",
  rounds: 7,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const rng = new Rng(1);
  const line = lineOf(rng);
  decoded(line);
  const rates: number[] = [];
  for (let round = 0; round < options.rounds; round++) rates.push(decoded(line));
  yield { case: "decode", unit: "MB/s", ours: rates, peers: {}, higherIsBetter: true, bar: 15 };
  const count = options.steps ?? corruptedFrames;
  const name = `accepted of ${count.toLocaleString("en")}`;
  yield { case: name, unit: "frames", ours: [wrongAccepted(rng, count)], peers: {}, bar: 0 };
}

function randomFrame(rng: Rng, frame: Uint8Array): void {
  // Zeros are what COBS is about: a tenth of all bytes.
  for (let i = 0; i < frameBytes; i++) frame[i] = rng.below(10) === 0 ? 0 : rng.below(256);
}

/** A thousand different frames as they are on the wire. */
function lineOf(rng: Rng): Uint8Array {
  const frame = new Uint8Array(frameBytes + 4);
  const out = new Uint8Array(1000 * (frameBytes + 8));
  let at = 0;
  for (let i = 0; i < 1000; i++) {
    randomFrame(rng, frame);
    at = encodeFrame(frame, frameBytes, out, at);
  }
  return out.subarray(0, at);
}

/** MB/s of the wire's bytes. */
function decoded(line: Uint8Array): number {
  const clock = monotonicClock();
  const decoder = new FrameDecoder();
  const passes = Math.ceil(roundBytes / line.length);
  const startUs = clock.now();
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < line.length; i++) decoder.push(line[i]);
  }
  const us = clock.now() - startUs;
  if (decoder.good !== 1000 * passes) throw new Error(`${decoder.bad} good frames were lost`);
  return (line.length * passes) / us;
}

/** How many corrupted frames came out as a frame that nobody sent. */
function wrongAccepted(rng: Rng, count: number): number {
  const decoder = new FrameDecoder();
  const frame = new Uint8Array(frameBytes + 4);
  const sent = new Uint8Array(frameBytes);
  const wire = new Uint8Array(frameBytes + 8);
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    randomFrame(rng, frame);
    sent.set(frame.subarray(0, frameBytes));
    const length = encodeFrame(frame, frameBytes, wire);
    const left = corrupt(rng, wire, length - 1, i % 4);
    for (let at = 0; at < left; at++) {
      if (decoder.push(wire[at]) && !equal(decoder, sent)) wrong++;
    }
    if (decoder.push(0) && !equal(decoder, sent)) wrong++;
  }
  return wrong;
}

/**
 * Corrupts the frame's bytes without its delimiter, in one of four ways; returns its new length.
 */
function corrupt(rng: Rng, wire: Uint8Array, length: number, way: number): number {
  if (way === 0) {
    for (let flips = 1 + rng.below(3); flips > 0; flips--) {
      wire[rng.below(length)] ^= 1 << rng.below(8);
    }
  } else if (way === 1) {
    const at = rng.below(length - 1);
    wire[at] ^= 1 + rng.below(255);
    wire[at + 1] ^= rng.below(256);
  } else if (way === 2) {
    for (let bytes = 1 + rng.below(8); bytes > 0; bytes--) wire[rng.below(length)] = rng.below(256);
  } else {
    const lost = 1 + rng.below(8);
    const at = rng.below(length - lost);
    wire.copyWithin(at, at + lost, length);
    return length - lost;
  }
  return length;
}

function equal({ frame, length }: FrameDecoder, sent: Uint8Array): boolean {
  return length === sent.length && sent.every((byte, i) => frame[i] === byte);
}
