import { join } from "node:path";
import { Command, Option } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { defaultSettings as defaults, type NoiseSettings } from "../learn/settings.ts";
import type { Progress, TrainResult } from "../learn/train.ts";
import { numberWithin, wholeNumber } from "./option.ts";
import { bar, Terminal, table } from "./terminal.ts";

interface Options {
  readonly env: string;
  readonly engine: "onnx" | "tfjs";
  readonly seed: number;
  readonly steps: number;
  readonly warmup: number;
  readonly noise: "gaussian" | "ou";
  readonly noiseSigma?: number;
  readonly noiseDt: number;
  readonly actorRate: number;
  readonly criticRate: number;
  readonly gamma: number;
  readonly tau: number;
  readonly batch: number;
  readonly folder?: string;
  readonly resume: boolean;
  readonly json: boolean;
}

/** `sinew train`. */
export function trainCommand(): Command {
  return new Command("train")
    .description("Train a policy in a simulator, keep the best by evaluation, export and prove it.")
    .option("--env <name>", "task to train for", defaults.task)
    .addOption(
      new Option("--engine <name>", "what runs the gradient steps")
        .choices(["onnx", "tfjs"])
        .default(defaults.engine),
    )
    .option("--seed <number>", "seed of everything random", wholeNumber(0, 2 ** 32), 0)
    .option("--steps <count>", "environment steps in all", wholeNumber(1, 1e9), defaults.steps)
    .option(
      "--warmup <count>",
      "environment steps with uniform actions first",
      wholeNumber(1, 1e9),
      defaults.warmupSteps,
    )
    .addOption(
      new Option("--noise <kind>", "exploration noise")
        .choices(["gaussian", "ou"])
        .default("gaussian"),
    )
    .option(
      "--noise-sigma <share>",
      "noise deviation, as a share of half the action's range (default: 0.2)",
      numberWithin(0, 10),
    )
    .option("--noise-dt <periods>", "time step of the ou noise", numberWithin(1e-6, 10), 1)
    .option("--actor-rate <rate>", "Adam's rate, actor", numberWithin(0, 1), defaults.actorRate)
    .option("--critic-rate <rate>", "Adam's rate, critic", numberWithin(0, 1), defaults.criticRate)
    .option("--gamma <discount>", "discount of one step", numberWithin(0, 1), defaults.gamma)
    .option("--tau <share>", "Polyak share of one gradient step", numberWithin(0, 1), defaults.tau)
    .option("--batch <count>", "transitions in a minibatch", wholeNumber(1, 65_536), defaults.batch)
    .option("--folder <path>", "where the run is kept (default: runs/<env>-<seed>)")
    .option("--resume", "go on from the folder's checkpoint, with its settings", false)
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      "\nExample:\n  npx sinew train --env pendulum --seed 1 --folder runs/mine",
    )
    .action(act);
}

async function act(options: Options): Promise<void> {
  const { taskNamed } = await import("../sim/tasks.ts");
  const { train } = await import("../learn/train.ts");
  const terminal = new Terminal(options);
  const task = taskNamed(options.env);
  const folder = options.folder ?? join("runs", `${task.name}-${options.seed}`);
  const settings = {
    ...defaults,
    task: task.name,
    engine: options.engine,
    seed: options.seed,
    steps: options.steps,
    warmupSteps: Math.min(options.warmup, options.steps),
    noise: noiseOf(options),
    actorRate: options.actorRate,
    criticRate: options.criticRate,
    gamma: options.gamma,
    tau: options.tau,
    batch: options.batch,
  };
  const result = await train(settings, {
    task,
    folder,
    clock: monotonicClock(),
    wallSeconds: () => Date.now() / 1000,
    onProgress: (progress) => terminal.live(progressLine(progress)),
    resume: options.resume,
  });
  for (const line of table(rowsOf(result))) terminal.line(line);
  terminal.line(`\npolicy      ${result.path}`);
  terminal.line(`curves      tensorboard --logdir ${folder}`);
  terminal.line(`next        npx sinew inspect ${result.path}`);
  terminal.result({
    seconds: result.seconds,
    engine: result.engine,
    bestReturn: result.best.mean,
    bestStep: result.bestStep,
    finalReturn: result.final.mean,
    policy: result.path,
  });
}

function noiseOf({ noise, noiseSigma, noiseDt }: Options): NoiseSettings {
  const sigma = noiseSigma ?? 0.2;
  return noise === "gaussian"
    ? { kind: "gaussian", sigma }
    : { kind: "ou", theta: 0.15, sigma, dt: noiseDt };
}

/** The line that a waiting person watches. */
export function progressLine(progress: Progress): string {
  const { step, steps, seconds, recentReturn, bestReturn } = progress;
  const left = (seconds / Math.max(1, step)) * (steps - step);
  const best = Number.isFinite(bestReturn) ? bestReturn.toFixed(1) : "-";
  const recent = Number.isFinite(recentReturn) ? recentReturn.toFixed(1) : "-";
  const returns = `return ${recent}  best ${best}`;
  return `${bar(step / steps)} ${step}/${steps}  ${returns}  ${left.toFixed(0)} s left`;
}

function rowsOf({ seconds, engine, best, bestStep, final }: TrainResult): string[][] {
  const error = best.deviation / Math.sqrt(best.returns.length);
  return [
    ["trained", `${seconds.toFixed(1)} s`, `engine ${engine}`],
    ["best", best.mean.toFixed(2), `+- ${error.toFixed(2)}, step ${bestStep}: this one is kept`],
    ["final", final.mean.toFixed(2), "the last step's, on the same 1,000 starts, noise off"],
    ["middle half", best.interquartileMean.toFixed(2), `worst start ${best.worst.toFixed(1)}`],
  ];
}
