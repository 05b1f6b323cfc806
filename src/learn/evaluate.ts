import assert from "node:assert";
import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import type { Task } from "../sim/env.ts";
import { checkNumbers } from "./episode.ts";
import { deviation, interquartileMean, interval, mean as meanOf } from "./statistics.ts";

/**
 * Where evaluations start: seeds `first` to `first + count - 1`. The published starts and the ones
 * that select the best policy are apart, so the choice is never judged on the starts that made it.
 */
export interface Starts {
  readonly first: number;
  readonly count: number;
}

/** The fixed starts of a published number. */
export function judgedStarts(task: Task): Starts {
  return { first: 1_000_000, count: task.judgedStarts };
}

/** The fixed starts by which training picks its best policy. */
export function selectionStarts(task: Task): Starts {
  return { first: 2_000_000, count: task.selectionStarts };
}

/** Steps of the random policy that are worth their time beside a run. */
const randomSteps = 20_000;

/**
 * The first of the judged starts, as many as the random policy is judged on beside a run: 20, or
 * more where episodes are short.
 */
export function randomStarts(task: Task): Starts {
  const { first, count } = judgedStarts(task);
  const cheap = Math.max(20, Math.floor(randomSteps / task.episodeStepsMax));
  return { first, count: Math.min(count, cheap) };
}

/** Undiscounted returns of one episode a start, noise off. */
export interface Evaluation {
  /** [starts.count], in the order of the seeds. */
  readonly returns: Float64Array;
  readonly mean: number;
  /** Standard deviation over starts; `deviation / sqrt(count)` is the mean's standard error. */
  readonly deviation: number;
  /** Mean of the middle half. */
  readonly interquartileMean: number;
  /** Where the mean lies with 95 % confidence, by the bootstrap over starts. */
  readonly low: number;
  readonly high: number;
  readonly worst: number;
}

/** Physical actions [count, actions] for raw observations [count, observations]. */
export type ActBatch = (observations: Float32Array, count: number) => Promise<Float32Array>;

/**
 * Runs one episode from each start, all in step, with one batched inference a step. Pure in the
 * policy and the starts: no noise, no learning. Throws `SinewError("environment")` where the world
 * gives what is not a number, and "policy-file" where the policy does.
 */
export async function evaluate(act: ActBatch, task: Task, starts: Starts): Promise<Evaluation> {
  const { count } = starts;
  assert(count > 0);
  const observations = task.spec.observation.length;
  const actions = task.spec.action.length;
  const all = new Float32Array(count * observations);
  const lanes = Array.from({ length: count }, (_, lane) => {
    const env = task.makeEnv();
    const observation = all.subarray(lane * observations, (lane + 1) * observations);
    env.reset(starts.first + lane, observation);
    checkNumbers(task, observation, 0);
    return { env, observation, done: false };
  });
  const returns = new Float64Array(count);
  let running = count;
  while (running > 0) {
    const answers = await act(all, count);
    for (let lane = 0; lane < count; lane++) {
      const { env, observation, done } = lanes[lane];
      if (done) continue;
      const action = answers.subarray(lane * actions, (lane + 1) * actions);
      const wrong = action.findIndex((value) => !Number.isFinite(value));
      if (wrong >= 0) {
        const { name } = task.spec.action[wrong];
        throw new SinewError("policy-file", `the policy gave ${action[wrong]} as "${name}"`);
      }
      const { reward, terminated, truncated } = env.step(action, observation);
      checkNumbers(task, observation, reward);
      returns[lane] += reward;
      if (terminated || truncated) {
        lanes[lane].done = true;
        running--;
      }
    }
  }
  return summarise(returns);
}

/**
 * The policy that learnt nothing: uniform actions within the limits of their channels. Each start
 * draws by its own seed, so its return depends on no other start.
 */
export function evaluateRandom(task: Task, starts: Starts): Promise<Evaluation> {
  const { action } = task.spec;
  const chance = Array.from({ length: starts.count }, (_, i) => new Rng(starts.first + i, 6));
  const actions = new Float32Array(starts.count * action.length);
  const draw = async (): Promise<Float32Array> => {
    chance.forEach((rng, lane) => {
      action.forEach(({ low, high }, channel) => {
        actions[lane * action.length + channel] = rng.uniform(low, high);
      });
    });
    return actions;
  };
  return evaluate(draw, task, starts);
}

function summarise(returns: Float64Array): Evaluation {
  const bootstrap = { rng: new Rng(returns.length), resamples: 1000, confidence: 0.95 };
  const { low, high } = interval([returns], meanOf, bootstrap);
  return {
    returns,
    mean: meanOf(returns),
    deviation: deviation(returns),
    interquartileMean: interquartileMean(returns),
    low,
    high,
    worst: returns.reduce((worst, one) => Math.min(worst, one)),
  };
}
