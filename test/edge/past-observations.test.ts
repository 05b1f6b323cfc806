// What a policy that observes past observations sees of them on a robot, as docs/policy.md says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { controlSpecOf } from "../../src/core/decimation.ts";
import { restOf, specWithHistory } from "../../src/core/history.ts";
import { asksPolicy, betweenAnswers, Mode, makeStep, Reason } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import type { Setpoint } from "../../src/edge/setpoints.ts";
import { Request } from "../../src/edge/status.ts";
import type { MissPolicy } from "../../src/edge/tick.ts";
import { HistoryPolicy } from "../../src/policy/history-policy.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { LoopStage } from "./loop-stage.ts";

const { periodUs } = pendulumSpec;
const own = pendulumSpec.observation.length;
const count = 2;

/** What the policy was shown in one cycle: its own observation, and those of the past. */
type Shown = readonly (readonly number[])[];

/** A policy that keeps what it is shown of the past. */
function watched(): { policy: HistoryPolicy; shown: Shown[] } {
  const shown: Shown[] = [];
  const inner = {
    ...{ id: "x", spec: specWithHistory(pendulumSpec, 0, count) },
    act: (observation: Float32Array, action: Float32Array): void => {
      shown.push(
        Array.from({ length: 1 + count }, (_, ago) => {
          return [...observation.subarray(ago * own, (ago + 1) * own)];
        }),
      );
      action[0] = 0.25;
    },
  };
  return { policy: new HistoryPolicy(inner, 0, restOf(pendulumSpec), count), shown };
}

/** A loop over a device that tells something else in each cycle, and what its policy was shown. */
function staged(
  onMiss: MissPolicy = "coast",
  setpoints: readonly Setpoint[] = [],
): { stage: LoopStage; shown: Shown[] } {
  const { policy, shown } = watched();
  const other = { policy, onMiss, ttlUs: 4 * periodUs };
  const stage = new LoopStage(pendulumSpec, undefined, {}, setpoints, other);
  stage.also = ({ seq }): void => {
    stage.far.observation[0] = Math.fround((seq + 1) / 128);
  };
  return { stage, shown };
}

const observed = (stage: LoopStage, at: number): number[] => [...stage.steps[at].observation];

for (const onMiss of ["coast", "hold"] as const) {
  test(`past observations: a skipped cycle adds and takes none (${onMiss})`, async () => {
    const { stage, shown } = staged(onMiss);
    const stall = (): void => {
      stage.nowUs += 3 * periodUs;
    };
    await stage.run(40, { 3: stage.ask(Request.arm), 20: stall });
    assert.deepEqual([stage.steps[20].seq, stage.steps[21].seq], [20, 23]);
    assert.equal(stage.steps[23].mode, Mode.armed);
    for (const at of [20, 21, 22, 23]) {
      assert.deepEqual(
        shown[at],
        [at, at - 1, at - 2].map((one) => observed(stage, one)),
      );
    }
    assert.notDeepEqual(shown[21][0], shown[21][1]);
  });
}

test("past observations: who is armed again has none, as who is armed first", async () => {
  const { stage, shown } = staged();
  await stage.run(60, {
    3: stage.ask(Request.arm),
    20: stage.ask(Request.stop),
    25: stage.ask(Request.reset),
    30: stage.ask(Request.arm),
  });
  const armed = stage.steps.map(({ mode }) => mode === Mode.armed);
  const firsts = armed.flatMap((is, at) => (is && !armed[at - 1] ? [at] : []));
  assert.equal(firsts.length, 2, "armed twice");
  armed.forEach((is, at) => {
    if (is && !firsts.includes(at)) return;
    const newest = observed(stage, at);
    assert.deepEqual(shown[at], [newest, newest, newest], `cycle ${at}`);
  });
  for (const first of firsts) {
    const [begun, next] = [first, first + 1].map((at) => observed(stage, at));
    assert.deepEqual(shown[first + 1], [next, begun, begun]);
    assert.notDeepEqual(next, begun);
  }
});

test("past observations: what is no number stops the robot, and is not remembered", async () => {
  const { stage, shown } = staged();
  let broken = -1;
  stage.also = ({ seq, mode }): void => {
    if (seq === 20) stage.far.observation[1] = Number.NaN;
    if (seq === 24) stage.far.observation[1] = 0;
    stage.far.observation[0] = Math.fround((seq + 1) / 128);
    if (broken < 0 && seq > 20 && mode !== Mode.armed) broken = seq;
  };
  await stage.run(60, {
    3: stage.ask(Request.arm),
    30: stage.ask(Request.reset),
    34: stage.ask(Request.arm),
  });
  const at = stage.steps.findIndex(({ reasons }) => (reasons & Reason.nonFiniteObservation) !== 0);
  assert.equal(stage.steps[at].mode, Mode.armed, "it drove");
  assert.equal(broken, stage.steps[at + 1].seq, "and is stopped in the very next cycle");
  assert.ok(shown[at][0].some(Number.isNaN), "the policy, and so the gate, is shown it");
  assert.ok(shown[at].slice(1).flat().every(Number.isFinite));
  const again = stage.steps.findLastIndex(({ mode }) => mode === Mode.armed);
  assert.ok(again > 40);
  for (let one = 40; one <= again; one++) assert.ok(shown[one].flat().every(Number.isFinite));
});

test("past observations: a setpoint that changes is the old one in the past", async () => {
  const goals = [
    { seconds: 0, values: { pole_velocity: 1 } },
    { seconds: (10 * periodUs) / 1e6, values: { pole_velocity: 2 } },
  ];
  const { stage, shown } = staged("coast", goals);
  await stage.run(40, { 3: stage.ask(Request.arm) });
  const speeds = shown.map((one) => one.map((moment) => moment[2]));
  const changed = speeds.findIndex(([newest]) => newest === 2);
  assert.ok(asksPolicy(stage.steps[changed - 1].mode));
  assert.deepEqual(speeds.slice(changed - 1, changed + 3), [
    [1, 1, 1],
    [2, 1, 1],
    [2, 2, 1],
    [2, 2, 2],
  ]);
});

test("past observations: steps are the policy's own where the loop turns faster", () => {
  const decimation = { every: 3, between: "hold" } as const;
  const { policy, shown } = watched();
  const step = makeStep(controlSpecOf(pendulumSpec, decimation));
  const lineup = new Lineup(policy, { blendCycles: 0, watchCycles: 0, limitedMax: 1 });
  const slow = new DecimatedPolicy(lineup, decimation, step);
  step.mode = Mode.armed;
  const asked: number[] = [];
  slow.rest();
  for (step.seq = 0; step.seq < 20; step.seq++) {
    step.reasons = 0;
    step.observation.set([step.seq / 32, 0, 0]);
    void slow.act(step.observation, step.proposed);
    if ((step.reasons & betweenAnswers) === 0) asked.push(step.seq);
  }
  assert.deepEqual(asked, [0, 3, 6, 9, 12, 15, 18]);
  const firsts = shown.map((one) => one.map(([first]) => 32 * first));
  assert.deepEqual(firsts, [
    [0, 0, 0],
    [3, 0, 0],
    ...[6, 9, 12, 15, 18].map((at) => [at, at - 3, at - 6]),
  ]);
});

test("past observations: who comes beside a drive has its own past, and a new one later", () => {
  const [first, next] = [watched(), watched()];
  const swap = { blendCycles: 2, watchCycles: 4, limitedMax: 1 };
  const lineup = new Lineup(first.policy, swap);
  const step = makeStep(pendulumSpec);
  const drive = (at: number): void => {
    step.observation.set([at / 32, 0, 0]);
    void lineup.act(step.observation, step.proposed);
    void lineup.askShadow(step);
  };
  const firsts = (shown: readonly Shown[]): number[] => shown.at(-1)!.map(([one]) => 32 * one);
  lineup.rest();
  for (const at of [1, 2, 3]) drive(at);
  lineup.shadow({ index: 1, policy: next.policy });
  drive(4);
  assert.deepEqual(
    [firsts(first.shown), firsts(next.shown)],
    [
      [4, 3, 2],
      [4, 4, 4],
    ],
  );
  drive(5);
  assert.deepEqual(
    [firsts(first.shown), firsts(next.shown)],
    [
      [5, 4, 3],
      [5, 4, 4],
    ],
  );
  lineup.swap();
  drive(6);
  assert.deepEqual(
    [firsts(first.shown), firsts(next.shown)],
    [
      [6, 5, 4],
      [6, 5, 4],
    ],
  );
  lineup.keep();
  drive(7);
  assert.equal(first.shown.length, 6, "nobody asks it any more");
  lineup.back();
  drive(8);
  assert.deepEqual(
    [firsts(first.shown), firsts(next.shown)],
    [
      [8, 8, 8],
      [8, 7, 6],
    ],
  );
});
