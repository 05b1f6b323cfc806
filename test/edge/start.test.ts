import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, makeStep, Reason, type Step } from "../../src/core/step.ts";
import { Start, type StartChoice } from "../../src/edge/start.ts";
import { limitsOf } from "../../src/safety/limits.ts";

const spec: Spec = {
  observation: [
    { name: "lift_position", unit: "rad", low: -3, high: 3 },
    { name: "lift_velocity", unit: "rad/s", low: -8, high: 8 },
    { name: "pan_position", unit: "rad", low: -3, high: 3 },
  ],
  action: [
    { name: "pan_position", unit: "rad", low: -2, high: 2 },
    { name: "lift_position", unit: "rad", low: -2, high: 2 },
  ],
  periodUs: 100_000,
};
const choice: StartChoice = {
  home: { lift_position: 0.5, pan_position: -1 },
  speed: 1,
  softSeconds: 0.4,
};

function startWith(given: StartChoice | undefined): Start {
  return new Start(spec, limitsOf(spec), given);
}

/** Pan and lift as one cycle leaves them, proposed and rounded; the policy asks for 1 and 2. */
function eased(start: Start, step: Step, mode: Mode, pan: number, lift: number): number[] {
  step.mode = mode;
  step.reasons = 0;
  step.observation.set([lift, 9, pan]);
  step.proposed.set([1, 2]);
  start.ease(step);
  return [...step.proposed].map((value) => Number(value.toFixed(4)));
}

test("start: each joint goes home by its stride, and is there when it is seen there", () => {
  const start = startWith(choice);
  const step = makeStep(spec);
  assert.deepEqual(eased(start, step, Mode.disarmed, 0, 0), [1, 2]);
  const way = Array.from({ length: 10 }, () => eased(start, step, Mode.homing, -0.7, 0.35));
  assert.deepEqual(way.slice(0, 4), [
    [-0.8, 0.45],
    [-0.9, 0.5],
    [-1, 0.5],
    [-1, 0.5],
  ]);
  assert.equal(start.arrived, false, "0.3 rad from home is not there");
  eased(start, step, Mode.homing, -0.89, 0.5);
  assert.equal(start.arrived, true, "within 3 % of a range of 4 rad it is");
});

test("start: the policy takes over from home by and by, and then is left alone", () => {
  const start = startWith(choice);
  const step = makeStep(spec);
  for (let cycle = 0; cycle < 4; cycle++) eased(start, step, Mode.homing, -0.9, 0.45);
  assert.equal(start.arrived, true);
  const taken = Array.from({ length: 6 }, () => eased(start, step, Mode.armed, 3, 3));
  assert.deepEqual(taken, [
    [-0.5, 0.875],
    [0, 1.25],
    [0.5, 1.625],
    ...Array.from({ length: 3 }, () => [1, 2]),
  ]);
  assert.equal(start.arrived, false);
  assert.equal(start.ease(step), false);
});

test("start: without a home the policy takes over from where the joints are seen", () => {
  const start = startWith({ ...choice, home: undefined });
  const step = makeStep(spec);
  assert.deepEqual(eased(start, step, Mode.disarmed, 0, 0), [1, 2]);
  assert.deepEqual(eased(start, step, Mode.armed, -1, 0), [-0.5, 0.5]);
  assert.deepEqual(eased(start, step, Mode.armed, 7, 7), [0, 1]);
  // A stop and another start begin anew.
  assert.deepEqual(eased(start, step, Mode.stopped, 7, 7), [1, 2]);
  assert.deepEqual(eased(start, step, Mode.armed, 0, 1), [0.25, 1.25]);
});

test("start: an effort, which no observation tells, grows from rest", () => {
  const effort: Spec = {
    ...spec,
    action: [{ name: "pole_torque", unit: "N*m", low: 1, high: 5 }],
  };
  const start = new Start(effort, limitsOf(effort), { ...choice, home: undefined });
  const step = makeStep(effort);
  step.mode = Mode.armed;
  step.proposed.fill(5);
  assert.equal(start.ease(step), true);
  assert.equal(step.proposed[0], 2, "a quarter of the way from 1, the nearest to 0");
});

test("start: who does not come home in time is told, and what is not finite is never home", () => {
  for (const [pan, cycles] of [
    // 1 rad is 10 cycles: twice that, and two seconds.
    [0, 40],
    [Number.NaN, 0],
  ]) {
    const start = startWith(choice);
    const step = makeStep(spec);
    for (let cycle = 0; cycle < cycles; cycle++) {
      eased(start, step, Mode.homing, pan, 0.5);
      assert.equal(step.reasons, 0, `cycle ${cycle}`);
    }
    eased(start, step, Mode.homing, pan, 0.5);
    assert.equal(step.reasons, Reason.homeMissed);
    assert.equal(start.arrived, false);
  }
});

test("start: homing without a home is refused at once", () => {
  const start = startWith(undefined);
  const step = makeStep(spec);
  eased(start, step, Mode.homing, 0, 0);
  assert.equal(step.reasons, Reason.homeMissed);
  assert.equal(start.arrived, false);
  assert.deepEqual(eased(start, step, Mode.armed, 0, 0), [1, 2]);
});

test("start: a joint that stands beyond its limits is not driven, and is named", () => {
  // Within 3 % of a range of 4 rad it only droops.
  for (const [pan, lift, beyond] of [
    [2.1, -2.1, false],
    [2.2, 2.5, true],
    [-2.2, -2.5, true],
  ] as const) {
    for (const given of [choice, { ...choice, home: undefined }]) {
      const start = startWith(given);
      const step = makeStep(spec);
      const driven = given.home === undefined ? Mode.armed : Mode.homing;
      for (const mode of [Mode.disarmed, driven]) {
        eased(start, step, mode, pan, lift);
        assert.equal((step.reasons & Reason.beyondLimits) !== 0, beyond, `${pan}, mode ${mode}`);
      }
      if (beyond) assert.deepEqual([start.furthestAt, start.furthestBy], [1, 0.5]);
      // It was judged before it was driven; what pushes it later is no matter of the start.
      eased(start, step, driven, 2.5, 2.5);
      assert.equal(step.reasons & Reason.beyondLimits, 0);
    }
  }
});

test("start: without a start, and where nothing tells the place, nobody stands beyond", () => {
  const step = makeStep(spec);
  eased(startWith(undefined), step, Mode.disarmed, 2.9, 2.9);
  assert.equal(step.reasons, 0);
  const blind = { ...spec, observation: spec.observation.slice(1) };
  const limits = limitsOf(blind, { action: { lift_position: { low: 1 } } });
  const start = new Start(blind, limits, { ...choice, home: undefined });
  const seen = makeStep(blind);
  start.ease(seen);
  assert.equal(seen.reasons, 0);
});

test("start: the slower of the speed and the gate's rate is gone by, and reckoned with", () => {
  const limits = limitsOf(spec, { action: { pan_position: { rateMax: 0.5 } } });
  const start = new Start(spec, limits, choice);
  const step = makeStep(spec);
  const way = Array.from({ length: 3 }, () => eased(start, step, Mode.homing, 0, 0));
  assert.deepEqual(way, [
    [-0.05, 0.1],
    [-0.1, 0.2],
    [-0.15, 0.3],
  ]);
  // 1 rad by 0.05 is 20 cycles: twice that, and two seconds.
  for (let cycle = 3; cycle < 60; cycle++) eased(start, step, Mode.homing, 0, 0.5);
  assert.equal(step.reasons, 0);
  eased(start, step, Mode.homing, 0, 0.5);
  assert.equal(step.reasons, Reason.homeMissed);
});

test("start: who is near home is for the owner to say, and who was not is named", () => {
  const start = startWith({ ...choice, near: 0.4 });
  const step = makeStep(spec);
  for (let cycle = 0; cycle < 20; cycle++) eased(start, step, Mode.homing, -0.65, 0.2);
  assert.equal(start.arrived, true);
  const close = startWith({ ...choice, near: 0.2 });
  for (let cycle = 0; cycle < 60; cycle++) eased(close, step, Mode.homing, -0.65, 0.4);
  assert.equal(step.reasons, Reason.homeMissed);
  assert.equal(spec.action[close.furthestAt].name, "pan_position");
  assert.ok(Math.abs(close.furthestBy - 0.35) < 1e-6);
  for (const near of [1.1, 0, Number.NaN]) {
    assert.throws(() => startWith({ ...choice, near }), /start.near: .*at most 1 rad/);
  }
});

test("start: a way of more than two minutes is not begun", () => {
  for (const [speed, missed] of [
    [1 / 119, 0],
    [1 / 121, Reason.homeMissed],
  ]) {
    const step = makeStep(spec);
    eased(startWith({ ...choice, speed }), step, Mode.homing, 0, 0.5);
    assert.equal(step.reasons, missed);
  }
});

test("start: each mistake about a home names its channel", () => {
  const mistakes: [Spec, Record<string, number>, RegExp][] = [
    [spec, { pan_position: 0 }, /"lift_position" is missing/],
    [spec, { ...choice.home, grip_position: 0 }, /"grip_position" is no action channel/],
    [spec, { ...choice.home, pan_position: 2.5 }, /"pan_position" is 2.5: give -2 to 2 rad/],
    [spec, { ...choice.home, pan_position: Number.NaN }, /"pan_position" is NaN/],
    [
      {
        ...spec,
        action: spec.action.with(0, { name: "lift_velocity", unit: "rad/s", low: -2, high: 2 }),
      },
      { lift_velocity: 0, lift_position: 0 },
      /"lift_velocity" is in rad\/s, which is no place: rad, /,
    ],
    [
      { ...spec, observation: spec.observation.slice(0, 2) },
      { ...choice.home },
      /"pan_position": no observation of that name and unit/,
    ],
  ];
  for (const [given, home, line] of mistakes) {
    assert.throws(
      () => new Start(given, limitsOf(given), { ...choice, home }),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "robot-file");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});
