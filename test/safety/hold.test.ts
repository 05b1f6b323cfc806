import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import type { EndedJoint, JointChoice } from "../../src/safety/joint.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";

// A robot of which one action is a place, one a velocity and one an effort.
const spec: Spec = {
  observation: [
    { name: "pan", unit: "rad", low: -4, high: 4 },
    { name: "lift_angle", unit: "rad", low: -4, high: 4 },
    { name: "lift_speed", unit: "rad/s", low: -9, high: 9 },
  ],
  action: [
    { name: "pan", unit: "rad", low: -2, high: 2 },
    { name: "wheel", unit: "turns/s", low: -5, high: 5 },
    { name: "lift", unit: "N*m", low: -2, high: 4 },
  ],
  periodUs: 10_000,
};
const gains = { stiffness: 8, damping: 0.5 };
const lift: EndedJoint = {
  ...{ position: "lift_angle", velocity: "lift_speed", low: -1, high: 1.5 },
  ...{ deceleration: 100, acceleration: 200, hold: gains },
};
const unlimited: JointChoice = { unlimited: true };
const joints = { pan: unlimited, wheel: unlimited, lift };
const choices: LimitChoices = { joints, ageUsMax: 10_000, actsUs: 20_000 };
const times = { easeCycles: 4, returnCycles: 4 };

function holdOf(given: LimitChoices = choices, of: Spec = spec): Hold {
  return new Hold(of, limitsOf(of, given), times);
}

/** One cycle in `mode`; what is proposed where the policy asks for `asked`. */
function proposed(
  hold: Hold,
  step: Step,
  mode: Mode,
  seen: readonly number[],
  asked = 1,
): number[] {
  step.mode = mode;
  step.observation.set(seen);
  step.proposed.fill(asked);
  const changed = hold.propose(step);
  if (!changed) assert.ok(step.proposed.every((value) => value === asked));
  // The gate permits it as it is.
  step.action.set(step.proposed);
  return [...step.proposed];
}

test("hold: a place, no velocity and an effort towards where the joint was seen", () => {
  const hold = holdOf();
  const step = makeStep(spec);
  assert.equal(hold.cannot, null);
  assert.deepEqual(proposed(hold, step, Mode.armed, [0, 0, 0]), [1, 1, 1]);
  // The goal of 1 comes to the place of 0.5 in four cycles, wherever that is seen meanwhile.
  const rows = [
    [
      [0.5, 0.25, 0.5],
      [0.875, 0, -0.25],
    ],
    [
      [0.75, 0.5, 1],
      [0.75, 0, -2.5],
    ],
    [
      [0.75, 0.5, -1],
      [0.625, 0, -1.5],
    ],
    [
      [0.75, 0, 0],
      [0.5, 0, 2],
    ],
    [
      [0.75, 0.25, 0],
      [0.5, 0, 0],
    ],
  ] as const;
  for (const [at, [seen, wanted]] of rows.entries()) {
    const given = proposed(hold, step, Mode.holding, seen, Number.NaN);
    assert.deepEqual(
      given.map((value) => value + 0),
      wanted,
      `cycle ${at}`,
    );
  }
});

test("hold: the policy takes over by equal shares from what holds at that moment", () => {
  const hold = holdOf();
  const step = makeStep(spec);
  proposed(hold, step, Mode.armed, [0.5, 0.25, 0], 0.5);
  for (let cycle = 0; cycle < 5; cycle++) {
    proposed(hold, step, Mode.holding, [0.5, 0.25, 0], Number.NaN);
  }
  // The lift moves on, and is pulled back by 8 * 0.25 = 2.
  const seen = [0.5, 0.5, 0];
  assert.deepEqual(proposed(hold, step, Mode.armed, seen, 2), [0.875, 0.5, -1]);
  assert.deepEqual(proposed(hold, step, Mode.armed, seen, 2), [1.25, 1, 0]);
  assert.deepEqual(proposed(hold, step, Mode.armed, seen, 2), [1.625, 1.5, 1]);
  assert.deepEqual(proposed(hold, step, Mode.armed, seen, 2), [2, 2, 2]);
  assert.equal(hold.propose(step), false, "then the policy drives alone");
});

test("hold: one that begins before the policy has taken over holds where it is then", () => {
  const hold = holdOf();
  const step = makeStep(spec);
  for (const [mode, pan] of [
    [Mode.armed, 0],
    [Mode.holding, 0],
    [Mode.armed, 0.5],
    [Mode.holding, 1],
  ] as const) {
    proposed(hold, step, mode, [pan, 0, 0], 0);
  }
  for (let cycle = 0; cycle < 4; cycle++) proposed(hold, step, Mode.holding, [0, 0, 0], 0);
  assert.equal(step.proposed[0], 1);
  // A stop and an arm are no end of a hold: the policy drives at once.
  proposed(hold, step, Mode.stopped, [1, 0, 0]);
  proposed(hold, step, Mode.disarmed, [1, 0, 0]);
  assert.deepEqual(proposed(hold, step, Mode.armed, [1, 0, 0], 2), [2, 2, 2]);
});

test("hold: a joint that is seen beyond its end is held at its end, or inside", () => {
  const hold = holdOf();
  const step = makeStep(spec);
  // A tenth of its way of 2.5 rad inside, by and by.
  for (const [end, way] of [
    [1.75, -0.5],
    [-1.25, 0.5],
  ] as const) {
    for (const share of [0.25, 0.5, 0.75, 1, 1]) {
      const given = proposed(hold, step, Mode.holding, [0, end, 0])[2]!;
      assert.ok(Math.abs(given - 8 * share * way) < 1e-6, `${given}`);
    }
    proposed(hold, step, Mode.disarmed, [0, 0, 0]);
  }
  const ended = { ...joints, pan: { ...lift, hold: undefined, acceleration: undefined } };
  // One that is sent places, too.
  const tied = { ...ended, lift: { ...lift, position: "pan", velocity: "pan_speed" } };
  const wide: Spec = {
    ...spec,
    observation: [...spec.observation, { ...spec.observation[2]!, name: "pan_speed" }],
  };
  const placed = holdOf({ ...choices, joints: tied }, wide);
  const far = makeStep(wide);
  for (let cycle = 0; cycle < 4; cycle++) {
    proposed(placed, far, Mode.holding, [0, 1.75, 0, 0]);
  }
  assert.equal(far.proposed[0], 1.5);
});

test("hold: what is not seen is not held: the proposal is no number", () => {
  const hold = holdOf();
  const step = makeStep(spec);
  const blind = proposed(hold, step, Mode.holding, [Number.NaN, 0, 0]);
  assert.deepEqual([blind[0], blind[2]! + 0], [Number.NaN, 0]);
  // A log keeps its bits, which are the same however they came about.
  const odd = new Uint32Array(step.observation.buffer, 0, 1);
  for (const mode of [Mode.holding, Mode.armed]) {
    const other = holdOf();
    const bits = new Uint32Array(step.proposed.buffer, 0, 1);
    step.mode = Mode.holding;
    odd[0] = 0xffc0_0001;
    other.propose(step);
    step.mode = mode;
    other.propose(step);
    assert.equal(bits[0], 0x7fc0_0000);
  }
  const shaken = proposed(hold, step, Mode.holding, [0, 0, Number.POSITIVE_INFINITY]);
  assert.equal(shaken[2], Number.NEGATIVE_INFINITY);
});

test("hold: cycles that a log lacks are reckoned with", () => {
  for (const [mode, seen] of [
    [Mode.holding, [0.5, 0.5, 0]],
    [Mode.armed, [0.5, 0.5, 0]],
    [Mode.disarmed, [0.5, 0.5, 0]],
  ] as const) {
    for (const missing of [1, 2, 9]) {
      const [whole, lacking] = [holdOf(), holdOf()].map((hold) => {
        const step = makeStep(spec);
        proposed(hold, step, Mode.armed, [0, 0, 0], 1);
        proposed(hold, step, Mode.holding, [0.5, 0.25, 0], 1);
        if (mode !== Mode.holding) {
          for (let cycle = 0; cycle < 9; cycle++) proposed(hold, step, Mode.holding, seen, 1);
          proposed(hold, step, mode, seen, 1);
        }
        return { hold, step };
      });
      for (let cycle = 0; cycle < missing; cycle++) proposed(whole!.hold, whole!.step, mode, seen);
      lacking!.hold.skip(missing);
      const after = [whole, lacking].map((one) => proposed(one!.hold, one!.step, mode, seen));
      assert.deepEqual(after[1], after[0], `${mode} ${missing}`);
      const armed = [whole, lacking].map((one) => proposed(one!.hold, one!.step, Mode.armed, seen));
      assert.deepEqual(armed[1], armed[0], `${mode} ${missing}`);
    }
  }
});

test("hold: who cannot be held says why, and is never sent 0 instead", () => {
  const without = { ...lift, hold: undefined };
  const one = (unit: string, low = -1): Spec => ({
    ...spec,
    action: [{ name: "pan", unit, low, high: 4 }],
  });
  const cases: [LimitChoices, Spec, RegExp | null][] = [
    [
      { joints: { ...joints, lift: without } },
      spec,
      /"lift" is an effort \(N\*m\); give its joint/,
    ],
    [{}, one("N*m"), /"pan" is in N\*m; describe its joint with ends and a hold/],
    [{}, one("1"), /"pan" is in 1; describe/],
    [{}, one("deg"), /no observation of the name "pan" and in deg tells where it is/],
    [{}, one("rad/s", 1), /"pan" is within \[1, 4\] rad\/s, so never 0/],
    [{}, one("rad/s", -9), null],
    [{}, one("rad/s", 0), null],
    [{ action: { pan: { high: 0 } } }, one("mm/s"), null],
    [{ action: { pan: { high: -0.5 } } }, one("mm/s"), /so never 0/],
    [{}, one("rad"), null],
  ];
  for (const [given, of, line] of cases) {
    const hold = holdOf(given, of);
    if (line === null) assert.equal(hold.cannot, null);
    else {
      assert.match(hold.cannot!, line);
      assert.match(hold.cannot!, /^this robot cannot be held: /);
      const step = makeStep(of);
      step.mode = Mode.holding;
      assert.equal(hold.propose(step), true);
      assert.ok(step.proposed.every(Number.isNaN), "all of it, though some could be");
      step.mode = Mode.armed;
      step.proposed.fill(0.5);
      assert.equal(hold.propose(step), false);
      assert.ok(step.proposed.every((value) => value === 0.5));
    }
  }
  const named = { ...spec, observation: [{ ...spec.observation[0]!, unit: "deg" }] };
  assert.match(holdOf({}, { ...named, action: [spec.action[0]!] }).cannot!, /"pan" and in rad/);
});

test("hold: gains that would shake the joint are refused with the greatest that do not", () => {
  const gained = (hold: { stiffness: number; damping: number }, more: LimitChoices = {}): Hold => {
    return holdOf({
      ...choices,
      ...more,
      joints: { ...joints, lift: { ...lift, acceleration: 240, hold } },
    });
  };
  // An effort of 1 does 240 / 4 = 60 at most and 100 / 2 = 50 at least, and is 20 ms late:
  // 0.5 / (60 * 0.02) = 0.41667, and 50 * 0.4^2 = 8. A load of (240 - 100) / 2 = 70 may move it by
  // a tenth of 2.5 rad: 70 / (50 * 0.25) = 5.6.
  gained({ stiffness: 8, damping: 0.4 });
  gained({ stiffness: 5.6, damping: 0.4 });
  const refused = (hold: { stiffness: number; damping: number }, line: RegExp, more = {}): void => {
    assert.throws(
      () => gained(hold, more),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "robot-file");
        assert.match(error.message, line);
        return true;
      },
    );
  };
  const most = /^joints: "lift": hold\.damping is .*: give above 0, at most 0\.417, .* of 20 ms$/;
  for (const damping of [0.417, 9, 0, -0.1, Number.NaN, Number.POSITIVE_INFINITY]) {
    refused({ stiffness: 6, damping }, most);
  }
  const between = /hold\.stiffness is .*: give above 0, at least 5\.6, .* and at most 8, else it/;
  for (const stiffness of [8.01, 1e9, 5.59, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    refused({ stiffness, damping: 0.4 }, between);
  }
  refused({ stiffness: 1, damping: 9 }, /of 9\.99 ms$/, { ageUsMax: 4990, actsUs: 10_000 });
  const strong = { ...lift, hold: { stiffness: 8, damping: 0.500_000_1 } };
  assert.throws(() => holdOf({ ...choices, joints: { ...joints, lift: strong } }), /at most 0\.5,/);
  // Later: an older observation, a longer command, a slower effort.
  const late = { stiffness: 6, damping: 0.4 };
  refused(late, /at most 0\.278,/, { ageUsMax: 20_000 });
  refused(late, /at most 0\.333,/, { actsUs: 30_000 });
  refused(late, /at most 0\.208,/, { action: { lift: { rateMax: 200 } } });
  // One that pushes harder one way than the other, whichever.
  refused(late, /at most 0\.208,/, { action: { lift: { high: 1 } } });
  const eased = { action: { lift: { rateMax: 600, accelerationMax: 60_000 } } };
  refused(late, /at most 0\.208,/, eased);
});

test("hold: a joint that may go far before anybody sees it is not held", () => {
  // 200 * t^2 / 2 is a tenth of 2.5 rad at t = 50 ms.
  const late = (ageUsMax: number): Hold => {
    const hold = { stiffness: 1, damping: 0.01 };
    const joint = { ...lift, deceleration: 200, hold };
    return holdOf({ ...choices, ageUsMax, joints: { ...joints, lift: joint } });
  };
  assert.throws(() => late(39_900), /hold\.stiffness is 1/);
  assert.throws(() => late(40_100), /"lift": hold: no gains hold it: it may move by 0\.25 within /);
  // 512 * t^2 / 2 is exactly that at t = 31.25 ms.
  const hold = { stiffness: 0.5, damping: 0.05 };
  const joint = { ...lift, deceleration: 512, acceleration: 512, hold };
  const far = { ...choices, ageUsMax: 21_250, joints: { ...joints, lift: joint } };
  assert.equal(holdOf(far).cannot, null);
});

test("hold: what brakes as hard as it speeds up has no load, and any stiffness holds it", () => {
  for (const acceleration of [100, 20]) {
    const held = (stiffness: number): Hold => {
      const one = { ...lift, acceleration, hold: { stiffness, damping: 0.4 } };
      return holdOf({ ...choices, joints: { ...joints, lift: one } });
    };
    assert.equal(held(1e-9).cannot, null);
    assert.equal(held(8).cannot, null);
    assert.throws(() => held(0), /at least 0,/);
  }
});

test("hold: an action that may change no faster and faster comes to its place, not past it", () => {
  const limits = { action: { pan: { rateMax: 20, accelerationMax: 100 } } };
  const one: Spec = { ...spec, observation: [spec.observation[0]!], action: [spec.action[0]!] };
  const hold = new Hold(one, limitsOf(one, limits), times);
  const guard = new Guard(one, limitsOf(one, limits));
  const step = makeStep(one);
  guard.reset(step.action);
  const cycle = (mode: Mode, seen: number, asked: number): number => {
    Object.assign(step, { mode, reasons: 0, ageUs: 0 });
    step.observation[0] = seen;
    step.proposed[0] = asked;
    hold.propose(step);
    guard.filter(step);
    return step.action[0]!;
  };
  let before = 0;
  for (let at = 0; at < 12; at++) before = cycle(Mode.armed, 0, 2);
  assert.ok(before > 0.7 && before < 1, `${before}`);
  // At speed, a little before its place.
  const goals = Array.from({ length: 80 }, () => cycle(Mode.holding, 1.9, Number.NaN));
  assert.ok(
    goals.every((goal) => goal <= 1.9 + 1e-6),
    `${Math.max(...goals)}`,
  );
  assert.equal(goals.at(-1), Math.fround(1.9));
  assert.equal(step.verdict, Verdict.pass);
});
