// The whole matrix: every scenario on every board that can be booted here, then hosts killed with
// SIGKILL while they drive, and writes both into docs/hil.md.
//   npm run hil:full -- [--kills 1000] [--target rp2040 ...] [--into docs/hil.md]
// Takes about 45 minutes. Ends with "N passed, N failed"; exit 1 on a failure.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { monotonicClock } from "../src/core/clock.ts";
import { messageOf } from "../src/core/errors.ts";
import { hilPage } from "../src/hil/hil-page.ts";
import { junitOf } from "../src/hil/junit.ts";
import { killTrials } from "../src/hil/kill-trials.ts";
import { parseScenario } from "../src/hil/scenario.ts";
import { type Target, targetsHere } from "../src/hil/target.ts";
import { type Bench, failedTrial, runTrial, suits, type Trial } from "../src/hil/trial.ts";
import { machineNow, machineText } from "./bench/rounds/machine.ts";

const scenarios = "test/hil/scenarios";
const out = "runs/hil-full";
/** No stop may begin later than this after the last expiry, but for one in a thousand. */
const lateMs = 100;

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
  for (const { name, needs } of missing) process.stdout.write(`without ${name}: needs ${needs}\n`);
  const machine = machineText(machineNow());
  mkdirSync(out, { recursive: true });
  const trials = await matrix(chosen, bench);
  writeFileSync(join(out, "report.html"), hilPage(trials, machine));
  writeFileSync(join(out, "junit.xml"), junitOf(trials));
  const killing = await killed(chosen[0], kills, bench);
  const tables = `${machine}\n\n${tableOf(trials)}\n\n${killing.line}`;
  const text = readFileSync(values.into, "utf8");
  const between = /(<!-- hil -->\n)[\s\S]*(<!-- \/hil -->)/;
  writeFileSync(
    values.into,
    text.replace(between, (_, head, tail) => `${head}${tables}\n${tail}`),
  );
  const failed = trials.filter(({ verdict }) => !verdict.ok).length + (killing.ok ? 0 : 1);
  process.stdout.write(`${trials.length + 1 - failed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

async function matrix(targets: readonly Target[], bench: Bench): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const target of targets) {
    for (const file of readdirSync(scenarios).sort()) {
      const path = join(scenarios, file);
      const scenario = parseScenario(file.slice(0, -5), readFileSync(path, "utf8"), path);
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

/** Scenario by target: the time to a safe stop in ms, or that it was as it must be. */
function tableOf(trials: readonly Trial[]): string {
  const targets = [...new Set(trials.map(({ target }) => target))];
  const names = [...new Set(trials.map(({ scenario }) => scenario.name))];
  const rows = names.map((name) => {
    const own = trials.filter(({ scenario }) => scenario.name === name);
    const cells = targets.map((target) => {
      const verdict = own.find((trial) => trial.target === target)?.verdict;
      if (verdict === undefined) return "";
      if (!verdict.ok) return "**failed**";
      return verdict.timeToSafeMs === null ? "ok" : verdict.timeToSafeMs.toFixed(1);
    });
    const reasons = [...new Set(own.map(({ verdict }) => verdict.reason))].join(", ");
    return `| ${name} | ${reasons} | ${cells.join(" | ")} |`;
  });
  const head = `| scenario | device's reason | ${targets.join(" | ")} |`;
  return [head, `|---|---|${targets.map(() => "---|").join("")}`, ...rows].join("\n");
}

async function killed(
  target: Target,
  count: number,
  bench: Bench,
): Promise<{ ok: boolean; line: string }> {
  const times: number[] = [];
  for await (const ms of killTrials(target, count, bench)) {
    times.push(ms);
    if (times.length % 100 === 0) process.stdout.write(`${times.length} of ${count} killed\n`);
  }
  times.sort((a, b) => a - b);
  const late = times.filter((ms) => !(ms <= lateMs)).length;
  const at = (share: number): string =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(2);
  const line =
    `${count} hosts killed with SIGKILL while they drove ${target.name}: the device said that it ` +
    `was stopping ${at(0.5)} ms after the last expiry in the median, ${at(0.99)} in 99 of 100, ` +
    `${at(1)} at most; ${late} above ${lateMs} ms.`;
  process.stdout.write(`${line}\n`);
  return { ok: late <= Math.ceil(count / 1000), line };
}

await main();
