import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Rng } from "../../src/core/rng.ts";
import { ByteRing, makeByteRing } from "../../src/link/byte-ring.ts";
import { FrameRuns } from "../../src/link/frames.ts";
import { memoryPorts } from "../../src/link/memory.ts";

test("memory port: bytes arrive once, in order, and what does not fit is refused whole", () => {
  const [near, far] = memoryPorts(16);
  const into = new Uint8Array(64);
  assert.equal(far.read(into), 0);
  assert.ok(near.write(Uint8Array.of(1, 2, 3, 9), 3));
  assert.equal(far.read(into), 3);
  assert.deepEqual([...into.subarray(0, 3)], [1, 2, 3]);
  assert.equal(far.read(into), 0);
  assert.ok(near.write(new Uint8Array(16), 16));
  assert.equal(near.write(Uint8Array.of(7), 1), false);
  assert.equal(far.read(into), 16);
  assert.ok(near.write(Uint8Array.of(7), 1));
  near.close();
  assert.equal(far.read(into), 1, "what was sent before the end still arrives");
  assert.equal(far.read(into), -1);
  assert.equal(far.read(into), -1);
  assert.equal(far.write(Uint8Array.of(1), 1), false);
});

test("byte ring: a random walk loses, repeats and mixes nothing", () => {
  for (let seed = 0; seed < 20; seed++) {
    const rng = new Rng(seed);
    const shared = makeByteRing(64);
    const writer = new ByteRing(shared);
    const reader = new ByteRing(shared);
    let sent = 0;
    let got = 0;
    for (let turn = 0; turn < 2000; turn++) {
      const bytes = Uint8Array.from({ length: rng.below(40) }, (_, at) => sent + at);
      if (writer.write(bytes, bytes.length)) sent += bytes.length;
      const into = new Uint8Array(rng.below(40));
      const length = reader.read(into);
      for (let at = 0; at < length; at++) {
        assert.equal(into[at], (got + at) & 255, `seed ${seed}`);
      }
      got += length;
    }
    assert.ok(got > 1000 && sent - got <= 64, `seed ${seed}`);
  }
});

test("byte ring: a writer in another thread wakes a waiting reader", async () => {
  const shared = makeByteRing(64);
  const source = `
    const { workerData, parentPort } = require("node:worker_threads");
    import(workerData.ring).then(({ ByteRing }) => {
      const ring = new ByteRing(workerData.shared);
      parentPort.once("message", () => { ring.write(Uint8Array.of(1, 2), 2); ring.close(); });
      parentPort.postMessage("here");
    });`;
  const ring = new URL("../../src/link/byte-ring.js", import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData: { shared, ring } });
  await new Promise((resolve) => worker.once("message", resolve));
  const reader = new ByteRing(shared);
  const woken = reader.waitAsync();
  worker.postMessage("go");
  await woken;
  const into = new Uint8Array(8);
  let length = reader.read(into);
  while (length === 0) {
    await delay(1);
    length = reader.read(into);
  }
  assert.equal(length, 2);
  await worker.terminate();
});

test("frame runs: whole frames pass unchanged however the bytes are cut", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = new Rng(seed);
    const stream = Uint8Array.from({ length: 3000 }, () => rng.below(20));
    stream[stream.length - 1] = 0;
    const runs = new FrameRuns();
    const out: number[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = Math.min(stream.length, at + 1 + rng.below(60));
      const run = runs.push(stream.subarray(at, end));
      if (run !== null) {
        assert.equal(run.at(-1), 0, `seed ${seed}`);
        out.push(...run);
      }
      at = end;
    }
    assert.deepEqual(out, [...stream], `seed ${seed}`);
    assert.equal(runs.dropped, 0);
  }
});

test("frame runs: an endless piece is dropped and the next frame is whole", () => {
  const runs = new FrameRuns();
  for (let at = 0; at < 10; at++) assert.equal(runs.push(new Uint8Array(1000).fill(1)), null);
  assert.equal(runs.push(Uint8Array.of(1, 0)), null);
  assert.deepEqual(runs.push(Uint8Array.of(5, 6, 0)), Uint8Array.of(5, 6, 0));
  assert.equal(runs.dropped, 1);
});
