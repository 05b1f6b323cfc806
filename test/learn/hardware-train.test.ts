// Training on hardware that is not ideal: the same run each time, cut or whole, in any thread.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/learn/checkpoint.ts";
import { judgedStarts } from "../../src/learn/evaluate.ts";
import { defaultSettings } from "../../src/learn/presets.ts";
import { retrain } from "../../src/learn/retrain.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { variationOf } from "../../src/learn/sweep.ts";
import { judge, type Progress, type TrainResult, train } from "../../src/learn/train.ts";
import { exportFromCheckpoint } from "../../src/learn/training.ts";
import { readPolicyFile } from "../../src/policy/file.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import type { Task } from "../../src/sim/env.ts";
import { hardwareOfText, ideal } from "../../src/sim/hardware.ts";
import { withHardware } from "../../src/sim/hardware-task.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-hardware-"));
after(() => rmSync(folder, { recursive: true }));

const task: Task = { ...pendulumTask, selectionStarts: 10, judgedStarts: 20 };
const late: TrainSettings = {
  ...defaultSettings,
  seed: 5,
  steps: 1_200,
  randomSteps: 200,
  learnAfter: 200,
  actorHidden: [16, 16],
  criticHidden: [16, 16],
  batch: 32,
  gradientSteps: 8,
  evaluateEvery: 400,
  checkpointEvery: 200,
  mirror: true,
  actionLatency: 1,
  actionHistory: 2,
};
const flawed: TrainSettings = {
  ...late,
  actionLatency: "0..2",
  observationLatency: 1,
  observationNoise: 0.01,
  observationStep: 0.001,
  actionStep: 0.01,
  dropObservation: 0.1,
  dropAction: 0.1,
  randomise: "mass=0.2,length=0.1",
  frameSkip: 2,
  observationHistory: 1,
};

function run(
  settings: TrainSettings,
  name: string,
  options: { resume?: boolean; onProgress?: (progress: Progress) => void } = {},
): Promise<TrainResult> {
  return train(settings, {
    task,
    folder: join(folder, name),
    clock: monotonicClock(),
    wallSeconds: () => 1,
    listener: options.onProgress === undefined ? {} : { progress: options.onProgress },
    resume: options.resume ?? false,
  });
}

const whole = run(late, "late");

test("latency 1 with a history trains: the same bytes twice, others without", async () => {
  const first = await whole;
  const again = await run(late, "again");
  assert.deepEqual(again.policy, first.policy);
  assert.deepEqual(again.final.returns, first.final.returns);
  const prompt = await run({ ...late, actionLatency: 0 }, "prompt");
  assert.notDeepEqual(prompt.policy, first.policy);
});

test("the policy says what it observes and in which world it was trained and judged", async () => {
  const { policy, best, settings, task: world } = await whole;
  const { contract } = readPolicyFile(policy);
  assert.equal(contract.actionHistory, 2);
  const names = contract.spec.observation.map(({ name }) => name);
  const own = ["pole_cos", "pole_sin", "pole_velocity"];
  assert.deepEqual(names, [...own, "pole_torque_ago_1", "pole_torque_ago_2"]);
  assert.equal(contract.training["world"], "action-latency=1 action-history=2");
  const again = withHardware(task, hardwareOfText(String(contract.training["world"])));
  assert.deepEqual(again.spec, world.spec);
  const judged = await judge(policy, again, judgedStarts(task));
  assert.deepEqual(judged.returns, best.returns);
  assert.equal(settings.actionLatency, 1);
});

const seeing: TrainSettings = { ...late, observationHistory: 2, actionHistory: 1 };

test("a policy that observes past observations says so, and is judged so", async () => {
  const { policy, best, task: world } = await run(seeing, "seeing");
  const { contract } = readPolicyFile(policy);
  assert.deepEqual([contract.observationHistory, contract.actionHistory], [2, 1]);
  assert.equal(
    contract.training["world"],
    "action-latency=1 observation-history=2 action-history=1",
  );
  const again = withHardware(task, hardwareOfText(String(contract.training["world"])));
  assert.deepEqual([again.spec, contract.spec], [world.spec, world.spec]);
  const judged = await judge(policy, again, judgedStarts(task));
  assert.deepEqual(judged.returns, best.returns);
});

test("an ideal world leaves no trace in the policy's contract", async () => {
  const { policy } = await run({ ...late, ...ideal }, "ideal");
  const { contract } = readPolicyFile(policy);
  assert.equal(contract.actionHistory, undefined);
  assert.equal(contract.observationHistory, undefined);
  assert.equal(contract.training["world"], undefined);
});

for (const [name, settings] of [
  ["one world", flawed],
  ["side by side", { ...flawed, mirror: false, lanes: 2, collectSteps: 16, gradientSteps: 16 }],
] as const) {
  test(`cut and resumed with every flaw on, a run ends as a whole one: ${name}`, async () => {
    const uninterrupted = await run(settings, name);
    const cut = new Error("power cut");
    const stop = ({ step }: Progress): void => {
      if (step >= 700) throw cut;
    };
    await assert.rejects(run(settings, `cut ${name}`, { onProgress: stop }), cut);
    // What is said when resuming does not count: the checkpoint knows its world.
    const resumed = await run({ ...settings, ...ideal }, `cut ${name}`, { resume: true });
    assert.deepEqual(resumed.policy, uninterrupted.policy);
    assert.deepEqual(resumed.final.returns, uninterrupted.final.returns);
    assert.equal(resumed.settings.frameSkip, 2);
    const last = await exportFromCheckpoint(join(folder, `cut ${name}`, "checkpoint"), true);
    assert.equal(readPolicyFile(last).contract.spec.periodUs, 100_000);
  });
}

test("worlds in a thread have the same flaws as those in none", async () => {
  const settings = { ...flawed, mirror: false, lanes: 2, collectSteps: 16, gradientSteps: 16 };
  const here = await run(settings, "no thread");
  const there = await run({ ...settings, workers: 1 }, "a thread");
  assert.deepEqual(there.policy, here.policy);
});

test("a checkpoint from before there was hardware goes on as an ideal one", async () => {
  const settings = { ...late, ...ideal, steps: 800 };
  const cut = new Error("power cut");
  const stop = ({ step }: Progress): void => {
    if (step >= 500) throw cut;
  };
  await assert.rejects(run(settings, "old", { onProgress: stop }), cut);
  const path = join(folder, "old", "checkpoint");
  const { facts, arrays } = readCheckpoint<{ settings: object }, Record<string, Float32Array>>(
    path,
  );
  const said = Object.entries(facts.settings).filter(([name]) => !(name in ideal));
  writeCheckpoint(path, { facts: { ...facts, settings: Object.fromEntries(said) }, arrays });
  const resumed = await run(settings, "old", { resume: true });
  assert.deepEqual(resumed.policy, (await run(settings, "new")).policy);
});

test("retraining goes on in the run's own world, the history behind the log", async () => {
  const { policy, task: world, settings } = await whole;
  const loaded = await loadPolicy(policy);
  const env = world.makeEnv();
  const [count, width] = [40, world.spec.observation.length];
  const observation = new Float32Array(count * width);
  const action = new Float32Array(count);
  env.reset(3, observation.subarray(0, width));
  for (let t = 0; t < count; t++) {
    const [o, a] = [observation.subarray(t * width, (t + 1) * width), action.subarray(t, t + 1)];
    await loaded.act(o, a);
    const next = t + 1 < count ? observation.subarray((t + 1) * width) : new Float32Array(width);
    env.step(a, next.subarray(0, width));
  }
  await loaded.close();
  const { transitions, decision } = await retrain({
    folder: join(folder, "late"),
    task,
    deployed: policy,
    segments: [{ seq: 0, count, observation, action }],
    gradientSteps: 2 * settings.gradientSteps,
    onProgress: () => {},
  });
  assert.equal(transitions, count - 1);
  assert.ok(Number.isFinite(decision.gain));
  const judged = await judge(policy, world, judgedStarts(task));
  assert.equal(decision.deployedReturn, judged.mean);
});

test("a sweep may vary the world", () => {
  const { name, values } = variationOf("action-latency=0,1,0..2");
  assert.equal(name, "actionLatency");
  assert.deepEqual(values, ["0", "1", "0..2"]);
  const shares = variationOf("randomise=none/mass=0.2,length=0.1");
  assert.deepEqual(shares.values, ["none", "mass=0.2,length=0.1"]);
  assert.throws(() => variationOf("drop-action=0,2"), /give a number from 0 to 1/);
  assert.throws(() => variationOf("action-latency=0,-1"), /give whole steps/);
});

test("what a task cannot have is refused before the first step", async () => {
  await assert.rejects(run({ ...late, randomise: "weight=0.1" }, "bad"), { code: "usage" });
  await assert.rejects(
    run({ ...late, observationNoise: -1 }, "bad"),
    /observationNoise is -1: give/,
  );
  await assert.rejects(run({ ...late, dropAction: 1.5 }, "bad"), /dropAction is 1.5/);
});
