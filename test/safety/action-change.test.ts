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
  // And from what it is then, not from what was asked for before.
  guard.reset(Float32Array.of(-1, 0.25));
  step.proposed[0] = -0.9375;
  step.reasons = 0;
  assert.equal(guard.filter(step), Verdict.pass);
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
    other.recall(step);
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
    const moved = makeStep(spec);
    moved.action.set([jump, 0.25]);
    guard.recall(moved);
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

/** A gate of one action within [-100, 100], and what it makes of `asked`; it begins at 0. */
function onlyAction(limit: Partial<ActionLimit>): (asked: number) => [number, number] {
  const one: Spec = { ...spec, action: [{ name: "pan", unit: "rad", low: -100, high: 100 }] };
  const guard = new Guard(one, limitsOf(one, { action: { pan: limit } }));
  const step = makeStep(one);
  return (asked) => {
    Object.assign(step, { reasons: 0, ageUs: 0 });
    step.proposed[0] = asked;
    guard.filter(step);
    return [step.action[0]!, step.reasons];
  };
}

test("acceleration: a jump of what is asked is followed to where it ends, not past it", () => {
  // 16 per s^2 is 1 a period. Up by 1, 2; then no more than v with v + v^2 / 2 = what is left: of
  // 7 sqrt(15) - 1; and so on.
  const ask = onlyAction({ accelerationMax: 16 });
  const seen = Array.from({ length: 30 }, () => ask(10)[0]);
  assert.deepEqual(seen.slice(0, 2), [1, 3]);
  assert.ok(Math.abs(seen[2]! - (3 + Math.sqrt(15) - 1)) < 1e-6, `${seen}`);
  assert.ok(seen.every((value, at) => value <= 10 && value >= (seen[at - 1] ?? 0)));
  assert.equal(seen.at(-1), 10);
  assert.deepEqual(ask(10), [10, 0]);
});

test("acceleration: what is asked for within rate and acceleration passes as it is", () => {
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    const periodS = spec.periodUs / 1e6;
    const ask = onlyAction({ rateMax: 0.5 / periodS, accelerationMax: 0.1 / periodS ** 2 });
    let [asked, change] = [0, 0];
    for (let cycle = 0; cycle < 200; cycle++) {
      // It turns far from where it has to slow down before its bounds.
      const by = Math.abs(asked) > 30 ? -0.05 * Math.sign(asked) : rng.uniform(-0.099, 0.099);
      change = Math.max(-0.499, Math.min(0.499, change + by));
      asked = Math.fround(asked + change);
      assert.deepEqual(ask(asked), [asked, 0], `seed ${seed} cycle ${cycle}`);
    }
  }
});

test("acceleration: from wherever it comes, it goes past what is asked once at most", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const periodS = spec.periodUs / 1e6;
    const rate = 10 ** rng.uniform(-1.5, 1);
    const most = rate * 10 ** rng.uniform(-2, 0.5);
    const limit = { rateMax: rate / periodS, accelerationMax: most / periodS ** 2 };
    const ask = onlyAction(limit);
    let [last, change] = [0, 0];
    for (let cycle = 0; cycle < 100; cycle++) {
      const [now] = ask(rng.uniform(-20, 20));
      [last, change] = [now, now - last];
    }
    const goal = Math.fround(rng.uniform(-20, 20));
    // Its first cycle may still follow the jump; then it brakes, and is late by a period.
    const pace = Math.abs(change) + most;
    const passed = (pace * pace) / (2 * most) + pace;
    let turns = 0;
    let side = Math.sign(goal - last);
    const cycles = Math.ceil(4 * (60 / rate + 2 * Math.sqrt(60 / most)) + 40);
    let reasons = 0;
    for (let cycle = 0; cycle < cycles; cycle++) {
      [last, reasons] = ask(goal);
      const now = Math.sign(goal - last);
      if (now !== 0 && now !== side) turns++;
      if (now !== 0) side = now;
      const where = `seed ${seed} cycle ${cycle}: ${last} for ${goal}`;
      if (turns > 0) assert.ok(Math.abs(goal - last) <= passed + 1e-4, where);
      assert.ok(turns <= 1, where);
    }
    assert.deepEqual([last, reasons], [goal, 0], `seed ${seed}`);
  }
});

test("acceleration: what moves is caught up with, and then passes", () => {
  const ask = onlyAction({ rateMax: 16, accelerationMax: 16 });
  let asked = 20;
  ask(asked);
  const reasons = Array.from({ length: 40 }, () => {
    asked -= 0.5;
    return ask(asked)[1];
  });
  assert.equal(reasons.at(-1), 0);
  assert.equal(reasons[0], Reason.rate | Reason.acceleration);
});

test("acceleration: who was refused goes on from where it is, and is not behind anything", () => {
  const limits = limitsOf(spec, { action: { left: { accelerationMax: 2 } } });
  const guard = new Guard(spec, limits);
  const step = makeStep(spec);
  const ask = (asked: number): number => {
    Object.assign(step, { reasons: 0, ageUs: 0 });
    step.proposed.set([asked, 0.25]);
    guard.filter(step);
    return step.action[0]!;
  };
  ask(0);
  ask(Number.NaN);
  assert.equal(step.verdict, Verdict.refused);
  assert.equal(ask(0.125), 0.125);
  assert.equal(step.verdict, Verdict.pass);
});
