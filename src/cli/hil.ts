import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Scenario } from "../hil/scenario.ts";
import type { Target } from "../hil/target.ts";
import type { Trial } from "../hil/trial.ts";
import { wholeNumber } from "./option.ts";
import { bar, Terminal, table } from "./terminal.ts";

const pageName = "report.html";
const junitName = "junit.xml";

interface Options {
  readonly target?: readonly string[];
  readonly out: string;
  readonly seed: number;
  readonly json: boolean;
}

const trained = fileURLToPath(new URL("../../../models/pendulum/policy.onnx", import.meta.url));

/** Whose scenarios come with Sinew: a path below this is theirs where a person has none such. */
const shipped = "test/hil/scenarios";
const home = fileURLToPath(new URL("../../..", import.meta.url));

/** `sinew hil`. */
export function hilCommand(): Command {
  return new Command("hil")
    .description("Drive emulated boards through faults, and judge what their firmware did.")
    .argument("<scenarios...>", "scenarios: YAML files, or folders of them")
    .option(
      "--target <name...>",
      "boards to boot, or all: rp2040 and atmega328p need npm alone (default: rp2040)",
    )
    .option("--out <folder>", "where report.html and junit.xml are left", "runs/hil")
    .option("--seed <number>", "of which frames a fault hits", wholeNumber(0, 2 ** 32), 1)
    .option("--json", "print one line of JSON for each scenario and target on stdout", false)
    .addHelpText(
      "after",
      `
A host process drives the board through a line that the rig cuts, slows and falsifies. Judged is
what the firmware itself reported: every output finite and within limits, a stop in time and by its
profile, its reason, and that nothing moved again. Exit code 1: not all was as it must be.

${shipped}, and each file of it, is what came with Sinew, unless there is one such here.

Example:
  npx sinew hil test/hil/scenarios --target rp2040 native`,
    )
    .action(act);
}

async function act(paths: readonly string[], options: Options): Promise<void> {
  const { failedTrial, misfit, runTrial, suits } = await import("../hil/trial.ts");
  const terminal = new Terminal(options);
  const scenarios: Scenario[] = [];
  for (const path of paths) scenarios.push(...(await readScenarios(placeOf(path))));
  const names = scenarios.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new SinewError("usage", `two scenarios are named ${twice}`);
  const targets = await chosenTargets(options.target ?? ["rp2040"], terminal);
  terminal.line(`boards: ${targets.map(({ name, by }) => `${name} (${by})`).join(", ")}`);
  mkdirSync(options.out, { recursive: true });
  const bench = {
    clock: monotonicClock(),
    startedAt: new Date(Date.now()).toISOString(),
    folder: join(options.out, "logs"),
    policy: trained,
    seed: options.seed,
  };
  // What another run found is not this one's.
  for (const name of [pageName, junitName]) rmSync(join(options.out, name), { force: true });
  const trials: Trial[] = [];
  const count = targets.flatMap((one) => scenarios.filter((other) => suits(other, one))).length;
  for (const target of targets) {
    for (const scenario of scenarios) {
      const why = misfit(scenario, target);
      if (why !== null) {
        terminal.line(`without ${scenario.name} on ${target.name}: ${why}`);
        continue;
      }
      const done = `${bar(trials.length / count)} ${trials.length} of ${count}`;
      terminal.live(`${done}  ${target.name}  ${scenario.name}`);
      const trial = await runTrial(scenario, target, bench).catch((error: unknown) =>
        failedTrial(scenario, target.name, `the rig failed: ${messageOf(error)}`),
      );
      trials.push(trial);
      tell(trial, terminal, options.json);
    }
  }
  // Nothing that was tried has passed.
  if (count === 0) throw new SinewError("usage", "no board of these can play any of it");
  await report(trials, bench.startedAt, terminal, options);
}

/** What one trial came to: a line for people, or one of JSON. */
function tell({ scenario, target, verdict }: Trial, terminal: Terminal, json: boolean): void {
  const { ok, timeToSafeMs, reason, faults } = verdict;
  const time = timeToSafeMs === null ? "" : `${timeToSafeMs.toFixed(1)} ms`;
  const why = ok ? reason : faults.join("; ");
  const cells = [ok ? "ok    " : "NOT OK", target.padEnd(13), scenario.name.padEnd(24)];
  terminal.line(`${cells.join(" ")} ${time.padStart(9)}  ${why}`);
  if (json) terminal.result({ scenario: scenario.name, target, ok, timeToSafeMs, reason, faults });
}

async function report(
  trials: readonly Trial[],
  startedAt: string,
  terminal: Terminal,
  { out }: Options,
): Promise<void> {
  const { junitOf } = await import("../hil/junit.ts");
  const { hilPage } = await import("../hil/hil-page.ts");
  const page = join(out, pageName);
  writeFileSync(page, hilPage(trials, `${startedAt.slice(0, 10)}, ${trials.length} trials`));
  writeFileSync(join(out, junitName), junitOf(trials));
  const failed = trials.filter(({ verdict }) => !verdict.ok).length;
  const rows = [
    ["report", page],
    ["for CI", join(out, junitName)],
  ];
  terminal.line();
  for (const line of table(rows)) terminal.line(line);
  terminal.line(`${trials.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

function placeOf(path: string): string {
  const ours = normalize(path).startsWith(normalize(shipped));
  return ours && !existsSync(path) ? join(home, path) : path;
}

async function readScenarios(path: string): Promise<Scenario[]> {
  const { parseScenario } = await import("../hil/scenario.ts");
  let files: string[];
  try {
    const names = statSync(path).isDirectory() ? readdirSync(path).sort() : [basename(path)];
    const folder = statSync(path).isDirectory() ? path : join(path, "..");
    files = names.filter((name) => name.endsWith(".yaml")).map((name) => join(folder, name));
  } catch (error) {
    throw new SinewError("usage", `${path} cannot be read: give a YAML file or a folder of them`, {
      cause: error,
    });
  }
  if (files.length === 0) throw new SinewError("usage", `${path} holds no scenario (*.yaml)`);
  return files.map((file) =>
    parseScenario(basename(file, ".yaml"), readFileSync(file, "utf8"), file),
  );
}

async function chosenTargets(words: readonly string[], terminal: Terminal): Promise<Target[]> {
  const { targetsHere } = await import("../hil/target.ts");
  const { here, missing } = targetsHere();
  if (words.includes("all")) {
    for (const { name, needs } of missing) terminal.line(`without ${name}: it needs ${needs}`);
    return here;
  }
  return words.map((word) => {
    const target = here.find(({ name }) => name === word);
    if (target !== undefined) return target;
    const needs = missing.find(({ name }) => name === word)?.needs;
    const names = [...here, ...missing].map(({ name }) => name).join(", ");
    const why = needs === undefined ? `there is ${names}` : `it needs ${needs}`;
    throw new SinewError("usage", `no target "${word}" here: ${why}`);
  });
}
