// What `sinew train` says and leaves: real runs, so short that they learn little.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

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
