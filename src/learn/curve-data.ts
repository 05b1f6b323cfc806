import assert from "node:assert/strict";
import type { ProgressColumn, ProgressRow } from "./progress-csv.ts";
import { type Bootstrap, interquartileMean, interval } from "./statistics.ts";

/** What a curve runs along. */
export type Abscissa = "step" | "seconds";

/** One curve: [points] each, x rising. y may be NaN or infinite where a run diverged. */
export interface Line {
  readonly xs: readonly number[];
  readonly ys: readonly number[];
}

/** The middle of several runs and how sure it is, at the same places: [points] each. */
export interface Spread {
  readonly xs: readonly number[];
  readonly middle: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/**
 * What a run's rows say of one column, along `x`; rows without the column or `x` are left out.
 * `smooth` points are averaged, each with those before it.
 */
export function lineOf(
  rows: readonly ProgressRow[],
  column: ProgressColumn,
  x: Abscissa,
  smooth: number = 1,
): Line {
  assert(Number.isInteger(smooth) && smooth >= 1);
  const points = rows
    .map((row) => ({ x: row[x], y: row[column] }))
    .filter((point): point is { x: number; y: number } => {
      return point.x !== undefined && Number.isFinite(point.x) && point.y !== undefined;
    });
  const ys = points.map((_, at) => {
    const window = points.slice(Math.max(0, at + 1 - smooth), at + 1);
    return window.reduce((sum, { y }) => sum + y, 0) / window.length;
  });
  return { xs: points.map((point) => point.x), ys };
}

/**
 * The interquartile mean of several runs with its interval, at the places where any run has a
 * point, at most `pointsMax` of them, as far as every run goes. Between its points a run is taken
 * as straight. NaN where a run diverged: a mean of the survivors would flatter.
 */
export function spreadOf(lines: readonly Line[], bootstrap: Bootstrap, pointsMax: number): Spread {
  const some = lines.filter(({ xs }) => xs.length > 0);
  if (some.length === 0) return { xs: [], middle: [], low: [], high: [] };
  const from = Math.max(...some.map(({ xs }) => xs[0]));
  const to = Math.min(...some.map(({ xs }) => xs.at(-1)!));
  const places = [...new Set(some.flatMap(({ xs }) => xs))]
    .filter((x) => x >= from && x <= to)
    .sort((a, b) => a - b);
  const xs = thinned(places, pointsMax);
  const columns = xs.map((x) => some.map((line) => valueAt(line, x)));
  const bounds = columns.map((values) => interval([values], interquartileMean, bootstrap));
  return {
    xs,
    middle: columns.map(interquartileMean),
    low: bounds.map(({ low }) => low),
    high: bounds.map(({ high }) => high),
  };
}

/** At most `count` of the values, evenly chosen, with the first and the last of them. */
export function thinned<T>(values: readonly T[], count: number): T[] {
  if (values.length <= count) return [...values];
  return Array.from({ length: count }, (_, at) => {
    return values[Math.round((at * (values.length - 1)) / (count - 1))];
  });
}

/** At most `count` points, each the mean of its stretch of the line. */
export function averaged({ xs, ys }: Line, count: number): Line {
  if (xs.length <= count) return { xs, ys };
  const stretch = (values: readonly number[]): number[] =>
    Array.from({ length: count }, (_, at) => {
      const from = Math.floor((at * values.length) / count);
      const part = values.slice(from, Math.floor(((at + 1) * values.length) / count));
      return part.reduce((sum, value) => sum + value, 0) / part.length;
    });
  return { xs: stretch(xs), ys: stretch(ys) };
}

function valueAt({ xs, ys }: Line, x: number): number {
  let at = 0;
  while (at < xs.length - 1 && xs[at + 1] <= x) at++;
  if (xs[at] === x || at === xs.length - 1) return ys[at];
  const share = (x - xs[at]) / (xs[at + 1] - xs[at]);
  return ys[at] + share * (ys[at + 1] - ys[at]);
}
