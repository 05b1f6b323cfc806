import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { plotCommand } from "../../src/cli/plot.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-plot-"));
after(() => rmSync(folder, { recursive: true }));
const out = join(folder, "curve.svg");

for (const seed of [1, 2]) {
  const run = join(folder, `run-${seed}`);
  mkdirSync(run);
  writeFileSync(
    join(run, "progress.csv"),
    "step,seconds,eval_mean\n100,1,-9\n200,90,-5\n300,200,-3\n",
  );
}

async function plot(...words: readonly string[]): Promise<void> {
  const command = plotCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await command.parseAsync([...words], { from: "user" });
}

test("plot draws runs along steps or along time", async () => {
  await plot(join(folder, "run-1"), join(folder, "run-2"), "--out", out);
  assert.match(readFileSync(out, "utf8"), />run, 2 runs: \u22123\.0 .*environment steps/);
  await plot(folder, "--out", out, "--x", "seconds", "--smooth", "2");
  const svg = readFileSync(out, "utf8");
  assert.match(svg, />run, 2 runs: \u22124\.0 .*wall time/);
  assert.match(svg, /running mean of 2 points/);
  assert.match(svg, />1 min</);
});

test("plot refuses what is not there and what it does not know", async () => {
  await assert.rejects(plot(join(folder, "none"), "--out", out), { code: "usage" });
  await assert.rejects(plot(folder, "--x", "weeks"), { code: "commander.invalidArgument" });
  const nowhere = join(folder, "no", "curve.svg");
  await assert.rejects(plot(folder, "--out", nowhere), { code: "usage", message: /cannot write/ });
});
