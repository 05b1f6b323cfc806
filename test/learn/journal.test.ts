import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Journal } from "../../src/learn/journal.ts";
import { metricNames, type StepMetrics } from "../../src/learn/losses.ts";
import { readProgress } from "../../src/learn/progress-csv.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-journal-"));
after(() => rmSync(folder, { recursive: true }));

const moment = { step: 200, episode: 1, seconds: 2, stepsPerSecond: 100 };
// Two rounds: the newest one's numbers are told, 11 and on.
const metrics = Object.fromEntries(
  metricNames.map((name, at) => [name, Float32Array.of(at, 11 + at)]),
) as unknown as StepMetrics;

test("the Bellman error goes by its name, in both files, and the page has every tag", () => {
  const journal = new Journal(folder, () => 1, 0);
  journal.learned(200, metrics, { gradientSteps: 2 });
  journal.episode(moment, -3, 200, -3);
  journal.evaluated(moment, {
    ...{ returns: Float64Array.of(-1), mean: -1, deviation: 0, interquartileMean: -1 },
    ...{ low: -1, high: -1, worst: -1 },
  });
  journal.close();
  const [row] = readProgress(join(folder, "progress.csv"));
  assert.deepEqual([row.msbe, row.q], [11, 13]);

  const [events] = readdirSync(folder).filter((name) => name.startsWith("events."));
  const bytes = readFileSync(join(folder, events));
  const tag = Buffer.from("train/msbe");
  // The tag, then field 2 of the summary: a float.
  assert.equal(bytes.readFloatLE(bytes.indexOf(tag) + tag.length + 1), 11);
  const tags = new Set(bytes.toString("latin1").match(/\b(train|rollout|time|eval)\/[a-z_]+/g));
  const [, page] = readFileSync("docs/runs.md", "utf8").split("## TensorBoard");
  const named = page.split("\n## ")[0].matchAll(/^\| (`[^|]+) \|/gm);
  const told = [...named].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)]);
  assert.deepEqual(told.map(([, name]) => name).sort(), [...tags].sort());
});
