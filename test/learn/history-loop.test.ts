// A policy that observes its past, all the way round: trained, exported, run, replayed, retrained.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { replayLog } from "../../src/edge/replay.ts";
import { defaultSettings } from "../../src/learn/presets.ts";
import { retrain } from "../../src/learn/retrain.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { train } from "../../src/learn/train.ts";
import type { Device } from "../../src/link/device.ts";
import { readLog } from "../../src/log/reader.ts";
import { segmentsOf } from "../../src/log/transitions.ts";
import { readPolicyFile } from "../../src/policy/file.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import type { Task } from "../../src/sim/env.ts";
import { pendulumSpec, pendulumTask } from "../../src/sim/pendulum.ts";
import { recordRun } from "../edge/recorded-run.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-history-"));
after(() => rmSync(folder, { recursive: true }));

const task: Task = { ...pendulumTask, selectionStarts: 5, judgedStarts: 10 };
const past = { observationHistory: 2, actionHistory: 1 };
const settings: TrainSettings = {
  ...{ ...defaultSettings, ...past },
  ...{ seed: 4, steps: 600, randomSteps: 200, learnAfter: 200, batch: 32, gradientSteps: 8 },
  ...{ actorHidden: [16, 16], criticHidden: [16, 16], evaluateEvery: 300, checkpointEvery: 200 },
};

/** A pendulum of the simulator's as a device. */
function pendulum(): Device {
  const world = pendulumTask.makeEnv();
  const read = new Float32Array(3);
  world.reset(9, read);
  return {
    spec: pendulumSpec,
    lost: false,
    read: (observation) => {
      observation.set(read);
      return 0;
    },
    write: (action) => {
      world.step(action, read);
      return true;
    },
    stop: () => {},
  };
}

test("a past is the same in training, on a robot, in a replay and in retraining", async () => {
  const { policy } = await train(settings, {
    ...{ task, folder, clock: monotonicClock(), wallSeconds: () => 1, listener: {} },
    resume: false,
  });
  const { contract } = readPolicyFile(policy);
  assert.deepEqual(
    [contract.observationHistory, contract.actionHistory, contract.training["world"]],
    [2, 1, "observation-history=2 action-history=1"],
  );
  const recorded = { device: pendulum(), choices: {} };
  const { path } = await recordRun("history-loop", policy, 1200, () => {}, recorded);
  const log = readLog(path);
  const { equal, steps } = await replayLog(log, policy);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 1200 });

  const segments = [...segmentsOf(log, contract.actionHistory, contract.observationHistory)];
  const proposed = new Map(Array.from(log.steps(), (step) => [step.seq, step.proposed[0]]));
  const loaded = await loadPolicy(policy);
  const width = 3 * 3 + 1;
  let rows = 0;
  for (const { seq, count, observation } of segments) {
    const answers = await loaded.actBatch(observation, count);
    assert.equal(observation.length, count * width);
    // What it answers to the past that was put together again is what it answered on the robot.
    for (let row = 0; row < count; row++) {
      const apart = Math.abs(answers[row] - proposed.get(seq + row)!);
      assert.ok(apart < 1e-4, `seq ${seq + row}: ${apart} apart`);
    }
    rows += count;
  }
  await loaded.close();
  assert.ok(rows > 100, `${rows}`);

  const { transitions, decision } = await retrain({
    ...{ folder, task, deployed: policy, segments },
    gradientSteps: 2 * settings.gradientSteps,
    onProgress: () => {},
  });
  assert.equal(transitions, rows - segments.length);
  assert.ok(Number.isFinite(decision.gain));
});
