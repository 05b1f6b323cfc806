import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { makeStep, Reason, Verdict } from "../../src/core/step.ts";
import { Barrier, type Drive, type JointEnds } from "../../src/safety/barrier.ts";
import { Guard } from "../../src/safety/guard.ts";
import { type ActionLimit, limitsOf } from "../../src/safety/limits.ts";

const periodUs = 100_000;
const actsUs = 200_000;
const wide: ActionLimit = { low: -10, high: 10, rateMax: 1000 };

function endsOf(drive: Drive, more: Partial<JointEnds> = {}): JointEnds {
  return { drive, positionAt: 0, velocityAt: 1, low: -1, high: 2, deceleration: 4, ...more };
}

function barrierOf(drive: Drive, limit: Partial<ActionLimit> = {}): Barrier {
  const more = drive === "effort" ? { acceleration: 16 } : {};
  return new Barrier(endsOf(drive, more), { ...wide, ...limit }, periodUs, actsUs);
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, expected ${expected}`);
}

test("barrier: a goal comes to its end no faster than the joint brakes", () => {
  const barrier = barrierOf("position");
  // From 0.5 there are 1.5: v * 0.2 + v^2 / 8 = 1.5 has v = -0.8 + sqrt(0.64 + 12), for 0.1 s.
  near(barrier.limit(9, 0.5, 0.5, 0, 0), 0.5 + (Math.sqrt(12.64) - 0.8) / 10);
  // And to the other end there are 1.5, too.
  near(barrier.limit(-9, 0.5, 0.5, 0, 0), 0.5 - (Math.sqrt(12.64) - 0.8) / 10);
  assert.equal(barrier.limit(0.6, 0.5, 0.5, 0, 0), 0.6);
  assert.equal(barrier.limit(9, 2, 2, 0, 0), 2);
  assert.equal(barrier.limit(-9, -1, -1, 0, 0), -1);
  // A slower acceleration of the action itself is what it brakes by, and a quicker one is not.
  const eased = barrierOf("position", { accelerationMax: 1 });
  near(eased.limit(9, 0.5, 0.5, 0, 0), 0.5 + (Math.sqrt(0.04 + 3) - 0.2) / 10);
  const quick = barrierOf("position", { accelerationMax: 9 });
  near(quick.limit(9, 0.5, 0.5, 0, 0), barrier.limit(9, 0.5, 0.5, 0, 0));
});

test("barrier: a joint that is too fast to stop behind its goal is to stay where it is", () => {
  const barrier = barrierOf("position");
  // 2 rad/s takes 0.1 and 0.1 s of 2, and 0.5 to rest: 0.9.
  assert.equal(barrier.limit(1.5, 1.4, 1.09, 2, 0.1), 1.5);
  assert.equal(barrier.limit(1.5, 1.4, 1.11, 2, 0.1), 1.11);
  // Over that its goal comes to the other end no faster than it may, which is to 1.217.
  assert.equal(barrier.limit(0.1, 1.6, 1.11, 2, 0.1), 1.11);
  assert.equal(barrier.limit(0.9, -0.6, -0.11, -2, 0.1), -0.11);
  assert.equal(barrier.limit(-0.5, -0.4, -0.11, -2, 0.1), -0.11);
  assert.equal(barrier.limit(-0.5, -0.4, -0.09, -2, 0.1), -0.5);
  // It takes 1.25 rad where there are just 1.25: that is enough.
  const exact = new Barrier(endsOf("position"), wide, 125_000, 250_000);
  assert.equal(exact.limit(1.5, 1.4, 0.75, 2, 0.25), 1.5);
  // However slow: braked by 0.1 it takes 0.1 and 1.25 of 2, and its goal may go back by 0.08.
  const weak = new Barrier(endsOf("position", { deceleration: 0.1 }), wide, periodUs, actsUs);
  assert.equal(weak.limit(-1, 2, 0.7, 0.5, 0.1), 0.7);
  assert.equal(weak.limit(2, -1, 0.3, -0.5, 0.1), 0.3);
  // One that moves away from an end is not held up by it.
  assert.equal(barrier.limit(1.5, 1.4, 1.9, -2, 0.1), 1.5);
});

test("barrier: a velocity is one from which the joint stops in time", () => {
  const barrier = barrierOf("velocity");
  // 1 ahead: v * 0.2 + v^2 / 8 = 1 has v = -0.8 + sqrt(0.64 + 8).
  near(barrier.limit(9, 0, 1, 0, 0), Math.sqrt(8.64) - 0.8);
  near(barrier.limit(-9, 0, 0, 0, 0), -(Math.sqrt(8.64) - 0.8));
  assert.equal(barrier.limit(1, 0, 1, 0, 0), 1);
  // Meanwhile it goes on at what was seen, or at what it was told: 0.1 s of 1 is 0.1.
  near(barrier.limit(9, 0, 0.9, 1, 0.1), Math.sqrt(8.64) - 0.8);
  near(barrier.limit(9, 1, 0.9, 0, 0.1), Math.sqrt(8.64) - 0.8);
  near(barrier.limit(9, -1, 1, -1, 0.1), Math.sqrt(8.64) - 0.8);
  // Where it has to slow down, that takes time: from 2 to v, then on, then to rest, 0.65 in all.
  // v^2 / 4 + v * (0.2 - 2 / 4) = 0.65 - 4 / 8 has v = (0.3 + sqrt(0.09 + 0.15)) * 2.
  near(barrier.limit(9, 2, 1.35, 2, 0), (0.3 + Math.sqrt(0.24)) * 2);
  near(barrier.limit(-9, -2, -0.35, -2, 0), -(0.3 + Math.sqrt(0.24)) * 2);
  // 2 takes 0.5: one that has less is to stop.
  assert.equal(barrier.limit(9, 2, 1.5, 2, 0), 0);
  assert.equal(barrier.limit(9, 2, 1.51, 2, 0), 0);
  // Its own rate is what it brakes by where that is less.
  const slow = barrierOf("velocity", { rateMax: 1 });
  near(slow.limit(9, 0, 1, 0, 0), Math.sqrt(0.04 + 2) - 0.2);
});

test("barrier: an effort is turned to brake as far as the joint needs it", () => {
  const barrier = barrierOf("effort");
  // At rest 0.36 ahead: v * 0.1 + v^2 / 8 = 0.36 has v = 1.34, so 6.7 per s: 10.7 of the 20 from
  // braking to pushing.
  const speed = Math.sqrt(0.16 + 2.88) - 0.4;
  near(barrier.limit(9, 0, 1.64, 0, 0), -10 + ((speed / 0.2 + 4) / 20) * 20);
  near(barrier.limit(-9, 0, -0.64, 0, 0), 10 - ((speed / 0.2 + 4) / 20) * 20);
  assert.equal(barrier.limit(9, 0, 0, 0, 0), 9);
  // An observation of 0.05 s ago: 0.8 faster by now, 0.02 further, and on for 0.1 s of that.
  const late = Math.sqrt(0.16 + 8 * (0.5 - 0.02 - 0.08)) - 0.4;
  near(barrier.limit(9, 0, 1.5, 0, 0.05), -10 + ((late - 0.8) / 0.2 + 4));
  // And what was seen to move goes on: half of 1 and of 1.8 for 0.05 s, then half of that.
  const moved = Math.sqrt(0.16 + 8 * (1 - 0.07 - 0.18)) - 0.4;
  near(barrier.limit(9, 0, 1, 1, 0.05), -10 + ((moved - 1.8) / 0.2 + 4));
  // What its effort may change by is no matter to it.
  near(barrierOf("effort", { accelerationMax: 0.1, rateMax: 0.1 }).limit(9, 0, 0, 0, 0), 9);
  const idle = barrierOf("effort", { accelerationMax: 0.1, rateMax: 0.1 });
  near(idle.limit(9, 0, 1.64, 0, 0), -10 + ((speed / 0.2 + 4) / 20) * 20);
  // No room is left: it brakes with all it has, either way.
  assert.equal(barrier.limit(9, 0, 1.91, 1, 0), Number.NEGATIVE_INFINITY);
  assert.equal(barrier.limit(-9, 0, -0.91, -1, 0), Number.POSITIVE_INFINITY);
  // Just none, in binary numbers: 1 for 0.25 s and half of that.
  const more = { acceleration: 16 };
  const exact = new Barrier(endsOf("effort", more), wide, 125_000, 250_000);
  assert.equal(exact.limit(9, 0, 1.875, 1, 0), Number.NEGATIVE_INFINITY);
});

test("barrier: beyond an end only motion back inside is permitted", () => {
  for (const [at, outward] of [
    [2.1, 1],
    [-1.1, -1],
  ] as const) {
    for (const speed of [-0.5, 0, 0.5]) {
      const velocity = barrierOf("velocity");
      assert.equal(Math.abs(velocity.limit(5 * outward, 0, at, speed * outward, 0.01)), 0);
      assert.equal(velocity.limit(-0.5 * outward, 0, at, speed * outward, 0.01), -0.5 * outward);
      // One that moves out is braked. Else what any load may do to it in 0.2 s is kept from it: an
      // effort of 16 up and 4 down adds up to 20, so -6 stands still at worst.
      const pushed = barrierOf("effort").limit(9 * outward, 0, at, speed * outward, 0) * outward;
      if (speed > 0) assert.equal(pushed, Number.NEGATIVE_INFINITY);
      else near(pushed, -6 - speed / 0.2);
    }
    const goal = barrierOf("position");
    const end = at > 0 ? 2 : -1;
    assert.equal(goal.limit(9 * outward, end, at, 0, 0.01), end);
    assert.equal(goal.limit(end - 0.1 * outward, end, at, 0, 0.01), end - 0.1 * outward);
  }
});

test("barrier: of two ends that both ask for an effort each lacks the same", () => {
  // Full effort speeds it up by 100 and brakes it by 1, so between these ends both ask.
  const ends = endsOf("effort", { low: -0.01, high: 0.01, deceleration: 1, acceleration: 100 });
  const barrier = new Barrier(ends, wide, periodUs, actsUs);
  // 0.005 ahead: v / 10 + v^2 / 2 = 0.005, so 1.2071 of 101 from braking to pushing; 0.015 behind
  // it is 1.5.
  const ahead = -10 + (((Math.sqrt(0.02) - 0.1) / 0.2 + 1) / 101) * 20;
  const middle = (ahead + 10 - (1.5 / 101) * 20) / 2;
  for (const wanted of [-10, 0, 10]) {
    near(barrier.limit(wanted, 0, 0, 0, 0), 0);
    near(barrier.limit(wanted, 0, 0.005, 0, 0), middle);
    near(barrier.limit(wanted, 0, -0.005, 0, 0), -middle);
  }
  // One that is braked with all there is for one end is not held up by the other.
  assert.equal(barrier.limit(0, 0, 0, 0.2, 0), Number.NEGATIVE_INFINITY);
  assert.equal(barrier.limit(0, 0, 0, -0.2, 0), Number.POSITIVE_INFINITY);
});

const spec: Spec = {
  observation: [
    { name: "place", unit: "rad", low: -4, high: 4 },
    { name: "speed", unit: "rad/s", low: -9, high: 9 },
  ],
  action: [{ name: "joint", unit: "rad/s", low: -5, high: 5 }],
  periodUs,
};
const joint = { position: "place", velocity: "speed", low: -1, high: 2, deceleration: 4 };

test("barrier: the gate reckons with its observation's age, and with none from the future", () => {
  const limits = limitsOf(spec, { joints: { joint }, ageUsMax: 1e7 });
  const permitted = (ageUs: number, place = 1, speed = 1): number => {
    const guard = new Guard(spec, limits);
    const step = makeStep(spec);
    Object.assign(step, { ageUs, timeUs: 1000, decidedUs: 51_000 });
    step.observation.set([place, speed]);
    step.proposed[0] = 5;
    assert.equal(guard.filter(step), Verdict.limited);
    assert.equal(step.reasons, Reason.barrier);
    return step.action[0]!;
  };
  // With the 0.05 s that the policy took: v * 0.1 + v^2 / 8 = 1 - 0.1.
  assert.ok(Math.abs(permitted(50_000) - (Math.sqrt(0.16 + 7.2) - 0.4)) < 1e-6);
  assert.ok(Math.abs(permitted(-50_000) - (Math.sqrt(0.16 + 8) - 0.4)) < 1e-6);
  assert.equal(permitted(-150_000), permitted(-50_000));
  // A quarter for 10 s is all that there is but 0.5.
  assert.ok(Math.abs(permitted(9_950_000, -1, 0.25) - (Math.sqrt(0.16 + 4) - 0.4)) < 5e-7);
});
