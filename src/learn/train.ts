import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import { loadPolicy } from "../policy/policy.ts";
import type { Task } from "../sim/env.ts";
import { ddpg } from "./ddpg.ts";
import {
  type Evaluation,
  evaluate,
  judgedStarts,
  type Starts,
  selectionStarts,
} from "./evaluate.ts";
import type { StepMetrics } from "./losses.ts";
import type { TrainSettings } from "./settings.ts";
import { EventFile } from "./tensorboard.ts";
import {
  freshTraining,
  policyOf,
  resumedTraining,
  saveTraining,
  type Training,
} from "./training.ts";

/** What someone who waits wants to see. */
export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly episodes: number;
  readonly seconds: number;
  /** Mean return of the last ten training episodes, with noise; NaN before the first. */
  readonly recentReturn: number;
  /** Best mean return on the selection starts so far, noise off; -Infinity before the first. */
  readonly bestReturn: number;
}

/** What training ends with. */
export interface TrainResult {
  /** The best policy by evaluation: the bytes of `policy.onnx`. */
  readonly policy: Uint8Array;
  readonly path: string;
  /** Wall time of this process's part of the run. */
  readonly seconds: number;
  readonly bestStep: number;
  /** Of the best policy, on the judged starts. */
  readonly best: Evaluation;
  /** Of the last policy, on the same starts. */
  readonly final: Evaluation;
  readonly engine: string;
}

/** What a run needs beside its settings. */
export interface TrainContext {
  readonly task: Task;
  /** Where policy, checkpoint and event file go; made where it is missing. */
  readonly folder: string;
  readonly clock: Clock;
  /** Unix time, for TensorBoard's axis. */
  readonly wallSeconds: () => number;
  readonly onProgress: (progress: Progress) => void;
  /** Goes on from the folder's checkpoint, with that checkpoint's settings. */
  readonly resume: boolean;
}

/**
 * Trains on a task and keeps the best policy by evaluation, never merely the last. Leaves in the
 * folder: `policy.onnx`, `checkpoint`, and a TensorBoard event file.
 *
 * Throws `SinewError` of "usage" (settings, folder), "engine", "checkpoint", "environment".
 */
export async function train(settings: TrainSettings, context: TrainContext): Promise<TrainResult> {
  const { task, folder, clock } = context;
  makeFolder(folder);
  const checkpoint = join(folder, "checkpoint");
  const training = context.resume
    ? await resumedTraining(checkpoint, task)
    : await freshTraining(settings, task);
  const events = new EventFile(folder, context.wallSeconds());
  const startUs = clock.now();
  const startStep = training.run.step;
  const seconds = (): number => (clock.now() - startUs) / 1e6;
  const { run } = training;
  try {
    for await (const report of ddpg(run, training.settings)) {
      const { settings } = training;
      if (report.kind === "episode") {
        training.recentReturns = [...training.recentReturns.slice(-9), report.return];
        events.scalars(run.step, context.wallSeconds(), {
          "rollout/ep_rew_mean": meanOf(training.recentReturns),
          "time/steps_per_second": (run.step - startStep) / seconds(),
        });
        if (run.step >= training.savedStep + settings.checkpointEvery) {
          saveTraining(checkpoint, training);
        }
        context.onProgress(progressOf(training, seconds()));
      } else {
        events.scalars(run.step, context.wallSeconds(), scalarsOf(report.metrics));
        if (run.step >= training.evaluatedStep + settings.evaluateEvery) {
          const mean = await select(training, task);
          events.scalars(run.step, context.wallSeconds(), { "eval/mean_reward": mean });
          if (mean >= settings.targetReturn) break;
        }
      }
    }
    await select(training, task);
    saveTraining(checkpoint, training);
    const last = await policyOf(training, task);
    const path = join(folder, "policy.onnx");
    writeFileSync(path, training.best.policy);
    return {
      policy: training.best.policy,
      path,
      seconds: seconds(),
      bestStep: training.best.step,
      best: await judge(training.best.policy, task, judgedStarts(task)),
      final: await judge(last, task, judgedStarts(task)),
      engine: run.learner.engine.name,
    };
  } finally {
    events.close();
    await run.learner.engine.close();
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SinewError("usage", `cannot write to the folder ${folder}`, { cause: error });
  }
}

/** Evaluates the policy as it stands on the selection starts, and keeps it where it is the best. */
async function select(training: Training, task: Task): Promise<number> {
  const policy = await policyOf(training, task);
  const { mean } = await judge(policy, task, selectionStarts(task));
  const { step } = training.run;
  training.evaluatedStep = step;
  if (mean > training.best.return) training.best = { step, return: mean, policy };
  return mean;
}

/** Loads a policy file, proof and all, and evaluates that very file. */
export async function judge(file: Uint8Array, task: Task, starts: Starts): Promise<Evaluation> {
  const policy = await loadPolicy(file);
  try {
    return await evaluate((batch, count) => policy.actBatch(batch, count), task, starts);
  } finally {
    await policy.close();
  }
}

function progressOf(training: Training, seconds: number): Progress {
  const { run, settings, best, recentReturns } = training;
  return {
    step: run.step,
    steps: settings.steps,
    episodes: run.episodes,
    seconds,
    recentReturn: meanOf(recentReturns),
    bestReturn: best.return,
  };
}

/**
 * The newest of the call's K steps, under the tags that Stable-Baselines3 uses where it has
 * them.
 */
function scalarsOf(metrics: StepMetrics): Record<string, number> {
  return {
    "train/critic_loss": metrics.msbe.at(-1)!,
    "train/msbe": metrics.msbe.at(-1)!,
    "train/actor_loss": metrics.actorLoss.at(-1)!,
    "train/q": metrics.q.at(-1)!,
    "train/critic_gradient_norm": metrics.criticGradientNorm.at(-1)!,
    "train/actor_gradient_norm": metrics.actorGradientNorm.at(-1)!,
    "train/saturation": metrics.saturation.at(-1)!,
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
