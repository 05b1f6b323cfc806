import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readConfig } from "../../src/learn/config.ts";
import {
  type JobOutcome,
  type JobResult,
  jobsOf,
  resultsCsv,
  resultsOf,
  type SweepJob,
  variationOf,
} from "../../src/learn/sweep.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-sweep-plan-"));
after(() => rmSync(folder, { recursive: true }));

function jobs(seeds: number, ...variations: readonly string[]): SweepJob[] {
  const request = {
    task: "pendulum",
    preset: "ours",
    changesOf: () => ({ steps: 900 }),
    firstSeed: 3,
  };
  return jobsOf({ ...request, seeds, variations: variations.map(variationOf) });
}

test("a variation is read by either spelling, as the values that the setting may be", () => {
  assert.deepEqual(variationOf("actor-rate=1e-3, 3e-4"), {
    name: "actorRate",
    values: [1e-3, 3e-4],
  });
  assert.deepEqual(variationOf("actorRate=0.5").values, [0.5]);
  assert.deepEqual(variationOf("actor-hidden=64,32").values, [[64, 32]]);
  assert.deepEqual(variationOf("critic-hidden=64,32/128").values, [[64, 32], [128]]);
  assert.deepEqual(variationOf("noise=gaussian,ou").values, ["gaussian", "ou"]);
  assert.deepEqual(variationOf("twin=true,false").values, [true, false]);
});

const refused: readonly [text: string, message: RegExp][] = [
  ["gamma", /give a setting and its values/],
  ["gamma=", /give a setting and its values/],
  ["gamma=0.9,", /a value is missing/],
  ["gamma=0.9,2", /gamma is "2": give a number from 0 to 1/],
  ["gamma=high", /gamma is "high"/],
  ["batch=1.5", /whole number/],
  ["noise=pink", /give one of/],
  ["twin=yes", /true or false/],
  ["seed=1,2", /cannot be varied/],
  ["task=pendulum", /cannot be varied/],
  ["wings=2", /no such setting/],
  ["preset=ours,theirs", /no preset is named "theirs": there is ours, lillicrap/],
];
for (const [text, message] of refused) {
  test(`refused as a variation: ${text}`, () => {
    assert.throws(() => variationOf(text), { code: "usage", message });
  });
}

test("the jobs are all combinations, each with all seeds, each in a folder of its own", () => {
  const all = jobs(2, "gamma=0.9,0.99", "actor-hidden=64,32/8");
  assert.equal(all.length, 8);
  assert.deepEqual(
    all.slice(0, 3).map(({ name }) => name),
    [
      "gamma-0.9_actor-hidden-64x32_seed-3",
      "gamma-0.9_actor-hidden-64x32_seed-4",
      "gamma-0.9_actor-hidden-8_seed-3",
    ],
  );
  assert.equal(new Set(all.map(({ name }) => name)).size, 8);
  assert.equal(new Set(all.map(({ setting }) => setting)).size, 4);
  assert.equal(all[0].setting, "gamma 0.9, actor-hidden 64,32");
  const { settings } = all[7];
  assert.deepEqual(
    [settings.gamma, settings.actorHidden, settings.seed, settings.steps],
    [0.99, [8], 4, 900],
  );
});

test("a job's file is what train reads: every change, of every kind", () => {
  const [job] = jobs(1, "actor-hidden=64,32", "twin=true", "noise=ou", "actor-rate=1e-7");
  const path = join(folder, "settings.yaml");
  writeFileSync(path, job.file);
  const { preset, changesOf } = readConfig(path, "pendulum");
  assert.equal(preset, "ours");
  assert.deepEqual(changesOf("ours"), {
    steps: 900,
    actorHidden: [64, 32],
    twin: true,
    noise: "ou",
    actorRate: 1e-7,
    seed: 3,
  });
});

test("presets are varied like settings, and each job's file names its own", () => {
  const all = jobs(1, "preset=sb3,td3", "gamma=0.9");
  assert.deepEqual(
    all.map(({ name, settings }) => [name, settings.twin, settings.gamma, settings.steps]),
    [
      ["preset-sb3_gamma-0.9_seed-3", false, 0.9, 900],
      ["preset-td3_gamma-0.9_seed-3", true, 0.9, 900],
    ],
  );
  const path = join(folder, "preset.yaml");
  writeFileSync(path, all[1].file);
  assert.equal(readConfig(path, "pendulum").preset, "td3");
});

test("settings that cannot be together are refused before anything runs", () => {
  assert.throws(() => jobs(1, "gradient-steps=3", "policy-delay=2"), { code: "usage" });
});

function done(bestReturn: number): JobOutcome {
  const told = { task: "pendulum", algorithm: "ddpg", seed: 0, steps: 900, seconds: 2 };
  const report = { ...told, bestReturn, bestStep: 800, finalReturn: bestReturn - 1, settings: {} };
  return { state: "done", report };
}

const failed: JobOutcome = { state: "failed", error: 'no "engine", sorry' };

function results(outcomes: readonly JobOutcome[]): JobResult[] {
  const all = jobs(3, "gamma=0.9,0.99,0.999");
  return outcomes.map((outcome, at) => ({ job: all[at], outcome }));
}

test("settings are ranked by their interquartile mean; what failed and diverged is told", () => {
  const found = resultsOf(
    results([
      ...[done(-10), failed, { state: "stopped" } as const],
      ...[done(-5), done(-7), done(-3)],
      ...[done(0), done(0), done(Number.NaN)],
    ]),
  );
  assert.deepEqual(
    found.map(({ setting, returns }) => [setting, returns.length]),
    [
      ["gamma 0.99", 3],
      ["gamma 0.9", 1],
      ["gamma 0.999", 3],
    ],
  );
  const [best, single, wild] = found;
  assert.deepEqual(
    [best.mean, best.interquartileMean, best.worst, best.finalMean],
    [-5, -5, -7, -6],
  );
  assert.ok(best.low >= -7 && best.low < -5 && best.high > -5 && best.high <= -3);
  assert.deepEqual([single.failed, single.stopped, single.low, single.high], [1, 1, -10, -10]);
  assert.deepEqual([best.beaten, single.beaten], [0.5, 1]);
  assert.equal(wild.beaten, 1 / 3, "two of three runs were better than any of the best's");
  assert.ok(Number.isNaN(wild.interquartileMean) && Number.isNaN(wild.mean));
});

test("a setting without a finished seed has no numbers, and comes last", () => {
  const found = resultsOf(results([failed, failed, failed, done(-1e6)]));
  assert.deepEqual(
    found.map(({ setting }) => setting),
    ["gamma 0.99", "gamma 0.9"],
  );
  assert.ok(Number.isNaN(found[1].mean) && Number.isNaN(found[1].worst));
});

test("the CSV has a line for each run, errors quoted", () => {
  assert.equal(
    resultsCsv(results([done(-10), failed, { state: "stopped" }])),
    "run,gamma,seed,state,best_return,best_step,final_return,seconds,error\n" +
      "gamma-0.9_seed-3,0.9,3,done,-10,800,-11,2,\n" +
      'gamma-0.9_seed-4,0.9,4,failed,,,,,"no ""engine"", sorry"\n' +
      "gamma-0.9_seed-5,0.9,5,stopped,,,,,\n",
  );
});
