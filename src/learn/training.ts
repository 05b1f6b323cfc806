import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { differenceOfSpecs, type Spec } from "../core/spec.ts";
import type { Task } from "../sim/env.ts";
import { withHardware } from "../sim/hardware-task.ts";
import { openTask } from "../sim/tasks.ts";
import { acting } from "./acting.ts";
import { Alarms } from "./alarms.ts";
import { policyFile } from "./artefact.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Run } from "./ddpg.ts";
import { checkWeights } from "./divergence.ts";
import { chooseEngine, openEngine, sameBits } from "./engine.ts";
import { Episode, type Rewards } from "./episode.ts";
import { Explorer } from "./explorer.ts";
import { gradientStep } from "./gradient-step.ts";
import { initialState, Learner, type LearnerState } from "./learner.ts";
import { type Learnt, type NetworkFiles, networkFiles } from "./network-files.ts";
import { Normaliser, RewardScale } from "./normaliser.ts";
import { completed } from "./presets.ts";
import { Priorities } from "./priorities.ts";
import { Replay } from "./replay.ts";
import { checkSettings, lossesOf, settingTable, type TrainSettings, worldsOf } from "./settings.ts";

/** The best policy so far, by its mean return on the selection starts. */
export interface Best {
  readonly step: number;
  readonly return: number;
  /** The policy file; empty before the first evaluation. */
  readonly policy: Uint8Array;
}

/** A training run between two of its moments: all that a checkpoint holds. */
export interface Training {
  readonly settings: TrainSettings;
  /** The task on the hardware that the settings describe: what is trained and judged on. */
  readonly task: Task;
  readonly run: Run;
  best: Best;
  /** Returns of the last training episodes, at most ten. */
  recentReturns: readonly number[];
  evaluatedStep: number;
  savedStep: number;
  readonly alarms: Alarms;
}

/** The facts of a checkpoint: what is not a large array. */
interface Facts {
  readonly settings: TrainSettings;
  readonly engine: string;
  readonly threads: number;
  readonly step: number;
  readonly episodes: number;
  readonly gradientSteps: number;
  readonly explorer: ReturnType<Explorer["save"]>;
  readonly replay: {
    /** Of each world; a number where there was one only, in older checkpoints. */
    readonly head: readonly number[] | number;
    readonly pending: readonly number[] | number;
  };
  readonly best: { readonly step: number; readonly return: number };
  readonly recentReturns: readonly number[];
  readonly evaluatedStep: number;
  // What older checkpoints do not say.
  readonly spec?: Spec;
  readonly done?: boolean;
  readonly rewards?: Rewards;
  readonly alarms?: ReturnType<Alarms["save"]>;
}

/** The arrays of a checkpoint, beside the learner's own (`learner/` and their names). */
interface Arrays {
  readonly rng: Uint32Array;
  readonly learnerRng: Uint32Array;
  readonly replayRows: Float32Array;
  readonly replaySpan: Uint8Array;
  readonly priorities: Float64Array;
  readonly observationSums: Float64Array;
  readonly rewardSums: Float64Array;
  readonly bestPolicy: Uint8Array;
}

/** A run at its first step. Throws `SinewError("usage")` for settings that cannot be. */
export async function freshTraining(settings: TrainSettings, plain: Task): Promise<Training> {
  checkSettings(settings);
  const task = withHardware(plain, settings);
  const losses = lossesOf(settings, task.spec);
  const state = initialState(losses, settings.finalBound, new Rng(settings.seed, 1));
  return {
    settings,
    task,
    run: await openRun(settings, task, state),
    best: { step: 0, return: Number.NEGATIVE_INFINITY, policy: new Uint8Array(0) },
    recentReturns: [],
    evaluatedStep: 0,
    savedStep: 0,
    alarms: new Alarms(settings),
  };
}

/** Name of the task that a checkpoint is of. Throws `SinewError("checkpoint")`. */
export function taskOfCheckpoint(path: string): string {
  return readCheckpoint<Facts, Arrays>(path).facts.settings.task;
}

/**
 * A run as its checkpoint left it, which goes on bit for bit as if it had not been interrupted.
 * Throws `SinewError("checkpoint")` where the file is no checkpoint of this task, and of "usage"
 * where settings that were `asked` for are not its own.
 */
export async function resumedTraining(
  path: string,
  plain: Task,
  asked: Partial<TrainSettings> = {},
): Promise<Training> {
  const { facts, arrays } = readCheckpoint<Facts, Arrays>(path);
  if (facts.settings.task !== plain.name) {
    const { task } = facts.settings;
    throw new SinewError("checkpoint", `${path} is of the task ${task}, not of ${plain.name}`);
  }
  const settings = settingsIn(path, facts);
  refuseOthers(path, settings, asked);
  const heads = [facts.replay.head].flat();
  const pending = [facts.replay.pending].flat();
  if (heads.length !== worldsOf(settings)) {
    throw new SinewError("checkpoint", `${path} was written by another version of sinew`);
  }
  const task = withHardware(plain, settings);
  checkSame(path, facts, task.spec);
  const run = await openRun(settings, task, {
    carried: learnerArrays(arrays),
    steps: facts.gradientSteps,
  });
  const { engine } = run.learner;
  if (!sameBits(engine.name, facts.engine)) {
    await engine.close();
    const engines = `${facts.engine}, and this machine has ${engine.name}`;
    throw new SinewError("checkpoint", `${path} was trained by the engine ${engines}`);
  }
  run.step = facts.step;
  run.episodes = facts.episodes;
  run.done = facts.done ?? false;
  Object.assign(run.episode.rewards, facts.rewards);
  run.explorer.restore(facts.explorer);
  run.rng.state.set(arrays.rng);
  run.learner.chance.set(arrays.learnerRng);
  run.replay.restore({ rows: arrays.replayRows, span: arrays.replaySpan, heads, pending });
  run.priorities?.restore(arrays.priorities);
  run.normaliser.restore(arrays.observationSums);
  run.rewardScale.restore(arrays.rewardSums);
  const alarms = new Alarms(settings);
  if (facts.alarms !== undefined) alarms.restore(facts.alarms);
  return {
    settings,
    task,
    run,
    // JSON has no -Infinity: a run without an evaluation wrote null.
    best: {
      step: facts.best.step,
      return: facts.best.return ?? Number.NEGATIVE_INFINITY,
      policy: arrays.bestPolicy,
    },
    recentReturns: facts.recentReturns,
    evaluatedStep: facts.evaluatedStep,
    savedStep: facts.step,
    alarms,
  };
}

/** A checkpoint's settings; what it does not say, because it is older, is plain. */
function settingsIn(path: string, { settings: said }: Facts): TrainSettings {
  const unknown = Object.keys(said).find((name) => !Object.hasOwn(settingTable, name));
  if (unknown !== undefined) {
    const why = `was written by another version of sinew: it has the setting "${unknown}"`;
    throw new SinewError("checkpoint", `${path} ${why}`);
  }
  const settings = completed(said);
  checkSettings(settings);
  return settings;
}

function refuseOthers(path: string, own: TrainSettings, asked: Partial<TrainSettings>): void {
  const names = Object.keys(asked) as (keyof TrainSettings)[];
  const other = names.filter((name) => JSON.stringify(asked[name]) !== JSON.stringify(own[name]));
  if (other.length === 0) return;
  const each = other.map((name) => `${name} ${own[name]}, not ${asked[name]}`).join("; ");
  throw new SinewError(
    "usage",
    `${path} goes on with its own settings, ${each}: leave these out, or begin another run`,
  );
}

/** Throws `SinewError("checkpoint")` where the task is no longer the one that was trained on. */
function checkSame(path: string, { spec }: Facts, actual: Spec): void {
  if (spec === undefined) return;
  // JSON has no Infinity: a side without a limit comes back as null.
  const observation = spec.observation.map(({ low, high, ...rest }) => ({
    ...{ ...rest, low: low ?? Number.NEGATIVE_INFINITY, high: high ?? Number.POSITIVE_INFINITY },
  }));
  const difference = differenceOfSpecs({ ...spec, observation }, actual);
  if (difference === null) return;
  throw new SinewError("checkpoint", `${path}: the task has changed since: ${difference}`);
}

/**
 * Writes the checkpoint of a run that is between two episodes. Throws `SinewError("diverged")`, and
 * leaves what is there, where the learner holds what is no number.
 */
export function saveTraining(path: string, training: Training): void {
  const { settings, run, best } = training;
  const { carried, steps } = run.learner.state;
  checkWeights(carried, run.step);
  const { rows, span, heads, pending } = run.replay.save();
  const facts: Facts = {
    settings,
    engine: run.learner.engine.name,
    threads: run.learner.engine.threads,
    step: run.step,
    episodes: run.episodes,
    gradientSteps: steps,
    explorer: run.explorer.save(),
    replay: { head: heads, pending },
    best: { step: best.step, return: best.return },
    recentReturns: training.recentReturns,
    evaluatedStep: training.evaluatedStep,
    spec: training.task.spec,
    done: run.done,
    rewards: run.episode.rewards,
    alarms: training.alarms.save(),
  };
  const arrays: Arrays = {
    rng: run.rng.state,
    learnerRng: run.learner.chance,
    replayRows: rows,
    replaySpan: span,
    priorities: run.priorities?.save(span.length) ?? new Float64Array(0),
    observationSums: run.normaliser.save(),
    rewardSums: run.rewardScale.save(),
    bestPolicy: best.policy,
  };
  const learner = Object.entries(carried).map(([name, values]) => [`learner/${name}`, values]);
  writeCheckpoint(path, { facts, arrays: { ...arrays, ...Object.fromEntries(learner) } });
  training.savedStep = run.step;
}

function learnerArrays(arrays: Arrays): Record<string, Float32Array> {
  const entries = Object.entries(arrays as unknown as Record<string, Float32Array>);
  return Object.fromEntries(
    entries
      .filter(([name]) => name.startsWith("learner/"))
      .map(([name, values]) => [name.slice("learner/".length), values]),
  );
}

async function openRun(settings: TrainSettings, task: Task, state: LearnerState): Promise<Run> {
  const losses = lossesOf(settings, task.spec);
  const { seed, gamma, nSteps, replayRows, priorityExponent } = settings;
  const { observations, actions } = losses.shape;
  const worlds = worldsOf(settings);
  const normed = settings.returnNorm === "running";
  const program = gradientStep(losses);
  const choice = await chooseEngine(settings.engine, settings.threads, losses.shape);
  const engine = await openEngine(choice, program, state.carried, acting(losses));
  const normaliser = new Normaliser(task.spec, settings.observationNorm, settings.observationClip);
  const priorities =
    settings.replay === "prioritised" ? new Priorities(replayRows, priorityExponent) : null;
  return {
    env: task.makeEnv(),
    learner: new Learner(engine, losses, program, state.steps, seed),
    engineReason: choice.reason,
    replay: new Replay(observations, actions, replayRows, gamma, nSteps, priorities, worlds),
    priorities,
    explorer: new Explorer(settings, losses.shape, normaliser),
    normaliser,
    rewardScale: new RewardScale(settings.rewardScale, gamma, normed, worlds),
    episode: new Episode(task, settings),
    rng: new Rng(seed),
    step: 0,
    episodes: 0,
    done: false,
  };
}

/** The carried value that is exported. */
function exportedActor({ exportTarget }: TrainSettings): string {
  return exportTarget ? "actor.target" : "actor.online";
}

/**
 * The policy file of a run's actor as it stands; `more` is added to what it says of its origin.
 * Throws `SinewError("diverged")` where the learner holds what is no number.
 */
export async function policyOf(
  { settings, task, run }: Training,
  more: Readonly<Record<string, number>> = {},
): Promise<Uint8Array> {
  const { learner, normaliser: observation, step } = run;
  checkWeights(learner.state.carried, step);
  const actor = {
    parameters: learner.engine.carried(exportedActor(settings)),
    statistics: learner.actorStatistics,
    observation,
  };
  return policyFile(settings, task.spec, actor, { step, engine: learner.engine.name, ...more });
}

/**
 * The four networks as a checkpoint holds them. Throws `SinewError("checkpoint")` where the file is
 * no checkpoint.
 */
export async function networksFromCheckpoint(path: string): Promise<NetworkFiles> {
  return networkFiles(await learntBy(path));
}

/**
 * The policy file that a checkpoint holds: the best by evaluation, or the last parameters. Throws
 * `SinewError("checkpoint")` where it holds none yet.
 */
export async function exportFromCheckpoint(path: string, last: boolean): Promise<Uint8Array> {
  if (!last) {
    const { bestPolicy } = readCheckpoint<Facts, Arrays>(path).arrays;
    if (bestPolicy.length > 0) return bestPolicy;
    throw new SinewError(
      "checkpoint",
      `${path} was written before the first evaluation: add --last`,
    );
  }
  const { settings, spec, carried, observation, origin } = await learntBy(path);
  const parameters = carried[exportedActor(settings)]!;
  const statistics = carried["actor.statistics"] ?? new Float32Array(0);
  return await policyFile(settings, spec, { parameters, statistics, observation }, origin);
}

/** The networks of a checkpoint and what a policy says of their origin; no engine is opened. */
async function learntBy(
  path: string,
): Promise<Learnt & { readonly origin: { readonly step: number; readonly engine: string } }> {
  const { facts, arrays } = readCheckpoint<Facts, Arrays>(path);
  const settings = settingsIn(path, facts);
  const { spec } = withHardware(await openTask(settings.task), settings);
  checkSame(path, facts, spec);
  const observation = new Normaliser(spec, settings.observationNorm, settings.observationClip);
  observation.restore(arrays.observationSums);
  const origin = { step: facts.step, engine: facts.engine };
  return { settings, spec, carried: learnerArrays(arrays), observation, origin };
}
