import assert from "node:assert/strict";
import { test } from "node:test";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, Reason, Verdict } from "../../src/core/step.ts";
import type { StartChoice } from "../../src/edge/start.ts";
import { Request } from "../../src/edge/status.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { DeviceMode } from "../../src/wire/messages.ts";
import { LoopStage } from "./loop-stage.ts";

const { periodUs } = pendulumSpec;

const jointSpec: Spec = {
  observation: [{ name: "joint_position", unit: "rad", low: -3, high: 3 }],
  action: [{ name: "joint_position", unit: "rad", low: -2, high: 2 }],
  periodUs,
};
const jointStart: StartChoice = { home: { joint_position: 1 }, speed: 2, softSeconds: 0.5 };

test("loop: who asks to arm is brought home first, then the policy takes over", async () => {
  const stage = new LoopStage(jointSpec, jointStart);
  await stage.run(80, {
    5: stage.ask(Request.arm),
    ...Object.fromEntries(
      Array.from({ length: 70 }, (_, at) => [
        at + 6,
        () => void stage.far.observation.set(stage.far.applied),
      ]),
    ),
  });
  const happenings = stage.status.transitions().map(({ happening }) => happening);
  assert.deepEqual(happenings, [Happening.home, Happening.homed, Happening.arm]);
  const driven = stage.steps.filter(({ mode }) => mode !== Mode.disarmed);
  const first = driven.findIndex(({ mode }) => mode === Mode.armed);
  const written = driven.map(({ action }) => action[0]);
  // 2 rad/s in cycles of 50 ms, then half a second from 1 rad to the policy's 0.5.
  for (let i = 0; i < 10; i++) assert.ok(Math.abs(written[i] - 0.1 * (i + 1)) < 1e-6);
  assert.ok(Math.abs(written[first - 1] - 1) < 1e-6, `${written}`);
  const taking = written.slice(first, first + 10);
  for (let i = 0; i < 10; i++) {
    assert.ok(Math.abs(taking[i] - (1 - 0.05 * (i + 1))) < 1e-6, `${taking}`);
  }
  assert.equal(written[first + 20], 0.5);
  assert.equal(stage.far.refused, 0);
  assert.ok(driven.every(({ verdict }) => verdict === Verdict.pass));
});

test("loop: an arm that does not come home is stopped before the policy drives", async () => {
  const stage = new LoopStage(jointSpec, jointStart);
  // It needs half a second, may take a second, and has two more.
  await stage.run(100, { 5: stage.ask(Request.arm) });
  const last = stage.status.transitions().at(-1)!;
  assert.equal(last.happening, Happening.fault);
  assert.equal(last.reason, Reason.homeMissed);
  assert.equal(stage.far.mode, DeviceMode.stopped);
  assert.ok(stage.steps.every(({ mode }) => mode !== Mode.armed));
  const homing = stage.steps.filter(({ mode }) => mode === Mode.homing).length;
  assert.ok(homing > 55 && homing <= 61, `${homing} cycles`);
});

test("loop: a device that stops on the way home is not driven on", async () => {
  const stage = new LoopStage(jointSpec, jointStart);
  await stage.run(30, {
    5: stage.ask(Request.arm),
    10: () => {
      assert.equal(stage.status.mode, Mode.homing);
      stage.far.mode = DeviceMode.stopped;
    },
  });
  assert.equal(stage.modeAt(29), Mode.stopped);
});

/** The joint is where it was sent, for the cycles from `from` to `to`. */
function following(stage: LoopStage, from: number, to: number): Record<number, () => void> {
  const follow = (): void => void stage.far.observation.set(stage.far.applied);
  return Object.fromEntries(Array.from({ length: to - from }, (_, at) => [from + at, follow]));
}

function happeningsOf(stage: LoopStage): Happening[] {
  return stage.status.transitions().map(({ happening }) => happening);
}

/** No command changes by more than `most`, from where the joint was seen last before it. */
function assertNoJump(stage: LoopStage, most: number): void {
  stage.steps.slice(1).forEach(({ action, observation, mode }, at) => {
    if (mode !== Mode.armed && mode !== Mode.homing) return;
    const before = stage.steps[at];
    const drove = before.mode === Mode.armed || before.mode === Mode.homing;
    const from = drove ? before.action[0] : observation[0];
    const change = Math.abs(action[0] - from);
    assert.ok(change <= most + 1e-6, `cycle ${at + 1} goes from ${from} to ${action[0]}`);
  });
}

test("loop: a stop, a reset and an arm within one period begin a new soft start", async () => {
  const stage = new LoopStage(jointSpec, { speed: 2, softSeconds: 1 });
  stage.act = (_, action) => void action.fill(2);
  const follow = following(stage, 6, 60);
  await stage.run(60, {
    ...follow,
    5: stage.ask(Request.arm),
    40: () => {
      follow[40]();
      stage.plan(
        [1000, stage.ask(Request.stop)],
        [12_000, () => void stage.far.observation.fill(0)],
        [12_000, stage.ask(Request.reset)],
        [25_000, stage.ask(Request.arm)],
      );
    },
  });
  const { arm, stop, reset } = Happening;
  assert.deepEqual(happeningsOf(stage), [arm, stop, reset, arm]);
  assert.equal(stage.modeAt(40), Mode.armed);
  assert.equal(stage.modeAt(41), Mode.disarmed, "a cycle that does not drive is awaited");
  assert.equal(stage.modeAt(59), Mode.armed);
  assertNoJump(stage, 2 / 20);
});

test("loop: a stop, a reset and an arm within one period do not skip the way home", async () => {
  const stage = new LoopStage(jointSpec, { ...jointStart, softSeconds: 1 });
  stage.act = (_, action) => void action.fill(-2);
  let fell = false;
  const follow = (): void => {
    if (!fell) stage.far.observation.set(stage.far.applied);
    const { mode, observation } = stage.steps.at(-1)!;
    if (fell || mode !== Mode.homing || Math.abs(observation[0] - 1) > 0.1) return;
    fell = true;
    const fall = (): void => {
      stage.far.mode = DeviceMode.stopped;
      stage.far.applied.fill(0);
      stage.far.observation.fill(-1.5);
    };
    const again = [stage.ask(Request.reset), stage.ask(Request.arm)];
    stage.plan([3000, fall], [12_000, again[0]], [25_000, again[1]]);
  };
  const script = Array.from({ length: 80 }, () => follow);
  await stage.run(80, { ...script, 5: stage.ask(Request.arm) });
  const { home, homed, arm, deviceStopped, reset } = Happening;
  assert.ok(fell);
  const first = stage.steps.findIndex(({ mode }) => mode === Mode.armed);
  assert.ok(first < 0, "a joint that stays where it fell is not home");
  const told = happeningsOf(stage).filter((one) => one !== homed && one !== arm);
  assert.deepEqual(told.slice(0, 4), [home, deviceStopped, reset, home]);
  assertNoJump(stage, 2 / 20);
});

test("loop: with a rate, a home and setpoints commands go on from where the joint is", async () => {
  const spec: Spec = {
    ...jointSpec,
    observation: [...jointSpec.observation, { name: "target", unit: "rad", low: -1, high: 1 }],
  };
  const setpoints = [
    { seconds: 0, values: { target: 0.25 } },
    { seconds: 1, values: { target: -0.5 } },
  ];
  const choices = { action: { joint_position: { rateMax: 1 } } };
  for (const home of [undefined, { joint_position: -0.25 }]) {
    const stage = new LoopStage(spec, { ...jointStart, home }, choices, setpoints);
    stage.act = (observation, action) => void action.fill(observation[1]);
    stage.far.observation.fill(-0.7);
    await stage.run(80, { ...following(stage, 7, 80), 5: stage.ask(Request.arm) });
    const driven = stage.steps.filter(({ mode }) => mode !== Mode.disarmed);
    assert.ok(Math.abs(driven[0].action[0] + 0.7) < 0.06, `the first is ${driven[0].action[0]}`);
    assertNoJump(stage, 1 / 20);
    const armed = stage.steps.findIndex(({ mode }) => mode === Mode.armed);
    stage.steps.forEach(({ observation }, at) => {
      assert.equal(observation[1], at < armed + 20 ? 0.25 : -0.5, `cycle ${at}`);
    });
    assert.equal(stage.steps.at(-1)!.action[0], -0.5);
  }
});

test("loop: a joint beyond its limits is not driven, also where it was pushed there", async () => {
  for (const start of [jointStart, { speed: 2, softSeconds: 0.5 }]) {
    const first = start.home === undefined ? Happening.arm : Happening.home;
    for (const [pushedUs, happenings] of [
      [0, []],
      [95_000, [first, Happening.fault]],
    ] as const) {
      const stage = new LoopStage(jointSpec, start);
      const push = (): void => void stage.far.observation.fill(2.9);
      const arm = stage.ask(Request.arm);
      await stage.run(40, {
        9: () => stage.plan([pushedUs, push]),
        10: () => stage.plan([40_000, arm]),
      });
      assert.deepEqual(happeningsOf(stage), happenings, `pushed after ${pushedUs} us`);
      assert.equal(stage.far.accepted, 0, "nothing was sent");
      assert.equal(stage.status.furthest()!.at, 0);
      assert.ok(Math.abs(stage.status.furthest()!.by - 0.9) < 1e-6);
    }
  }
});

test("loop: a stop that was lost is said again before a reset", async () => {
  const stage = new LoopStage();
  const cut = (cut: boolean): void => {
    stage.cut = cut;
  };
  await stage.run(30, {
    5: stage.ask(Request.arm),
    10: () => {
      cut(true);
      stage.plan(
        [1000, stage.ask(Request.stop)],
        [4000, stage.ask(Request.reset | Request.arm)],
        [70_000, () => cut(false)],
        [71_000, () => assert.equal(stage.far.mode, DeviceMode.armed)],
      );
    },
  });
  const { arm, stop, reset } = Happening;
  assert.deepEqual(happeningsOf(stage), [arm, stop, reset, arm], "it was not armed meanwhile");
  assert.equal(stage.far.refused, 0);
  assert.equal(stage.modeAt(29), Mode.armed);
});

test("loop: an arm that is on its way when the loop ends leaves nothing armed", async () => {
  const stage = new LoopStage();
  const { far } = stage;
  await stage.run(30, {
    10: () => {
      // What is sent from now on arrives later.
      far.silent = true;
      stage.plan([10_000, stage.ask(Request.arm)], [11_000, stage.ask(Request.end)]);
    },
  });
  assert.equal(stage.steps.length, 11);
  far.silent = false;
  far.turn(stage.nowUs);
  assert.equal(far.mode, DeviceMode.stopped);
});
