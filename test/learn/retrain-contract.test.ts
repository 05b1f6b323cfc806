// The policy that drove and the run that goes on: both must mean the same by their numbers.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { specWithHistory } from "../../src/core/history.ts";
import { Kernel } from "../../src/learn/engine-kernel.ts";
import { defaultSettings } from "../../src/learn/presets.ts";
import { type RetrainResult, retrain } from "../../src/learn/retrain.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { train } from "../../src/learn/train.ts";
import type { Contract } from "../../src/policy/contract.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { Task } from "../../src/sim/env.ts";
import { pendulumSpec, pendulumTask } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-retrain-contract-"));
after(() => rmSync(folder, { recursive: true }));

const task: Task = { ...pendulumTask, selectionStarts: 2, judgedStarts: 3 };
const settings: TrainSettings = {
  ...defaultSettings,
  engine: "kernel-wasm",
  actionHistory: 3,
  ...{ steps: 400, randomSteps: 200, learnAfter: 200, batch: 32, gradientSteps: 8 },
  ...{ actorHidden: [16, 16], criticHidden: [16, 16], evaluateEvery: 400 },
};
const trained = train(settings, {
  ...{ task, folder, clock: monotonicClock(), wallSeconds: () => 1, listener: {} },
  resume: false,
});

/** A policy that sees so much of its past, and what its contract says of it. */
interface Deployed {
  readonly observations?: number;
  readonly actions?: number;
  readonly told: Partial<Contract>;
}

/** The run goes on with what that policy logged; `learnt` hears of each gradient step. */
async function retrainWith(deployed: Deployed, learnt: () => void): Promise<RetrainResult> {
  await trained;
  const { observations = 0, actions = 0, told } = deployed;
  const spec = specWithHistory(pendulumSpec, actions, observations);
  const parts = randomPolicy(5, spec, [16]);
  const count = 20;
  const segment = {
    ...{ seq: 0, count },
    observation: new Float32Array(count * spec.observation.length),
    action: new Float32Array(count),
  };
  return retrain({
    ...{ folder, task, segments: [segment], gradientSteps: 8, onProgress: learnt },
    deployed: await exportPolicy({ ...parts, contract: { ...parts.contract, ...told } }),
  });
}

const others: readonly [what: string, deployed: Deployed, told: RegExp][] = [
  [
    "past observations in the place of past actions",
    { observations: 1, told: { observationHistory: 1 } },
    /: observation\[3\]: expected "pole_torque_ago_1", got "pole_cos_ago_1"$/,
  ],
  [
    "a shorter past",
    { actions: 2, told: { actionHistory: 2 } },
    /: observation\[5\]: channel "pole_torque_ago_3" is missing$/,
  ],
  [
    "a longer past",
    { actions: 4, told: { actionHistory: 4 } },
    /: observation\[6\]: unexpected channel "pole_torque_ago_4"$/,
  ],
  ["no past", { told: {} }, /: observation\[3\]: channel "pole_torque_ago_1" is missing$/],
  [
    "channels that only look like a past",
    { actions: 3, told: {} },
    /: actionHistory: expected 3, got 0$/,
  ],
  [
    "another action before the first",
    { actions: 3, told: { actionHistory: 3, actionRest: [0.5] } },
    /: actionRest\[0\] "pole_torque": expected 0, got 0\.5$/,
  ],
];

for (const [what, deployed, told] of others) {
  test(`retrain: nothing is learnt by a policy with ${what}`, async (t) => {
    await trained;
    const closed = t.mock.method(Kernel.prototype, "close").mock;
    let steps = 0;
    const refused = retrainWith(deployed, () => steps++);
    await assert.rejects(refused, { code: "contract-mismatch", message: told });
    assert.equal(steps, 0);
    assert.equal(closed.callCount(), 1, "the engine stays open");
  });
}

test("retrain: the run's own past may be told in full", async () => {
  const told: Partial<Contract> = { actionHistory: 3, actionRest: [0] };
  let steps = 0;
  const { transitions, decision } = await retrainWith({ actions: 3, told }, () => steps++);
  assert.equal(transitions, 19);
  assert.equal(steps, 1);
  assert.ok(Number.isFinite(decision.gain));
});
