import type { Formula, FormulaStep, MapOp, PairOp } from "./formula.ts";
import { mapOps } from "./formula-value.ts";

/** The least and the most that a number can be. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const unbounded: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** Functions that never fall, and their values at the ends. */
const rising: Partial<Record<MapOp, Range>> = {
  Elu: unbounded,
  Exp: { low: 0, high: Number.POSITIVE_INFINITY },
  LeakyRelu: unbounded,
  Relu: { low: 0, high: Number.POSITIVE_INFINITY },
  Selu: unbounded,
  Sigmoid: { low: 0, high: 1 },
  Softplus: { low: 0, high: Number.POSITIVE_INFINITY },
  Softsign: { low: -1, high: 1 },
  Tanh: { low: -1, high: 1 },
};

/**
 * What the functions at the end of a formula leave each of its numbers, whatever the weights before
 * them give: [-1, 1] behind a tanh.
 */
export function rangesOf({ steps }: Formula): Range[] {
  const ranges: Range[][] = [];
  for (const step of steps) ranges.push(rangesOfStep(step, ranges));
  return ranges.at(-1)!;
}

function rangesOfStep(step: FormulaStep, ranges: readonly Range[][]): Range[] {
  switch (step.kind) {
    case "constant":
      return Array.from(step.values, (value) => ({ low: value, high: value }));
    case "pick":
      return step.indices.map((index) => ranges[step.of][index]);
    case "join":
      return step.of.flatMap((place) => ranges[place]);
    case "map":
      return ranges[step.of].map((range) => mapped(step.op, step.alpha, range));
    case "pair": {
      return Array.from({ length: step.width }, (_, i) =>
        paired(step.op, at(ranges[step.left], i), at(ranges[step.right], i)),
      );
    }
    case "choose":
      return Array.from({ length: step.width }, (_, i) => {
        const [yes, no] = [at(ranges[step.yes], i), at(ranges[step.no], i)];
        return { low: Math.min(yes.low, no.low), high: Math.max(yes.high, no.high) };
      });
    default:
      return Array.from({ length: step.width }, () => unbounded);
  }
}

function at(ranges: readonly Range[], index: number): Range {
  return ranges[ranges.length === 1 ? 0 : index];
}

function mapped(op: MapOp, alpha: number, { low, high }: Range): Range {
  if (op === "Neg") return { low: -high, high: -low };
  if (op === "Sin" || op === "Cos") return { low: -1, high: 1 };
  const ends = rising[op];
  if (ends === undefined) return unbounded;
  const at = (x: number, end: number): number => (Number.isFinite(x) ? mapOps[op](x, alpha) : end);
  return { low: at(low, ends.low), high: at(high, ends.high) };
}

function paired(op: PairOp, a: Range, b: Range): Range {
  switch (op) {
    case "Add":
      return { low: a.low + b.low, high: a.high + b.high };
    case "Sub":
      return { low: a.low - b.high, high: a.high - b.low };
    case "Max":
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "Min":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "Mul":
      return spanned([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]);
    case "Div":
      // A divisor that can be 0 leaves nothing known.
      if (b.low <= 0 && b.high >= 0) return unbounded;
      return spanned([a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high]);
    default:
      return unbounded;
  }
}

/** 0 times infinity is no number: then nothing is known. */
function spanned(corners: readonly number[]): Range {
  if (corners.some(Number.isNaN)) return unbounded;
  return { low: Math.min(...corners), high: Math.max(...corners) };
}
