import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, Reason, Verdict } from "../../src/core/step.ts";
import { Guard } from "../../src/safety/guard.ts";
import { type ActionLimit, limitsOf } from "../../src/safety/limits.ts";

const spec: Spec = {
  observation: [{ name: "angle", unit: "rad", low: -4, high: 4 }],
  action: [
    { name: "left", unit: "rad", low: -2, high: 2 },
    { name: "right", unit: "rad", low: 0.25, high: 3 },
  ],
  periodUs: 250_000,
};

/** What the gate makes of `asked` for the first action, with the reasons; it begins at 0. */
function permitted(
  limit: Partial<ActionLimit>,
  asked: readonly number[],
): [action: number, reasons: number][] {
  const guard = new Guard(spec, limitsOf(spec, { action: { left: limit } }));
  return asked.map((wanted) => {
    const step = makeStep(spec);
    step.ageUs = 0;
    step.proposed.set([wanted, 0.25]);
    const verdict = guard.filter(step);
    assert.equal(verdict, step.reasons === 0 ? Verdict.pass : Verdict.limited);
    return [step.action[0]!, step.reasons];
  });
}

test("acceleration: a change grows and shrinks by so much a period, and stops at the bound", () => {
  // 2 per s^2 is 1/8 a period. Going up by 1/8, 2/8, 3/8, 4/8 comes to 1.25, where no change may be
  // greater than v with v + 4 * v^2 = 0.75, 0.326, which 4/8 - 1/8 is above: so it slows before.
  const seen = permitted({ accelerationMax: 2 }, Array(40).fill(2)).map(([action]) => action);
  assert.deepEqual(seen.slice(0, 3), [0.125, 0.375, 0.75]);
  const changes = seen.map((value, at) => value - (seen[at - 1] ?? 0));
  changes.forEach((change, at) => {
    const before = changes[at - 1] ?? 0;
    assert.ok(Math.abs(change - before) <= 0.125 + 1e-6, `change ${at}: ${before} to ${change}`);
  });
  const down = permitted({ accelerationMax: 2 }, Array(40).fill(-2)).map(([action]) => action);
  assert.deepEqual(
    down,
    seen.map((value) => -value),
  );
  // From 0.75 on: v + 4 * v^2 = 1.25 has v = (-1 + sqrt(21)) / 8 = 0.4478.
  assert.ok(Math.abs(changes[3]! - (Math.sqrt(21) - 1) / 8) < 1e-6);
  assert.ok(seen.every((value) => value <= 2));
  assert.ok(seen.at(-1)! > 1.999999, "the bound is reached");
});

test("acceleration: a change cannot turn at once", () => {
  const asked = [2, 2, -2, -2, -2, -2];
  const seen = permitted({ accelerationMax: 2 }, asked);
  const actions = seen.map(([action]) => action);
  assert.deepEqual(actions, [0.125, 0.375, 0.5, 0.5, 0.375, 0.125]);
  assert.ok(seen.every(([, reasons]) => reasons === Reason.acceleration));
});

test("acceleration: absent, any change is as good as another", () => {
  assert.deepEqual(permitted({}, [2, -2, 2]), [
    [2, 0],
    [-2, 0],
    [2, 0],
  ]);
});

test("acceleration: a rate that it would exceed is kept", () => {
  const seen = permitted({ accelerationMax: 2, rateMax: 1 }, [2, 2, 2, 0.75, 0.75]);
  assert.deepEqual(
    seen.map(([action]) => action),
    [0.125, 0.375, 0.625, 0.75, 0.75],
  );
  assert.deepEqual(
    seen.map(([, reasons]) => reasons),
    [Reason.rate | Reason.acceleration, Reason.rate, Reason.rate, 0, 0],
  );
});

test("acceleration: after a reset it counts from rest", () => {
  const guard = new Guard(spec, limitsOf(spec, { action: { left: { accelerationMax: 2 } } }));
  const step = makeStep(spec);
  step.ageUs = 0;
  step.proposed.set([2, 0.25]);
  for (let cycle = 0; cycle < 3; cycle++) guard.filter(step);
  guard.reset(Float32Array.of(-1, 0.25));
  guard.filter(step);
  assert.deepEqual([...step.action], [-0.875, 0.25]);
});

test("acceleration: what was permitted can be recalled, and then it goes on as it did", () => {
  const limits = limitsOf(spec, { action: { left: { accelerationMax: 2 } } });
  const [guard, other] = [new Guard(spec, limits), new Guard(spec, limits)];
  assert.equal(guard.memory, 3);
  assert.equal(new Guard(spec, limitsOf(spec)).memory, 1);
  const rng = new Rng(3);
  const step = makeStep(spec);
  step.ageUs = 0;
  for (let cycle = 0; cycle < 50; cycle++) {
    step.proposed.set([rng.uniform(-2, 2), rng.uniform(0.25, 3)]);
    const again = structuredClone(step);
    again.proposed.fill(rng.uniform(-2, 2));
    guard.filter(step);
    other.filter(again);
    other.recall(step.action);
  }
  const again = structuredClone(step);
  guard.filter(step);
  other.filter(again);
  assert.deepEqual(step, again);
});

test("acceleration: what was braked harder than it may be goes on as from rest", () => {
  const limits = limitsOf(spec, { action: { left: { accelerationMax: 2 } } });
  // A change of twice the 1/8 is still borne, as floats may lose some of it.
  for (const [jump, next] of [
    [0.25, 0.625],
    [0.3125, 0.4375],
    [0.5, 0.625],
  ] as const) {
    const guard = new Guard(spec, limits);
    guard.recall(Float32Array.of(jump, 0.25));
    const step = makeStep(spec);
    step.ageUs = 0;
    step.proposed.set([2, 0.25]);
    guard.filter(step);
    assert.equal(step.action[0], next);
  }
});

test("acceleration: range, rate and acceleration hold at once, whatever is asked", () => {
  for (let seed = 0; seed < 60; seed++) {
    const rng = new Rng(seed);
    const periodS = spec.periodUs / 1e6;
    const rate = 10 ** rng.uniform(-2, 1);
    const acceleration = rate * 10 ** rng.uniform(-2, 0.5);
    const limit = { rateMax: rate / periodS, accelerationMax: acceleration / periodS ** 2 };
    const guard = new Guard(spec, limitsOf(spec, { action: { left: limit, right: limit } }));
    const step = makeStep(spec);
    step.ageUs = 0;
    let last = [0, 0.25];
    let changes = [0, 0];
    for (let cycle = 0; cycle < 300; cycle++) {
      if (rng.below(10) === 0) step.proposed.set([rng.uniform(-9, 9), rng.uniform(-9, 9)]);
      guard.filter(step);
      const now = [...step.action];
      const next = now.map((value, at) => value - last[at]!);
      next.forEach((change, at) => {
        const { low, high } = spec.action[at]!;
        const where = `seed ${seed} cycle ${cycle}`;
        assert.ok(now[at]! >= low && now[at]! <= high, where);
        // Within what one rounding to float32 makes of it, and two.
        assert.ok(Math.abs(change) <= rate + 3e-7, `${where}: ${change} of ${rate}`);
        const by = Math.abs(change - changes[at]!);
        assert.ok(by <= acceleration + 1e-6, `${where}: ${by} of ${acceleration}`);
      });
      [last, changes] = [now, next];
    }
  }
});
