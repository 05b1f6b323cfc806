// The whole matrix: every scenario on every board that can be booted here, then hosts killed with
// SIGKILL while they drive, and writes both into docs/hil.md.
//   npm run hil:full -- [--kills 1000] [--target rp2040 ...] [--into docs/hil.md]
// Takes about an hour, in which nothing else may run. Ends with "N passed, N failed"; exit 1 on a
// failure.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { monotonicClock } from "../src/core/clock.ts";
import { messageOf } from "../src/core/errors.ts";
import { hilPage } from "../src/hil/hil-page.ts";
import { junitOf } from "../src/hil/junit.ts";
import { type Kill, killTrials } from "../src/hil/kill-trials.ts";
import { parseScenario } from "../src/hil/scenario.ts";
import { type Target, targetsHere } from "../src/hil/target.ts";
import { type Bench, failedTrial, runTrial, suits, type Trial } from "../src/hil/trial.ts";
import { machineNow, machineText } from "./bench/rounds/machine.ts";
import {
  type KillTally,
  reconciled,
  scenarioNames,
  scenariosFolder,
  tableOf,
  tallyOf,
  withBody,
} from "./hil-table.ts";

const out = "runs/hil-full";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    target: { type: "string", multiple: true, default: [] },
    into: { type: "string", default: "docs/hil.md" },
  },
});

async function main(): Promise<void> {
  const startedAt = new Date().toISOString();
  const clock = monotonicClock();
  const policy = "models/pendulum/policy.onnx";
  const bench = { clock, startedAt, folder: join(out, "logs"), policy, seed: 1 };
  const { here, missing } = targetsHere();
  const chosen = here.filter(
    ({ name }) => values.target.length === 0 || values.target.includes(name),
  );
  const kills = Number(values.kills);
  if (chosen.length === 0 || !(Number.isInteger(kills) && kills > 0)) {
    throw new Error("give targets that are here, and a number of kills of at least 1");
  }
  // Not after all that.
  withBody(readFileSync(values.into, "utf8"), "");
  for (const { name, needs } of missing) process.stdout.write(`without ${name}: needs ${needs}\n`);
  const machine = machineText(machineNow());
  mkdirSync(out, { recursive: true });
  const trials = await matrix(chosen, bench);
  writeFileSync(join(out, "report.html"), hilPage(trials, machine));
  writeFileSync(join(out, "junit.xml"), junitOf(trials));
  // Kills take the most time: what there is already must not be lost with them.
  const words = [...values.target.flatMap((name) => ["--target", name]), "--kills", `${kills}`];
  const tables = `${machine}, by \`npm run hil:full -- ${words.join(" ")}\`\n\n${tableOf(trials)}`;
  write(`${tables}\n\nHosts were not killed in this run yet.`);
  const killing = await killed(chosen[0], kills, bench);
  write(`${tables}\n\n${killing.line}`);
  const failed = trials.filter(({ verdict }) => !verdict.ok).length;
  const others = killing.ok ? 0 : Math.max(1, killing.bad);
  const passed = trials.length - failed + (killing.ok ? 1 : 0);
  process.stdout.write(`${passed} passed, ${failed + others} failed\n`);
  process.exitCode = failed + others > 0 ? 1 : 0;
}

/** Puts what is known of the run into the page, and which scenarios it has not. */
function write(tables: string): void {
  const page = readFileSync(values.into, "utf8");
  const day = new Date().toISOString().slice(0, 10);
  writeFileSync(values.into, withBody(page, reconciled(tables, scenarioNames(), day)));
}

async function matrix(targets: readonly Target[], bench: Bench): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const target of targets) {
    for (const name of scenarioNames()) {
      const path = join(scenariosFolder, `${name}.yaml`);
      const scenario = parseScenario(name, readFileSync(path, "utf8"), path);
      if (!suits(scenario, target)) continue;
      const trial = await runTrial(scenario, target, bench).catch((error: unknown) =>
        failedTrial(scenario, target.name, `the rig failed: ${messageOf(error)}`),
      );
      trials.push(trial);
      const { ok, timeToSafeMs, reason, faults } = trial.verdict;
      const what = ok ? `${timeToSafeMs ?? ""} ${reason}` : faults.join("; ");
      process.stdout.write(`${ok ? "ok    " : "NOT OK"} ${target.name} ${scenario.name} ${what}\n`);
    }
  }
  return trials;
}

/** So many bad kills in a row, and no other will be better. */
const badMost = 10;

async function killed(target: Target, count: number, bench: Bench): Promise<KillTally> {
  const kills: Kill[] = [];
  let bad = 0;
  for await (const kill of killTrials(target, count, bench)) {
    kills.push(kill);
    bad = kill.faults.length === 0 ? 0 : bad + 1;
    for (const fault of kill.faults) process.stdout.write(`NOT OK kill ${kills.length} ${fault}\n`);
    if (kills.length % 100 === 0) process.stdout.write(`${kills.length} of ${count} killed\n`);
    if (bad === badMost) break;
  }
  const tally = tallyOf(kills, target.name);
  process.stdout.write(`${tally.line}\n`);
  return tally;
}

await main();
