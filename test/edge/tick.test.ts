import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { Start } from "../../src/edge/start.ts";
import { type Cycle, type MissPolicy, Stage, tick } from "../../src/edge/tick.ts";
import { type Device, StopReason } from "../../src/link/device.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Happening, Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { bytesOf } from "../allocation.ts";

/** A device in memory that remembers what it was told. */
class Notebook implements Device {
  readonly spec = pendulumSpec;
  lost = false;
  ageUs = 1000;
  readonly observation = Float32Array.of(1, 0, 0);
  readonly written: { action: number[]; validUntilUs: number }[] = [];
  readonly stops: number[] = [];

  read(observation: Float32Array): number {
    observation.set(this.observation);
    return this.ageUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    this.written.push({ action: [...action], validUntilUs });
    return true;
  }

  stop(reason: StopReason): void {
    this.stops.push(reason);
  }
}

interface Bench extends Cycle {
  readonly device: Notebook;
  readonly supervisor: Supervisor;
  readonly logged: Step[];
  readonly laps: number[];
}

function benchWith(act: (observation: Float32Array, action: Float32Array) => void): Bench {
  const limits = limitsOf(pendulumSpec, { action: { pole_torque: { rateMax: 20 } } });
  const logged: Step[] = [];
  const laps: number[] = [];
  let nowUs = 1_000_000;
  return {
    clock: { now: () => (nowUs += 100) },
    device: new Notebook(),
    policy: { act: (observation, action) => void act(observation, action) },
    setpoints: { fill: () => {} },
    approach: new Start(pendulumSpec, limits, undefined),
    hold: new Hold(pendulumSpec, limits, { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    guard: new Guard(pendulumSpec, limits),
    supervisor: new Supervisor(),
    log: { append: (step) => logged.push(structuredClone(step)) > 0 },
    meter: { lap: (stage) => laps.push(stage) },
    ttlUs: 80_000,
    onMiss: "coast",
    step: makeStep(pendulumSpec),
    logged,
    laps,
  };
}

test("tick: a whole cycle makes no object, and no promise", () => {
  const bytes = bytesOf(new URL("./tick-bytes.js", import.meta.url));
  // Of the numbers that pass between calls the engine boxes some, 16 bytes each: four here. A
  // promise is 40 bytes, and one that is awaited 200 and more.
  assert.ok(bytes < 100, `${bytes} bytes for each cycle`);
});

test("tick: while armed, a good action is written with its expiry and logged", async () => {
  const bench = benchWith((_, action) => action.fill(0.5));
  bench.supervisor.tell(Happening.arm, 0);
  await tick(bench, 7, false);
  const [step] = bench.logged;
  assert.equal(step.seq, 7);
  assert.equal(step.mode, Mode.armed);
  assert.equal(step.verdict, Verdict.pass);
  assert.equal(step.reasons, 0);
  assert.equal(step.validUntilUs, step.timeUs + 80_000);
  assert.deepEqual(bench.device.written, [{ action: [0.5], validUntilUs: step.validUntilUs }]);
  assert.deepEqual(bench.laps, Object.values(Stage));
});

test("tick: while not armed it reads, decides and logs, and nothing is written", async () => {
  for (const happening of [null, Happening.stop]) {
    const bench = benchWith((_, action) => action.fill(0.5));
    if (happening !== null) bench.supervisor.tell(happening, 0);
    for (let seq = 0; seq < 3; seq++) await tick(bench, seq, false);
    assert.equal(bench.logged.length, 3);
    assert.equal(bench.logged[2].proposed[0], 0.5);
    assert.equal(bench.logged[2].validUntilUs, 0);
    assert.deepEqual(bench.device.written, []);
  }
});

test("tick: a policy is told that it rests until it drives, and not while it does", async () => {
  const told: string[] = [];
  const bench = {
    ...benchWith(() => {}),
    policy: { act: () => void told.push("act"), rest: () => void told.push("rest") },
  };
  await tick(bench, 0, false);
  bench.supervisor.tell(Happening.arm, 0);
  for (let seq = 1; seq < 4; seq++) await tick(bench, seq, false);
  bench.supervisor.tell(Happening.stop, 0);
  await tick(bench, 4, false);
  assert.deepEqual(told, ["rest", "act", "rest", "act", "act", "act", "rest", "act"]);
});

test("tick: every fault while armed writes nothing, stops the device and latches", async () => {
  const faults: [reason: number, provoke: (bench: Bench) => void][] = [
    [Reason.staleObservation, ({ device }) => (device.ageUs = 100_001)],
    [Reason.nonFiniteObservation, ({ device }) => (device.observation[1] = Number.NaN)],
    [Reason.linkLost, ({ device }) => (device.lost = true)],
  ];
  for (const [reason, provoke] of faults) {
    const bench = benchWith((_, action) => action.fill(0.5));
    bench.supervisor.tell(Happening.arm, 0);
    await tick(bench, 0, false);
    provoke(bench);
    await tick(bench, 1, false);
    assert.equal(bench.logged[1].reasons, reason);
    assert.equal(bench.logged[1].verdict, Verdict.refused);
    assert.equal(bench.device.written.length, 1, "only the first cycle wrote");
    assert.deepEqual(bench.device.stops, [StopReason.fault]);
    assert.equal(bench.supervisor.mode, Mode.stopped);
    assert.equal(bench.supervisor.transition(1).reason, reason);
    bench.device.ageUs = 1000;
    bench.device.lost = false;
    bench.device.observation.fill(0);
    await tick(bench, 2, false);
    assert.equal(bench.device.written.length, 1, "it does not start again by itself");
  }
});

test("tick: a policy that throws, rejects or answers NaN stops the device", async () => {
  const policies: [reason: number, act: Cycle["policy"]["act"]][] = [
    [
      Reason.policyFailed | Reason.nonFiniteAction,
      () => {
        throw new Error("broken");
      },
    ],
    [
      Reason.policyFailed | Reason.nonFiniteAction,
      () => Promise.reject(new Error("the runtime failed")),
    ],
    [Reason.nonFiniteAction, (_, action) => void action.fill(Number.NaN)],
    [Reason.nonFiniteAction, (_, action) => void action.fill(Number.NEGATIVE_INFINITY)],
  ];
  for (const [reasons, act] of policies) {
    const bench = benchWith(() => {});
    const cycle = { ...bench, policy: { act } };
    bench.supervisor.tell(Happening.arm, 0);
    await tick(cycle, 0, false);
    assert.equal(bench.logged[0].reasons, reasons);
    assert.ok(Number.isFinite(bench.logged[0].action[0]));
    assert.deepEqual(bench.device.written, []);
    assert.deepEqual(bench.device.stops, [StopReason.fault]);
    assert.equal(bench.supervisor.mode, Mode.stopped);
  }
});

test("tick: a policy that takes too long makes its own observation stale", async () => {
  const bench = benchWith(() => {});
  let nowUs = 0;
  const clock = { now: () => nowUs };
  const policy = {
    act: (): void => {
      nowUs += 100_000;
    },
  };
  bench.supervisor.tell(Happening.arm, 0);
  await tick({ ...bench, clock, policy }, 0, false);
  assert.equal(bench.logged[0].reasons, Reason.staleObservation);
  assert.deepEqual(bench.device.written, []);
});

test("tick: the first action after arming is limited from rest", async () => {
  const bench = benchWith((_, action) => action.fill(2));
  for (let seq = 0; seq < 5; seq++) await tick(bench, seq, false);
  bench.supervisor.tell(Happening.arm, 0);
  await tick(bench, 5, false);
  await tick(bench, 6, true);
  assert.deepEqual(
    bench.device.written.map(({ action }) => action[0]),
    [1, 2],
  );
  assert.equal(bench.logged[5].reasons, Reason.rate);
  assert.equal(bench.logged[6].reasons, Reason.lateCycle);
});

/** The action of each cycle, of which the third is the first after some that were skipped. */
async function acrossMiss(
  onMiss: MissPolicy,
  mode: "arm" | "home",
  answers: readonly number[],
): Promise<{ bench: Bench; recalled: number[] }> {
  const recalled: number[] = [];
  let cycle = 0;
  const bench = benchWith(() => {});
  const policy = {
    act: (_: Float32Array, action: Float32Array) => void action.fill(answers[cycle]),
    recall: (action: Float32Array) => void recalled.push(action[0]),
  };
  bench.supervisor.tell(Happening[mode], 0);
  // The bench has no way home.
  const approach = { ease: () => false, standsAt: () => 0 };
  for (; cycle < answers.length; cycle++) {
    await tick({ ...bench, approach, policy, onMiss }, cycle + (cycle >= 2 ? 3 : 0), cycle === 2);
  }
  return { bench, recalled };
}

test("tick: after skipped cycles a held action is the last permitted one, once", async () => {
  const { bench, recalled } = await acrossMiss("hold", "arm", [0.25, 1.5, -0.5, -0.25]);
  const sent = bench.device.written.map(({ action }) => action[0]);
  // 20 N*m/s for 50 ms is 1 N*m a cycle: the second was limited to 1.25.
  assert.deepEqual(sent, [0.25, 1.25, 1.25, 0.25]);
  assert.equal(bench.logged[2].reasons, Reason.lateCycle | Reason.missHeld);
  assert.equal(bench.logged[2].proposed[0], 1.25);
  assert.deepEqual(recalled, [1.25], "the policy knows what was done in its place");
  const coasted = (await acrossMiss("coast", "arm", [0.25, 0.5, -0.25])).bench;
  assert.deepEqual(
    coasted.device.written.map(({ action }) => action[0]),
    [0.25, 0.5, -0.25],
  );
});

test("tick: what is held hides no answer that is no number", async () => {
  const { bench } = await acrossMiss("hold", "arm", [0.25, 0.5, Number.NaN, 0.5]);
  assert.equal(bench.device.written.length, 2);
  assert.equal(bench.supervisor.mode, Mode.stopped);
  assert.ok(bench.logged[2].reasons & Reason.nonFiniteAction);
});

test("tick: the first cycle that drives holds where the actuator rests", async () => {
  const bench = benchWith((_, action) => action.fill(0.5));
  await tick({ ...bench, onMiss: "hold" }, 0, true);
  assert.equal(bench.logged[0].reasons, Reason.lateCycle, "nothing is driven yet");
  bench.supervisor.tell(Happening.arm, 0);
  await tick({ ...bench, onMiss: "hold" }, 3, true);
  assert.deepEqual(bench.device.written[0].action, [0]);
});

test("tick: skipped cycles are a fault where robot.yaml says so, while it is driven", async () => {
  for (const mode of ["arm", "home"] as const) {
    const { bench } = await acrossMiss("stop", mode, [0, 0, 0, 0]);
    assert.equal(bench.device.written.length, 2, mode);
    assert.deepEqual(bench.device.stops, [StopReason.fault]);
    assert.equal(bench.supervisor.mode, Mode.stopped);
    const reasons = Reason.lateCycle | Reason.missStopped;
    assert.equal(bench.supervisor.transition(1).reason, reasons);
    assert.equal(bench.logged[2].reasons, reasons);
    assert.equal(bench.logged[2].verdict, Verdict.refused);
  }
  const idle = benchWith((_, action) => action.fill(0.5));
  await tick({ ...idle, onMiss: "stop" }, 4, true);
  assert.equal(idle.logged[0].reasons, Reason.lateCycle);
  assert.equal(idle.logged[0].verdict, Verdict.pass);
});

test("tick: on the way home nothing is held: no policy drives there", async () => {
  const { bench } = await acrossMiss("hold", "home", [0, 0, 0, 0]);
  assert.equal(bench.logged[2].reasons, Reason.lateCycle);
  assert.equal(bench.device.written.length, 4);
});
