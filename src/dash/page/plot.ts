import { Verdict } from "../../core/step.ts";
import type { Palette } from "./palette.ts";
import { Sheet } from "./sheet.ts";
import type { Traces } from "./traces.ts";
import { numberWord } from "./words.ts";

/** One line of a plot. */
export interface Curve {
  readonly values: Float32Array;
  /** Its colour; what was asked for is dashed. */
  readonly colour: "asked" | "given";
}

export interface PlotOptions {
  readonly curves: readonly Curve[];
  /** The ends of the axis where they are known, else what is seen. */
  readonly range: readonly [low: number, high: number] | null;
  /** How wide the channel's own range is; infinite where nobody knows. */
  readonly wide: number;
  /** Where to draw the gate's limits. */
  readonly limits: readonly number[];
  /** Whether what the gate did is shaded. */
  readonly verdicts: boolean;
}

const left = 46;
const top = 6;
const bottom = 6;
const gridUs = 1e6;

/** Draws the last seconds of some channels on a canvas. */
export class Plot {
  readonly #sheet: Sheet;
  readonly #options: PlotOptions;
  #low = Number.NaN;
  #high = Number.NaN;

  constructor(canvas: HTMLCanvasElement, options: PlotOptions) {
    this.#sheet = new Sheet(canvas);
    this.#options = options;
  }

  /** Draws what `traces` has of the `windowUs` before `nowUs`. */
  draw(traces: Traces, palette: Palette, nowUs: number, windowUs: number): void {
    const pen = this.#sheet.clear();
    if (pen === null) return;
    const { width, height } = this.#sheet;
    const first = firstAfter(traces, nowUs - windowUs);
    this.#fit(traces, first);
    const x = (timeUs: number): number => {
      return left + ((timeUs - nowUs) / windowUs + 1) * (width - left - 1);
    };
    const y = (value: number): number => {
      const share = (value - this.#low) / (this.#high - this.#low);
      return height - bottom - share * (height - top - bottom);
    };
    this.#drawAxes(pen, palette, { x, y, width, height, nowUs, windowUs });
    if (this.#options.verdicts) shade(pen, palette, traces, first, x, height);
    pen.save();
    pen.beginPath();
    pen.rect(left, 1, width - left, height - 2);
    pen.clip();
    for (const curve of this.#options.curves) {
      pen.strokeStyle = palette[curve.colour];
      const dashed = curve.colour === "asked";
      // A wider line takes a browser without a graphics card twice the time.
      pen.lineWidth = 1;
      pen.setLineDash(dashed ? [4, 3] : []);
      trace(pen, traces, first, curve.values, x, y);
    }
    pen.restore();
  }

  /** Fits the axis to what is seen: at once where that is more, slowly where it is less. */
  #fit(traces: Traces, first: number): void {
    const { range, curves, wide } = this.#options;
    if (range !== null) {
      const margin = 0.04 * (range[1] - range[0]);
      [this.#low, this.#high] = [range[0] - margin, range[1] + margin];
      return;
    }
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { values } of curves) {
      for (let index = first; index < traces.count; index++) {
        const value = values[traces.place(index)]!;
        if (!Number.isFinite(value)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) [low, high] = [-1, 1];
    // Noise about a number that stands still is not to look like a storm.
    const least = Number.isFinite(wide) ? 0.02 * wide : 1e-6;
    const spare = Math.max(0.08 * (high - low), (least - (high - low)) / 2);
    [low, high] = [low - spare, high + spare];
    const known = this.#low < this.#high;
    this.#low = known && low > this.#low ? this.#low + 0.05 * (low - this.#low) : low;
    this.#high = known && high < this.#high ? this.#high + 0.05 * (high - this.#high) : high;
  }

  #drawAxes(pen: CanvasRenderingContext2D, palette: Palette, frame: Frame): void {
    const { x, y, width, height, nowUs, windowUs } = frame;
    pen.lineWidth = 1;
    pen.strokeStyle = palette.edge;
    pen.beginPath();
    const everyUs = windowUs > 12e6 ? 5 * gridUs : gridUs;
    for (let timeUs = Math.ceil((nowUs - windowUs) / everyUs) * everyUs; timeUs <= nowUs; ) {
      const at = Math.round(x(timeUs)) + 0.5;
      pen.moveTo(at, top);
      pen.lineTo(at, height - bottom);
      timeUs += everyUs;
    }
    if (this.#low < 0 && this.#high > 0) {
      pen.moveTo(left, Math.round(y(0)) + 0.5);
      pen.lineTo(width, Math.round(y(0)) + 0.5);
    }
    pen.stroke();
    pen.strokeStyle = palette.soft;
    pen.setLineDash([1, 3]);
    pen.beginPath();
    for (const limit of this.#options.limits) {
      pen.moveTo(left, Math.round(y(limit)) + 0.5);
      pen.lineTo(width, Math.round(y(limit)) + 0.5);
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = palette.soft;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    const [low, high] = this.#options.range ?? [this.#low, this.#high];
    pen.textBaseline = "top";
    pen.fillText(numberWord(high, 10 * (high - low)), left - 6, top);
    pen.textBaseline = "bottom";
    pen.fillText(numberWord(low, 10 * (high - low)), left - 6, height - bottom);
  }
}

/** Where things stand on the canvas. */
interface Frame {
  readonly x: (timeUs: number) => number;
  readonly y: (value: number) => number;
  readonly width: number;
  readonly height: number;
  readonly nowUs: number;
  readonly windowUs: number;
}

/** The first point after `timeUs`, by halving. */
function firstAfter(traces: Traces, timeUs: number): number {
  let [low, high] = [0, traces.count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (traces.timesUs[traces.place(middle)]! < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A line through what is finite, interrupted where time or a number is missing. Of many points in
 * one column of pixels only the lowest, the highest and the last are drawn: more is not seen.
 */
function trace(
  pen: CanvasRenderingContext2D,
  traces: Traces,
  first: number,
  values: Float32Array,
  x: (timeUs: number) => number,
  y: (value: number) => number,
): void {
  pen.beginPath();
  let lastUs = Number.NEGATIVE_INFINITY;
  let column = { at: Number.NaN, low: 0, high: 0, last: 0 };
  const flush = (): void => {
    const { at, low, high, last } = column;
    if (low < high) {
      pen.lineTo(at, y(low));
      pen.lineTo(at, y(high));
    }
    if (Number.isFinite(at)) pen.lineTo(at, y(last));
  };
  for (let index = first; index < traces.count; index++) {
    const place = traces.place(index);
    const [timeUs, value] = [traces.timesUs[place]!, values[place]!];
    if (!Number.isFinite(value)) {
      lastUs = Number.NEGATIVE_INFINITY;
      continue;
    }
    const at = Math.round(x(timeUs));
    const gap = timeUs - lastUs > traces.gapUs;
    lastUs = timeUs;
    if (!gap && at === column.at) {
      column.low = Math.min(column.low, value);
      column.high = Math.max(column.high, value);
      column.last = value;
      continue;
    }
    flush();
    // A point by itself is seen too.
    if (gap) pen.moveTo(at - 0.5, y(value));
    column = { at, low: value, high: value, last: value };
  }
  flush();
  pen.stroke();
}

function shade(
  pen: CanvasRenderingContext2D,
  palette: Palette,
  traces: Traces,
  first: number,
  x: (timeUs: number) => number,
  height: number,
): void {
  for (const [verdict, name] of [
    [Verdict.limited, "limited"],
    [Verdict.refused, "refused"],
  ] as const) {
    pen.fillStyle = palette[name];
    for (let index = first; index < traces.count; index++) {
      const at = traces.place(index);
      if (traces.verdicts[at] !== verdict) continue;
      const start = traces.timesUs[at]!;
      while (index + 1 < traces.count && traces.verdicts[traces.place(index + 1)] === verdict) {
        index++;
      }
      const end = traces.timesUs[traces.place(index)]! + traces.gapUs / 1.9;
      pen.fillRect(x(start), top, Math.max(2, x(end) - x(start)), height - top - bottom);
    }
  }
}
