import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, evaluateRandom, randomStarts } from "../../src/learn/evaluate.ts";
import { deviation, mean } from "../../src/learn/statistics.ts";
import type { Env, Task } from "../../src/sim/env.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";

const limits = [
  { low: -1, high: 5 },
  { low: 3, high: 4 },
];

/** Episodes of 50 steps that earn nothing; keeps what it was told to do. */
function listener(): Task & { readonly told: Float32Array[] } {
  const told: Float32Array[] = [];
  const channel = { name: "x", unit: "1", low: -1, high: 1 };
  const spec = {
    observation: [channel],
    action: limits.map((range, i) => ({ name: `a${i}`, unit: "1", ...range })),
    periodUs: 1000,
  };
  const makeEnv = (): Env => {
    let steps = 0;
    return {
      spec,
      reset() {
        steps = 0;
      },
      step(action) {
        told.push(action.slice());
        return { reward: 0, terminated: false, truncated: ++steps === 50 };
      },
    };
  };
  const size = { episodeStepsMax: 50, selectionStarts: 1, judgedStarts: 100 };
  return { name: "listener", spec, told, ...size, makeEnv, reward: () => 0 };
}

test("the random policy is uniform within the limits of each channel", async () => {
  const task = listener();
  await evaluateRandom(task, { first: 7, count: 100 });
  assert.equal(task.told.length, 5000);
  limits.forEach(({ low, high }, channel) => {
    const values = task.told.map((action) => action[channel]);
    assert.ok(values.every((value) => value >= low && value <= high));
    const [middle, range] = [(low + high) / 2, high - low];
    assert.ok(Math.abs(mean(values) - middle) < 0.02 * range, `mean ${mean(values)}`);
    const spread = deviation(values) / (range / Math.sqrt(12));
    assert.ok(Math.abs(spread - 1) < 0.03, `spread ${spread}`);
    assert.ok(new Set(values).size > 4900, "each step and each start draws anew");
  });
});

test("the random policy's return is the same each time, and each start's is its own", async () => {
  const ten = await evaluateRandom(pendulumTask, { first: 30, count: 10 });
  assert.deepEqual(await evaluateRandom(pendulumTask, { first: 30, count: 10 }), ten);
  const later = await evaluateRandom(pendulumTask, { first: 35, count: 5 });
  assert.deepEqual(later.returns, ten.returns.slice(5));
  const still = async (_: Float32Array, count: number): Promise<Float32Array> =>
    new Float32Array(count);
  const { returns } = await evaluate(still, pendulumTask, { first: 30, count: 10 });
  assert.ok(returns.every((value, start) => value !== ten.returns[start]));
});

test("beside a run the random policy gets 20 starts, more where episodes are short", () => {
  const of = (episodeStepsMax: number, judgedStarts: number): number =>
    randomStarts({ ...pendulumTask, episodeStepsMax, judgedStarts }).count;
  assert.deepEqual([of(1000, 100), of(200, 1000), of(50, 100), of(1000, 5)], [20, 100, 100, 5]);
  assert.equal(randomStarts(pendulumTask).first, 1_000_000);
});
