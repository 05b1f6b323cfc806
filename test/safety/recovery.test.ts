import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { type FallbackChoice, Recovery } from "../../src/safety/recovery.ts";

const minuteUs = 60e6;
const choice: FallbackChoice = { fallback: "hold", recoverCycles: 3, recoverMost: 2 };

/** Held from `nowUs` on, and fit in each cycle: when it came back. */
function comeBack(recovery: Recovery, nowUs: number): number {
  assert.ok(recovery.mayHold(nowUs), `at ${nowUs}`);
  recovery.begin(true);
  assert.deepEqual([recovery.look(true, nowUs), recovery.look(true, nowUs + 1)], [false, false]);
  assert.ok(recovery.look(true, nowUs + 2));
  return nowUs + 2;
}

test("recovery: where robot.yaml does not ask for a hold there is none", () => {
  assert.equal(new Recovery({ ...choice, fallback: "stop" }).mayHold(0), false);
  const recovery = new Recovery(choice);
  assert.equal(recovery.mayHold(0), true);
  // Nothing was held by itself that could end by itself.
  for (let at = 0; at < 9; at++) assert.equal(recovery.look(true, at), false);
});

test("recovery: it comes back once the policy was fit for as long in a row as it must be", () => {
  const recovery = new Recovery(choice);
  recovery.begin(true);
  const looks = [true, true, false, true, true, true, true].map((fit) => recovery.look(fit, 0));
  assert.deepEqual(looks, [false, false, false, false, false, true, false]);
  // Another hold counts from its beginning.
  recovery.begin(true);
  assert.equal(recovery.look(true, 0), false);
});

test("recovery: a hold that somebody asked for ends when somebody asks, not by itself", () => {
  const recovery = new Recovery(choice);
  recovery.begin(false);
  for (let at = 0; at < 9; at++) assert.equal(recovery.look(true, at), false);
  // Also one that had begun by itself.
  recovery.begin(true);
  recovery.look(true, 0);
  recovery.begin(false);
  for (let at = 0; at < 9; at++) assert.equal(recovery.look(true, at), false);
});

test("recovery: without a time it waits for somebody, as often as it is held", () => {
  const recovery = new Recovery({ ...choice, recoverCycles: null, recoverMost: 1 });
  for (let at = 0; at < 99; at++) {
    assert.ok(recovery.mayHold(at));
    recovery.begin(true);
    assert.equal(recovery.look(true, at), false);
  }
});

test("recovery: who has come back as often as it may within a minute is not held once more", () => {
  const recovery = new Recovery(choice);
  const first = comeBack(recovery, 0);
  const second = comeBack(recovery, 10e6);
  assert.equal(recovery.mayHold(20e6), false);
  assert.equal(recovery.mayHold(first + minuteUs - 1), false);
  const third = comeBack(recovery, first + minuteUs);
  assert.equal(recovery.mayHold(second + minuteUs - 1), false);
  comeBack(recovery, second + minuteUs);
  assert.equal(recovery.mayHold(third + minuteUs - 1), false);
});

test("recovery: whatever the policy does, it does not come back more often than it may", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const recoverMost = 1 + rng.below(4);
    const recoverCycles = 1 + rng.below(5);
    const recovery = new Recovery({ fallback: "hold", recoverCycles, recoverMost });
    const fails = rng.uniform(0.001, 0.5);
    const returns: number[] = [];
    let held = false;
    let stops = 0;
    for (let cycle = 0; cycle < 4000; cycle++) {
      const nowUs = cycle * 100_000;
      const isFit = rng.uniform(0, 1) > fails;
      if (held && recovery.look(isFit, nowUs)) {
        returns.push(nowUs);
        held = false;
      } else if (!held && !isFit) {
        held = recovery.mayHold(nowUs);
        if (held) recovery.begin(true);
        // A stop, and somebody who resets and arms at once.
        else stops++;
      }
    }
    for (const [at, nowUs] of returns.entries()) {
      const sinceUs = nowUs - (returns[at - recoverMost] ?? Number.NEGATIVE_INFINITY);
      assert.ok(sinceUs >= minuteUs, `seed ${seed}: return ${at} after ${sinceUs} us`);
    }
    if (fails > 0.1) assert.ok(stops > 0, `seed ${seed}`);
  }
});
