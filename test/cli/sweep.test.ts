// Real runs, each a process of its own, so short that they learn nothing.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { finishedBefore, standingOf, TrainProcess } from "../../src/cli/train-process.ts";
import { ProgressFile } from "../../src/learn/progress-csv.ts";
import { jobsOf } from "../../src/learn/sweep.ts";
import { ideal } from "../../src/sim/hardware.ts";

const root = mkdtempSync(join(tmpdir(), "sinew-sweep-"));
after(() => rmSync(root, { recursive: true }));

const { href } = new URL("../../src/cli/sweep.js", import.meta.url);
const program = `
  import { sweepCommand } from ${JSON.stringify(href)};
  await sweepCommand().exitOverride().parseAsync(process.argv.slice(1), { from: "user" });
`;

interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly json: {
    readonly settings: readonly { returns: number[]; failed: number; stopped: number }[];
  };
}

/** Runs `sinew sweep`; `killWhen` says from the output so far when someone presses Ctrl-C. */
async function sweep(
  words: readonly string[],
  killWhen: (out: string) => boolean = () => false,
  cwd: string = process.cwd(),
): Promise<Answer> {
  const flags = ["--input-type=module", "-e", program, "--", ...words, "--json"];
  const child = spawn(process.execPath, flags, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { out: "", err: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    texts.out += chunk;
  });
  let pressed = false;
  child.stderr.on("data", (chunk: Buffer) => {
    texts.err += chunk;
    if (pressed || !killWhen(texts.err)) return;
    pressed = true;
    child.kill("SIGINT");
  });
  const [code] = await once(child, "close");
  assert.match(texts.out, /^\{/, texts.err);
  return { code, out: texts.err, json: JSON.parse(texts.out) };
}

const short = ["--set", "learn-after=100", "random-steps=100", "batch=8", "evaluate-every=200"];

test("a sweep keeps what is whole when one run fails, and goes on from there", async () => {
  const folder = join(root, "a");
  const words = ["--seeds", "1", "--steps", "300", "--folder", folder, ...short, "--vary"];
  assert.equal((await sweep([...words, "gamma=0.9"])).code, 0);
  // A file stands where one run's folder should be: that run cannot be.
  const file = join(folder, "gamma-0.95_seed-0");
  writeFileSync(file, "");
  const second = await sweep([...words, "gamma=0.9,0.95,0.99"]);
  assert.equal(second.code, 1);
  assert.match(second.out, /finished {4}gamma-0\.9_seed-0, before/);
  assert.match(second.out, /failed {6}gamma-0\.95_seed-0: /);
  assert.match(second.out, /finished {4}gamma-0\.99_seed-0: return/);
  assert.match(second.out, /1 failed/);
  const csv = readFileSync(join(folder, "results.csv"), "utf8").trim().split("\n");
  assert.deepEqual(
    csv.map((line) => line.split(",")[3]),
    ["state", "done", "failed", "done"],
  );
  assert.match(readFileSync(join(folder, "curve.svg"), "utf8"), /gamma 0\.9:/);
  rmSync(file);
  const third = await sweep([...words, "gamma=0.9,0.95,0.99"]);
  assert.equal(third.code, 0);
  assert.equal(third.out.match(/, before/g)?.length, 2);
  assert.deepEqual(
    third.json.settings.map(({ returns }) => returns.length),
    [1, 1, 1],
  );
});

test("the runs of a file's world lie below its name, each with one thread", async () => {
  const words = ["--env", "./one.mjs", "--seeds", "1", "--steps", "300", ...short];
  const folder = mkdtempSync(join(root, "user-"));
  writeFileSync(
    join(folder, "one.mjs"),
    `export const spec = {
      observation: [{ name: "x", unit: "m", low: -1, high: 1 }],
      action: [{ name: "f", unit: "N", low: -1, high: 1 }],
      periodUs: 1000,
    };
    export const episodeStepsMax = 10;
    export const makeWorld = () => ({
      reset: (rng, o) => o.set([rng.uniform(-1, 1)]),
      step(a, o) { o.set([a[0] / 2]); return { reward: o[0], terminated: false }; },
    });`,
  );
  const { code, out } = await sweep(words, () => false, folder);
  assert.equal(code, 0, out);
  const path = join(folder, "runs", "sweep-one", "seed-0", "report.json");
  const report = JSON.parse(readFileSync(path, "utf8"));
  // The preset's networks are as wide as two threads would be chosen for.
  assert.equal(report.threads, 1);
  assert.equal(report.settings.threads, 1);
});

test("a sweep's run never goes on from another's checkpoint", async () => {
  const folder = mkdtempSync(join(root, "stale-"));
  const request = { task: "pendulum", preset: "ours", variations: [], seeds: 1, firstSeed: 0 };
  const [job] = jobsOf({ ...request, changesOf: () => ({ steps: 300 }) });
  for (const name of ["checkpoint", "policy.onnx", "report.json"]) {
    writeFileSync(join(folder, name), "another run's");
  }
  const first = new TrainProcess(job, folder);
  first.stop();
  assert.ok(!existsSync(join(folder, "checkpoint")));
  assert.ok(!existsSync(join(folder, "policy.onnx")));
  await first.done;
});

test("Ctrl-C stops the runs, keeps what is finished, and the next call finishes", async () => {
  const folder = join(root, "b");
  const words = ["--seeds", "2", "--steps", "700", "--jobs", "1", "--folder", folder, ...short];
  const stopped = await sweep(words, (out) => out.includes("finished    seed-0"));
  assert.equal(stopped.code, 1);
  assert.equal(stopped.json.settings[0].returns.length, 1);
  assert.equal(stopped.json.settings[0].stopped, 1);
  assert.ok(!existsSync(join(folder, "seed-1", "report.json")));
  const whole = await sweep(words);
  assert.equal(whole.code, 0);
  assert.match(whole.out, /seed-0, before/);
  assert.equal(whole.json.settings[0].returns.length, 2);
});

test("a folder is finished for the very settings that it was made with, and no others", () => {
  const folder = mkdtempSync(join(root, "job-"));
  const [job, other] = [300, 301].map((steps) => {
    const request = { task: "pendulum", preset: "ours", variations: [], seeds: 1, firstSeed: 0 };
    return jobsOf({ ...request, changesOf: () => ({ steps }) })[0];
  });
  assert.equal(finishedBefore(job, folder), undefined);
  writeFileSync(join(folder, "settings.yaml"), job.file);
  assert.equal(finishedBefore(job, folder), undefined);
  const told = { task: "pendulum", algorithm: "ddpg", seed: 0, steps: 300, seconds: 1 };
  const report = { ...told, bestReturn: -5, bestStep: 300, finalReturn: -6, settings: ideal };
  const text = JSON.stringify(report);
  writeFileSync(join(folder, "report.json"), text);
  assert.deepEqual(finishedBefore(job, folder), { state: "done", report });
  assert.equal(finishedBefore(other, folder), undefined);
  writeFileSync(join(folder, "report.json"), text.slice(0, 30));
  assert.equal(finishedBefore(job, folder), undefined);
});

test("where a run stands is read from the end of its progress file", () => {
  const folder = mkdtempSync(join(root, "standing-"));
  assert.deepEqual(standingOf(folder), { step: 0, return: Number.NaN });
  const file = new ProgressFile(folder);
  for (let step = 1; step <= 500; step++) {
    file.append({ step, seconds: step / 3, ...(step % 5 === 0 && { evalMean: -step / 7 }) });
  }
  file.append({ step: 502 });
  file.close();
  assert.deepEqual(standingOf(folder), { step: 502, return: -71.4285714 });
  appendFileSync(file.path, "503,9");
  assert.equal(standingOf(folder).step, 502);
});
