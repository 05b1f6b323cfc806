import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  clearRun,
  holdsRun,
  kebab,
  readReport,
  runsIn,
  seriesOf,
  textOf,
} from "../../src/learn/run-folder.ts";
import { ideal } from "../../src/sim/hardware.ts";

const root = mkdtempSync(join(tmpdir(), "sinew-runs-"));
after(() => rmSync(root, { recursive: true }));

interface Wanted {
  readonly at: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly bestReturn?: number | null;
}

function place(folder: string, { at, settings, bestReturn = -150 }: Wanted): string {
  const path = join(root, folder, at);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "progress.csv"), "step,eval_mean\n100,-5\n");
  if (settings === undefined) return path;
  const told = { task: "pendulum", algorithm: "ddpg", seed: 1, steps: 100, seconds: 2 };
  const report = { ...told, bestReturn, bestStep: 100, finalReturn: -160, settings };
  writeFileSync(join(path, "report.json"), JSON.stringify(report));
  return path;
}

test("runs that differ in the seed alone are one series, named by what differs", () => {
  for (const seed of [0, 1, 10, 2]) {
    for (const actorRate of [1e-3, 3e-4]) {
      const settings = { task: "pendulum", seed, actorRate, gamma: 0.98 };
      place("a", { at: `rate-${actorRate}-${seed}`, settings });
    }
  }
  const runs = runsIn(join(root, "a"));
  assert.equal(runs.length, 8);
  const names = runs.map(({ path }) => path.split("-").at(-1));
  assert.deepEqual(names.slice(0, 4), ["0", "1", "2", "10"], "in the order of numbers");
  const series = seriesOf(runs).map(({ label, runs: lines }) => [label, lines.length]);
  assert.deepEqual(series.sort(), [
    ["actor-rate 0.001", 4],
    ["actor-rate 3e-4", 4],
  ]);
});

test("a run from before there was hardware is one of ideal hardware", () => {
  place("h", { at: "old", settings: { gamma: 0.98, seed: 4 } });
  place("h", { at: "new", settings: { ...ideal, gamma: 0.98, seed: 5 } });
  place("h", { at: "late", settings: { ...ideal, actionLatency: "0..2", gamma: 0.98, seed: 5 } });
  const series = seriesOf(runsIn(join(root, "h"))).map(({ label, runs }) => [label, runs.length]);
  assert.deepEqual(series.sort(), [
    ["action-latency 0", 2],
    ["action-latency 0..2", 1],
  ]);
});

test("one setting is named by its task and algorithm", () => {
  place("b", { at: "x", settings: { gamma: 0.98, seed: 4 } });
  assert.deepEqual(
    seriesOf(runsIn(join(root, "b", "x"))).map(({ label }) => label),
    ["pendulum, ddpg"],
  );
});

test("unfinished runs belong together by their names", () => {
  for (const at of ["mine-1", "mine-2", "other_seed-1"]) place("c", { at });
  const series = seriesOf(runsIn(join(root, "c")));
  assert.deepEqual(
    series.map(({ label, runs }) => [label, runs.length]),
    [
      ["mine", 2],
      ["other", 1],
    ],
  );
});

test("a run that diverged has NaN as its return, not nothing", () => {
  const path = place("d", { at: "x", settings: {}, bestReturn: null });
  assert.ok(Number.isNaN(readReport(path)!.bestReturn));
});

test("what is no run is refused", () => {
  const empty = join(root, "empty");
  mkdirSync(empty);
  assert.throws(() => runsIn(empty), { code: "usage", message: /holds no progress\.csv/ });
  assert.throws(() => runsIn(join(root, "none")), { code: "usage" });
  const broken = place("e", { at: "x" });
  for (const text of ["{", "{}", "null", '{"task":"a"}']) {
    writeFileSync(join(broken, "report.json"), text);
    assert.throws(() => readReport(broken), { code: "usage", message: /report/ });
  }
});

test("settings as people write them", () => {
  const written = [0.001, 3e-4, 1e-7, 20_000, 1_000_000, 0.98, [64, 32], true, "ou"].map(textOf);
  const want = ["0.001", "3e-4", "1e-7", "20000", "1e6", "0.98", "64,32", "true", "ou"];
  assert.deepEqual(written, want);
  assert.equal(kebab("actorRate"), "actor-rate");
});

test("what a run left is found and removed, and what it did not leave stays", () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-cleared-"));
  after(() => rmSync(folder, { recursive: true }));
  assert.equal(holdsRun(folder), false);
  assert.equal(holdsRun(join(folder, "none")), false);
  const left = ["checkpoint", "checkpoint.new", "policy.onnx", "progress.csv", "report.html"];
  const events = "events.out.tfevents.1.here.sinew";
  const mine = ["film-mine.svg", "film.svg", "settings.yaml"];
  for (const name of [...left, events, "report.json", "film-8000.svg", ...mine]) {
    writeFileSync(join(folder, name), "");
  }
  assert.equal(holdsRun(folder), true);
  clearRun(folder);
  assert.equal(holdsRun(folder), false);
  assert.deepEqual(readdirSync(folder).sort(), mine);
});
