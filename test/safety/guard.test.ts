import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";

const spec: Spec = {
  observation: [
    { name: "angle", unit: "rad", low: -4, high: 4 },
    { name: "velocity", unit: "rad/s", low: -8, high: 8 },
  ],
  action: [
    { name: "left", unit: "N*m", low: -2, high: 2 },
    { name: "right", unit: "N*m", low: 0.1, high: 0.7 },
  ],
  periodUs: 10_000,
};
const open = limitsOf(spec);

function stepOf(proposed: readonly number[], ageUs: number = 0): Step {
  const step = makeStep(spec);
  step.ageUs = ageUs;
  step.proposed.set(proposed);
  return step;
}

/** Float32 from its bits, because a literal cannot spell every NaN. */
function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

function fillBits(words: Uint32Array, rng: Rng): void {
  for (let at = 0; at < words.length; at++) words[at] = rng.word();
}

const nonFiniteBits = [
  0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff, 0x7fffffff, 0x7fa00000,
];

test("guard: a good action passes unchanged", () => {
  const step = stepOf([1.5, 0.5]);
  assert.equal(new Guard(spec, open).filter(step), Verdict.pass);
  assert.deepEqual([...step.action], [1.5, 0.5]);
  assert.equal(step.reasons, 0);
});

test("guard: what would be refused whatever the action is can be told before", () => {
  const guard = new Guard(spec, open);
  const cases: [change: (step: Step) => void, reasons: number, refuses: boolean][] = [
    [() => {}, 0, false],
    [(step) => step.proposed.fill(Number.NaN), 0, false],
    [(step) => (step.reasons = Reason.policyFailed), Reason.policyFailed, false],
    [(step) => (step.reasons = Reason.lateCycle), Reason.lateCycle, false],
    [(step) => (step.reasons = Reason.linkLost), Reason.linkLost, true],
    [(step) => (step.ageUs = 20_001), Reason.staleObservation, true],
    [(step) => (step.observation[1] = Number.NaN), Reason.nonFiniteObservation, true],
  ];
  for (const [change, reasons, refuses] of cases) {
    const step = stepOf([1, 0.5]);
    change(step);
    assert.equal(guard.refusesAny(step), refuses, `${reasons}`);
    assert.equal(step.reasons, reasons);
  }
});

test("guard: an observation older than two periods is refused", () => {
  const guard = new Guard(spec, open);
  guard.filter(stepOf([1, 0.5]));
  for (const ageUs of [20_001, Number.POSITIVE_INFINITY, Number.NaN, -20_001]) {
    const step = stepOf([-1, 0.2], ageUs);
    assert.equal(guard.filter(step), Verdict.refused, `age ${ageUs}`);
    assert.equal(step.reasons, Reason.staleObservation);
    assert.deepEqual([...step.action], [1, 0.5], "a refused step keeps the last permitted action");
  }
  assert.equal(guard.filter(stepOf([-1, 0.2], 20_000)), Verdict.pass);
  assert.equal(guard.filter(stepOf([-1, 0.2], -20_000)), Verdict.pass);
});

test("guard: every non-finite bit pattern of an observation is refused", () => {
  for (const bits of nonFiniteBits) {
    for (let at = 0; at < spec.observation.length; at++) {
      const step = stepOf([0, 0.5]);
      new Uint32Array(step.observation.buffer)[at] = bits;
      assert.equal(new Guard(spec, open).filter(step), Verdict.refused, bits.toString(16));
      assert.equal(step.reasons, Reason.nonFiniteObservation);
    }
  }
});

test("guard: every non-finite bit pattern of an action is refused", () => {
  for (const bits of nonFiniteBits) {
    for (let at = 0; at < spec.action.length; at++) {
      const guard = new Guard(spec, limitsOf(spec, { action: { left: { rateMax: 10 } } }));
      const step = stepOf([0, 0.5]);
      new Uint32Array(step.proposed.buffer)[at] = bits;
      assert.equal(guard.filter(step), Verdict.refused, bits.toString(16));
      assert.equal(step.reasons, Reason.nonFiniteAction);
      assert.ok(step.action.every(Number.isFinite));
      // The rate limit must still limit afterwards, from the last permitted action.
      const after = stepOf([2, 0.5]);
      guard.filter(after);
      assert.ok(Math.abs(after.action[0]! - 0.1) < 1e-6);
    }
  }
});

test("guard: denormals and negative zero are ordinary numbers", () => {
  const step = stepOf([fromBits(0x00000001), 0.5]);
  assert.equal(new Guard(spec, open).filter(step), Verdict.pass);
  assert.equal(step.action[0], fromBits(0x00000001));
  assert.equal(new Guard(spec, open).filter(stepOf([-0, 0.5])), Verdict.pass);
});

test("guard: an action out of range is brought to the bound", () => {
  const guard = new Guard(spec, open);
  const step = stepOf([3, -1]);
  assert.equal(guard.filter(step), Verdict.limited);
  assert.equal(step.reasons, Reason.range);
  assert.equal(step.action[0], 2);
  assert.equal(step.action[1], Math.fround(0.1));
  // A policy clips to the same bound in float32: that is not a limited action.
  assert.equal(guard.filter(stepOf([2, Math.fround(0.7)])), Verdict.pass);
});

test("guard: the change of an action in one period is bounded", () => {
  const guard = new Guard(spec, limitsOf(spec, { action: { left: { rateMax: 50 } } }));
  const seen: number[] = [];
  for (let cycle = 0; cycle < 5; cycle++) {
    const step = stepOf([2, 0.5]);
    const verdict = guard.filter(step);
    assert.equal(verdict, cycle < 3 ? Verdict.limited : Verdict.pass);
    assert.equal(step.reasons, cycle < 3 ? Reason.rate : 0);
    seen.push(step.action[0]!);
  }
  assert.deepEqual(seen, [0.5, 1, 1.5, 2, 2]);
});

test("guard: a failed policy and a lost link refuse", () => {
  for (const reason of [Reason.policyFailed, Reason.linkLost]) {
    const step = stepOf([1, 0.5]);
    step.reasons = reason;
    assert.equal(new Guard(spec, open).filter(step), Verdict.refused);
    assert.equal(step.reasons, reason);
  }
  const late = stepOf([1, 0.5]);
  late.reasons = Reason.lateCycle;
  assert.equal(new Guard(spec, open).filter(late), Verdict.pass);
});

test("guard: reset brings a wild action into range", () => {
  const guard = new Guard(spec, limitsOf(spec, { action: { left: { rateMax: 10 } } }));
  guard.reset(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY));
  const step = stepOf([Number.NaN, 0]);
  guard.filter(step);
  assert.deepEqual([...step.action], [0, Math.fround(0.1)]);
});

test("guard: whatever comes in, what it permits is finite, in range and within the rate", () => {
  const limits = limitsOf(spec, {
    action: { left: { low: -1, high: 1.5, rateMax: 30 }, right: { rateMax: 5 } },
  });
  for (let seed = 0; seed < 50; seed++) {
    const rng = new Rng(seed);
    const guard = new Guard(spec, limits);
    const step = makeStep(spec);
    const bits = [new Uint32Array(step.proposed.buffer), new Uint32Array(step.observation.buffer)];
    let last = [0, Math.fround(0.1)];
    for (let cycle = 0; cycle < 400; cycle++) {
      step.ageUs = rng.uniform(-25_000, 25_000);
      step.reasons = 0;
      if (rng.below(2) === 0) for (const words of bits) fillBits(words, rng);
      else step.proposed[0] = rng.uniform(-3, 3);
      if (rng.below(3) === 0) step.observation.fill(0);
      const finite = [...step.observation, ...step.proposed].every(Number.isFinite);
      const expected = finite && Math.abs(step.ageUs) <= 20_000;
      const where = `seed ${seed} cycle ${cycle}`;
      assert.equal(guard.filter(step) !== Verdict.refused, expected, where);
      step.action.forEach((value, at) => {
        const { low, high, rateMax } = limits.action[at]!;
        assert.ok(value >= Math.fround(low) && value <= Math.fround(high), where);
        assert.ok(Math.abs(value - last[at]!) <= (rateMax * spec.periodUs) / 1e6 + 1e-6, where);
      });
      if (!expected) assert.deepEqual([...step.action], last, where);
      last = [...step.action];
    }
  }
});
