import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Rng } from "../../src/core/rng.ts";
import { altering, FaultyLine } from "../../src/hil/faulty-line.ts";
import {
  clockJumps,
  commandsBecome,
  observationsStick,
  samplesRepeat,
} from "../../src/hil/tamper.ts";
import {
  delaying,
  dropping,
  duplicating,
  flipping,
  type LineFault,
  reordering,
  sound,
  truncating,
} from "../../src/link/line-fault.ts";
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts";
import { Layout, MessageType } from "../../src/wire/messages.ts";

const count = 2000;

/** Frames with the numbers 0 to `count` as their sequence, in pieces as a line delivers them. */
function sentThrough(fault: LineFault): { numbers: number[]; bad: number } {
  const numbers: number[] = [];
  const decoder = new FrameDecoder();
  const view = new DataView(decoder.frame.buffer);
  const line = new FaultyLine(
    (bytes) => {
      for (const byte of bytes) if (decoder.push(byte)) numbers.push(view.getUint16(1, true));
    },
    () => {},
  );
  line.fault = fault;
  const frame = new Uint8Array(40);
  const out = new Uint8Array(64);
  for (let i = 0; i < count; i++) {
    frame.set([MessageType.synced, i & 0xff, i >> 8, 1, 0, 3]);
    const wire = out.subarray(0, encodeFrame(frame, 19, out));
    line.push(wire.slice(0, 7));
    line.push(wire.slice(7));
  }
  return { numbers, bad: decoder.bad };
}

const inOrder = Array.from({ length: count }, (_, i) => i);

test("line fault: a sound line changes nothing", () => {
  assert.deepEqual(sentThrough(sound), { numbers: inOrder, bad: 0 });
});

test("line fault: each does what it says to the share that it is given (seed 3)", () => {
  const rng = new Rng(3);
  const dropped = sentThrough(dropping(rng, 0.25)).numbers;
  assert.ok(Math.abs(dropped.length / count - 0.75) < 0.04, String(dropped.length));
  assert.equal(sentThrough(dropping(rng, 1)).numbers.length, 0);
  const doubled = sentThrough(duplicating(rng, 0.5)).numbers;
  assert.ok(Math.abs(doubled.length / count - 1.5) < 0.04);
  assert.deepEqual([...new Set(doubled)], inOrder);
  const mixed = sentThrough(reordering(rng, 0.2)).numbers;
  assert.notDeepEqual(mixed, inOrder);
  assert.deepEqual(
    [...mixed].sort((a, b) => a - b),
    inOrder.slice(0, mixed.length),
  );
  assert.ok(mixed.every((number, i) => Math.abs(number - i) <= 1));
  const flipped = sentThrough(flipping(rng, 0.5));
  assert.ok(Math.abs(flipped.numbers.length / count - 0.5) < 0.05);
  assert.ok(flipped.bad > 0);
  const cut = sentThrough(truncating(rng, 1));
  assert.equal(cut.numbers.length, 0);
  assert.ok(cut.bad > count / 2);
});

test("line fault: a delay keeps the order", async () => {
  const { numbers } = sentThrough(delaying(30_000));
  assert.equal(numbers.length, 0);
  await sleep(200);
  assert.deepEqual(numbers, inOrder);
});

/** What a frame becomes: its bytes without the CRC. */
function altered(fault: LineFault, plain: Uint8Array): DataView {
  const out = new Uint8Array(128);
  const decoder = new FrameDecoder();
  const padded = new Uint8Array(plain.length + 8);
  padded.set(plain);
  let good = 0;
  const take = (bytes: Uint8Array): void => {
    for (const byte of bytes) if (decoder.push(byte)) good++;
  };
  fault(out.slice(0, encodeFrame(padded, plain.length, out)), take);
  assert.equal(good, 1, "a frame with a good CRC");
  assert.equal(decoder.length, plain.length);
  return new DataView(decoder.frame.slice().buffer);
}

function stateOf(sampleUs: number, speed: number): Uint8Array {
  const at = Layout.state;
  const frame = new DataView(new ArrayBuffer(at.size + 16));
  frame.setUint8(0, MessageType.state);
  frame.setUint8(at.observationCount, 3);
  frame.setUint8(at.actionCount, 1);
  frame.setUint32(at.sampleUs, sampleUs, true);
  frame.setFloat32(at.observation + 8, speed, true);
  frame.setFloat32(at.observation + 12, 1.5, true);
  return new Uint8Array(frame.buffer);
}

test("tamper: commands, observations and stamps become what was asked, with a good CRC", () => {
  const command = new DataView(new ArrayBuffer(Layout.command.size + 4));
  command.setUint8(0, MessageType.command);
  command.setUint8(Layout.command.count, 1);
  const bytes = new Uint8Array(command.buffer);
  const said = altered(altering(commandsBecome(Number.NaN)), bytes);
  assert.ok(Number.isNaN(said.getFloat32(Layout.command.action, true)));
  const at = Layout.state;
  const stuck = altering(observationsStick());
  altered(stuck, stateOf(1000, 2));
  const second = altered(stuck, stateOf(2000, 3));
  assert.equal(second.getFloat32(at.observation + 8, true), 2);
  assert.equal(second.getFloat32(at.observation + 12, true), 1.5, "what is applied stays");
  assert.equal(second.getUint32(at.sampleUs, true), 2000);
  const old = altering(samplesRepeat());
  altered(old, stateOf(1000, 2));
  assert.equal(altered(old, stateOf(2000, 3)).getUint32(at.sampleUs, true), 1000);
  const jumped = altered(altering(clockJumps(5000)), stateOf(2 ** 32 - 1000, 0));
  assert.equal(jumped.getUint32(at.sampleUs, true), 4000);
});
