import assert from "node:assert/strict";
import { Rng } from "../core/rng.ts";

/** Scores of several tasks: for each task one number a seed. Each task needs at least one seed. */
export type Scores = readonly ArrayLike<number>[];

/** Where a statistic lies with the stated confidence, `low <= high`, in the scores' unit. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How an interval is drawn. */
export interface Bootstrap {
  readonly rng: Rng;
  /** Samples drawn with replacement; 2,000 are enough for two digits of a bound. */
  readonly resamples: number;
  /** Share of the statistic's distribution inside the interval, in (0, 1). */
  readonly confidence: number;
}

/** A number that describes a list of at least one score. */
export type Statistic = (values: Float64Array) => number;

/** Arithmetic mean of at least one value. */
export function mean(values: ArrayLike<number>): number {
  assert(values.length > 0);
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum / values.length;
}

/**
 * Mean of what is left after floor(n / 4) values are cut from each end: robust like the median, and
 * steadier. Of fewer than four values it is the mean. NaN where a value is NaN: a run that diverged
 * must not vanish among the values that were cut.
 */
export function interquartileMean(values: ArrayLike<number>): number {
  const sorted = sortedOf(values);
  if (Number.isNaN(sorted[sorted.length - 1])) return Number.NaN;
  const cut = Math.floor(sorted.length / 4);
  return mean(sorted.subarray(cut, sorted.length - cut));
}

/** The middle value, or the mean of the two in the middle; NaN where a value is NaN. */
export function median(values: ArrayLike<number>): number {
  const sorted = sortedOf(values);
  if (Number.isNaN(sorted[sorted.length - 1])) return Number.NaN;
  return quantileOfSorted(sorted, 0.5);
}

/** Standard deviation of a sample (n - 1); 0 for a single value. */
export function deviation(values: ArrayLike<number>): number {
  const centre = mean(values);
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += (values[at] - centre) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

/** Standard error of the mean: the sample's deviation / sqrt(n); 0 for a single value. */
export function standardError(values: ArrayLike<number>): number {
  return deviation(values) / Math.sqrt(values.length);
}

/**
 * The percentile interval of `statistic` over all scores, by the stratified bootstrap (Agarwal et
 * al., 2021): each resample draws, task by task, as many seeds with replacement as the task has.
 * A single seed of a single task gives an interval of width 0, which says nothing about other
 * seeds. NaN where the statistic is NaN in a resample.
 */
export function interval(scores: Scores, statistic: Statistic, bootstrap: Bootstrap): Interval {
  const { rng, resamples } = bootstrap;
  checkBootstrap(bootstrap);
  const sample = emptySample(scores);
  const found = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    draw(scores, sample, rng);
    found[at] = statistic(sample.all);
  }
  return percentiles(found, bootstrap.confidence);
}

/**
 * The 95 % interval of the mean of one policy's returns over starts. Always of the same 1,000
 * resamples, so that a page and a table that tell of the same returns say the same.
 */
export function meanInterval(returns: ArrayLike<number>): Interval {
  const bootstrap = { rng: new Rng(returns.length), resamples: 1000, confidence: 0.95 };
  return interval([returns], mean, bootstrap);
}

/**
 * How probably a random run of `scores` beats a random run of `others` on the same task, averaged
 * over tasks; a tie counts one half. From 0 to 1; 0.5 where neither is better.
 */
export function probabilityOfImprovement(scores: Scores, others: Scores): number {
  assert(scores.length > 0 && scores.length === others.length);
  return mean(scores.map((task, at) => winRate(task, others[at])));
}

/** The interval of `probabilityOfImprovement`, both sides resampled apart. */
export function improvementInterval(
  scores: Scores,
  others: Scores,
  bootstrap: Bootstrap,
): Interval {
  const { rng, resamples } = bootstrap;
  checkBootstrap(bootstrap);
  const left = emptySample(scores);
  const right = emptySample(others);
  const found = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    draw(scores, left, rng);
    draw(others, right, rng);
    found[at] = probabilityOfImprovement(left.tasks, right.tasks);
  }
  return percentiles(found, bootstrap.confidence);
}

/** One resample: all its scores in one array, and the views of its tasks into that array. */
interface Sample {
  readonly all: Float64Array;
  readonly tasks: readonly Float64Array[];
}

function emptySample(scores: Scores): Sample {
  assert(scores.length > 0 && scores.every((task) => task.length > 0));
  const all = new Float64Array(scores.reduce((sum, task) => sum + task.length, 0));
  let end = 0;
  const tasks = scores.map((task) => {
    end += task.length;
    return all.subarray(end - task.length, end);
  });
  return { all, tasks };
}

function draw(scores: Scores, sample: Sample, rng: Rng): void {
  scores.forEach((task, at) => {
    const target = sample.tasks[at];
    for (let seed = 0; seed < target.length; seed++) target[seed] = task[rng.below(task.length)];
  });
}

function winRate(values: ArrayLike<number>, others: ArrayLike<number>): number {
  assert(values.length > 0 && others.length > 0);
  let wins = 0;
  for (let at = 0; at < values.length; at++) {
    for (let other = 0; other < others.length; other++) {
      // A diverged run is NaN: it loses against every other, and ties with its like.
      const value = Number.isNaN(values[at]) ? Number.NEGATIVE_INFINITY : values[at];
      const rival = Number.isNaN(others[other]) ? Number.NEGATIVE_INFINITY : others[other];
      if (value > rival) wins++;
      else if (value === rival) wins += 0.5;
    }
  }
  return wins / (values.length * others.length);
}

function checkBootstrap({ resamples, confidence }: Bootstrap): void {
  assert(Number.isInteger(resamples) && resamples > 0);
  assert(confidence > 0 && confidence < 1);
}

function percentiles(values: Float64Array, confidence: number): Interval {
  values.sort();
  if (Number.isNaN(values[values.length - 1])) return { low: Number.NaN, high: Number.NaN };
  const tail = (1 - confidence) / 2;
  return { low: quantileOfSorted(values, tail), high: quantileOfSorted(values, 1 - tail) };
}

/** Linear between the two order statistics beside it, as numpy.quantile does. */
function quantileOfSorted(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(sorted.length - 1, below + 1);
  const [low, high] = [sorted[below], sorted[above]];
  // The neighbours may be infinite: their difference or its product with 0 would be NaN.
  return low === high || place === below ? low : low + (place - below) * (high - low);
}

function sortedOf(values: ArrayLike<number>): Float64Array {
  assert(values.length > 0);
  // A typed array sorts by number, with NaN last.
  return Float64Array.from(values).sort();
}
