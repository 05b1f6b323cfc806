import assert from "node:assert/strict";

/** One axis of a chart: where values lie on the picture, and which of them are written. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  /** The place of a value, in pixels. */
  at(value: number): number;
}

/** What the values of an axis are, which decides the ticks and how they are written. */
export type Quantity = "number" | "steps" | "seconds";

/** Ends of an axis, in pixels, and about how many ticks there is room for. */
export interface Room {
  readonly from: number;
  readonly to: number;
  readonly ticks: number;
}

/**
 * An axis over [low, high], both finite, as it is drawn from `from` to `to`. A range of no width is
 * widened, so that a constant can be shown.
 */
export function axis(low: number, high: number, quantity: Quantity, room: Room): Axis {
  assert(Number.isFinite(low) && Number.isFinite(high) && low <= high);
  if (low === high) {
    const margin = Math.max(1, Math.abs(low) / 10);
    low -= margin;
    high += margin;
  }
  const stride = strideOf((high - low) / Math.max(1, room.ticks), quantity);
  const ticks: { value: number; text: string }[] = [];
  for (let k = Math.ceil(low / stride - 1e-9); k * stride <= high + stride * 1e-9; k++) {
    ticks.push({ value: k * stride, text: textOf(k * stride, stride, quantity) });
  }
  const scale = (room.to - room.from) / (high - low);
  return { low, high, ticks, at: (value) => room.from + (value - low) * scale };
}

/** The smallest round stride that is at least `least`: round in the way people count it. */
function strideOf(least: number, quantity: Quantity): number {
  // Time is counted in 60s up to the hour, in decimals below the second.
  const clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600];
  if (quantity === "seconds" && least > 0.5) {
    const found = clock.find((stride) => stride >= least * 0.999);
    if (found !== undefined) return found;
    return strideOf(least / 86_400, "number") * 86_400;
  }
  const decade = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * decade >= least * 0.999) ?? 10;
  const stride = factor * decade;
  return quantity === "steps" ? Math.max(1, stride) : stride;
}

function textOf(value: number, stride: number, quantity: Quantity): string {
  if (quantity === "steps") return stepsText(value);
  if (quantity === "seconds") return secondsText(value, stride);
  return numberText(value, stride);
}

/** `12,000` as `12k`, `2,500,000` as `2.5M`; 0 as `0`. */
export function stepsText(value: number): string {
  const [unit, letter] = value >= 1e6 ? [1e6, "M"] : value >= 1000 ? [1000, "k"] : [1, ""];
  return `${Number((value / unit).toPrecision(4))}${letter}`;
}

/** `90` as `1:30 min`, `5400` as `1:30 h`, fractions below a stride of a second as `0.2 s`. */
export function secondsText(value: number, stride: number = 1): string {
  const pair = (big: number, small: number): string =>
    small === 0 ? `${big}` : `${big}:${String(small).padStart(2, "0")}`;
  if (value === 0) return "0";
  const digits = stride >= 1 ? 0 : Math.min(3, Math.ceil(-Math.log10(stride)));
  if (value < 60) return `${Number(value.toFixed(digits))} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${pair(Math.floor(whole / 60), whole % 60)} min`;
  const minutes = Math.round(whole / 60);
  return `${pair(Math.floor(minutes / 60), minutes % 60)} h`;
}

/**
 * A number with as many decimals as tell it from its neighbour `stride` away; thousands apart, a
 * real minus sign, powers of ten where digits would not fit.
 */
export function numberText(value: number, stride: number = 1): string {
  if (!Number.isFinite(value)) return String(value).replace("-", "\u2212");
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) {
    return value.toExponential(Math.abs(value) >= 10 * stride ? 1 : 0).replaceAll("-", "\u2212");
  }
  const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(stride) - 1e-9)));
  const needed = Number((stride * 10 ** decimals) % 1).toFixed(3) === "0.000" ? 0 : 1;
  const [whole, fraction] = size.toFixed(decimals + needed).split(".");
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  const sign = value < 0 && Number(size.toFixed(decimals + needed)) !== 0 ? "\u2212" : "";
  return `${sign}${grouped}${fraction === undefined ? "" : `.${fraction}`}`;
}
