import assert from "node:assert/strict";
import { test } from "node:test";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { deployed, deviceSpecOf, HistoryPolicy } from "../../src/policy/history-policy.ts";
import { loadPolicy, type Policy } from "../../src/policy/policy.ts";
import { ideal } from "../../src/sim/hardware.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { drivesAsInItsWorld } from "./deployed-trial.ts";
import { randomPolicy, unevenSpec } from "./random-policy.ts";

/** Answers with what it is told to, and keeps what it saw. */
class Scripted implements Policy {
  readonly id: string = "scripted";
  readonly spec: Spec;
  readonly seen: number[][] = [];
  readonly answers: number[][];

  constructor(spec: Spec, answers: number[][]) {
    this.spec = spec;
    this.answers = answers;
  }

  async act(observation: Float32Array, action: Float32Array): Promise<void> {
    this.seen.push([...observation]);
    const answer = this.answers.shift();
    if (answer === undefined) throw new Error("the runtime failed");
    action.set(answer);
  }
}

test("past actions stand behind the observation, newest first, within limits", async () => {
  const answers = [
    [0.25, -0.5],
    [9, -9],
    [0, 0],
  ];
  const inner = new Scripted(specWithHistory(unevenSpec, 2), answers);
  const policy = new HistoryPolicy(inner, 2);
  assert.deepEqual(policy.spec, unevenSpec);
  const observation = Float32Array.of(1, 2, 3, 4, 5, 6);
  const action = new Float32Array(2);
  for (let t = 0; t < 3; t++) await policy.act(observation, action);
  const [high, low] = [Math.fround(0.7), Math.fround(-0.7)];
  assert.deepEqual(inner.seen, [
    [1, 2, 3, 4, 5, 6, 0, 0, 0, 0],
    [1, 2, 3, 4, 5, 6, 0.25, -0.5, 0, 0],
    [1, 2, 3, 4, 5, 6, high, low, 0.25, -0.5],
  ]);
});

test("rest forgets; recall mends the newest; what failed was not asked for", async () => {
  const inner = new Scripted(specWithHistory(pendulumSpec, 2), [[1], [2], [Number.NaN]]);
  const policy = new HistoryPolicy(inner, 2);
  const [observation, action] = [new Float32Array(3), new Float32Array(1)];
  await policy.act(observation, action);
  policy.recall(Float32Array.of(Number.NaN));
  policy.recall(Float32Array.of(-0.5));
  await policy.act(observation, action);
  await policy.act(observation, action);
  await assert.rejects(policy.act(observation, action) as Promise<void>, /failed/);
  await assert.rejects(policy.act(observation, action) as Promise<void>, /failed/);
  policy.rest();
  await assert.rejects(policy.act(observation, action) as Promise<void>, /failed/);
  assert.deepEqual(
    inner.seen.map((seen) => seen.slice(3)),
    [
      [0, 0],
      [-0.5, 0],
      [2, -0.5],
      [0, 2],
      [0, 2],
      [0, 0],
    ],
  );
});

test("the robot is driven as the simulator was, bit for bit, at the first step too", async () => {
  const hardware = { ...ideal, actionLatency: 1, observationNoise: 0.01 };
  await drivesAsInItsWorld(hardware, { actionHistory: 3 });
});

test("a policy without history is deployed as it is", async () => {
  const policy = await loadPolicy(await exportPolicy(randomPolicy(6)));
  assert.equal(deployed(policy, policy.contract), policy);
  assert.equal(deviceSpecOf(policy.contract), policy.spec);
  await policy.close();
});

test("what a contract says of the first past action is fed, and again after a rest", async () => {
  const inner = new Scripted(specWithHistory(unevenSpec, 2), [
    [0.25, -0.5],
    [0, 0],
    [0, 0],
  ]);
  const rest = Float32Array.of(0.5, -0.25);
  const policy = new HistoryPolicy(inner, 2, rest);
  const [observation, action] = [new Float32Array(6), new Float32Array(2)];
  await policy.act(observation, action);
  policy.recall(Float32Array.of(Number.NaN, 0));
  await policy.act(observation, action);
  policy.rest();
  await policy.act(observation, action);
  assert.deepEqual(
    inner.seen.map((row) => row.slice(6)),
    [
      [0.5, -0.25, 0.5, -0.25],
      [0.5, 0, 0.5, -0.25],
      [0.5, -0.25, 0.5, -0.25],
    ],
  );
});
