import type { Formula, FormulaStep, MapOp, PairOp } from "./formula.ts";

type Arrays = typeof Float64Array | typeof Float32Array;
type Row = Float64Array | Float32Array;

// Klambauer et al. 2017, as ONNX has them by default.
const seluAlpha = Math.fround(1.6732632);
const seluGamma = Math.fround(1.050701);

/** Of one number; `alpha` is for Elu and LeakyRelu. */
export const mapOps: Readonly<Record<MapOp, (x: number, alpha: number) => number>> = {
  Abs: Math.abs,
  Cos: Math.cos,
  Elu: (x, alpha) => (x < 0 ? alpha * Math.expm1(x) : x),
  Exp: Math.exp,
  LeakyRelu: (x, alpha) => (x < 0 ? alpha * x : x),
  Log: Math.log,
  Neg: (x) => -x,
  Reciprocal: (x) => 1 / x,
  Relu: (x) => Math.max(0, x),
  Selu: (x) => seluGamma * (x < 0 ? seluAlpha * Math.expm1(x) : x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  Sign: Math.sign,
  Sin: Math.sin,
  Softplus: (x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))),
  Softsign: (x) => x / (1 + Math.abs(x)),
  Sqrt: Math.sqrt,
  Tanh: Math.tanh,
};

/** Of two numbers. */
export const pairOps: Readonly<Record<PairOp, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Div: (a, b) => a / b,
  Greater: (a, b) => Number(a > b),
  Less: (a, b) => Number(a < b),
  Max: (a, b) => Math.max(a, b),
  Min: (a, b) => Math.min(a, b),
  Mul: (a, b) => a * b,
  Pow: (a, b) => a ** b,
  Sub: (a, b) => a - b,
};

/**
 * What `formula` gives for one row, by plain arithmetic that knows nothing of ONNX: in double
 * precision, or in single where `arrays` is Float32Array.
 */
export function evaluateFormula(
  { steps }: Formula,
  input: ArrayLike<number>,
  arrays: Arrays = Float64Array,
): Row {
  const rows: Row[] = [];
  for (const step of steps) rows.push(rowOf(step, rows, input, arrays));
  return rows.at(-1)!;
}

function rowOf(
  step: FormulaStep,
  rows: readonly Row[],
  input: ArrayLike<number>,
  arrays: Arrays,
): Row {
  switch (step.kind) {
    case "input":
      return arrays.from(input);
    case "constant":
      return arrays.from(step.values);
    case "pick":
      return rowWith(arrays, step.width, (i) => rows[step.of][step.indices[i]]);
    case "join":
      return arrays.from(step.of.flatMap((place) => [...rows[place]]));
    case "dense":
      return dense(rows[step.of], step.weights, step.bias, arrays);
    case "map":
      return rowWith(arrays, step.width, (i) => mapOps[step.op](rows[step.of][i], step.alpha));
    case "pair": {
      const [left, right] = [rows[step.left], rows[step.right]];
      const op = pairOps[step.op];
      return rowWith(arrays, step.width, (i) => op(at(left, i), at(right, i)));
    }
    case "choose": {
      const [test, yes, no] = [rows[step.test], rows[step.yes], rows[step.no]];
      return rowWith(arrays, step.width, (i) => (at(test, i) === 0 ? at(no, i) : at(yes, i)));
    }
    case "mean":
      return arrays.of(meanOf(rows[step.of], arrays));
    case "norm":
      return standardised(rows[step.of], step.gain, step.shift, step.epsilon, arrays);
  }
}

/** A row of one number stands beside wider ones as if repeated. */
function at(row: Row, index: number): number {
  return row[row.length === 1 ? 0 : index];
}

function rowWith(arrays: Arrays, width: number, value: (index: number) => number): Row {
  const row = new arrays(width);
  for (let i = 0; i < width; i++) row[i] = value(i);
  return row;
}

function dense(input: Row, weights: Float32Array, bias: Float32Array, arrays: Arrays): Row {
  const sums = new arrays(bias.length);
  for (let i = 0; i < input.length; i++) {
    const from = input[i];
    for (let j = 0; j < sums.length; j++) sums[j] += from * weights[i * sums.length + j];
  }
  for (let j = 0; j < sums.length; j++) sums[j] += bias[j];
  return sums;
}

function meanOf(row: Row, arrays: Arrays): number {
  const sum = new arrays(1);
  for (const one of row) sum[0] += one;
  return sum[0] / row.length;
}

/** Layer normalisation: gain * (row - mean) / sqrt(variance + epsilon) + shift. */
function standardised(
  row: Row,
  gain: Float32Array,
  shift: Float32Array,
  epsilon: number,
  arrays: Arrays,
): Row {
  const mean = meanOf(row, arrays);
  const squares = rowWith(arrays, row.length, (i) => (row[i] - mean) ** 2);
  const root = Math.sqrt(meanOf(squares, arrays) + epsilon);
  const unit = rowWith(arrays, row.length, (i) => (row[i] - mean) / root);
  return rowWith(arrays, row.length, (i) => unit[i] * gain[i] + shift[i]);
}
