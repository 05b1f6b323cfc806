import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { Guard } from "../../src/safety/guard.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { bytesOf } from "../allocation.ts";
import { choices, lift, spec, stepOf, still } from "./lift.ts";

/** Each thing that can be wrong with one step, and what is told of it, in the order of the gate. */
const wrongs: readonly [reason: number, spoil: (step: Step) => unknown][] = [
  [Reason.staleObservation, (step) => (step.ageUs = 20_001)],
  [Reason.nonFiniteObservation, (step) => (step.observation[0] = Number.NaN)],
  [Reason.jointPosition, (step) => (step.observation[1] = 2.2)],
  [Reason.jointVelocity, (step) => (step.observation[2] = -8.1)],
  [Reason.jointEffort, (step) => (step.observation[3] = 4.1)],
  [Reason.jointVelocity, (step) => (step.observation[4] = 31)],
  [Reason.nonFiniteAction, (step) => (step.proposed[1] = Number.NaN)],
  [Reason.policyFailed, (step) => (step.reasons |= Reason.policyFailed)],
  [Reason.linkLost, (step) => (step.reasons |= Reason.linkLost)],
  [Reason.homeMissed, (step) => (step.reasons |= Reason.homeMissed)],
  [Reason.beyondLimits, (step) => (step.reasons |= Reason.beyondLimits)],
];
const ofSight = Reason.jointPosition | Reason.jointVelocity | Reason.jointEffort;

test("joints: what refuses a step does so alone and with each other, and is told", () => {
  wrongs.forEach(([one, spoil], first) => {
    for (const [other, spoilToo] of wrongs.slice(first)) {
      const step = stepOf(still, [9, 9]);
      spoil(step);
      spoilToo(step);
      const guard = new Guard(spec, limitsOf(spec, choices));
      assert.equal(guard.filter(step), Verdict.refused);
      // What is seen is judged where every number of it is one.
      const blind = ((one | other) & Reason.nonFiniteObservation) !== 0;
      const expected = (one | other) & (blind ? ~ofSight : ~0);
      assert.equal(step.reasons, expected, `${one} with ${other}`);
      // And nothing of it is a bound: range, rate, acceleration and barrier come after.
      assert.deepEqual([...step.action], [0, 0]);
    }
  });
});

test("joints: range, rate, acceleration, barrier: each bounds what the one before it left", () => {
  const action = { lift: { rateMax: 100, accelerationMax: 1000 }, wheel: { rateMax: 50 } };
  const guard = new Guard(spec, limitsOf(spec, { ...choices, action }));
  const far = stepOf(still, [9, 9]);
  guard.filter(far);
  assert.equal(far.reasons, Reason.range | Reason.rate | Reason.acceleration);
  assert.deepEqual([...far.action], [Math.fround(0.1), 0.5]);
  const close = stepOf(still.with(1, 1.995), [9, 0]);
  guard.filter(close);
  const { range, rate, acceleration, barrier } = Reason;
  assert.equal(close.reasons, range | rate | acceleration | barrier);
  assert.equal(close.verdict, Verdict.limited);
  // From 0.1 it may go on to 0.3, but 0.005 rad from its end v * 0.01 + v^2 / 10 = 0.005.
  const expected = (Math.sqrt(0.21) - 0.1) / 2;
  assert.ok(Math.abs(close.action[0]! - expected) < 1e-6, `${close.action[0]}, ${expected}`);
});

test("joints: the barrier wins over rate and acceleration, and the range over the barrier", () => {
  const slow = { rateMax: 1, accelerationMax: 10 };
  const guard = new Guard(spec, limitsOf(spec, { ...choices, action: { lift: slow } }));
  const step = stepOf(still, [1.5, 0]);
  for (let cycle = 0; cycle < 400; cycle++) guard.filter(step);
  assert.equal(step.action[0], 1.5);
  // It stands at its end: 1.5 to 0 at once, and from there it goes on as slowly as it may.
  step.observation[1] = 2;
  step.reasons = 0;
  guard.filter(step);
  assert.equal(step.reasons, Reason.barrier);
  assert.equal(step.action[0], 0);
  step.observation[1] = 0;
  step.reasons = 0;
  guard.filter(step);
  assert.equal(step.reasons, Reason.rate | Reason.acceleration);
  assert.equal(step.action[0], Math.fround(0.001));
});

test("joints: an effort that is to brake does so with all of its range, and no more", () => {
  const torque: Spec = {
    ...spec,
    action: [{ name: "lift", unit: "N*m", low: -3, high: 4 }],
  };
  const joints = { lift: { ...lift, acceleration: 9 } };
  for (const [place, speed, expected] of [
    [1.9, 6, -3],
    [-0.9, -6, 4],
  ] as const) {
    const guard = new Guard(torque, limitsOf(torque, { joints, action: { lift: { rateMax: 1 } } }));
    const step = makeStep(torque);
    step.ageUs = 0;
    step.observation.set([0, place, speed, 0, 0]);
    guard.filter(step);
    assert.equal(step.reasons, Reason.barrier);
    assert.equal(step.action[0], expected);
  }
});

test("joints: whatever is seen and asked, what is permitted is finite and within the range", () => {
  const random = (words: Uint32Array, rng: Rng): void => {
    for (let at = 0; at < words.length; at++) words[at] = rng.word();
  };
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    // Nothing that is seen refuses, so that also what is far out comes to the barrier.
    const open: Spec = {
      ...spec,
      observation: spec.observation.map((channel) => {
        return { ...channel, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
      }),
      action: [{ name: "lift", unit: ["rad", "rad/s", "N*m"][seed % 3]!, low: -5, high: 5 }],
    };
    const joint = {
      ...{ position: "lift_position", low: -1, high: 2, velocity: "lift_velocity" },
      ...{ deceleration: 10 ** rng.uniform(-3, 9), beyondMax: 1e39 },
      ...(seed % 3 === 2 && { acceleration: rng.uniform(1, 5) }),
    };
    const limits = limitsOf(open, { joints: { lift: joint }, ageUsMax: 1e6 });
    const { low, high } = limits.action[0]!;
    const guard = new Guard(open, limits);
    const step = makeStep(open);
    for (let cycle = 0; cycle < 400; cycle++) {
      step.ageUs = rng.uniform(-1e6, 1e6);
      step.reasons = 0;
      random(new Uint32Array(step.proposed.buffer), rng);
      random(new Uint32Array(step.observation.buffer), rng);
      if (rng.below(2) === 0) step.observation.set([0, rng.uniform(-2, 3), rng.uniform(-9, 9)]);
      const finite = [...step.observation, ...step.proposed].every(Number.isFinite);
      const where = `seed ${seed} cycle ${cycle}`;
      assert.equal(guard.filter(step) !== Verdict.refused, finite, where);
      assert.ok(step.action[0]! >= low && step.action[0]! <= high, `${where}: ${step.action[0]}`);
    }
  }
});

test("joints: those that are not described change nothing", () => {
  const guard = new Guard(spec, limitsOf(spec));
  const step = stepOf([0, 3.9, 19, 9, 49], [5, 2]);
  assert.equal(guard.filter(step), Verdict.pass);
  assert.deepEqual([...step.action], [5, 2]);
});

test("joints: judging one step makes no object", () => {
  const bytes = bytesOf(new URL("./guard-bytes.js", import.meta.url));
  // Of the numbers that pass between calls the engine boxes some, 16 bytes each: nine here at most,
  // of two actions with four checks each. The least array beside them would be 56 more.
  assert.ok(bytes < 150, `${bytes} bytes for each step`);
});
