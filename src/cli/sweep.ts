import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, parse } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Command, Option } from "commander";
import { type Clock, monotonicClock } from "../core/clock.ts";
import { messageOf, SinewError } from "../core/errors.ts";
import { presetNames } from "../learn/presets.ts";
import type { JobOutcome, JobResult, SettingResult, SweepJob } from "../learn/sweep.ts";
import { LiveLines } from "./live-lines.ts";
import { wholeNumber } from "./option.ts";
import { interrupted } from "./signal.ts";
import { bar, Terminal, table } from "./terminal.ts";
import { finishedBefore, standingOf, TrainProcess } from "./train-process.ts";

interface Options {
  readonly env: string;
  readonly preset?: string;
  readonly config?: string;
  readonly seeds: number;
  readonly firstSeed: number;
  readonly steps?: number;
  readonly vary: readonly string[];
  readonly set: readonly string[];
  readonly jobs: number;
  readonly folder?: string;
  readonly json: boolean;
}

/** Between two looks at the runs' progress, ms. */
const lookEveryMs = 400;

/** `sinew sweep`. */
export function sweepCommand(): Command {
  const cores = availableParallelism();
  return new Command("sweep")
    .description("Train over seeds and settings, as many runs at a time as there are cores.")
    .option("--env <name>", "task to train for", "pendulum")
    .addOption(
      new Option("--preset <name>", "settings to start from (default: ours)").choices(presetNames),
    )
    .option("--config <file>", "YAML file of settings (default: none)")
    .option("--seeds <count>", "runs of each setting", wholeNumber(1, 10_000), 5)
    .option("--first-seed <number>", "seed of the first of them", wholeNumber(0, 2 ** 31), 0)
    .option("--steps <count>", "environment steps (default: the preset's)", wholeNumber(1, 1e9))
    .option(
      "--vary <setting=values...>",
      "values to try, as in gamma=0.98,0.99 (default: none)",
      [],
    )
    .option("--set <setting=value...>", "settings of all runs (default: none)", [])
    .option("--jobs <count>", "runs at a time", wholeNumber(1, 1024), cores)
    .option("--folder <path>", "where the runs are kept (default: runs/sweep-<env>)")
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      "\nThe same command again goes on where it was stopped.\n" +
        "\nExample:\n  npx sinew sweep --env pendulum --seeds 5 --vary actor-rate=1e-3,3e-4",
    )
    .action(act);
}

async function act(options: Options): Promise<void> {
  const terminal = new Terminal(options);
  const folder = options.folder ?? join("runs", `sweep-${parse(options.env).name}`);
  const jobs = await jobsFor(options);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SinewError("usage", `cannot write to the folder ${folder}`, { cause: error });
  }
  const sweep = new Sweep(
    jobs,
    folder,
    new LiveLines(options.json ? process.stderr : process.stdout),
  );
  const results = await sweep.run(options.jobs, interrupted());
  const settings = await writeResults(folder, options.env, results);
  terminal.line();
  for (const line of table(rowsOf(settings))) terminal.line(line);
  terminal.line(
    `\nreturns are of the kept policies on the judged starts, noise off; the interval is`,
  );
  terminal.line(
    "of the interquartile mean (IQM), over seeds; best wins: how probably a run of the",
  );
  terminal.line("first setting beats one of this (50 %: alike)");
  terminal.line(`results     ${join(folder, "results.csv")}, results.json, curve.svg`);
  terminal.result({ folder, settings: settings.map((each) => ({ ...each })) });
  const whole = results.every(({ outcome }) => outcome.state === "done");
  if (!whole) process.exitCode = 1;
}

async function jobsFor(options: Options): Promise<SweepJob[]> {
  const { readConfig } = await import("../learn/config.ts");
  const { jobsOf, variationOf } = await import("../learn/sweep.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const { name: task } = await openTask(options.env);
  const config = options.config === undefined ? null : readConfig(options.config, task);
  const fixed = options.set.map((text) => {
    const { name, values } = variationOf(text);
    if (values.length === 1) return [name, values[0]];
    throw new SinewError("usage", `--set ${text}: give one value, or --vary to try several`);
  });
  return jobsOf({
    task,
    preset: options.preset ?? config?.preset ?? "ours",
    changesOf: (preset) => ({
      ...config?.changesOf(preset),
      ...Object.fromEntries(fixed),
      ...(options.steps !== undefined && { steps: options.steps }),
    }),
    variations: options.vary.map(variationOf),
    seeds: options.seeds,
    firstSeed: options.firstSeed,
  });
}

/** The runs of a sweep on their way. */
class Sweep {
  readonly #jobs: readonly SweepJob[];
  readonly #folder: string;
  readonly #lines: LiveLines;
  readonly #clock: Clock = monotonicClock();
  readonly #startUs: number = this.#clock.now();
  readonly #outcomes: Map<SweepJob, JobOutcome> = new Map();
  readonly #running: Set<TrainProcess> = new Set();
  #stopping = false;
  /** Steps that were done before this call, of all runs together. */
  #before = 0;

  constructor(jobs: readonly SweepJob[], folder: string, lines: LiveLines) {
    this.#jobs = jobs;
    this.#folder = folder;
    this.#lines = lines;
  }

  /** Runs all that is not finished, `parallel` at a time, until done or until `stop` settles. */
  async run(parallel: number, stop: Promise<unknown>): Promise<JobResult[]> {
    const waiting = this.#jobs.filter((job) => !this.#takeFinished(job));
    const kill = (): void => {
      this.#stopping = true;
      for (const run of this.#running) run.stop();
    };
    void stop.then(kill);
    // Should this process fall over, no run goes on alone.
    process.once("exit", kill);
    const lanes = Array.from({ length: Math.min(parallel, waiting.length) }, async () => {
      for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
        if (!this.#stopping) await this.#train(job);
      }
    });
    const finished = new AbortController();
    const watching = this.#watch(finished.signal);
    await Promise.all(lanes);
    finished.abort();
    await watching;
    process.removeListener("exit", kill);
    return this.#jobs.map((job) => {
      return { job, outcome: this.#outcomes.get(job) ?? { state: "stopped" } };
    });
  }

  #takeFinished(job: SweepJob): boolean {
    const folder = join(this.#folder, job.name);
    const outcome = finishedBefore(job, folder);
    this.#before += outcome === undefined ? standingOf(folder).step : job.settings.steps;
    if (outcome === undefined) return false;
    this.#outcomes.set(job, outcome);
    this.#lines.line(`finished    ${job.name}, before`);
    return true;
  }

  async #train(job: SweepJob): Promise<void> {
    const outcome = await this.#outcome(job);
    this.#outcomes.set(job, outcome);
    if (outcome.state === "done") {
      const { bestReturn, seconds } = outcome.report;
      const told = `return ${decimal(bestReturn)} in ${seconds.toFixed(0)} s`;
      this.#lines.line(`finished    ${job.name}: ${told}`);
    } else if (outcome.state === "failed") {
      this.#lines.line(`failed      ${job.name}: ${outcome.error}`);
    }
  }

  async #outcome(job: SweepJob): Promise<JobOutcome> {
    let run: TrainProcess;
    try {
      run = new TrainProcess(job, join(this.#folder, job.name));
    } catch (error) {
      // Such as a folder that cannot be written: the other runs go on.
      return { state: "failed", error: messageOf(error) };
    }
    this.#running.add(run);
    const outcome = await run.done;
    this.#running.delete(run);
    return outcome;
  }

  async #watch(finished: AbortSignal): Promise<void> {
    while (!finished.aborted) {
      this.#lines.paint(this.#picture());
      try {
        await delay(lookEveryMs, undefined, { signal: finished });
      } catch {
        // Aborted: all runs are done.
      }
    }
    this.#lines.paint([]);
  }

  /** A line for each run on its way, and one for all of them. */
  #picture(): string[] {
    const width = Math.max(...this.#jobs.map(({ name }) => name.length));
    let steps = 0;
    for (const { settings } of this.#outcomes.keys()) steps += settings.steps;
    const lines = [...this.#running].map(({ job, folder }) => {
      const { step, return: earned } = standingOf(folder);
      steps += step;
      const told = Number.isNaN(earned) ? "" : `  return ${decimal(earned)}`;
      return `${job.name.padEnd(width)} ${bar(step / job.settings.steps)} ${step}${told}`;
    });
    const all = this.#jobs.reduce((sum, { settings }) => sum + settings.steps, 0);
    const seconds = (this.#clock.now() - this.#startUs) / 1e6;
    const speed = Math.max(0, steps - this.#before) / seconds;
    const left = speed > 0 ? `, ${((all - steps) / speed).toFixed(0)} s left` : "";
    const count = `${this.#outcomes.size} of ${this.#jobs.length} runs`;
    return [...lines, `${"all".padEnd(width)} ${bar(steps / all)} ${count}${left}`];
  }
}

async function writeResults(
  folder: string,
  task: string,
  results: readonly JobResult[],
): Promise<SettingResult[]> {
  const { resultsCsv, resultsOf } = await import("../learn/sweep.ts");
  const { curveSvg } = await import("../learn/curve.ts");
  const { readRun } = await import("../learn/run-folder.ts");
  const settings = resultsOf(results);
  const runs = results.map(({ job, outcome }) => ({ run: job.name, ...outcome }));
  writeFileSync(join(folder, "results.csv"), resultsCsv(results));
  const text = JSON.stringify({ task, settings, runs }, null, 2);
  writeFileSync(join(folder, "results.json"), `${text}\n`);
  const series = settings.map(({ setting }) => ({
    label: setting,
    runs: results
      .filter(({ job, outcome }) => job.setting === setting && outcome.state === "done")
      .map(({ job }) => readRun(join(folder, job.name)).rows),
  }));
  const svg = curveSvg({ title: `${task}: sweep`, series, x: "step", smooth: 1 });
  writeFileSync(join(folder, "curve.svg"), svg);
  return settings;
}

function rowsOf(settings: readonly SettingResult[]): string[][] {
  const head = [
    "setting",
    "seeds",
    "mean",
    "IQM",
    "95 % interval",
    "worst",
    "last",
    "best wins",
    "",
  ];
  const rows = settings.map((each, at) => [
    each.setting,
    String(each.returns.length),
    decimal(each.mean),
    decimal(each.interquartileMean),
    // The interval of a single seed would say that it is sure.
    each.returns.length < 2 ? "-" : `${decimal(each.low)} to ${decimal(each.high)}`,
    decimal(each.worst),
    decimal(each.finalMean),
    at === 0 || Number.isNaN(each.beaten) ? "-" : `${(100 * each.beaten).toFixed(0)} %`,
    [
      ...(each.failed > 0 ? [`${each.failed} failed`] : []),
      ...(each.stopped > 0 ? [`${each.stopped} not finished`] : []),
    ].join(", "),
  ]);
  return [head, ...rows];
}

function decimal(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
