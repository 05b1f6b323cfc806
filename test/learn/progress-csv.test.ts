import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  ProgressFile,
  type ProgressRow,
  progressColumns,
  readProgress,
} from "../../src/learn/progress-csv.ts";

const root = mkdtempSync(join(tmpdir(), "sinew-progress-"));
after(() => rmSync(root, { recursive: true }));

function fresh(): string {
  return mkdtempSync(join(root, "run-"));
}

function written(folder: string, rows: readonly ProgressRow[], resumedStep?: number): string {
  const file = new ProgressFile(folder, resumedStep);
  for (const row of rows) file.append(row);
  file.close();
  return readFileSync(file.path, "utf8");
}

test("the header once, one line a row, empty cells for what is not known", () => {
  const text = written(fresh(), [
    { step: 200, episode: 1, seconds: 0.25, return: -1203.5 },
    { step: 1000, evalMean: -250.125, evalIqm: -240, msbe: 0.1 + 0.2 },
  ]);
  const lines = text.split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[0], /^step,episode,gradient_steps,seconds,steps_per_second,return,length,/);
  assert.equal(lines[1], `200,1,,0.25,,-1203.5${",".repeat(progressColumns.length - 6)}`);
  assert.equal(lines[2].split(",").length, progressColumns.length);
  assert.match(lines[2], /^1000,,,,,,,-250\.125,-240,,,,0\.3,/);
});

test("what is not finite is written as such and read back; a true 0 stays 0", () => {
  const folder = fresh();
  const row = { step: 8, msbe: Number.NaN, actorLoss: Infinity, q: -Infinity, return: 0 };
  const text = written(folder, [row]);
  assert.match(text, /^8,,,,,0,,,,,,,NaN,Infinity,-Infinity,/m);
  assert.deepEqual(readProgress(join(folder, "progress.csv")), [row]);
});

test("every column comes back as the number that it was", () => {
  const folder = fresh();
  const row = Object.fromEntries(
    progressColumns.map((column, at) => [column, at === 0 ? 1e9 + 1 : Math.fround(-1e-7 / at)]),
  ) as unknown as ProgressRow;
  written(folder, [row]);
  const [read] = readProgress(join(folder, "progress.csv"));
  assert.equal(read.step, 1e9 + 1);
  for (const column of progressColumns.slice(1)) {
    assert.equal(Math.fround(read[column]!), Math.fround(row[column]!), column);
  }
});

test("a resumed run drops the rows after its step, also one cut short, and goes on in time", () => {
  const folder = fresh();
  const rows = [100, 200, 300].map((step) => ({ step, seconds: step / 100 }));
  written(folder, rows);
  appendFileSync(join(folder, "progress.csv"), "400,2,,4.0");
  written(folder, [{ step: 300, seconds: 0.5 }, { step: 400 }], 200);
  assert.deepEqual(readProgress(join(folder, "progress.csv")), [
    { step: 100, seconds: 1 },
    { step: 200, seconds: 2 },
    { step: 300, seconds: 2.5 },
    { step: 400 },
  ]);
});

test("a fresh run starts the file anew", () => {
  const folder = fresh();
  written(folder, [{ step: 100 }]);
  written(folder, [{ step: 7 }]);
  assert.deepEqual(readProgress(join(folder, "progress.csv")), [{ step: 7 }]);
});

test("columns are found by name, whatever their order, and unknown ones are passed over", () => {
  const path = join(fresh(), "progress.csv");
  writeFileSync(path, "eval_mean,wind,step\n-3.5,7,10\n,,20\n");
  assert.deepEqual(readProgress(path), [{ evalMean: -3.5, step: 10 }, { step: 20 }]);
});

test("a file of before, which called the error of the critic its loss, is read", () => {
  const path = join(fresh(), "progress.csv");
  writeFileSync(path, "step,critic_loss\n10,0.5\n");
  assert.deepEqual(readProgress(path), [{ step: 10, msbe: 0.5 }]);
});

const broken: readonly [what: string, text: string, message: RegExp][] = [
  ["an empty file", "", /names no "step"/],
  ["another table", "a,b\n1,2\n", /names no "step"/],
  ["a word for a number", "step,q\n1,high\n", /:2: "high" is no number/],
  ["a line with a cell too few", "step,q\n1,2\n3\n", /:3: 1 of 2 cells/],
  ["a line without a step", "step,q\n,2\n", /:2: 2 of 2 cells/],
];
for (const [what, text, message] of broken) {
  test(`refused as a progress file: ${what}`, () => {
    const path = join(fresh(), "progress.csv");
    writeFileSync(path, text);
    assert.throws(() => readProgress(path), { code: "usage", message });
  });
}

test("a missing file and a folder that cannot be written are errors of usage", () => {
  assert.throws(() => readProgress(join(root, "none", "progress.csv")), { code: "usage" });
  assert.throws(() => new ProgressFile(join(root, "none")), { code: "usage" });
});

test("the page about runs names every column, and no other", () => {
  const [, page] = readFileSync("docs/runs.md", "utf8").split("## progress.csv");
  const rows = page
    .split("## ")[0]
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((line) => [...line.split("|")[1].matchAll(/`(\w+)`/g)]);
  const header = written(fresh(), []).trim().split(",");
  assert.deepEqual(named.map(([, name]) => name).sort(), header.sort());
});
