// What is told of a run's policies: to the page, to Prometheus, and in a line.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { State } from "../../src/dash/message.ts";
import { statusLine } from "../../src/edge/run-status.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { until } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { type BenchPage, openBench, Watcher } from "./bench-page.ts";

type Status = State["status"];

/** Asks for the most that there is. The gate of these tests lets through three quarters of it. */
async function fullTorque(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-policies-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const parts = randomPolicy(2);
  parts.layers.at(-1)!.bias.fill(50);
  const path = join(folder, "full.onnx");
  writeFileSync(path, await exportPolicy(parts));
  return path;
}

/** The samples of Prometheus' text whose names begin so, without what every sample begins with. */
async function samples({ dash }: BenchPage, like: RegExp): Promise<Map<string, number>> {
  const text = await (await fetch(new URL("metrics", dash.url))).text();
  const lines = text.split("\n").filter((line) => like.test(line) && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice("sinew_".length, at), Number(line.slice(at + 1))];
    }),
  );
}

async function watch(
  bench: BenchPage,
): Promise<(like: (status: Status) => boolean) => Promise<Status>> {
  bench.controls.attach(bench.staged.run);
  const watcher = new Watcher(bench.dash);
  return async (like) => {
    await until("a state", () => {
      const last = watcher.states.at(-1);
      return last !== undefined && like(last.status);
    });
    return watcher.states.at(-1)!.status;
  };
}

const secondLike = /^sinew_(second|watch)_/;

test("policies: what there is not is null, and has no sample", async (t) => {
  const bench = await openBench(t);
  const statusLike = await watch(bench);
  const { run } = bench.staged;
  const status = await statusLike(({ cycles }) => cycles > 3);
  const none = { second: null, secondPath: null, secondSinceUs: null, secondAs: "none" };
  const nothing = { ...none, shadow: null, watch: null, policyChange: null, between: null };
  for (const [key, value] of Object.entries(nothing)) {
    assert.equal(status[key as keyof Status], value, key);
  }
  assert.deepEqual([status.policyId, status.policySinceUs], ["x", run.startUs]);
  assert.deepEqual(await samples(bench, secondLike), new Map());
  const changes = await samples(bench, /_policy_changes_total/);
  assert.equal(changes.size, 7);
  assert.ok([...changes.values()].every((count) => count === 0));
  assert.doesNotMatch(statusLine(status), /shadow|standing|NaN/);
});

test("policies: a rate of the policy's own is told beside the loop's", async (t) => {
  const pace = { every: 5, between: "interpolate", policyPeriodUs: 250_000 } as const;
  const bench = await openBench(t, { pace });
  const statusLike = await watch(bench);
  const { policyPeriodUs, between } = await statusLike(({ cycles }) => cycles > 0);
  assert.deepEqual([policyPeriodUs, between], [250_000, "interpolate"]);
  const periods = await samples(bench, /_period_seconds/);
  assert.deepEqual(
    [...periods],
    [
      ["loop_period_seconds", 0.05],
      ["policy_period_seconds", 0.25],
    ],
  );
});

test("policies: one in the shadow, a watch and why it was rolled back are told", async (t) => {
  const swap = { blendCycles: 4, watchCycles: 4000, limitedMax: 0.25 };
  const bench = await openBench(t, { swap });
  const statusLike = await watch(bench);
  const { run, events } = bench.staged;
  const path = await fullTorque(t);
  await run.members.shadow(path);
  const { id } = run.members.second!;
  const disarmed = await statusLike(({ secondAs }) => secondAs === "shadow");
  assert.deepEqual([disarmed.second, disarmed.secondPath, disarmed.shadow], [id, path, null]);
  const names = `{as="shadow",policy_id="${id}",policy_path="${path}"}`;
  assert.deepEqual([...(await samples(bench, secondLike))], [[`second_info${names}`, 1]]);
  await run.arm();
  const armed = await statusLike(({ shadow }) => shadow !== null && shadow.cycles > 5);
  // The first one asks for 0.5, this one for 2, and the range is 4 wide.
  const { cycles, ...shares } = armed.shadow!;
  assert.deepEqual(shares, { limited: 1, refused: 0, distanceMean: 0.375, distanceMax: 0.375 });
  assert.equal(armed.watch, null);
  const shadowed = await samples(bench, /_second_/);
  assert.ok(shadowed.get("second_cycles")! >= cycles);
  assert.equal(shadowed.get('second_ratio{verdict="limited"}'), 1);
  assert.equal(shadowed.get("second_distance_mean_ratio"), 0.375);
  assert.match(statusLine(armed), /in the shadow .*37\.5 % of the range apart, .* limit 100\.0 %/);
  await run.members.swap();
  const watched = await statusLike((status) => (status.watch?.limited ?? 0) > 10);
  const { ofCycles, limitedMost } = watched.watch!;
  assert.deepEqual([ofCycles, limitedMost, watched.policyId], [4000, 1000, id]);
  assert.deepEqual([watched.second, watched.policyChange!.what], ["x", "swap"]);
  assert.equal(watched.policySinceUs, watched.policyChange!.timeUs);
  assert.ok((await samples(bench, /_watch_limited_cycles/)).get("watch_limited_cycles")! > 10);
  assert.match(statusLine(watched), /standing by x, watched \d+ of 4000 cycles/);
  const back = await statusLike(({ secondAs }) => secondAs === "shadow");
  assert.deepEqual([back.policyId, back.second, back.watch], ["x", id, null]);
  assert.deepEqual(
    back.policyChange,
    events.findLast(({ kind }) => kind === "policy"),
  );
  assert.equal(back.policyChange!.why, "limited");
  const changes = await samples(bench, /_policy_changes_total/);
  const rolledBack = 'policy_changes_total{what="rollback",why="limited"}';
  assert.deepEqual(
    [...changes].filter(([, count]) => count > 0),
    [
      ['policy_changes_total{what="shadow"}', 1],
      ['policy_changes_total{what="swap"}', 1],
      [rolledBack, 1],
    ],
  );
  assert.match(statusLine(back), /; rollback: the gate bounded too many of its cycles/);
});
