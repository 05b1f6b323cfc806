import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, Reason, Verdict } from "../../src/core/step.ts";
import { Count, Request } from "../../src/edge/status.ts";
import type { EndedJoint } from "../../src/safety/joint.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { LoopStage } from "./loop-stage.ts";

const spec: Spec = {
  observation: [
    { name: "place", unit: "rad", low: -3, high: 3 },
    { name: "speed", unit: "rad/s", low: -20, high: 20 },
    { name: "current", unit: "A", low: -9, high: 9 },
  ],
  action: [{ name: "joint", unit: "rad", low: -2, high: 2 }],
  periodUs: 50_000,
};
const joint: EndedJoint = {
  ...{ position: "place", velocity: "speed", low: -1, high: 1.5, deceleration: 4 },
  ...{ velocityMax: 8, effort: "current", effortMax: 3 },
};
const choices = { joints: { joint }, actsUs: 2 * spec.periodUs };

test("loop: a joint that is seen beyond a limit stops the robot, and is named", async () => {
  for (const [at, value, reason, by] of [
    [0, 1.6, Reason.jointPosition, 0.025],
    [1, -8.5, Reason.jointVelocity, 0.5],
    [2, 4, Reason.jointEffort, 1],
  ] as const) {
    const stage = new LoopStage(spec, undefined, choices);
    stage.act = (_, action) => void action.fill(0);
    await stage.run(40, {
      5: stage.ask(Request.arm),
      20: () => void stage.far.observation.fill(value, at, at + 1),
    });
    const last = stage.status.transitions().at(-1)!;
    assert.deepEqual([last.happening, last.reason], [Happening.fault, reason]);
    assert.equal(stage.far.mode, DeviceMode.stopped);
    const furthest = stage.status.furthest()!;
    // Behind the one action.
    assert.equal(furthest.at, 1 + at);
    assert.ok(Math.abs(furthest.by - by) < 1e-6, `${furthest.by}`);
  }
});

test("loop: a joint that is seen beyond a limit is not armed", async () => {
  const stage = new LoopStage(spec, undefined, choices);
  stage.far.observation[2] = 4;
  await stage.run(40, { 5: stage.ask(Request.arm) });
  assert.deepEqual(stage.status.transitions(), []);
  assert.equal(stage.far.mode, DeviceMode.disarmed);
  assert.equal(stage.status.furthest()!.at, 3);
});

test("loop: a joint that is a place is driven from there, also without a start", async () => {
  const stage = new LoopStage(spec, undefined, {
    ...choices,
    action: { joint: { rateMax: 1 } },
  });
  stage.far.observation[0] = -0.75;
  stage.act = (_, action) => void action.fill(1.5);
  await stage.run(10, { 3: stage.ask(Request.arm) });
  const first = stage.steps.find(({ mode }) => mode === Mode.armed)!;
  assert.ok(Math.abs(first.action[0] - (-0.75 + 0.05)) < 1e-6, `${first.action[0]}`);
});

test("loop: one that stands beyond its ends by more than is near is not armed", async () => {
  const stage = new LoopStage(spec, undefined, {
    joints: { joint: { ...joint, beyondMax: 1 } },
  });
  stage.far.observation[0] = 2;
  await stage.run(20, { 3: stage.ask(Request.arm) });
  assert.deepEqual(stage.status.transitions(), []);
  assert.equal(stage.steps.at(-1)!.reasons & Reason.beyondLimits, Reason.beyondLimits);
  assert.deepEqual(stage.status.furthest(), { at: 0, by: 0.5 });
});

test("loop: a policy that pushes on is braked before the end, and counted", async () => {
  const stage = new LoopStage(spec, undefined, choices);
  stage.act = (_, action) => void action.fill(2);
  let place = 0;
  const follow = (): void => {
    const { far } = stage;
    far.observation[1] = (far.applied[0] - place) / 0.05;
    place = far.applied[0];
    far.observation[0] = place;
  };
  await stage.run(80, {
    ...Object.fromEntries(Array.from({ length: 76 }, (_, at) => [at + 4, follow])),
    3: stage.ask(Request.arm),
  });
  const driven = stage.steps.filter(({ mode }) => mode === Mode.armed);
  assert.ok(driven.length > 70);
  driven.slice(1).forEach(({ action, verdict }, at) => {
    const speed = (action[0] - driven[at].action[0]) / 0.05;
    const room = 1.5 - action[0];
    assert.ok(speed <= Math.sqrt(2 * 4 * room) + 1e-4, `${speed} at ${room} before its end`);
    assert.notEqual(verdict, Verdict.refused);
  });
  assert.ok(driven.at(-1)!.action[0] > 1.45);
  assert.equal(stage.status.count(Count.limited), driven.length);
  assert.equal(stage.status.count(Count.limitedRange), driven.length);
  assert.ok(stage.status.count(Count.limitedBarrier) > 10);
});
