import { Rng } from "../core/rng.ts";
import { type Axis, axis, numberText } from "./axis.ts";
import { type Abscissa, averaged, type Line, lineOf, type Spread, spreadOf } from "./curve-data.ts";
import { chartStyle, coordinate, escaped, hues } from "./picture-style.ts";
import type { ProgressColumn, ProgressRow } from "./progress-csv.ts";

/** Runs that belong together, such as the seeds of one setting. */
export interface Series {
  readonly label: string;
  /** The rows of each run's `progress.csv`. */
  readonly runs: readonly (readonly ProgressRow[])[];
}

/** What to draw. */
export interface CurveRequest {
  readonly title: string;
  readonly series: readonly Series[];
  readonly x: Abscissa;
  /** Points that are averaged, each with those before it; 1 draws what was measured. */
  readonly smooth: number;
  /** Horizontal lines to compare with, such as the optimum. */
  readonly levels?: readonly { readonly label: string; readonly value: number }[];
}

const width = 760;
const plotHeight = 300;
const left = 78;
const right = 24;
/** About the width of a character of the legend, in pixels. */
const letter = 6.3;
/** Points of a curve, of all curves together, and of all thin lines: what keeps the file small. */
const pointsMax = 160;
const curvePointsMax = 900;
const thinPointsMax = 2000;
/** More thin lines than these are a fog. */
const thinLinesMax = 60;

/** One series, ready to draw. */
interface Drawn {
  readonly label: string;
  readonly spread: Spread;
  readonly thin: readonly Line[];
}

/**
 * Learning curves as one SVG below 60 KB, which needs nothing from outside and follows the
 * reader's light or dark scheme. Of each series it shows the interquartile mean over its runs, the
 * 95 % interval of that mean (2,000 resamples, always the same ones) and each run as a thin line.
 * Of a single run it shows the mean of each evaluation with its interval over starts, and the
 * returns of the training episodes as a thin line. Series beyond the eighth share colours.
 */
export function curveSvg(request: CurveRequest): string {
  const drawn = request.series.map((series) => drawnOf(series, request));
  const legend = legendOf(drawn);
  const top = 64 + 20 * legend.rows;
  const bottom = top + plotHeight;
  const [x, y] = axesOf(drawn, request, top, bottom);
  const thinLines = drawn.reduce((sum, { thin }) => sum + thin.length, 0);
  const thinPoints = thinLines > thinLinesMax ? 0 : Math.floor(thinPointsMax / thinLines);
  const title = escaped(request.title);
  const empty = drawn.every(({ spread, thin }) => spread.xs.length + thin.length === 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="curve" viewBox="0 0 ${width} ${bottom + 46}"`,
    ` role="img" aria-label="${title}">`,
    `<title>${title}</title><desc>${escaped(descriptionOf(drawn))}</desc>`,
    `<style>${chartStyle}</style>`,
    // Charts that share a page share a name only where they share the place, too.
    `<clipPath id="plot${top}">`,
    `<path d="M${left} ${top}H${width - right}V${bottom}H${left}z"/></clipPath>`,
    `<rect class="paper" width="${width}" height="${bottom + 46}" rx="6"/>`,
    `<text class="title" x="20" y="27">${title}</text>`,
    `<text class="note" x="20" y="46">${escaped(subtitleOf(request))}</text>`,
    legend.svg,
    gridOf(x, y, top, bottom),
    `<g clip-path="url(#plot${top})">`,
    ...(request.levels ?? []).map((level) => levelOf(level, y)),
    ...drawn.map((series, at) => seriesOf(series, at, [x, y], thinPoints)),
    "</g>",
    empty ? `<text class="note middle" x="${width / 2}" y="${top + 150}">no point yet</text>` : "",
    `<text class="note middle" x="${(left + width - right) / 2}" y="${bottom + 36}">`,
    request.x === "step" ? "environment steps</text>" : "wall time</text>",
    "</svg>\n",
  ].join("");
}

/** The column that evaluations of these runs are in; a run without any shows its own returns. */
function columnOf(series: Series): ProgressColumn {
  const evaluated = series.runs.some((rows) => rows.some((row) => row.evalMean !== undefined));
  return evaluated ? "evalMean" : "return";
}

function drawnOf(series: Series, { x, smooth, series: all }: CurveRequest): Drawn {
  const column = columnOf(series);
  const { label } = series;
  const points = Math.max(20, Math.min(pointsMax, Math.floor(curvePointsMax / all.length)));
  const lines = series.runs.map((rows) => lineOf(rows, column, x, smooth));
  // The same resamples each time: a picture that is drawn again must not change.
  const bootstrap = { rng: new Rng(1), resamples: 2000, confidence: 0.95 };
  if (series.runs.length !== 1) {
    return { label, spread: spreadOf(lines, bootstrap, points), thin: lines };
  }
  const [rows] = series.runs;
  const { xs, ys } = averaged(lines[0], points);
  const bound = (of: ProgressColumn): readonly number[] => {
    const found = averaged(lineOf(rows, of, x, smooth), points).ys;
    return column === "evalMean" && found.length === xs.length ? found : ys;
  };
  return {
    label,
    spread: { xs, middle: ys, low: bound("evalLow"), high: bound("evalHigh") },
    thin: column === "evalMean" ? [lineOf(rows, "return", x, smooth)] : [],
  };
}

function axesOf(
  drawn: readonly Drawn[],
  { x, levels = [] }: CurveRequest,
  top: number,
  bottom: number,
): [Axis, Axis] {
  const xs = drawn.flatMap(({ spread, thin }) => [...spread.xs, ...thin.flatMap((it) => it.xs)]);
  const ys = [
    ...drawn.flatMap(({ spread: { middle, low, high } }) => [...middle, ...low, ...high]),
    ...drawn.flatMap(({ thin }) => thin.flatMap((line) => bulkOf(line.ys))),
    ...levels.map(({ value }) => value),
  ].filter(Number.isFinite);
  const [low, high] = ys.length > 0 ? [leastOf(ys), -leastOf(ys.map((value) => -value))] : [0, 1];
  const margin = (high - low) * 0.04;
  const end = xs.length > 0 ? -leastOf(xs.map((value) => -value)) : 1;
  const across = { from: left, to: width - right, ticks: 7 };
  const up = { from: bottom, to: top, ticks: 6 };
  return [
    axis(0, end, x === "step" ? "steps" : "seconds", across),
    axis(low - margin, high + margin, "number", up),
  ];
}

/** The ends of what a line does mostly: a single wild episode must not flatten the picture. */
function bulkOf(ys: readonly number[]): number[] {
  const sorted = ys.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  const last = sorted.length - 1;
  return [sorted[Math.floor(last * 0.02)], sorted[Math.ceil(last * 0.98)]];
}

function leastOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function gridOf(x: Axis, y: Axis, top: number, bottom: number): string {
  const across = y.ticks.map(({ value, text }) => {
    const at = coordinate(y.at(value));
    const line = `<path class="grid" d="M${left} ${at}H${width - right}"/>`;
    return `${line}<text class="tick end" x="${left - 8}" y="${at}" dy="4">${text}</text>`;
  });
  const up = x.ticks.map(({ value, text }) => {
    const at = coordinate(x.at(value));
    const line = `<path class="axis" d="M${at} ${bottom}v5"/>`;
    return `${line}<text class="tick middle" x="${at}" y="${bottom + 18}">${text}</text>`;
  });
  const base = `<path class="axis" d="M${left} ${bottom}H${width - right}"/>`;
  const place = `translate(20 ${(top + bottom) / 2})rotate(-90)`;
  const name = `<text class="note middle" transform="${place}">return</text>`;
  return [...across, base, ...up, name].join("");
}

function levelOf({ label, value }: { label: string; value: number }, y: Axis): string {
  const at = coordinate(y.at(value));
  const text = `${escaped(label)} ${numberText(value, 0.1)}`;
  // At the left, where curves have not come yet; below the line where there is no room above.
  const drop = y.at(y.high) > y.at(value) - 18 ? 15 : -6;
  return (
    `<path class="level" d="M${left} ${at}H${width - right}"/>` +
    `<text class="note" x="${left + 6}" y="${at}" dy="${drop}">${text}</text>`
  );
}

function seriesOf(
  { spread, thin }: Drawn,
  at: number,
  [x, y]: readonly [Axis, Axis],
  thinPoints: number,
): string {
  const hue = `h${at % hues}`;
  const { xs, middle, low, high } = spread;
  const whole = xs.map((_, i) => i).filter((i) => Number.isFinite(high[i] - low[i]));
  const edge = (side: readonly number[], order: readonly number[]): string =>
    order.map((i) => `${coordinate(x.at(xs[i]))} ${coordinate(y.at(side[i]))}`).join("L");
  const band =
    whole.length > 1 && low !== high
      ? `<path class="band ${hue}" d="M${edge(low, whole)}L${edge(high, whole.toReversed())}z"/>`
      : "";
  const runs = thinPoints > 0 ? thin : [];
  const thins = runs.map((run) => pathOf(averaged(run, thinPoints), x, y, `thin ${hue}`));
  const line = pathOf({ xs, ys: middle }, x, y, `line ${hue}${at >= hues ? " dashed" : ""}`);
  const dots = xs.length > 1 ? "" : xs.map((_, i) => dot(x.at(xs[i]), y.at(middle[i]), hue));
  return [band, ...thins, line, ...dots].join("");
}

function dot(x: number, y: number, hue: string): string {
  return `<circle class="${hue}" cx="${coordinate(x)}" cy="${coordinate(y)}" r="3.5"/>`;
}

/** A line with gaps where its value is not finite. */
function pathOf({ xs, ys }: Line, x: Axis, y: Axis, style: string): string {
  let pen = "M";
  const parts = xs.map((value, i) => {
    if (!Number.isFinite(ys[i])) {
      pen = "M";
      return "";
    }
    const part = `${pen}${coordinate(x.at(value))} ${coordinate(y.at(ys[i]))}`;
    pen = "L";
    return part;
  });
  return xs.length > 1 ? `<path class="${style}" d="${parts.join("")}"/>` : "";
}

function legendOf(drawn: readonly Drawn[]): { svg: string; rows: number } {
  let [x, row] = [20, 0];
  const entries = drawn.map((series, at) => {
    const text = legendText(series);
    const space = 30 + text.length * letter + 18;
    if (x > 20 && x + space > width - right) [x, row] = [20, row + 1];
    const y = 68 + 20 * row;
    const style = `line h${at % hues}${at >= hues ? " dashed" : ""}`;
    const entry =
      `<path class="${style}" d="M${coordinate(x)} ${y - 4}h20"/>` +
      `<text class="key" x="${coordinate(x + 27)}" y="${y}">${escaped(text)}</text>`;
    x += space;
    return entry;
  });
  return { svg: entries.join(""), rows: row + 1 };
}

/** The name of a series, its runs, and where it ended. */
function legendText({ label, spread, thin }: Drawn): string {
  const { middle, low, high } = spread;
  const runs = thin.length > 1 ? `, ${thin.length} runs` : "";
  const last = middle.at(-1);
  if (last === undefined) return `${label}${runs}: no point yet`;
  if (!Number.isFinite(last)) return `${label}${runs}: diverged`;
  const stride = Math.abs(last) >= 1000 ? 1 : 0.1;
  const text = (value: number): string => numberText(value, stride);
  const bounds = low === high ? "" : ` [${text(low.at(-1)!)}, ${text(high.at(-1)!)}]`;
  return `${label}${runs}: ${text(last)}${bounds}`;
}

function subtitleOf({ series, smooth }: CurveRequest): string {
  const evaluated = series.some((each) => columnOf(each) === "evalMean");
  const several = series.some(({ runs }) => runs.length > 1);
  const what = evaluated ? "Return on fixed starts, noise off" : "Return while training";
  const middle = several
    ? ": interquartile mean over runs, 95 % interval, each run thin"
    : evaluated
      ? ": mean and its 95 % interval; thin: while training"
      : "";
  return `${what}${middle}${smooth > 1 ? `; running mean of ${smooth} points` : ""}`;
}

function descriptionOf(drawn: readonly Drawn[]): string {
  return `Last points: ${drawn.map(legendText).join("; ")}.`;
}
