import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import { loadPolicy } from "../policy/policy.ts";
import type { Task } from "../sim/env.ts";
import { abandonEpisodes, ddpg, type Report } from "./ddpg.ts";
import { parallelDdpg } from "./ddpg-parallel.ts";
import {
  type Evaluation,
  evaluate,
  evaluateRandom,
  judgedStarts,
  randomStarts,
  type Starts,
  selectionStarts,
} from "./evaluate.ts";
import { Journal, type Moment } from "./journal.ts";
import { hashOfCarried } from "./learner.ts";
import type { StepMetrics } from "./losses.ts";
import { Rollouts } from "./rollouts.ts";
import { clearRun } from "./run-folder.ts";
import { isParallel, noiseShareAt, rateShareAt, type TrainSettings } from "./settings.ts";
import { mean } from "./statistics.ts";
import {
  freshTraining,
  policyOf,
  resumedTraining,
  saveTraining,
  type Training,
} from "./training.ts";
import { writeWholeFile } from "./whole-file.ts";

/** What someone who waits wants to see. */
export interface Progress extends Moment {
  readonly steps: number;
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
  /** Wall time of the run, over all its resumptions. */
  readonly seconds: number;
  readonly bestStep: number;
  /** The task on the hardware of the settings: trained and judged on. */
  readonly task: Task;
  /** Environment steps of the whole run. */
  readonly finalStep: number;
  /** What the run was made with: a resumed run keeps its own. */
  readonly settings: TrainSettings;
  /** Of the best policy, on the judged starts. */
  readonly best: Evaluation;
  /** Of the last policy, on the same starts. */
  readonly final: Evaluation;
  /** Of uniform actions, on the first of the same starts (`randomStarts`). */
  readonly random: Evaluation;
  readonly engine: string;
  /** Threads that the engine computed with. */
  readonly threads: number;
  /** `hashOfCarried` at the end: what tells two runs apart. */
  readonly weights: string;
  /** What the alarms said, one line each. */
  readonly alarms: readonly string[];
}

/** A policy that a run has just evaluated. */
export interface Judged {
  readonly moment: Moment;
  readonly evaluation: Evaluation;
  /** Its file. */
  readonly policy: Uint8Array;
  /** Whether it is the best so far: `policy.onnx` is this file now. */
  readonly best: boolean;
}

/** The engine that a run was given. */
export interface OpenedEngine {
  /** Such as `kernel avx2`. */
  readonly name: string;
  readonly threads: number;
  /** Why it is this one, in words. */
  readonly reason: string;
}

/** Told as a run goes; each is called between two steps and may throw to end the run. */
export interface TrainListener {
  /**
   * Before the first step, with the settings of the run (a resumed one has its own), the task on
   * their hardware, and what computes.
   */
  begins?(settings: TrainSettings, task: Task, engine: OpenedEngine): void;
  /** After each round of learning, `step` environment steps into the run. */
  learned?(step: number, metrics: StepMetrics): void;
  /** After each episode and each evaluation. */
  progress?(progress: Progress): void;
  /** After each evaluation on the selection starts. */
  evaluated?(judged: Judged): void | Promise<void>;
  /** Something that cannot be, or does not mend itself; once each. */
  alarm?(text: string): void;
}

/** What a run needs beside its settings. */
export interface TrainContext {
  /** Of the settings' name, on ideal hardware; that of the settings is added here. */
  readonly task: Task;
  /** Where policy, checkpoint, progress and event file go; made where it is missing. */
  readonly folder: string;
  readonly clock: Clock;
  /** Unix time, for TensorBoard's axis. */
  readonly wallSeconds: () => number;
  readonly listener: TrainListener;
  /** Goes on from the folder's checkpoint, with that checkpoint's settings. */
  readonly resume: boolean;
  /** Settings that were named: a run that goes on refuses what its own are not. */
  readonly asked?: Partial<TrainSettings>;
}

/**
 * Trains on a task and keeps the best policy by evaluation, never merely the last. Leaves in the
 * folder: `policy.onnx` (from the first evaluation on), `checkpoint`, `progress.csv`, and a
 * TensorBoard event file. A run that does not resume first removes what another left there. Where a
 * world fails, what was learnt so far is in the checkpoint; where the learner diverges, what it was
 * before.
 *
 * Throws `SinewError` of "usage" (settings, folder), "engine", "checkpoint", "environment",
 * "diverged".
 */
export async function train(settings: TrainSettings, context: TrainContext): Promise<TrainResult> {
  makeFolder(context.folder);
  const training = await openTraining(settings, context);
  // Not before the settings are known to be good: a wrong flag costs no run.
  if (!context.resume) clearRun(context.folder);
  const session = new Session(training, context);
  try {
    return await session.run();
  } finally {
    await session.close();
  }
}

function openTraining(settings: TrainSettings, context: TrainContext): Promise<Training> {
  const { task, folder, resume, asked } = context;
  if (!resume) return freshTraining(settings, task);
  return resumedTraining(join(folder, "checkpoint"), task, asked);
}

/** One process's part of a training run. */
class Session {
  readonly #training: Training;
  readonly #context: TrainContext;
  readonly #journal: Journal;
  readonly #startUs: number;
  readonly #startStep: number;
  readonly #rollouts: Rollouts | null;

  constructor(training: Training, context: TrainContext) {
    this.#training = training;
    this.#context = context;
    const { step } = training.run;
    this.#journal = new Journal(context.folder, context.wallSeconds, context.resume ? step : 0);
    this.#startUs = context.clock.now();
    this.#startStep = step;
    const { settings } = training;
    this.#rollouts = isParallel(settings) ? new Rollouts(training.task, settings) : null;
  }

  async run(): Promise<TrainResult> {
    try {
      return await this.#train();
    } catch (thrown) {
      throw this.#ended(thrown);
    }
  }

  async #train(): Promise<TrainResult> {
    const { run, settings, task } = this.#training;
    const { name, threads } = run.learner.engine;
    const engine = { name, threads, reason: run.engineReason };
    this.#context.listener.begins?.(settings, task, engine);
    const reports =
      this.#rollouts === null ? ddpg(run, settings) : parallelDdpg(run, settings, this.#rollouts);
    for await (const report of reports) {
      if (report.kind === "learned") await this.#learned(report);
      else if (report.kind === "episode") this.#episode(report.return, report.length);
      else if (this.#mustSave) this.#save();
    }
    return this.#finish();
  }

  async close(): Promise<void> {
    this.#journal.close();
    await this.#rollouts?.close();
    await this.#training.run.learner.engine.close();
  }

  /** What to throw on: where a world or the learner has failed, it says what is left of the run. */
  #ended(thrown: unknown): unknown {
    if (!(thrown instanceof SinewError)) return thrown;
    const { code, message } = thrown;
    const { run } = this.#training;
    const failed = (more: string) => new SinewError(code, message + more, { cause: thrown });
    if (code === "diverged") return failed(`, at step ${run.step} of the run; ${this.#left()}`);
    if (code !== "environment" || run.learner.steps === 0) return thrown;
    try {
      if (run.step > this.#training.savedStep) {
        abandonEpisodes(run);
        this.#save();
      }
    } catch (unsaved) {
      return this.#ended(unsaved);
    }
    const kept = `what was learnt in ${run.step} steps is in ${this.#context.folder}`;
    return failed(`; ${kept}: --resume goes on`);
  }

  /** What a diverged run leaves, and what to do: nothing of it was saved over what was good. */
  #left(): string {
    const { best, savedStep } = this.#training;
    const policy = best.policy.length > 0 ? ["its best policy"] : [];
    const checkpoint = savedStep > 0 ? [`the checkpoint of step ${savedStep}`] : [];
    const kept = [...policy, ...checkpoint].join(" and ") || "nothing of it";
    const resume = savedStep > 0 ? "--resume by itself comes to the same end; " : "";
    const flags = "smaller --actor-rate and --critic-rate, a smaller --reward-scale";
    const ways = `${resume}begin again with ${flags} or --gradient-clip 1`;
    return `${this.#context.folder} keeps ${kept}: ${ways}`;
  }

  async #learned({ metrics }: Extract<Report, { kind: "learned" }>): Promise<void> {
    const { run, settings, evaluatedStep, alarms } = this.#training;
    const rateShare = rateShareAt(settings, run.step);
    this.#journal.learned(run.step, metrics, {
      gradientSteps: run.learner.steps,
      noise: settings.noise === "none" ? 0 : settings.noiseSigma * noiseShareAt(settings, run.step),
      actorRate: settings.actorRate * rateShare,
      criticRate: settings.criticRate * rateShare,
    });
    this.#context.listener.learned?.(run.step, metrics);
    const alarm = alarms.check(metrics, run.episode.rewards, run.rewardScale.value);
    if (alarm !== null) this.#context.listener.alarm?.(alarm);
    if (run.step < evaluatedStep + settings.evaluateEvery) return;
    run.done = (await this.#select()) >= settings.targetReturn;
  }

  #episode(earned: number, length: number): void {
    const training = this.#training;
    training.recentReturns = [...training.recentReturns.slice(-9), earned];
    this.#journal.episode(this.#moment(), earned, length, mean(training.recentReturns));
    this.#context.listener.progress?.(this.#progress());
  }

  /** Evaluates the policy as it stands on the selection starts, and keeps it where it is best. */
  async #select(): Promise<number> {
    const training = this.#training;
    const { task } = training;
    const { listener } = this.#context;
    const policy = await policyOf(training);
    const evaluation = await judge(policy, task, selectionStarts(task));
    const { step } = training.run;
    training.evaluatedStep = step;
    const best = evaluation.mean > training.best.return;
    if (best) {
      training.best = { step, return: evaluation.mean, policy };
      writeWholeFile(this.#policyPath, [policy]);
    }
    this.#journal.evaluated(this.#moment(), evaluation);
    await listener.evaluated?.({ moment: this.#moment(), evaluation, policy, best });
    listener.progress?.(this.#progress());
    return evaluation.mean;
  }

  async #finish(): Promise<TrainResult> {
    const training = this.#training;
    const { task } = training;
    if (training.run.step > training.evaluatedStep) await this.#select();
    this.#save();
    const last = await policyOf(training);
    const { policy, step } = training.best;
    // A resumed run may have found its best before.
    const path = this.#policyPath;
    writeWholeFile(path, [policy]);
    return {
      policy,
      path,
      seconds: this.#journal.secondsBefore + this.#moment().seconds,
      bestStep: step,
      finalStep: training.run.step,
      settings: training.settings,
      task,
      best: await judge(policy, task, judgedStarts(task)),
      final: await judge(last, task, judgedStarts(task)),
      random: await evaluateRandom(task, randomStarts(task)),
      engine: training.run.learner.engine.name,
      threads: training.run.learner.engine.threads,
      weights: hashOfCarried(training.run.learner.state.carried),
      alarms: training.alarms.said,
    };
  }

  get #policyPath(): string {
    return join(this.#context.folder, "policy.onnx");
  }

  /** Whether a multiple of `checkpointEvery` was passed since: worlds side by side stop at each. */
  get #mustSave(): boolean {
    const { run, savedStep, settings } = this.#training;
    const { checkpointEvery: every } = settings;
    return Math.floor(run.step / every) > Math.floor(savedStep / every);
  }

  #save(): void {
    saveTraining(join(this.#context.folder, "checkpoint"), this.#training);
  }

  #moment(): Moment {
    const { step, episodes: episode } = this.#training.run;
    const seconds = (this.#context.clock.now() - this.#startUs) / 1e6;
    return { step, episode, seconds, stepsPerSecond: (step - this.#startStep) / seconds };
  }

  #progress(): Progress {
    const { settings, best, recentReturns } = this.#training;
    return {
      ...this.#moment(),
      steps: settings.steps,
      recentReturn: recentReturns.length === 0 ? Number.NaN : mean(recentReturns),
      bestReturn: best.return,
    };
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SinewError("usage", `cannot write to the folder ${folder}`, { cause: error });
  }
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
