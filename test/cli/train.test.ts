// What `sinew train` says and leaves: real runs, so short that they learn little.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { progressLine } from "../../src/cli/train.ts";
import { commandOf } from "../../src/cli/train-command.ts";
import { settingsOf } from "../../src/learn/presets.ts";

const root = mkdtempSync(join(tmpdir(), "sinew-train-cli-"));
after(() => rmSync(root, { recursive: true }));

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const short = (
  "--steps 400 --random-steps 100 --learn-after 100 --batch 16 --actor-hidden 8,8 " +
  "--critic-hidden 8,8 --evaluate-every 400 --checkpoint-every 200 --replay-rows 1000"
).split(" ");

function train(run: string, ...words: readonly string[]) {
  const all = [main, "train", "--folder", join(root, run), ...words];
  return spawnSync(process.execPath, all, { encoding: "utf8" });
}

function reportOf(run: string) {
  return JSON.parse(readFileSync(join(root, run, "report.json"), "utf8"));
}

/** Refused: exit code 2 and one line. */
function refuses(answer: ReturnType<typeof train>, told: RegExp): void {
  assert.equal(answer.status, 2, answer.stderr);
  assert.match(answer.stderr, told);
  assert.equal(answer.stderr.trim().split("\n").length, 1, answer.stderr);
}

test("a folder that holds a run is refused, gone on with, or begun anew as one says", () => {
  assert.equal(train("kept", ...short, "--seed", "1").status, 0);
  refuses(train("kept", ...short, "--seed", "2"), /kept holds a run: --resume .* --overwrite/);
  refuses(train("kept", "--resume", "--overwrite"), /'--overwrite' cannot be used with/);
  refuses(train("kept", "--resume", "--gamma", "0.5"), /gamma 0\.99, not 0\.5: leave these out/);
  refuses(train("kept", "--resume", "--preset", "pfrl"), /actorHidden 8,8, not 400,300/);
  assert.equal(train("kept", "--resume", "--gamma", "0.99", "--json").status, 0);
  assert.equal(reportOf("kept").seed, 1);
  // What is refused for its settings costs the old run nothing.
  refuses(train("kept", "--overwrite", "--gradient-steps", "3", "--policy-delay", "2"), /multiple/);
  assert.ok(existsSync(join(root, "kept", "checkpoint")));
});

test("who goes on with a run need not say of which task, and is told where it is another", () => {
  assert.equal(train("arm", ...short, "--env", "servo-arm", "--no-mirror").status, 0);
  refuses(train("arm", "--resume", "--env", "pendulum"), /of the task servo-arm, not of pendulum/);
  const on = train("arm", "--resume", "--json");
  assert.equal(on.status, 0, on.stderr);
  assert.equal(reportOf("arm").task, "servo-arm");
});

test("what --overwrite begins leaves nothing of the old run; what is refused leaves all", () => {
  assert.equal(train("anew", ...short).status, 0);
  refuses(train("anew", "--overwrite", "--randomise", "weight=0.1"), /"weight"/);
  assert.equal(reportOf("anew").seed, 0);
  assert.equal(train("anew", ...short, "--seed", "2", "--overwrite").status, 0);
  assert.equal(reportOf("anew").seed, 2);
  const events = readdirSync(join(root, "anew")).filter((name) => name.startsWith("events."));
  assert.equal(events.length, 1);
});

test("a preset's mirror gives way to worlds side by side, one that was asked for does not", () => {
  const lanes = train("lanes", ...short, "--lanes", "4");
  assert.equal(lanes.status, 0, lanes.stderr);
  assert.match(lanes.stdout, /^mirror {6}off: worlds side by side have no mirror images$/m);
  assert.equal(reportOf("lanes").settings.mirror, false);
  refuses(train("asked", "--lanes", "4", "--mirror"), /mirror, hindsight and parameter noise/);
  const off = train("off", ...short, "--lanes", "4", "--no-mirror");
  assert.doesNotMatch(off.stdout, /^mirror/m);
});

test("a run that depends on timing says so, and another does not", () => {
  const said = /^async {7}this run depends on timing: its seed will not give it again$/m;
  const timed = train("timed", ...short, "--async", "--workers", "1", "--no-mirror");
  assert.equal(timed.status, 0, timed.stderr);
  assert.match(timed.stdout, said);
  assert.doesNotMatch(train("untimed", ...short).stdout, said);
});

test("the line that a person watches says how far it is, what it earns, how long it takes", () => {
  const at = { step: 300, steps: 1200, episode: 2, seconds: 3 };
  const progress = { ...at, stepsPerSecond: 90, recentReturn: -512.34 };
  const line = progressLine({ ...progress, bestReturn: Number.NEGATIVE_INFINITY });
  const bar = `[${"#".repeat(6)}${".".repeat(18)}]`;
  assert.equal(line, `${bar} 300/1200  return -512.3  best -  90 steps/s  10 s left`);
  const later = progressLine({ ...progress, step: 1200, bestReturn: -150 });
  assert.match(later, /1200\/1200 {2}return -512\.3 {2}best -150\.0 {2}90 steps\/s {2}0 s left$/);
});

test("each setting that is on or off has a flag for off", () => {
  const off = train("off-td3", ...short, "--preset", "td3", "--no-twin", "--export-target");
  assert.equal(off.status, 0, off.stderr);
  const { settings } = reportOf("off-td3");
  assert.equal(settings.twin, false);
  assert.equal(settings.policyDelay, 2);
  assert.equal(settings.exportTarget, true);
  assert.equal(settings.mirror, false);
  assert.equal(reportOf("lanes").settings.twin, false);
});

test("the report's command does the run again, also that of a resumed run", () => {
  const flags = [...short, "--no-mirror", "--export-target", "--n-steps", "2"];
  const first = train("told", ...flags, "--action-latency", "0..2", "--target-return=-1");
  assert.equal(first.status, 0, first.stderr);
  const before = reportOf("told");
  assert.equal(train("told", "--resume").status, 0);
  const { command, weights, seconds } = reportOf("told");
  assert.equal(command, before.command);
  assert.equal(weights, before.weights);
  assert.ok(seconds > before.seconds, "over both of its parts");
  assert.match(command, /^npx sinew train --env pendulum --steps 400 .* --no-mirror /);
  assert.doesNotMatch(command, /--resume|--folder/);
  const again = train("again", ...command.split(" ").slice(3));
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, new RegExp(`^weights +${weights.slice(0, 16)} `, "m"));
  assert.equal(reportOf("again").weights, weights);
  assert.equal(reportOf("again").threads, 1);
  assert.deepEqual(reportOf("again").settings, reportOf("told").settings);
});

test("a command names the preset that is nearest, and what is not that preset's", () => {
  const td3 = settingsOf("td3", "half-cheetah", { seed: 3, criticHidden: [64, 32] });
  const told = "npx sinew train --env half-cheetah --preset td3 --seed 3 --critic-hidden 64,32";
  assert.equal(commandOf(td3), told);
  assert.equal(commandOf(settingsOf("ours", "pendulum")), "npx sinew train --env pendulum");
  const spaced = settingsOf("ours", "./my env.js", { async: true, workers: 2 });
  assert.equal(commandOf(spaced), 'npx sinew train --env "./my env.js" --workers 2 --async');
});

test("a world that cannot draw itself costs no report, and the page says why", () => {
  const file = join(root, "dark.mjs");
  writeFileSync(
    file,
    `export const spec = {
      observation: [{ name: "x", unit: "m", low: -1, high: 1 }],
      action: [{ name: "f", unit: "N", low: -1, high: 1 }],
      periodUs: 1000,
    };
    export const episodeStepsMax = 10;
    export const makeWorld = () => ({
      reset: (rng, o) => o.set([rng.uniform(-1, 1)]),
      step(a, o) { o.set([a[0] / 2]); return { reward: o[0], terminated: false }; },
      scene() { throw new Error("no <light>"); },
    });`,
  );
  const answer = train("dark", ...short, "--env", file);
  assert.equal(answer.status, 0, answer.stderr);
  assert.ok(reportOf("dark").command.includes(`--env ${file} `));
  const page = readFileSync(join(root, "dark", "report.html"), "utf8");
  assert.match(page, /There is no film: [^<]* threw in scene: no &lt;light&gt;/);
});

test("a run says first which engine computes, with how many threads, and why", () => {
  const first = ({ stdout }: ReturnType<typeof train>) => stdout.split("\n")[0];
  assert.match(first(train("auto", ...short)), /^engine {6}\S.*, 1 thread \(auto: .+\)$/);
  const asked = train("asked", ...short, "--engine", "kernel-wasm");
  assert.equal(first(asked), "engine      kernel wasm, 1 thread (asked for)");
});
