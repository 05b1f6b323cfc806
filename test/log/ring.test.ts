import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Rng } from "../../src/core/rng.ts";
import { makeStep } from "../../src/core/step.ts";
import { StepRecord } from "../../src/log/record.ts";
import {
  closeRing,
  countsOfRing,
  makeRing,
  RingConsumer,
  RingProducer,
  RingSpectator,
} from "../../src/log/ring.ts";
import { bytesOf } from "../allocation.ts";
import type { ProducerWork } from "./ring-producer.ts";
import { fillStep, recordsOf, spec } from "./steps.ts";

const record = new StepRecord(spec);

test("a full ring drops the newest, counts it, and keeps the rest", () => {
  const ring = makeRing(record.size, 4);
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const step = makeStep(spec);
  const seqs: number[] = [];
  const take = (at: number): void => {
    record.decode(consumer.bytes, at, step);
    seqs.push(step.seq);
  };
  const taken = Array.from({ length: 7 }, (_, seq) => {
    fillStep(step, seq);
    return producer.append(step);
  });
  assert.deepEqual(taken, [true, true, true, true, false, false, false]);
  assert.equal(consumer.drain(take), 4);
  fillStep(step, 7);
  assert(producer.append(step));
  consumer.drain(take);
  assert.deepEqual(seqs, [0, 1, 2, 3, 7]);
  const { appended, dropped, drained } = countsOfRing(ring);
  assert.deepEqual({ appended, dropped, drained }, { appended: 5, dropped: 3, drained: 5 });
});

test("a closed ring drops, and still gives what it holds", () => {
  const ring = makeRing(record.size, 4);
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const step = makeStep(spec);
  assert(producer.append(step));
  closeRing(ring);
  assert(consumer.closed);
  assert(!producer.append(step));
  assert.equal(
    consumer.drain(() => {}),
    1,
  );
  assert.equal(countsOfRing(ring).dropped, 1);
  consumer.wait(60_000);
});

test("counts go on beyond 32 bits", () => {
  const ring = makeRing(record.size, 8);
  const words = new Int32Array(ring);
  // 2^33 - 3 appended and drained.
  for (const at of [16, 32]) {
    words[at] = -3;
    words[at + 1] = 2;
  }
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const step = makeStep(spec);
  for (let round = 0; round < 6; round++) {
    assert(producer.append(step));
    assert.equal(countsOfRing(ring).appended, 2 ** 33 - 2 + round);
    assert.equal(
      consumer.drain(() => {}),
      1,
    );
    assert.equal(countsOfRing(ring).drained, 2 ** 33 - 2 + round);
  }
});

test("between two threads no step is lost, doubled, reordered or torn", async () => {
  for (const seed of [1, 2, 3]) {
    const rng = new Rng(seed);
    const steps = 20_000;
    const ring = makeRing(record.size, 2 + rng.below(200));
    const work: ProducerWork = { ring, steps, seed };
    const worker = new Worker(new URL("./ring-producer.js", import.meta.url), {
      workerData: work,
    });
    const taken = new Promise<Uint8Array>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    const consumer = new RingConsumer(ring);
    const found: Buffer[] = [];
    const take = (at: number): void => {
      found.push(Buffer.from(consumer.bytes.slice(at, at + record.size)));
    };
    let ended = false;
    worker.once("exit", () => {
      ended = true;
    });
    while (!consumer.closed && !ended) {
      consumer.drain(take);
      if (rng.below(4) === 0) consumer.wait(rng.below(3));
      if (rng.below(100) === 0) await setImmediate();
    }
    consumer.drain(take);
    const flags = await taken;
    await worker.terminate();
    const expected = recordsOf(0, steps).filter((_, seq) => flags[seq] === 1);
    const counts = countsOfRing(ring);
    const where = `seed ${seed}`;
    assert.equal(counts.appended, expected.length, where);
    assert.equal(counts.drained, expected.length, where);
    assert.equal(counts.dropped, steps - expected.length, where);
    assert(Buffer.concat(found).equals(Buffer.concat(expected)), where);
    assert(counts.dropped > 0 && counts.appended > 1000, `${where}: ${JSON.stringify(counts)}`);
  }
});

test("appending allocates nothing", () => {
  const bytes = bytesOf(new URL("./ring-bytes.js", import.meta.url));
  assert(bytes < 2, `${bytes} bytes for each step`);
});

/** The numbers of the steps that `spectator` sees now. */
function seen(spectator: RingSpectator, into: Uint8Array): { seqs: number[]; missed: number } {
  const { records, missed } = spectator.copy(into);
  const step = makeStep(spec);
  const seqs = Array.from({ length: records }, (_, at) => {
    record.decode(into, at * record.size, step);
    return step.seq;
  });
  return { seqs, missed };
}

test("a spectator sees each step once and takes none away", () => {
  const ring = makeRing(record.size, 8);
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const into = new Uint8Array(100 * record.size);
  const step = makeStep(spec);
  const append = (from: number, to: number): void => {
    for (let seq = from; seq < to; seq++) {
      fillStep(step, seq);
      assert.ok(producer.append(step));
    }
  };
  append(0, 3);
  const late = new RingSpectator(ring, 0);
  const spectator = new RingSpectator(ring, 2);
  assert.deepEqual(seen(spectator, into), { seqs: [1, 2], missed: 0 });
  assert.deepEqual(seen(spectator, into), { seqs: [], missed: 0 });
  append(3, 5);
  assert.deepEqual(seen(spectator, into), { seqs: [3, 4], missed: 0 });
  assert.deepEqual(seen(late, into), { seqs: [3, 4], missed: 0 });
  assert.equal(countsOfRing(ring).drained, 0);
  assert.equal(
    consumer.drain(() => {}),
    5,
  );
});

test("a spectator counts what it missed: overwritten, or without room", () => {
  const ring = makeRing(record.size, 4);
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const into = new Uint8Array(100 * record.size);
  const step = makeStep(spec);
  const spectator = new RingSpectator(ring, 0);
  for (let seq = 0; seq < 10; seq++) {
    fillStep(step, seq);
    assert.ok(producer.append(step));
    consumer.drain(() => {});
  }
  // The slot of number 6 is the next to be written, so it may be half a step already.
  assert.deepEqual(seen(spectator, into), { seqs: [7, 8, 9], missed: 7 });
  for (let seq = 10; seq < 13; seq++) {
    fillStep(step, seq);
    producer.append(step);
  }
  const room = new Uint8Array(2 * record.size + 1);
  assert.deepEqual(seen(spectator, room), { seqs: [11, 12], missed: 1 });
  assert.deepEqual(seen(new RingSpectator(ring, 1000), into).seqs, [10, 11, 12]);
});

test("a spectator takes no step that was overwritten while it looked", () => {
  const ring = makeRing(record.size, 4);
  const producer = new RingProducer(ring, spec);
  const consumer = new RingConsumer(ring);
  const step = makeStep(spec);
  const append = (from: number, to: number): void => {
    for (let seq = from; seq < to; seq++) {
      fillStep(step, seq);
      assert.ok(producer.append(step));
      consumer.drain(() => {});
    }
  };
  append(0, 3);
  const spectator = new RingSpectator(ring, 3);
  const into = new Uint8Array(100 * record.size);
  const set = into.set.bind(into);
  // Two more come just before the first one is copied: number 4 takes its slot.
  into.set = (bytes, at) => {
    into.set = set;
    append(3, 5);
    set(bytes, at);
  };
  assert.deepEqual(seen(spectator, into), { seqs: [2], missed: 2 });
  assert.deepEqual(seen(spectator, into), { seqs: [3, 4], missed: 0 });
});

test("a spectator never sees half a step, however fast the ring goes round", async () => {
  const ring = makeRing(record.size, 4);
  const work: ProducerWork = { ring, steps: 20_000, seed: 3 };
  const worker = new Worker(new URL("./ring-producer.js", import.meta.url), { workerData: work });
  const consumer = new RingConsumer(ring);
  const spectator = new RingSpectator(ring, 0);
  const into = new Uint8Array(3 * record.size);
  const [step, expected] = [makeStep(spec), makeStep(spec)];
  let [whole, last, count] = [0, -1, 0];
  while (!consumer.closed) {
    consumer.drain(() => {});
    const { records, missed } = spectator.copy(into);
    for (let at = 0; at < records * record.size; at += record.size) {
      record.decode(into, at, step);
      fillStep(expected, step.seq);
      assert.deepEqual(step, expected);
      assert.ok(step.seq > last);
      last = step.seq;
      whole++;
    }
    count += records + missed;
    if (whole % 64 === 0) await setImmediate();
  }
  await worker.terminate();
  consumer.drain(() => {});
  const rest = spectator.copy(into);
  assert.equal(count + rest.records + rest.missed, countsOfRing(ring).appended);
  assert.ok(whole > 0);
});
