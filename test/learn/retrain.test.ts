import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { decide } from "../../src/learn/gate.ts";
import { defaultSettings } from "../../src/learn/presets.ts";
import { retrain } from "../../src/learn/retrain.ts";
import { train } from "../../src/learn/train.ts";
import type { Segment } from "../../src/log/transitions.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { openTask } from "../../src/sim/tasks.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-retrain-"));
after(() => rmSync(folder, { recursive: true }));

const task = await openTask("pendulum");
const trained = train(
  {
    ...defaultSettings,
    ...{ steps: 1_600, randomSteps: 200, learnAfter: 200, batch: 32, gradientSteps: 8 },
    ...{ actorHidden: [16, 16], criticHidden: [16, 16] },
  },
  {
    task,
    folder,
    clock: monotonicClock(),
    wallSeconds: () => 1,
    listener: {},
    resume: false,
  },
);

/** What a robot would log that the policy drives from one start. */
async function drive(file: Uint8Array, count: number): Promise<Segment> {
  const policy = await loadPolicy(file);
  const env = task.makeEnv();
  const observation = new Float32Array(count * 3);
  const action = new Float32Array(count);
  const o = new Float32Array(3);
  const a = new Float32Array(1);
  env.reset(7, o);
  for (let t = 0; t < count; t++) {
    observation.set(o, 3 * t);
    await policy.act(o, a);
    action[t] = a[0];
    env.step(a, o);
  }
  await policy.close();
  return { seq: 0, count, observation, action };
}

test("retraining uses the log, leaves the checkpoint alone, and repeats", async () => {
  const { policy } = await trained;
  const segments = [await drive(policy, 60), await drive(policy, 2)];
  const before = readFileSync(join(folder, "checkpoint"));
  const seen: number[] = [];
  const request = {
    folder,
    task,
    deployed: policy,
    segments,
    gradientSteps: 64,
    onProgress: ({ step }: { step: number }) => seen.push(step),
  };
  const one = await retrain(request);
  assert.equal(one.transitions, 59 + 1);
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(readFileSync(join(folder, "checkpoint")), before);
  assert.notDeepEqual(one.candidate, policy);
  const two = await retrain(request);
  assert.deepEqual(two.candidate, one.candidate);
  assert.deepEqual(two.decision, one.decision);
  const without = await retrain({ ...request, segments: [await drive(policy, 30)] });
  assert.notDeepEqual(without.candidate, one.candidate, "what was logged must count");
});

test("a log without a transition cannot be learned from", async () => {
  const { policy } = await trained;
  const request = { folder, task, deployed: policy, gradientSteps: 8, onProgress: () => {} };
  await assert.rejects(retrain({ ...request, segments: [] }), { code: "log-file" });
});

test("the gate accepts the deployed policy itself", async () => {
  const { policy } = await trained;
  const decision = await decide(policy, policy, task, [await drive(policy, 50)]);
  assert.equal(decision.verdict, "accepted");
  assert.equal(decision.gain, 0);
  assert.equal(decision.actionChangeMax, 0);
});

test("the gate rejects a policy that returns less, and one that acts otherwise", async () => {
  const { policy } = await trained;
  const segments = [await drive(policy, 50)];
  // Saturated layers push one way whatever they see.
  const wild = randomPolicy(3, task.spec, [16, 16], 1);
  wild.layers.at(-1)!.bias.fill(9);
  const pusher = await exportPolicy(wild);
  const [good, bad] =
    (await decide(pusher, policy, task, segments)).gain < 0 ? [policy, pusher] : [pusher, policy];
  const worse = await decide(bad, good, task, segments);
  assert.equal(worse.verdict, "rejected");
  assert.match(worse.reasons.join(), /less, beyond two standard errors/);
  const opposite = randomPolicy(3, task.spec, [16, 16], 1);
  opposite.layers.at(-1)!.bias.fill(-9);
  const other = await decide(await exportPolicy(opposite), pusher, task, segments);
  assert.equal(other.verdict, "rejected");
  assert.match(other.reasons.join(), /moves the logged actions by 100 %/);
  assert.ok(Math.abs(other.actionChangeMax - 1) < 1e-6);
});
