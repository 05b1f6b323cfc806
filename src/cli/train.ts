import { join, parse } from "node:path";
import { Command, Option } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import { defaultSettings, presetNames } from "../learn/presets.ts";
import { settingTable, type TrainSettings } from "../learn/settings.ts";
import type { Progress, TrainListener, TrainResult } from "../learn/train.ts";
import type { Task } from "../sim/env.ts";
import { ideal, textOfHardware } from "../sim/hardware.ts";
import { wholeNumber } from "./option.ts";
import { hardwareOptions, optionsOf } from "./setting-option.ts";
import { bar, Terminal, table } from "./terminal.ts";

interface Options extends Partial<TrainSettings> {
  readonly env?: string;
  readonly preset?: string;
  readonly config?: string;
  readonly folder?: string;
  readonly filmEvery: number;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly json: boolean;
}

/** `sinew train`. */
export function trainCommand(): Command {
  const command = new Command("train")
    .description("Train a policy in a simulator, keep the best by evaluation, export and prove it.")
    .option(
      "--env <name>",
      "task to train for, or a file such as ./my-env.js (default: pendulum, or the checkpoint's)",
    )
    .addOption(
      new Option("--preset <name>", "settings to start from (default: ours)").choices(presetNames),
    )
    .option("--config <file>", "YAML file of settings; flags win over it (default: none)")
    .option("--folder <path>", "where the run is kept (default: runs/<env>-<seed>)")
    .option(
      "--film-every <steps>",
      "film the policy at the first evaluation of each so many steps: film-<step>.svg; 0: never",
      wholeNumber(0, 1e9),
      0,
    )
    .option("--resume", "go on from the folder's checkpoint, with its settings", false)
    .addOption(
      new Option("--overwrite", "begin anew in a folder that holds a run: that one is lost")
        .default(false)
        .conflicts("resume"),
    )
    .option("--json", "print the result as one JSON object on stdout", false);
  const hardware = hardwareOptions((value) => String(value));
  for (const option of hardware) command.addOption(option);
  for (const name of Object.keys(settingTable) as (keyof TrainSettings)[]) {
    if (name === "task" || name in ideal) continue;
    const usual = `the preset's, on pendulum ${defaultSettings[name]}`;
    for (const option of optionsOf(name, usual)) command.addOption(option);
  }
  return command
    .addHelpText(
      "after",
      "\nWhat is not given is the preset's.\n" +
        "\nExample:\n  npx sinew train --env pendulum --seed 1 --folder runs/mine",
    )
    .action(act);
}

async function act(options: Options): Promise<void> {
  const { train } = await import("../learn/train.ts");
  const { holdsRun } = await import("../learn/run-folder.ts");
  const { commandOf } = await import("./train-command.ts");
  const { writeReport } = await import("./train-report.ts");
  const terminal = new Terminal(options);
  const task = await taskOf(options);
  const { settings, asked, mirrorLost } = await settingsFor(options, task.name);
  const folder = options.folder ?? join("runs", `${parse(task.name).name}-${settings.seed}`);
  if (!options.resume && !options.overwrite && holdsRun(folder)) {
    const ways = "--resume goes on with it, --overwrite begins anew, --folder begins elsewhere";
    throw new SinewError("usage", `${folder} holds a run: ${ways}`);
  }
  if (mirrorLost && !options.resume) {
    terminal.line("mirror      off: worlds side by side have no mirror images");
  }
  if (settings.async) {
    terminal.line("async       this run depends on timing: its seed will not give it again");
  }
  const result = await train(settings, {
    task,
    folder,
    clock: monotonicClock(),
    wallSeconds: () => Date.now() / 1000,
    listener: await listenerOf(terminal, task, folder, options.filmEvery),
    resume: options.resume,
    asked,
  });
  for (const line of table(rowsOf(result))) terminal.line(line);
  const page = await writeReport(folder, result.task, result, commandOf(result.settings));
  terminal.line(`\npolicy      ${result.path}`);
  terminal.line(`report      ${page}`);
  terminal.line(`curves      tensorboard --logdir ${folder}`);
  terminal.line(`next        npx sinew inspect ${result.path}`);
  terminal.result({
    seconds: result.seconds,
    engine: result.engine,
    threads: result.threads,
    weights: result.weights,
    bestReturn: result.best.mean,
    bestStep: result.bestStep,
    finalReturn: result.final.mean,
    randomReturn: result.random.mean,
    bestInterval: [result.best.low, result.best.high],
    interquartileMean: result.best.interquartileMean,
    alarms: result.alarms,
    policy: result.path,
  });
}

/** Who goes on with a run need not say what it is of. */
async function taskOf({ env, resume, folder }: Options): Promise<Task> {
  const { openTask } = await import("../sim/tasks.ts");
  if (env !== undefined) return openTask(env);
  if (!resume || folder === undefined) return openTask("pendulum");
  const { taskOfCheckpoint } = await import("../learn/training.ts");
  return openTask(taskOfCheckpoint(join(folder, "checkpoint")));
}

/** Tells a person how the run goes, and films it. */
async function listenerOf(
  terminal: Terminal,
  plain: Task,
  folder: string,
  filmEvery: number,
): Promise<TrainListener> {
  const { noiseText } = await import("../learn/noise-moments.ts");
  const { checkFilmed, RunFilms } = await import("./policy-film.ts");
  if (filmEvery > 0) checkFilmed(plain);
  let films: InstanceType<typeof RunFilms> | null = null;
  return {
    begins(settings, task, { name, threads, reason }) {
      const count = threads === 1 ? "1 thread" : `${threads} threads`;
      terminal.line(`engine      ${name}, ${count} (${reason})`);
      terminal.line(`noise       ${noiseText(settings)}`);
      if (filmEvery > 0) films = new RunFilms(task, folder, filmEvery);
    },
    progress: (progress) => terminal.live(progressLine(progress)),
    async evaluated(judged) {
      const path = await films?.see(judged);
      if (path != null) terminal.line(`film        ${path}`);
    },
    alarm: (text) => terminal.line(`alarm       ${text}`),
  };
}

/** All settings, those of them that were named, and whether the preset's mirror had to go. */
async function settingsFor(options: Options, task: string) {
  const { readConfig } = await import("../learn/config.ts");
  const { changesOf, settingsOf } = await import("../learn/presets.ts");
  const config = options.config === undefined ? null : readConfig(options.config, task);
  const named = options.preset ?? config?.preset;
  const flags = Object.entries(options).filter(([name]) => Object.hasOwn(settingTable, name));
  const changes: Partial<TrainSettings> = {
    ...config?.changesOf(named ?? "ours"),
    ...Object.fromEntries(flags),
  };
  const own = changesOf(named ?? "ours", task);
  const settings = settingsOf(named ?? "ours", task, changes);
  const mirrorLost = changes.mirror === undefined && own.mirror === true && !settings.mirror;
  const names = Object.keys({ ...(named !== undefined && own), ...changes });
  const asked = names.map((name) => [name, settings[name as keyof TrainSettings]]);
  return { settings, asked: Object.fromEntries(asked) as Partial<TrainSettings>, mirrorLost };
}

/** The line that a waiting person watches. */
export function progressLine(progress: Progress): string {
  const { step, steps, stepsPerSecond, recentReturn, bestReturn } = progress;
  const left = (steps - step) / stepsPerSecond;
  const best = Number.isFinite(bestReturn) ? bestReturn.toFixed(1) : "-";
  const recent = Number.isFinite(recentReturn) ? recentReturn.toFixed(1) : "-";
  const returns = `return ${recent}  best ${best}`;
  const speed = `${stepsPerSecond.toFixed(0)} steps/s`;
  return `${bar(step / steps)} ${step}/${steps}  ${returns}  ${speed}  ${left.toFixed(0)} s left`;
}

/** The starts of the random policy, in words. */
function startsOf({ best, random }: TrainResult): string {
  const { length } = random.returns;
  return length < best.returns.length ? `the first ${length} of them` : "the same starts";
}

function rowsOf(result: TrainResult): string[][] {
  const { seconds, engine, threads, best, bestStep, final, random, settings, weights } = result;
  const world = textOfHardware(settings);
  const error = best.deviation / Math.sqrt(best.returns.length);
  return [
    ["trained", `${seconds.toFixed(1)} s`, `engine ${engine}, threads: ${threads}`],
    ["best", best.mean.toFixed(2), `+- ${error.toFixed(2)}, step ${bestStep}: this one is kept`],
    [
      "final",
      final.mean.toFixed(2),
      `the last step's, on the same ${best.returns.length} starts, noise off`,
    ],
    ["random", random.mean.toFixed(2), `uniform actions, on ${startsOf(result)}`],
    ["interval", `${best.low.toFixed(2)} to ${best.high.toFixed(2)}`, "95 %, of the best's mean"],
    ...(world === "" ? [] : [["world", world, "trained and judged in it"]]),
    ["weights", weights.slice(0, 16), "of their SHA-256: the same in each run of the same bits"],
    ["middle half", best.interquartileMean.toFixed(2), `worst start ${best.worst.toFixed(1)}`],
  ];
}
