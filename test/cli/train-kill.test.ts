// A training process that is killed at any moment goes on as if nothing had been.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Rng } from "../../src/core/rng.ts";
import { readProgress } from "../../src/learn/progress-csv.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-kill-"));
after(() => rmSync(folder, { recursive: true }));

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const settings = (
  "--steps 2400 --random-steps 200 --learn-after 200 --batch 32 --actor-hidden 16,16 " +
  "--critic-hidden 16,16 --evaluate-every 600 --checkpoint-every 200 --replay-rows 1000 --seed 3"
).split(" ");

function train(run: string, ...more: readonly string[]): ChildProcess {
  const words = ["train", "--folder", join(folder, run), ...settings, ...more];
  return spawn(process.execPath, [main, ...words], { stdio: "ignore" });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", resolve));
}

/** The hash of all that learning made: the checkpoint holds weights, moments, replay and chance. */
function hashOf(run: string, file: string): string {
  const bytes = readFileSync(join(folder, run, file));
  return createHash("sha256").update(bytes).digest("hex");
}

/** Steps that the run has told so far; 0 where there is nothing to read yet. */
function stepsOf(run: string): number {
  try {
    return readProgress(join(folder, run, "progress.csv")).at(-1)?.step ?? 0;
  } catch {
    return 0;
  }
}

async function reaches(run: string, step: number, child: ChildProcess): Promise<void> {
  while (stepsOf(run) < step && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("kill -9 at any moment, then --resume: the same weights as without", async () => {
  assert.equal(await ended(train("whole")), 0);
  const rng = new Rng(20);
  for (let trial = 0; trial < 3; trial++) {
    const run = `killed-${trial}`;
    let kills = 0;
    for (const earliest of [rng.uniform(250, 900), rng.uniform(1000, 1900)]) {
      const child = train(run, ...(kills === 0 ? [] : ["--resume"]));
      const gone = ended(child);
      await reaches(run, earliest, child);
      await new Promise((resolve) => setTimeout(resolve, rng.uniform(0, 30)));
      child.kill("SIGKILL");
      if ((await gone) === null) kills++;
    }
    assert.ok(kills > 0, "nothing was killed (seed 20)");
    assert.equal(await ended(train(run, "--resume")), 0);
    assert.equal(hashOf(run, "checkpoint"), hashOf("whole", "checkpoint"), `trial ${trial}`);
    assert.equal(hashOf(run, "policy.onnx"), hashOf("whole", "policy.onnx"), `trial ${trial}`);
    const steps = readProgress(join(folder, run, "progress.csv")).map(({ step }) => step);
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
      "no line is there twice",
    );
  }
});
