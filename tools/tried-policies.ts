// What the live page of a real run tells of policies: a rate of their own, one in the shadow, a
// swap, its watch, and a roll-back.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { exportPolicy } from "../src/policy/export.ts";
import { pendulumSpec } from "../src/sim/pendulum.ts";
import { randomPolicy } from "../test/policy/random-policy.ts";
import type { Chromium, Tab } from "./chromium.ts";
import { command, metric, Served } from "./served.ts";
import { keep, looksRight, push, textOf, until } from "./tried-page.ts";

export type Check = (name: string, body: () => Promise<void>) => Promise<void>;

/** What a person sees of the policies: rows that are not there are not in it. */
async function seen(tab: Tab): Promise<string> {
  const text = await tab.value<string>("document.getElementById('policies').innerText");
  assert.doesNotMatch(text, /NaN|null|undefined|Infinity/);
  return text.replaceAll(/\s+/g, " ");
}

async function sees(tab: Tab, ...lines: readonly RegExp[]): Promise<void> {
  for (const line of lines) await until(String(line), async () => line.test(await seen(tab)));
}

/** Writes a policy of 10 Hz for the board of 20 Hz, which may ask for the most that there is. */
async function writePolicy(path: string, seed: number, full: boolean): Promise<string> {
  const parts = randomPolicy(seed, { ...pendulumSpec, periodUs: 100_000 });
  if (full) parts.layers.at(-1)!.bias.fill(50);
  writeFileSync(path, await exportPolicy(parts));
  return path;
}

/** Lets a run on a board with this firmware go through it, whose files are in `folder`. */
export async function testPolicies(
  browser: Chromium,
  image: string,
  folder: string,
  check: Check,
): Promise<void> {
  const board = await startEmulated({ image });
  const robot = join(folder, "policies.yaml");
  const lines = ["robot: policies", `link: { serial: { path: ${board.path} } }`];
  lines.push("commandTtlMs: 900", "observationAgeMs: 900");
  lines.push("control: { rateHz: 20, between: interpolate }");
  lines.push("limits: { pole_torque: { low: -1.5, high: 1.5 } }");
  lines.push("swap: { blendSeconds: 0.2, watchSeconds: 8, limitedMax: 0.25 }");
  writeFileSync(robot, `${lines.join("\n")}\nlog: { directory: ${JSON.stringify(folder)} }\n`);
  const first = await writePolicy(join(folder, "first.onnx"), 1, false);
  const full = await writePolicy(join(folder, "full.onnx"), 2, true);
  const run = new Served("run", robot, "--policy", first, "--dash", "0", "--json");
  try {
    const url = await run.url();
    const tab = await browser.open(1280, 1400, false);
    await tab.go(url);
    await until("the page", async () => (await textOf(tab, "link")) === "live");
    await check("the policy's own rate is told, and of what there is not nothing", async () => {
      await sees(tab, /rate 10 Hz: 1 of 2 cycles asks it, interpolated between/, /since the start/);
      assert.match(await seen(tab), /beside it none$/);
      assert.equal(await metric(url, "sinew_policy_period_seconds"), 0.1);
      assert.equal(await metric(url, "sinew_second_cycles"), Number.NaN);
    });
    await check("a policy in the shadow is told, and what the gate would have done", async () => {
      await command("ctl", "shadow", full, "policies");
      await sees(tab, /in the shadow its file \S+full\.onnx .* compared not yet/);
      await push(tab, "arm", "armed");
      await sees(tab, /\d % of the range apart, at most \d/, /refuse 0\.0 %/);
      // Halfway to what is beyond its bound it is within it.
      await sees(tab, /would limit [1-9]\d\.\d %/);
      assert.ok((await metric(url, 'sinew_second_ratio{verdict="limited"}')) > 0.1);
      await looksRight(tab, url);
      await keep(tab, "policies-shadow");
    });
    await check("a swap's watch is told, and a roll-back with its cause", async () => {
      await tab.click("button.swap");
      await sees(tab, /standing by .* watched \d+ of 160 cycles; limited \d+, goes back above 40/);
      await keep(tab, "policies-watch");
      await sees(tab, /in the shadow/, /last change rollback: the gate bounded too many .*; \d/);
      assert.doesNotMatch(await seen(tab), /watched/);
      const told = await textOf(tab, "history");
      assert.match(told, /rollback: the gate bounded too many of its cycles/);
      const name = 'sinew_policy_changes_total{what="rollback",why="limited"}';
      assert.equal(await metric(url, name), 1);
      await looksRight(tab, url);
      await keep(tab, "policies-rollback");
    });
  } finally {
    await run.end();
    await board.close();
  }
}
