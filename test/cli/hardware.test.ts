// Hardware's flags, and a process that is killed with all of them on.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Rng } from "../../src/core/rng.ts";
import { readProgress } from "../../src/learn/progress-csv.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-flags-"));
after(() => rmSync(folder, { recursive: true }));

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const small = (
  "--steps 1600 --random-steps 200 --learn-after 200 --batch 32 --actor-hidden 16,16 " +
  "--critic-hidden 16,16 --evaluate-every 800 --checkpoint-every 200 --replay-rows 1000 --seed 3"
).split(" ");
const flaws = (
  "--action-latency 0..2 --observation-latency 1 --observation-noise 0.01 " +
  "--observation-step 0.001 --action-step pole_torque=0.05 --drop-observation 0.1 " +
  "--drop-action 0.1 --randomise mass=0.2,length=0.1 --observation-history 1 " +
  "--action-history 2 --frame-skip 2"
).split(" ");
const world = flaws.join(" ").replaceAll(/--([a-z-]+) /g, "$1=");

function train(run: string, ...more: readonly string[]): ChildProcess {
  const words = ["train", "--folder", join(folder, run), ...small, ...more];
  return spawn(process.execPath, [main, ...words], { stdio: "ignore" });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", resolve));
}

function hashOf(run: string, file: string): string {
  const bytes = readFileSync(join(folder, run, file));
  return createHash("sha256").update(bytes).digest("hex");
}

function stepsOf(run: string): number {
  try {
    return readProgress(join(folder, run, "progress.csv")).at(-1)?.step ?? 0;
  } catch {
    return 0;
  }
}

const whole = ended(train("whole", ...flaws));

test("kill -9 with every flaw on, then --resume: the same bytes as without", async () => {
  assert.equal(await whole, 0);
  const rng = new Rng(24);
  let kills = 0;
  for (let trial = 0; trial < 2; trial++) {
    const run = `killed-${trial}`;
    const child = train(run, ...flaws);
    const gone = ended(child);
    const earliest = rng.uniform(250, 1000);
    while (stepsOf(run) < earliest && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    child.kill("SIGKILL");
    if ((await gone) === null) kills++;
    // The checkpoint holds the flaws: --resume says none.
    assert.equal(await ended(train(run, "--resume")), 0);
    assert.equal(hashOf(run, "checkpoint"), hashOf("whole", "checkpoint"), `Rng(24), ${trial}`);
    assert.equal(hashOf(run, "policy.onnx"), hashOf("whole", "policy.onnx"), `Rng(24), ${trial}`);
  }
  assert.ok(kills > 0, "nothing was killed (Rng(24))");
});

test("a file of settings says the same as the flags", async () => {
  await whole;
  const file = join(folder, "settings.yaml");
  const lines = flaws.flatMap((word, at) => {
    const name = word.slice(2).replaceAll(/-([a-z])/g, (_, letter) => letter.toUpperCase());
    return at % 2 === 0 ? [`${name}: ${flaws[at + 1]}`] : [];
  });
  writeFileSync(file, lines.join("\n"));
  assert.equal(await ended(train("config", "--config", file)), 0);
  assert.equal(hashOf("config", "policy.onnx"), hashOf("whole", "policy.onnx"));
});

test("report and policy say the world; evaluate goes by it, or by what is given", async () => {
  await whole;
  const { settings } = JSON.parse(readFileSync(join(folder, "whole", "report.json"), "utf8"));
  assert.equal(settings.actionLatency, "0..2");
  assert.equal(settings.frameSkip, 2);
  const path = join(folder, "whole", "policy.onnx");
  const evaluate = (...more: readonly string[]): { world: string; mean: number } => {
    const words = [main, "evaluate", path, "--starts", "20", "--json", ...more];
    const stdio = ["ignore", "pipe", "ignore"] as const;
    return JSON.parse(
      execFileSync(process.execPath, words, { encoding: "utf8", stdio: [...stdio] }),
    );
  };
  const own = evaluate();
  assert.equal(own.world, world);
  assert.deepEqual(evaluate("--drop-action", "0.1"), own);
  const prompt = evaluate("--action-latency", "0", "--observation-latency", "0");
  assert.notEqual(prompt.mean, own.mean);
  assert.equal(prompt.world, world.replace(/^action.*observation-noise/, "observation-noise"));
  const inspected = execFileSync(process.execPath, [main, "inspect", path, "--json"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { observationHistory, actionHistory } = JSON.parse(inspected).contract;
  assert.deepEqual([observationHistory, actionHistory], [1, 2]);
  const table = execFileSync(process.execPath, [main, "inspect", path], { encoding: "utf8" });
  assert.match(table, /^history +the last 1 observations, then its last 2 actions, newest first$/m);
});

test("a world that is not the policy's is refused by the channel's name", async () => {
  await whole;
  const path = join(folder, "whole", "policy.onnx");
  const words = [main, "evaluate", path, "--action-history", "1"];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /"pole_torque_ago_2".*\[contract-mismatch\]\n$/);
});

const bad: readonly [flag: string, value: string, told: RegExp][] = [
  ["--action-latency", "-1", /give whole steps such as 1/],
  ["--observation-noise", "NaN", /give a share of the range from 0 to 1/],
  ["--observation-noise", "angle=1", /observationNoise names "angle": there is pole_cos/],
  ["--randomise", "weight=0.1", /"weight": pendulum has gravity, length, mass/],
  ["--drop-action", "1.01", /give a number from 0 to 1/],
  ["--action-history", "1.5", /give a whole number from 0 to 63/],
  ["--observation-history", "-1", /give a whole number from 0 to 63/],
  ["--frame-skip", "0", /give a whole number from 1 to 1000/],
];

for (const [flag, value, told] of bad) {
  test(`${flag} ${value} is refused in one line`, () => {
    const words = [main, "train", "--folder", join(folder, "bad"), `${flag}=${value}`];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
    assert.equal(status, 2);
    assert.match(stderr, told);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  });
}

test("check-env looks at the world on that hardware", () => {
  const words = [main, "check-env", "pendulum", "--json", ...flaws];
  const stdio = ["ignore", "pipe", "ignore"] as const;
  const told = execFileSync(process.execPath, words, { encoding: "utf8", stdio: [...stdio] });
  assert.equal(JSON.parse(told).ok, true);
});
