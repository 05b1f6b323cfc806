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
    // Another CPU rounds otherwise, and a start or two may swing another way round.
    assert.ok(Math.abs(mean - report.bestReturn) < 1, `${mean}, not ${report.bestReturn}`);
  });
}
