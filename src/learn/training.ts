import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import type { Task } from "../sim/env.ts";
import { taskNamed } from "../sim/tasks.ts";
import { policyFile } from "./artefact.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import type { Run } from "./ddpg.ts";
import { initialState, type LearnerState, openEngine } from "./engine.ts";
import { GaussianNoise, type Noise, OrnsteinUhlenbeckNoise } from "./noise.ts";
import { Replay } from "./replay.ts";
import { checkSettings, lossesOf, type TrainSettings } from "./settings.ts";

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
  readonly run: Run;
  best: Best;
  /** Returns of the last training episodes, at most ten. */
  recentReturns: readonly number[];
  evaluatedStep: number;
  savedStep: number;
}

/** The facts of a checkpoint: what is not a large array. */
interface Facts {
  readonly settings: TrainSettings;
  readonly engine: string;
  readonly step: number;
  readonly episode: number;
  readonly gradientSteps: number;
  readonly noise: readonly number[];
  readonly replay: { readonly head: number; readonly open: boolean };
  readonly best: { readonly step: number; readonly return: number };
  readonly recentReturns: readonly number[];
  readonly evaluatedStep: number;
}

/** The arrays of a checkpoint. */
interface Arrays {
  readonly online: Float32Array;
  readonly target: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  readonly rng: Uint32Array;
  readonly replayRows: Float32Array;
  readonly replayWhole: Uint8Array;
  readonly bestPolicy: Uint8Array;
}

/** A run at its first step. Throws `SinewError("usage")` for settings that cannot be. */
export async function freshTraining(settings: TrainSettings, task: Task): Promise<Training> {
  checkSettings(settings);
  const { shape } = lossesOf(settings, task.spec);
  return {
    settings,
    run: await openRun(settings, task, initialState(shape, new Rng(settings.seed, 1))),
    best: { step: 0, return: Number.NEGATIVE_INFINITY, policy: new Uint8Array(0) },
    recentReturns: [],
    evaluatedStep: 0,
    savedStep: 0,
  };
}

/**
 * A run as its checkpoint left it, which goes on bit for bit as if it had not been interrupted.
 * Throws `SinewError("checkpoint")` where the file is no checkpoint of this task.
 */
export async function resumedTraining(path: string, task: Task): Promise<Training> {
  const { facts, arrays } = readCheckpoint<Facts, Arrays>(path);
  if (facts.settings.task !== task.name) {
    throw new SinewError("checkpoint", `${path} is of the task ${facts.settings.task}`);
  }
  const { online, target, firstMoment, secondMoment } = arrays;
  const state = { online, target, firstMoment, secondMoment, steps: facts.gradientSteps };
  const run = await openRun(facts.settings, task, state);
  if (run.engine.name !== facts.engine) {
    await run.engine.close();
    const engines = `${facts.engine}, and this machine has ${run.engine.name}`;
    throw new SinewError("checkpoint", `${path} was trained by the engine ${engines}`);
  }
  run.step = facts.step;
  run.episode = facts.episode;
  run.noise.restore(facts.noise);
  run.rng.state.set(arrays.rng);
  const { replayRows: rows, replayWhole: whole } = arrays;
  run.replay.restore({ rows, whole, ...facts.replay });
  return {
    settings: facts.settings,
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
  };
}

/** Writes the checkpoint of a run that is between two episodes. */
export function saveTraining(path: string, training: Training): void {
  const { settings, run, best } = training;
  const { state } = run.engine;
  const replay = run.replay.save();
  const facts: Facts = {
    settings,
    engine: run.engine.name,
    step: run.step,
    episode: run.episode,
    gradientSteps: state.steps,
    noise: run.noise.save(),
    replay: { head: replay.head, open: replay.open },
    best: { step: best.step, return: best.return },
    recentReturns: training.recentReturns,
    evaluatedStep: training.evaluatedStep,
  };
  const arrays: Arrays = {
    online: state.online,
    target: state.target,
    firstMoment: state.firstMoment,
    secondMoment: state.secondMoment,
    rng: run.rng.state,
    replayRows: replay.rows,
    replayWhole: replay.whole,
    bestPolicy: best.policy,
  };
  writeCheckpoint(path, { facts, arrays });
  training.savedStep = run.step;
}

async function openRun(settings: TrainSettings, task: Task, state: LearnerState): Promise<Run> {
  const losses = lossesOf(settings, task.spec);
  const { observations, actions } = losses.shape;
  return {
    env: task.makeEnv(),
    engine: await openEngine(settings.engine, losses, state),
    replay: new Replay(observations, actions, settings.replayRows),
    noise: noiseOf(settings, actions),
    rng: new Rng(settings.seed),
    step: 0,
    episode: 0,
  };
}

function noiseOf({ noise, seed }: TrainSettings, actions: number): Noise {
  if (noise.kind === "gaussian") return new GaussianNoise(noise.sigma, seed);
  return new OrnsteinUhlenbeckNoise(actions, noise.theta, noise.sigma, noise.dt, seed);
}

/**
 * The policy file that a checkpoint holds: the best by evaluation, or the last parameters. Throws
 * `SinewError("checkpoint")` where it holds none yet.
 */
export async function exportFromCheckpoint(path: string, last: boolean): Promise<Uint8Array> {
  const { facts, arrays } = readCheckpoint<Facts, Arrays>(path);
  if (last) {
    const { spec } = taskNamed(facts.settings.task);
    const origin = { step: facts.step, engine: facts.engine };
    return await policyFile(facts.settings, spec, arrays.online, origin);
  }
  if (arrays.bestPolicy.length > 0) return arrays.bestPolicy;
  throw new SinewError("checkpoint", `${path} was written before the first evaluation: add --last`);
}
