// Every committed model is the file that its report speaks of, and returns what it says.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { evaluate } from "../src/learn/evaluate.ts";
import { loadPolicy } from "../src/policy/policy.ts";
import { openTask } from "../src/sim/tasks.ts";

for (const name of readdirSync("models")) {
  test(`models/${name}: proved here, and as good as its report`, async () => {
    const report = JSON.parse(readFileSync(join("models", name, "report.json"), "utf8"));
    const policy = await loadPolicy(readFileSync(join("models", name, "policy.onnx")));
    assert.equal(policy.id, report.sha256);
    assert.equal(policy.contract.task, report.task);
    const act = (batch: Float32Array, count: number): Promise<Float32Array> =>
      policy.actBatch(batch, count);
    const { mean } = await evaluate(act, await openTask(report.task), report.starts);
    await policy.close();
    // Another CPU rounds otherwise: a start may swing another way round, contacts fall otherwise.
    const [low, high] = report.bestInterval ?? [report.bestReturn - 1, report.bestReturn + 1];
    assert.ok(low <= mean && mean <= high, `${mean}, not within ${low}..${high}`);
  });
}
