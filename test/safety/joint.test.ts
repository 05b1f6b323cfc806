import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { type EndedJoint, type JointChoice, placeScales } from "../../src/safety/joint.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";

const spec: Spec = {
  observation: [
    { name: "pan_position", unit: "rad", low: -4, high: 4 },
    { name: "pan_velocity", unit: "rad/s", low: -8, high: 6 },
    { name: "lift_angle", unit: "deg", low: -180, high: 180 },
    { name: "lift_speed", unit: "deg/s", low: -500, high: Number.POSITIVE_INFINITY },
    { name: "lift_current", unit: "A", low: -5, high: 5 },
    { name: "odd_speed", unit: "rad/s", low: -8, high: 8 },
    { name: "hot", unit: "degC", low: 0, high: 99 },
  ],
  action: [
    { name: "pan", unit: "rad", low: -2, high: 2 },
    { name: "lift", unit: "A", low: -3, high: 4 },
  ],
  periodUs: 20_000,
};
const pan: EndedJoint = {
  ...{ position: "pan_position", velocity: "pan_velocity" },
  ...{ low: -1.1, high: 1.1, deceleration: 6 },
};
const lift: EndedJoint = {
  ...{ position: "lift_angle", velocity: "lift_speed", effort: "lift_current" },
  ...{ low: -90, high: 45, deceleration: 300, acceleration: 900 },
  ...{ velocityMax: 400, effortMax: 2, beyondMax: 5 },
};

test("joints: a robot that describes none is as it was", () => {
  const limits = limitsOf(spec, { actsUs: 40_000 });
  assert.deepEqual(Object.keys(limits), ["action", "ageUsMax"]);
});

test("joints: what is said of them becomes places in the observation, and survives JSON", () => {
  const limits = limitsOf(spec, { joints: { pan, lift }, actsUs: 40_000 });
  assert.deepEqual(JSON.parse(JSON.stringify(limits)), limits);
  assert.equal(limits.actsUs, 40_000);
  assert.equal(limitsOf(spec, { joints: { pan, lift }, actsUs: 1000 }).actsUs, 20_000);
  assert.equal(limitsOf(spec, { joints: { pan, lift } }).actsUs, 20_000);
  assert.deepEqual(limits.seen, [
    { quantity: "position", at: 0, low: -1.1 - 0.03 * 2.2, high: 1.1 + 0.03 * 2.2 },
    { quantity: "velocity", at: 3, low: -400, high: 400 },
    { quantity: "effort", at: 4, low: -2, high: 2 },
    { quantity: "position", at: 2, low: -95, high: 50 },
  ]);
  const [panEnds, liftEnds] = limits.ends!;
  const panPlaces = { drive: "position", positionAt: 0, velocityAt: 1 };
  assert.deepEqual(panEnds, { ...panPlaces, low: -1.1, high: 1.1, deceleration: 6 });
  const liftPlaces = { drive: "effort", positionAt: 2, velocityAt: 3 };
  const strength = { deceleration: 300, acceleration: 900 };
  assert.deepEqual(liftEnds, { ...liftPlaces, low: -90, high: 45, ...strength });
});

test("joints: a place is bounded by its ends, rounded inwards; nothing else is", () => {
  const { action } = limitsOf(spec, { joints: { pan, lift } });
  // 1.1 as a float32 is 1.10000002: the one below is 1.09999990.
  assert.deepEqual(action[0], { low: -1.0999999046325684, high: 1.0999999046325684, rateMax: 200 });
  assert.deepEqual(action[1], { low: -3, high: 4, rateMax: 350 });
  for (const [low, high, expected] of [
    [-9, 9, [-2, 2]],
    [0.1, 0.5, [Math.fround(0.1), 0.5]],
    [-0.5, -0.1, [-0.5, Math.fround(-0.1)]],
    [-1e-50, 1e-50, null],
    [-3, 0.3, [-2, 0.29999998211860657]],
    // -0.7 as a float32 is -0.69999999, and what is next to 0 is no less than 0.
    [-1, -0.7, [-1, -0.7000000476837158]],
    [-1, -1e-50, [-1, -1.401298464324817e-45]],
  ] as const) {
    const wider = { ...pan, low: Math.max(-4, low), high: Math.min(4, high) };
    const limits = (): unknown => {
      const { action } = limitsOf(spec, { joints: { pan: wider, lift } });
      return [action[0]!.low, action[0]!.high];
    };
    if (expected === null) assert.throws(limits, /its action is within/);
    else assert.deepEqual(limits(), expected);
  }
});

test("joints: gains to hold it go with its ends, of an effort only", () => {
  const hold = { stiffness: 0.01, damping: 0.002 };
  const [, ends] = limitsOf(spec, { joints: { pan, lift: { ...lift, hold } } }).ends!;
  assert.deepEqual(ends!.hold, hold);
  assert.throws(
    () => limitsOf(spec, { joints: { pan: { ...pan, hold }, lift } }),
    /"pan": hold is for an action that is an effort: a position is held without it/,
  );
});

test("joints: what drives one is told by its action's unit", () => {
  for (const [unit, drive] of [
    ["rad", "position"],
    ["rad/s", "velocity"],
    ["N*m", "effort"],
    ["N", "effort"],
    ["A", "effort"],
    ["V", "effort"],
  ] as const) {
    const one = { ...spec, action: [{ ...spec.action[0]!, unit }] };
    const more = drive === "effort" ? { acceleration: 9 } : {};
    const { ends } = limitsOf(one, { joints: { pan: { ...pan, ...more } } });
    assert.equal(ends![0]!.drive, drive);
  }
  for (const unit of ["deg", "1", "deg/s"]) {
    const one = { ...spec, action: [{ ...spec.action[0]!, unit }] };
    assert.throws(
      () => limitsOf(one, { joints: { pan } }),
      /"pan": the action is in .*, and what that does to a joint is not known: rad, rad\/s, N\*m/,
    );
  }
});

test("joints: one without ends has none, and may be seen to be too fast all the same", () => {
  const endless = { unlimited: true, velocity: "odd_speed", velocityMax: 3 } as const;
  const limits = limitsOf(spec, { joints: { pan: { unlimited: true }, lift: endless } });
  assert.deepEqual(limits.ends, [null, null]);
  assert.deepEqual(limits.seen, [{ quantity: "velocity", at: 5, low: -3, high: 3 }]);
  assert.deepEqual(limits.action, limitsOf(spec).action);
});

function refuses(joints: Record<string, JointChoice>, line: RegExp, more: LimitChoices = {}): void {
  assert.throws(
    () => limitsOf(spec, { ...more, joints }),
    (error: unknown) => {
      assert.ok(error instanceof SinewError);
      assert.equal(error.code, "robot-file");
      assert.match(error.message, line);
      return true;
    },
  );
}

test("joints: who describes one describes all, and each whole", () => {
  refuses({ pan }, /^joints: "lift": it is missing: describe all joints, or none/);
  refuses({ pan, lift, lit: lift }, /"lit": it is no action channel: the policy has pan, lift/);
  refuses({ pan: { ...pan, position: "pn" }, lift }, /"pan": position: the device tells no "pn"/);
  refuses({ pan: { ...pan, velocity: "pv" }, lift }, /velocity: the device tells no "pv"/);
  refuses({ pan, lift: { ...lift, effort: "x" } }, /effort: the device tells no "x", but pan_pos/);
  const twice = { ...lift, velocity: "pan_position", position: "lift_angle" };
  refuses({ pan, lift: { ...twice, velocity: "lift_speed", effort: "pan_velocity" } }, /twice/);
  refuses({ pan: { ...pan, effort: "lift_current" }, lift }, /"pan": effort needs effortMax/);
  const { effort, ...blind } = lift;
  refuses({ pan, lift: blind }, /"lift": effortMax needs effort, an observation/);
  assert.equal(effort, "lift_current");
  const vague = { unlimited: true, velocity: "odd_speed" } as const;
  refuses({ pan: vague, lift }, /"pan": velocity needs velocityMax, its limit/);
  const strong = { ...lift, acceleration: undefined };
  refuses({ pan, lift: strong }, /"lift": acceleration is missing: by how much/);
  refuses({ pan: { ...pan, acceleration: 3 }, lift }, /acceleration is for .*this is a position/);
});

test("joints: an observation is of one joint, and has the unit that it should", () => {
  const shared = { ...pan, velocity: "lift_speed" };
  refuses(
    { pan: shared, lift },
    /"pan": "lift_speed" is in deg\/s: its place is in rad, so rad\/s/,
  );
  refuses(
    { pan: { ...pan, position: "hot" }, lift },
    /"hot" is in degC, which is no place: rad, d/,
  );
  const copied = { ...pan, effort: "lift_current", effortMax: 1 };
  refuses({ pan: copied, lift }, /"lift": "lift_current" is given twice, first to "pan"/);
  const copiedSpeed = { unlimited: true, velocity: "pan_velocity", velocityMax: 1 } as const;
  refuses({ pan, lift: copiedSpeed }, /"lift": "pan_velocity" is given twice, first to "pan"/);
  const same = { ...pan, effort: "pan_position", effortMax: 1 };
  refuses({ pan: same, lift }, /"pan": "pan_position" is given twice/);
});

test("joints: numbers that make no sense are refused, and those at the edge are not", () => {
  const panWith = (change: Partial<EndedJoint>, line: RegExp): void => {
    refuses({ pan: { ...pan, ...change }, lift }, line);
  };
  const liftWith = (change: Partial<EndedJoint>, line: RegExp): void => {
    refuses({ pan, lift: { ...lift, ...change } }, line);
  };
  panWith(
    { low: 1.1 },
    /its ends are \[1.1, 1.1\]: give low below high, within what "pan_position"/,
  );
  panWith({ low: -4.1 }, /within what "pan_position" tells, \[-4, 4\] rad/);
  panWith({ high: 4.1 }, /its ends are \[-1.1, 4.1\]/);
  panWith({ high: Number.NaN }, /its ends are \[-1.1, NaN\]/);
  panWith({ low: 2, high: 3 }, /its ends are \[2, 3\], and its action is within \[-2, 2\]/);
  for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.1e9]) {
    panWith(
      { deceleration: value },
      /deceleration is .*: give rad\/s\^2 above 0, at most 1000000000/,
    );
    liftWith({ acceleration: value }, /acceleration is .*: give deg\/s\^2 above 0/);
  }
  for (const value of [0, -1, Number.NaN, 6, 7]) {
    panWith({ velocityMax: value }, /velocityMax is .*above 0 and below what "pan_velocity" tells/);
  }
  liftWith({ velocityMax: 500 }, /velocityMax is 500: give .* tells, \[-500, Infinity\] deg\/s/);
  liftWith({ effortMax: 5 }, /effortMax is 5: give .* tells, \[-5, 5\] A/);
  for (const value of [-0.01, Number.NaN, Number.POSITIVE_INFINITY]) {
    panWith({ beyondMax: value }, /beyondMax is .*: give a number from 0 on/);
  }
  const edge = { low: -4, high: 4, deceleration: 1e9, velocityMax: 5.999, beyondMax: 0 };
  limitsOf(spec, { joints: { pan: { ...pan, ...edge }, lift } });
});

test("joints: an action that cannot stop its joint is refused", () => {
  const velocity = { ...spec, action: [{ ...spec.action[0]!, unit: "rad/s" }] };
  for (const [low, high, stops] of [
    [0.1, 2, false],
    [-2, -0.1, false],
    [0, 2, true],
    [-2, 0, true],
  ] as const) {
    const limits = (): unknown =>
      limitsOf(velocity, { joints: { pan }, action: { pan: { low, high } } });
    if (stops) limits();
    else assert.throws(limits, /so never 0, and cannot stop it/);
    const action = { lift: { low, high } };
    refuses({ pan, lift }, /"lift": its action is within .*, so it cannot brake both ways/, {
      action,
    });
  }
});

test("joints: ends that an effort cannot keep apart are refused", () => {
  // At rest 1 from each: v * 0.05 + v^2 / 600 = 1 has v = 13.72, so 137 per s; a load has 300.
  const near = { ...lift, low: -1, high: 1 };
  refuses({ pan, lift: near }, /an effort may act for 100 ms, and that is too long .*\[-1, 1\]/, {
    actsUs: 100_000,
  });
  limitsOf(spec, { joints: { pan, lift: near }, actsUs: 40_000 });
  // 2 per s in 1 s is 2: 2 / 2 + 4 / 4 = 2 is just what there is, and (6 - 2) / 2 what it may need.
  const just = { ...lift, low: -2, high: 2, deceleration: 2, acceleration: 6 };
  limitsOf(spec, { joints: { pan, lift: just }, actsUs: 1e6 });
  const weaker = { ...just, acceleration: 6.000001 };
  refuses({ pan, lift: weaker }, /an effort may act for 1000 ms/, { actsUs: 1e6 });
  // What is no effort is not driven by its load.
  const slow = { ...pan, low: -0.001, high: 0.001, deceleration: 0.001 };
  limitsOf(spec, { joints: { pan: slow, lift } });
});

test("joints: how many rad or m each unit of a place is", () => {
  // By the SI Brochure, tables 7 and 8: 1 degree is pi / 180 rad; a turn is 360 of them.
  assert.deepEqual(placeScales, {
    rad: { kind: "angle", size: 1 },
    deg: { kind: "angle", size: 0.017453292519943295 },
    turns: { kind: "angle", size: 6.283185307179586 },
    m: { kind: "length", size: 1 },
    mm: { kind: "length", size: 0.001 },
  });
});
