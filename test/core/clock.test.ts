import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { monotonicClock } from "../../src/core/clock.ts";

test("the clock never goes back, and until() does not return before its time", () => {
  const clock = monotonicClock();
  let last = clock.now();
  for (let i = 0; i < 100_000; i++) {
    const now = clock.now();
    assert.ok(now >= last);
    last = now;
  }
  for (const waitUs of [-50, 0, 30, 400, 3_000]) {
    const dueUs = clock.now() + waitUs;
    clock.until(dueUs);
    assert.ok(clock.now() >= dueUs);
  }
});

test("two clocks of one thread are one clock", () => {
  const [one, other] = [monotonicClock(), monotonicClock()];
  let nearestUs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 1000; i++) {
    const before = one.now();
    const between = other.now();
    const after = one.now();
    nearestUs = Math.min(nearestUs, Math.abs(between - (before + after) / 2));
  }
  assert.ok(nearestUs < 50, `${nearestUs} us apart`);
});

test("a time from another thread lies between two of this one", async () => {
  const clock = monotonicClock();
  const source = new URL("../../src/core/clock.js", import.meta.url).href;
  const program = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(source)}).then(({ monotonicClock }) => {
      const clock = monotonicClock();
      parentPort.on("message", () => parentPort.postMessage(clock.now()));
      parentPort.postMessage(0);
    });`;
  const worker = new Worker(program, { eval: true });
  const answer = (): Promise<number> => new Promise((resolve) => worker.once("message", resolve));
  await answer();
  for (let i = 0; i < 20; i++) {
    const before = clock.now();
    const told = answer();
    worker.postMessage(null);
    const there = await told;
    const after = clock.now();
    assert.ok(there > before - 50 && there < after + 50, `${before} ${there} ${after}`);
  }
  await worker.terminate();
});
