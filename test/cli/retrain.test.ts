import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { controlSpecOf, type Decimation } from "../../src/core/decimation.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { openLog } from "../../src/log/log.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { ownFolder } from "../edge/board-run.ts";
import { type Recorded, recordRun } from "../edge/recorded-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

/** What the command says to a log, with no run to go on from. */
function retrain(log: string, policy: string, folder: string): Promise<string> {
  const words = [main, "retrain", log, "--run", folder, "--policy", policy];
  return new Promise((resolve) => {
    execFile(process.execPath, words, (_, __, err) => resolve(err));
  });
}

test("retrain: a log of a faster loop is of its policy, and of no other rate", async () => {
  const folder = ownFolder("retrain-rate");
  const policy = join(folder, "policy.onnx");
  const parts = randomPolicy(3, pendulumSpec);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, task: "pendulum" } });
  writeFileSync(policy, bytes);
  const decimation: Decimation = { every: 5, between: "hold" };
  const recorded: Recorded = {
    decimation,
    spec: controlSpecOf(pendulumSpec, decimation),
    between: (one, step) => {
      const lineup = new Lineup(one, { blendCycles: 0, watchCycles: 0, limitedMax: 1 });
      return new DecimatedPolicy(lineup, decimation, step);
    },
  };
  const { path } = await recordRun("retrain-rate", bytes, 100, () => {}, recorded);
  assert.match(await retrain(path, policy, folder), /\[checkpoint\]\n$/);
  const { decimation: _, ...untold } = recorded;
  const { path: other } = await recordRun("retrain-untold", bytes, 100, () => {}, untold);
  const line = /period: expected 50000 us, got 10000 us \[contract-mismatch\]\n$/;
  assert.match(await retrain(other, policy, folder), line);
});

test("retrain: the log of a wiggle is none of its policy", async () => {
  const folder = ownFolder("retrain-wiggle");
  const policy = join(folder, "policy.onnx");
  const parts = randomPolicy(3, pendulumSpec);
  const contract = { ...parts.contract, task: "pendulum" };
  writeFileSync(policy, await exportPolicy({ ...parts, contract }));
  const metadata = { policyId: "x", wiggle: "{}" };
  const log = await openLog({ directory: folder, name: "moved", spec: pendulumSpec, metadata });
  const { path } = await log.close();
  assert.match(
    await retrain(path, policy, folder),
    /moved\.mcap is the log of a wiggle, no policy's: leave it out \[log-file\]\n$/,
  );
});
