// The published optimum of Pendulum-v1 is one: nothing beats it, and it can be found again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { evaluate, judgedStarts } from "../../src/learn/evaluate.ts";
import { mean } from "../../src/learn/statistics.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import { judged, PendulumValues } from "../../tools/pendulum-optimum.ts";

const optimum = JSON.parse(readFileSync("test/golden/pendulum-optimum.json", "utf8"));
const returns: readonly number[] = optimum.returns;
const starts = judgedStarts(pendulumTask);

/** Returns are kept to a hundredth; two courses may be equally good but for rounding. */
const slack = 0.05;

test("the optimum is that of the judged starts, and its mean is that of its returns", () => {
  assert.deepEqual(optimum.starts, starts);
  assert.equal(returns.length, starts.count);
  assert.ok(Math.abs(mean(returns) - optimum.mean) < 0.01);
  assert.ok(Math.abs(optimum.valueMean - optimum.mean) < 1, "promised and earned agree");
});

test("the committed policy beats the optimum from none of the starts", async () => {
  const policy = await loadPolicy(readFileSync("models/pendulum/policy.onnx"));
  const act = (batch: Float32Array, count: number): Promise<Float32Array> =>
    policy.actBatch(batch, count);
  const evaluation = await evaluate(act, pendulumTask, starts);
  await policy.close();
  evaluation.returns.forEach((earned, i) => {
    const seed = starts.first + i;
    assert.ok(earned <= returns[i] + slack, `seed ${seed}: ${earned} beats ${returns[i]}`);
  });
  assert.ok(evaluation.mean > optimum.mean - 15, `${evaluation.mean}: the two do not compare`);
});

test("a coarser grid finds the same returns from nearly all of the first starts", () => {
  const values = new PendulumValues({ angles: 120, speeds: 107, torques: 17 }, 200);
  let found = 0;
  for (let i = 0; i < 20; i++) {
    const { refined } = judged(values, starts.first + i, 21);
    assert.ok(refined <= returns[i] + slack, `seed ${starts.first + i}: ${refined}`);
    if (refined > returns[i] - 1) found++;
  }
  assert.ok(found >= 17, `${found} of 20`);
});
