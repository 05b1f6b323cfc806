import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { filmCommand } from "../../src/cli/film.ts";
import { filmOfPolicy, RunFilms } from "../../src/cli/policy-film.ts";
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

test("a run films the policy that it evaluates, once in so many steps", async () => {
  await ready;
  const files = [1, 2, 3, 4].map((seed) => exportPolicy(randomPolicy(seed)));
  const films = new RunFilms(pendulumTask, folder, 1000);
  const seen: (string | null)[] = [];
  for (const [at, step] of [900, 1100, 1900, 3400].entries()) {
    const moment = { step, episode: 1, seconds: 1, stepsPerSecond: 1 };
    seen.push(await films.see({ moment, policy: await files[at] }));
  }
  const [second, fourth] = [1100, 3400].map((step) => join(folder, `film-${step}.svg`));
  assert.deepEqual(seen, [null, second, null, fourth]);
  const expected = await filmOfPolicy(pendulumTask, await files[3]);
  assert.deepEqual(readFileSync(fourth), Buffer.from(expected));
  assert.notDeepEqual(readFileSync(second), readFileSync(fourth));
  const nowhere = new RunFilms(pendulumTask, join(folder, "none"), 1);
  const moment = { step: 1, episode: 1, seconds: 1, stepsPerSecond: 1 };
  await assert.rejects(nowhere.see({ moment, policy: await files[0] }), {
    code: "usage",
    message: /cannot write .*film-1\.svg/,
  });
});

test("film refuses a name that says no kind, and a folder that is not there", async () => {
  await assert.rejects(film("--out", "film.gif"), { code: "usage", message: /"film\.gif"/ });
  if (!hasScene) return;
  const out = join(folder, "none", "film.svg");
  await assert.rejects(film("--seconds", "0.1", "--out", out), { code: "usage" });
});
