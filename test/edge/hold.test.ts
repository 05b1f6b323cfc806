// The whole loop, held: by a person, and where its policy fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, nameOfMode, Reason, Verdict } from "../../src/core/step.ts";
import type { Rig } from "../../src/edge/loop.ts";
import { Count, Request } from "../../src/edge/status.ts";
import { type FallbackChoice, Recovery } from "../../src/safety/recovery.ts";
import { nameOfHappening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { LoopStage } from "./loop-stage.ts";

const { periodUs } = pendulumSpec;
const jointSpec: Spec = {
  observation: [{ name: "joint_position", unit: "rad", low: -3, high: 3 }],
  action: [{ name: "joint_position", unit: "rad", low: -2, high: 2 }],
  periodUs,
};
const held: FallbackChoice = { fallback: "hold", recoverCycles: null, recoverMost: 2 };
const recovers: FallbackChoice = { ...held, recoverCycles: 5 };

/** A joint that is seen at 0.25 rad, and a policy that asks for 0.5. */
function stageWith(fallback: FallbackChoice, other: Partial<Rig> = {}): LoopStage {
  const recovery = new Recovery(fallback);
  const stage = new LoopStage(jointSpec, undefined, {}, [], { recovery, ...other });
  stage.far.observation[0] = 0.25;
  return stage;
}

/** Has the policy of `stage` fail in the cycles that `fails` tells. */
function failIn(stage: LoopStage, fails: (seq: number) => boolean): void {
  let seq = -1;
  stage.act = (_, action) => void action.fill(fails(++seq) ? Number.NaN : 0.5);
}

function happenings(stage: LoopStage): string[] {
  return stage.status.transitions().map(({ happening, to }) => {
    return `${nameOfHappening(happening)} ${nameOfMode(to)}`;
  });
}

function sentFrom(stage: LoopStage, seq: number, count: number): number[] {
  return stage.steps.slice(seq, seq + count).map(({ action }) => action[0]);
}

test("hold: who asks has it held where it is seen, and the policy takes over again", async () => {
  const stage = stageWith(held);
  await stage.run(40, {
    3: stage.ask(Request.arm),
    10: stage.ask(Request.hold),
    20: stage.ask(Request.resume),
  });
  assert.deepEqual(happenings(stage), ["arm armed", "hold holding", "resume armed"]);
  assert.deepEqual([stage.modeAt(10), stage.modeAt(11)], [Mode.armed, Mode.holding]);
  assert.deepEqual(sentFrom(stage, 10, 5), [0.5, 0.375, 0.25, 0.25, 0.25]);
  assert.deepEqual(sentFrom(stage, 20, 6), [0.25, 0.3125, 0.375, 0.4375, 0.5, 0.5]);
  assert.equal(stage.far.mode, DeviceMode.armed);
  assert.equal(stage.status.count(Count.refusedHolds), 0);
  assert.ok(stage.steps.slice(4).every(({ reasons }) => reasons === 0));
});

test("hold: a policy that fails is held from that cycle on, and every one sends", async () => {
  for (const [act, failed] of [
    [(action: Float32Array) => void action.fill(Number.NaN), Reason.nonFiniteAction],
    [(action: Float32Array) => void action.fill(Number.NEGATIVE_INFINITY), Reason.nonFiniteAction],
    [
      () => {
        throw new Error("broken");
      },
      Reason.nonFiniteAction | Reason.policyFailed,
    ],
  ] as const) {
    const stage = stageWith(held);
    stage.act = (_, action) => {
      if (stage.steps.length === 20) act(action);
      else action.fill(0.5);
    };
    await stage.run(60, { 3: stage.ask(Request.arm) });
    assert.deepEqual(happenings(stage), ["arm armed", "fallBack holding"]);
    assert.equal(stage.status.transitions()[1].reason, failed);
    const event = stage.events.at(-1)!;
    assert.match("reason" in event ? event.reason : "", /^nonFiniteAction/);
    const step = stage.steps[20];
    assert.deepEqual([step.mode, step.verdict], [Mode.holding, Verdict.pass]);
    assert.equal(step.reasons, Reason.policyUnfit);
    assert.equal(stage.steps[21].reasons, 0);
    assert.deepEqual(sentFrom(stage, 19, 4), [0.5, 0.375, 0.25, 0.25]);
    const armed = stage.steps.filter(({ mode }) => mode === Mode.armed || mode === Mode.holding);
    assert.equal(stage.far.accepted, armed.length, "every cycle was sent");
    assert.equal(stage.modeAt(59), Mode.holding, "it waits for somebody to resume");
  }
});

test("hold: the first answer of all may be the one that fails", async () => {
  const stage = stageWith(held);
  // Who would be refused while disarmed is not armed.
  stage.act = (_, action) => {
    action.fill(stage.supervisor.mode === Mode.disarmed ? 0.5 : Number.NaN);
  };
  await stage.run(20, { 3: stage.ask(Request.arm) });
  assert.deepEqual(happenings(stage), ["arm armed", "fallBack holding"]);
  const first = stage.steps.findIndex(({ mode }) => mode !== Mode.disarmed);
  assert.ok(stage.steps.slice(first).every(({ action }) => action[0] === 0.25));
});

test("hold: without a word of it in robot.yaml a policy that fails stops the robot", async () => {
  const stage = stageWith({ ...held, fallback: "stop" });
  failIn(stage, (seq) => seq >= 20);
  await stage.run(40, { 3: stage.ask(Request.arm) });
  assert.deepEqual(happenings(stage), ["arm armed", "fault stopped"]);
  assert.equal(stage.far.mode, DeviceMode.stopped);
});

test("hold: a policy that was fit for long enough drives again, by and by", async () => {
  const stage = stageWith(recovers);
  failIn(stage, (seq) => seq === 20 || seq === 23);
  await stage.run(50, { 3: stage.ask(Request.arm) });
  assert.deepEqual(happenings(stage), ["arm armed", "fallBack holding", "recover armed"]);
  // Fit in the cycles from 24 to 28.
  assert.deepEqual([stage.modeAt(28), stage.modeAt(29)], [Mode.holding, Mode.armed]);
  assert.deepEqual(sentFrom(stage, 28, 6), [0.25, 0.3125, 0.375, 0.4375, 0.5, 0.5]);
});

test("hold: a policy that fails again and again ends in a stop, which latches", async () => {
  const stage = stageWith(recovers);
  failIn(stage, (seq) => seq >= 20 && seq % 20 === 0);
  await stage.run(200, { 3: stage.ask(Request.arm), 150: stage.ask(Request.resume) });
  const [, ...rest] = happenings(stage);
  const round = ["fallBack holding", "recover armed"];
  assert.deepEqual(rest, [...round, ...round, "fault stopped"]);
  assert.equal(stage.status.transitions().at(-1)!.reason, Reason.nonFiniteAction);
  assert.equal(stage.modeAt(199), Mode.stopped);
  assert.equal(stage.far.mode, DeviceMode.stopped);
});

test("hold: who asks for a hold that began by itself keeps it from ending by itself", async () => {
  const stage = stageWith(recovers);
  failIn(stage, (seq) => seq === 20);
  await stage.run(60, { 3: stage.ask(Request.arm), 22: stage.ask(Request.hold) });
  assert.deepEqual(happenings(stage), ["arm armed", "fallBack holding"]);
  assert.equal(stage.modeAt(59), Mode.holding);
  assert.equal(stage.status.count(Count.refusedHolds), 0);
});

test("hold: nothing is resumed while the policy's newest answer is none", async () => {
  const stage = stageWith(held);
  failIn(stage, (seq) => seq >= 20 && seq < 30);
  await stage.run(50, {
    3: stage.ask(Request.arm),
    25: stage.ask(Request.resume),
    29: () => assert.equal(stage.status.count(Count.refusedHolds), 1),
    35: stage.ask(Request.resume),
  });
  assert.deepEqual(happenings(stage), ["arm armed", "fallBack holding", "resume armed"]);
  assert.equal(stage.modeAt(35), Mode.holding);
});

test("hold: a stop wins over a hold, and a hold over a resume", async () => {
  const stopped = stageWith(held);
  const both = Request.hold | Request.stop;
  await stopped.run(30, { 3: stopped.ask(Request.arm), 10: stopped.ask(both) });
  assert.deepEqual(happenings(stopped), ["arm armed", "stop stopped"]);
  assert.equal(stopped.status.count(Count.refusedHolds), 1);
  const stage = stageWith(held);
  const either = stage.ask(Request.hold | Request.resume);
  await stage.run(30, { 3: stage.ask(Request.arm), 10: either, 20: either });
  assert.deepEqual(happenings(stage), ["arm armed", "hold holding"]);
  assert.equal(stage.status.count(Count.refusedHolds), 2);
});

test("hold: what does not drive is not held, and what is not held not resumed", async () => {
  const stage = stageWith(held);
  await stage.run(30, {
    3: stage.ask(Request.hold),
    5: stage.ask(Request.resume),
    10: stage.ask(Request.arm),
    15: stage.ask(Request.resume),
    20: stage.ask(Request.stop),
    25: stage.ask(Request.hold),
  });
  assert.deepEqual(happenings(stage), ["arm armed", "stop stopped"]);
  assert.equal(stage.status.count(Count.refusedHolds), 4);
});

test("hold: a robot that cannot be held is driven on where somebody asks for it", async () => {
  const stage = new LoopStage();
  await stage.run(30, { 3: stage.ask(Request.arm), 10: stage.ask(Request.hold) });
  assert.equal(stage.modeAt(29), Mode.armed);
  assert.equal(stage.status.count(Count.refusedHolds), 1);
});

const faults: readonly [what: string, reason: number, provoke: (stage: LoopStage) => void][] = [
  [
    "an observation that is no number",
    Reason.nonFiniteObservation,
    ({ far }) => far.observation.fill(Number.NaN),
  ],
  ["a device that tells nothing", Reason.staleObservation, ({ far }) => (far.silent = true)],
];

for (const [what, reason, provoke] of faults) {
  test(`hold: ${what} stops a held robot, and latches`, async () => {
    const stage = stageWith(recovers, { ttlUs: 10 * periodUs });
    await stage.run(60, {
      3: stage.ask(Request.arm),
      10: stage.ask(Request.hold),
      20: () => provoke(stage),
      40: stage.ask(Request.resume),
    });
    assert.deepEqual(happenings(stage), ["arm armed", "hold holding", "fault stopped"]);
    assert.ok((stage.status.transitions()[2].reason & reason) !== 0);
    assert.equal(stage.modeAt(59), Mode.stopped);
    assert.equal(stage.status.count(Count.refusedHolds), 1);
  });

  test(`hold: ${what} is no failure of the policy alone, and stops it`, async () => {
    const stage = stageWith(recovers, { ttlUs: 10 * periodUs });
    // As a policy does that is fed with what is none.
    let ill = false;
    stage.act = (_, action) => void action.fill(ill ? Number.NaN : 0.5);
    stage.also = ({ reasons }) => {
      ill ||= (reasons & reason) !== 0;
    };
    await stage.run(60, { 3: stage.ask(Request.arm), 20: () => provoke(stage) });
    assert.deepEqual(happenings(stage), ["arm armed", "fault stopped"]);
  });
}

test("hold: a failing policy is not held where the observation is none as well", async () => {
  const stage = stageWith(recovers);
  stage.act = (observation, action) => void action.set(observation);
  await stage.run(40, {
    3: stage.ask(Request.arm),
    20: () => void stage.far.observation.fill(Number.NaN),
  });
  assert.deepEqual(happenings(stage), ["arm armed", "fault stopped"]);
  const both = Reason.nonFiniteObservation | Reason.nonFiniteAction;
  assert.equal(stage.status.transitions()[1].reason, both);
});

test("hold: a device that stops, and skipped cycles where they are a fault, stop it", async () => {
  const stage = stageWith(held);
  await stage.run(40, {
    3: stage.ask(Request.arm),
    10: stage.ask(Request.hold),
    20: () => {
      stage.far.mode = DeviceMode.stopped;
    },
  });
  assert.deepEqual(happenings(stage).slice(1), ["hold holding", "deviceStopped stopped"]);
  const late = stageWith(held, { onMiss: "stop", ttlUs: 4 * periodUs });
  await late.run(40, {
    3: late.ask(Request.arm),
    10: late.ask(Request.hold),
    20: () => {
      late.nowUs += 2 * periodUs;
    },
  });
  assert.deepEqual(happenings(late).slice(1), ["hold holding", "fault stopped"]);
});

test("hold: after a stop, a reset and an arm the policy drives at once", async () => {
  const stage = stageWith(held);
  await stage.run(60, {
    3: stage.ask(Request.arm),
    10: stage.ask(Request.hold),
    20: stage.ask(Request.stop),
    30: stage.ask(Request.reset),
    40: stage.ask(Request.arm),
  });
  assert.equal(stage.modeAt(59), Mode.armed);
  const first = stage.steps.findIndex(({ seq, mode }) => seq > 40 && mode === Mode.armed);
  assert.equal(stage.steps[first].proposed[0], 0.5);
});

test("hold: a policy that remembers its past is told what was done in its place", async () => {
  const told: string[] = [];
  const recalled: number[] = [];
  const stage: LoopStage = stageWith(held, {
    policy: {
      act: (_, action) => void action.fill(stage.steps.length === 12 ? Number.NaN : 0.5),
      rest: () => void told.push(`rest ${stage.steps.length}`),
      recall: (action) => void recalled.push(action[0]),
    },
  });
  await stage.run(30, { 3: stage.ask(Request.arm), 20: stage.ask(Request.resume) });
  assert.equal(told.at(-1), `rest ${stage.steps.findIndex(({ mode }) => mode === Mode.armed)}`);
  const places = Array.from({ length: 8 }, () => 0.25);
  assert.deepEqual(recalled, [0.375, ...places, 0.3125, 0.375, 0.4375, 0.5]);
});
