import assert from "node:assert/strict";
import { test } from "node:test";
import { Reason, Verdict } from "../../src/core/step.ts";
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { choices, lift, spec, stepOf, still, wheel } from "./lift.ts";

test("joints: what is seen is within its limit, inclusive, on both sides", () => {
  const limits = limitsOf(spec, choices);
  // 3 % of 3 rad beyond each end.
  for (const [at, low, high, reason] of [
    [1, -1.09, 2.09, Reason.jointPosition],
    [2, -8, 8, Reason.jointVelocity],
    [3, -4, 4, Reason.jointEffort],
    [4, -30, 30, Reason.jointVelocity],
  ] as const) {
    for (const [limit, outward] of [
      [low, -1],
      [high, 1],
    ] as const) {
      const guard = new Guard(spec, limits);
      assert.notEqual(guard.filter(stepOf(still.with(at, limit))), Verdict.refused, `${limit}`);
      const beyond = stepOf(still.with(at, limit + outward * 0.01));
      assert.equal(guard.filter(beyond), Verdict.refused, `${limit}`);
      assert.equal(beyond.reasons, reason);
      assert.equal(guard.worstAt, at);
      assert.ok(Math.abs(guard.worstBy - 0.01) < 1e-6, `${guard.worstBy}`);
    }
  }
});

test("joints: of several that are beyond, the one furthest by its own measure is told", () => {
  const guard = new Guard(spec, limitsOf(spec, choices));
  assert.deepEqual([guard.worstAt, guard.worstBy], [-1, 0]);
  // By 1 of 16, by 1 of 8, by 1 of 60.
  guard.filter(stepOf([0, 0, 9, 5, 31]));
  assert.deepEqual([guard.worstAt, guard.worstBy], [3, 1]);
  guard.filter(stepOf([0, 0, -12, 5, 31]));
  assert.deepEqual([guard.worstAt, guard.worstBy], [2, 4]);
  // Of two that are as far, the first: 2 of 16 and 1 of 8.
  guard.filter(stepOf([0, 0, 10, 5, 31]));
  assert.deepEqual([guard.worstAt, guard.worstBy], [2, 2]);
  guard.filter(stepOf(still));
  assert.deepEqual([guard.worstAt, guard.worstBy], [-1, 0]);
});

test("joints: how far beyond an end is borne can be said", () => {
  for (const [beyondMax, place, refused] of [
    [0, 2.001, true],
    [0, 2, false],
    [0.5, 2.49, false],
    [0.5, 2.51, true],
  ] as const) {
    const joints = { lift: { ...lift, beyondMax }, wheel };
    const guard = new Guard(spec, limitsOf(spec, { joints }));
    const verdict = guard.filter(stepOf(still.with(1, place)));
    assert.equal(verdict === Verdict.refused, refused, `${beyondMax} ${place}`);
  }
});
