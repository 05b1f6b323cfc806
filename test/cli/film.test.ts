import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { filmCommand } from "../../src/cli/film.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-film-"));
after(() => rmSync(folder, { recursive: true }));
const policy = join(folder, "policy.onnx");
const ready = exportPolicy(randomPolicy(1)).then((bytes) => writeFileSync(policy, bytes));

async function film(...words: readonly string[]): Promise<void> {
  await ready;
  await filmCommand()
    .exitOverride()
    .parseAsync([policy, ...words], { from: "user" });
}

const hasScene = pendulumTask.makeEnv().scene !== undefined;

test("film writes an SVG beside the policy, or a PNG where it is told to", {
  skip: !hasScene,
}, async () => {
  await film("--seconds", "0.5");
  assert.match(readFileSync(join(folder, "film.svg"), "utf8"), /^<svg [\s\S]*pendulum/);
  const png = join(folder, "a.png");
  await film("--seconds", "0.5", "--out", png);
  assert.equal(readFileSync(png).toString("latin1", 1, 4), "PNG");
});

test("film refuses a name that says no kind, and a folder that is not there", async () => {
  await assert.rejects(film("--out", "film.gif"), { code: "usage", message: /"film\.gif"/ });
  if (!hasScene) return;
  const out = join(folder, "none", "film.svg");
  await assert.rejects(film("--seconds", "0.1", "--out", out), { code: "usage" });
});
