import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { axis, numberText, secondsText, stepsText } from "../../src/learn/axis.ts";
import { curveSvg, type Series } from "../../src/learn/curve.ts";
import { averaged, lineOf, spreadOf, thinned } from "../../src/learn/curve-data.ts";
import type { ProgressRow } from "../../src/learn/progress-csv.ts";
import { elementsOf } from "./xml.ts";

const texts = (low: number, high: number, quantity: "number" | "steps" | "seconds"): string[] =>
  axis(low, high, quantity, { from: 0, to: 1, ticks: 6 }).ticks.map(({ text }) => text);

test("ticks are round, inside the axis, and say their unit", () => {
  assert.deepEqual(texts(-1000, -130, "number"), [
    "\u22121,000",
    "\u2212800",
    "\u2212600",
    "\u2212400",
    "\u2212200",
  ]);
  assert.deepEqual(texts(0, 1, "number"), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
  assert.deepEqual(texts(-0.5, 0.7, "number").slice(0, 3), ["\u22120.4", "\u22120.2", "0.0"]);
  assert.deepEqual(texts(0, 20_000, "steps"), ["0", "5k", "10k", "15k", "20k"]);
  assert.deepEqual(texts(0, 1e6, "steps").slice(-2), ["800k", "1M"]);
  assert.deepEqual(texts(0, 200, "seconds"), ["0", "1 min", "2 min", "3 min"]);
  assert.deepEqual(texts(0, 1, "seconds").slice(0, 2), ["0", "0.2 s"]);
  assert.deepEqual(texts(0, 3, "steps"), ["0", "1", "2", "3"]);
});

test("an axis puts its ends where it was told, also where its range has no width", () => {
  const { at } = axis(-4, 6, "number", { from: 300, to: 100, ticks: 5 });
  assert.deepEqual([at(-4), at(6), at(1)], [300, 100, 200]);
  const flat = axis(5, 5, "number", { from: 0, to: 10, ticks: 5 });
  assert.equal(flat.at(5), 5);
  assert.ok(flat.ticks.length > 1);
});

test("numbers as people write them", () => {
  assert.equal(numberText(-1234.56, 0.1), "\u22121,234.6");
  assert.equal(numberText(2.5, 2.5), "2.5");
  assert.equal(numberText(-0.01, 0.1), "0.0");
  assert.equal(numberText(Number.NaN), "NaN");
  assert.equal(numberText(Number.NEGATIVE_INFINITY), "\u2212Infinity");
  assert.equal(stepsText(12_500), "12.5k");
  assert.equal(secondsText(90), "1:30 min");
  assert.equal(secondsText(5400), "1:30 h");
  assert.equal(secondsText(7195), "2 h");
  assert.equal(secondsText(42), "42 s");
});

test("a line leaves out rows without its column, and smooths over the points before", () => {
  const rows: ProgressRow[] = [
    { step: 1, evalMean: 2 },
    { step: 2, return: 9 },
    { step: 3, evalMean: 4 },
    { step: 4, evalMean: 9 },
  ];
  assert.deepEqual(lineOf(rows, "evalMean", "step"), { xs: [1, 3, 4], ys: [2, 4, 9] });
  assert.deepEqual(lineOf(rows, "evalMean", "step", 2).ys, [2, 3, 6.5]);
  assert.deepEqual(lineOf(rows, "evalMean", "seconds").xs, []);
});

test("runs whose evaluations fall on other steps are compared at the same ones", () => {
  const bootstrap = { rng: new Rng(1), resamples: 200, confidence: 0.95 };
  const lines = [
    { xs: [0, 10, 20], ys: [0, 10, 20] },
    { xs: [5, 15, 40], ys: [105, 115, 140] },
  ];
  const { xs, middle, low, high } = spreadOf(lines, bootstrap, 100);
  // From where the last begins to where the first ends.
  assert.deepEqual(xs, [5, 10, 15, 20]);
  assert.deepEqual(middle, [55, 60, 65, 70]);
  assert.deepEqual([low[0], high[0]], [5, 105]);
});

test("a run that diverged makes the middle NaN from there on, not better", () => {
  const bootstrap = { rng: new Rng(1), resamples: 50, confidence: 0.95 };
  const lines = [
    { xs: [0, 1], ys: [3, 5] },
    { xs: [0, 1], ys: [5, Number.NaN] },
  ];
  assert.deepEqual(spreadOf(lines, bootstrap, 10).middle, [4, Number.NaN]);
});

test("thinning keeps both ends, averaging keeps the mean", () => {
  assert.deepEqual(thinned([1, 2, 3, 4, 5, 6, 7], 3), [1, 4, 7]);
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  const { xs, ys } = averaged({ xs: numbers, ys: numbers }, 10);
  assert.equal(xs.length, 10);
  assert.equal(ys.reduce((sum, y) => sum + y, 0) / 10, 49.5);
});

function run(seed: number, points: number): ProgressRow[] {
  const rng = new Rng(seed);
  return Array.from({ length: points }, (_, i) => {
    const level = -1000 * Math.exp(-i / 20) - 140 + 10 * rng.normal();
    const evaluation = { evalMean: level, evalLow: level - 9, evalHigh: level + 9 };
    return { step: 100 * (i + 1), seconds: i, return: level - 50, ...evaluation };
  });
}

const drawing = (series: readonly Series[]): string =>
  curveSvg({ title: "a & b <c>", series, x: "step", smooth: 1 });

const pictures: readonly [what: string, series: readonly Series[]][] = [
  ["one run", [{ label: "a", runs: [run(1, 30)] }]],
  ["five seeds of two settings", [0, 9].map((at) => ({ label: `${at}`, runs: runs(at, 5, 30) }))],
  ["a run of one point", [{ label: "a", runs: [run(1, 1)] }]],
  ["no point", [{ label: "a", runs: [[]] }]],
  ["no run", [{ label: "a", runs: [] }]],
];

function runs(seed: number, count: number, points: number): ProgressRow[][] {
  return Array.from({ length: count }, (_, i) => run(seed + i, points));
}

for (const [what, series] of pictures) {
  test(`a curve is well-formed and asks for nothing from outside: ${what}`, () => {
    const svg = drawing(series);
    assert.equal(elementsOf(svg)[0], "svg");
    assert.match(svg, /prefers-color-scheme:dark/);
    assert.match(svg, /a &amp; b &lt;c&gt;/);
    assert.doesNotMatch(svg.replace("http://www.w3.org/2000/svg", ""), /https?:|@import|<script/);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  });
}

test("twelve settings of ten long runs stay below 60 KB", () => {
  const series = Array.from({ length: 12 }, (_, at) => {
    return { label: `actor-rate ${at}`, runs: runs(10 * at, 10, 1000) };
  });
  assert.ok(drawing(series).length < 60_000);
});

test("the picture says the last value and its interval, and is the same each time", () => {
  const series = [{ label: "mine", runs: runs(1, 5, 30) }];
  const svg = drawing(series);
  const [, text] = /<text class="key"[^>]*>([^<]*)</.exec(svg)!;
  const last = series[0].runs.map((rows) => rows.at(-1)!.evalMean!).sort((a, b) => a - b);
  const middle = (last[1] + last[2] + last[3]) / 3;
  assert.ok(text.startsWith(`mine, 5 runs: ${numberText(middle, 0.1)} [`), text);
  assert.equal(drawing(series), svg);
});

test("the line goes through the points: a value twice as far is drawn twice as far", () => {
  const rows = [0, 1, 2].map((at) => ({ step: at * 100, evalMean: at * 10 }));
  const svg = drawing([{ label: "a", runs: [rows] }]);
  const [, path] = /<path class="line h0" d="(M\S+ \S+L[^"]*)"\/>(?!<text)/.exec(svg)!;
  const numbers = [...path.matchAll(/[ML](\S+?) ([\d.]+)/g)].map(([, x, y]) => [+x, +y]);
  const [[x0, y0], [x1, y1], [x2, y2]] = numbers;
  assert.ok(x2 > x0 && y2 < y0);
  assert.ok(Math.abs(x2 - x1 - (x1 - x0)) < 0.3 && Math.abs(y2 - y1 - (y1 - y0)) < 0.3);
});

test("a run that diverged is told, and its line ends", () => {
  const rows = [...run(1, 5), { step: 600, evalMean: Number.NaN }];
  const svg = drawing([{ label: "wild", runs: [rows, run(2, 6)] }]);
  assert.match(svg, /wild, 2 runs: diverged/);
  assert.doesNotMatch(svg, /NaN/);
});
