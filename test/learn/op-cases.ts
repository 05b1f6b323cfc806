// Small programs that together hold each operation of the graph builder.
import type { Rng } from "../../src/core/rng.ts";
import { elementsOf } from "../../src/onnx/dims.ts";
import { GraphBuilder, type Value } from "../../src/onnx/graph.ts";
import { type Case, uniform } from "./kernel-case.ts";

export type Build = (g: GraphBuilder, a: Value, b: Value, c: Value) => Value;

/** Sizes of three operands. */
export type Sizes = readonly (readonly number[])[];

/** Values, one of each build, over inputs a, b and c of the sizes given. */
export function programOf(builds: readonly Build[], sizes: Sizes): Case["program"] {
  const g = new GraphBuilder();
  const [a, b, c] = sizes.map((dims, i) => g.input("abc"[i], "float32", dims));
  const kept = builds.map((build, i) => {
    const value = build(g, a, b, c);
    g.output(`y${i}`, value);
    return { name: `y${i}`, dims: value.dims };
  });
  return { graph: g, carried: [], shared: [a, b, c], each: [], kept };
}

const elementwise: readonly Build[] = [
  (g, a, b) => g.add(a, b),
  (g, a, b) => g.sub(a, b),
  (g, a, b) => g.mul(a, b),
  (g, a, b) => g.div(a, g.add(g.square(b), 0.5)),
  (g, a, b) => g.min(a, b),
  (g, a, b, c) => g.where(g.greater(a, b), c, a),
  (g, a, b) => g.where(g.equal(a, b), 0.25, b),
  (g, a) => g.neg(a),
  (g, a) => g.relu(a),
  (g, a) => g.tanh(g.mul(a, 3)),
  (g, a) => g.sign(a),
  (g, a) => g.sqrt(g.square(a)),
  (g, a) => g.clip(a, -0.5, 0.25),
  (g, a, b, c) => g.add(g.mul(a, b), c),
  (g, a, b, c) => g.sub(c, g.mul(a, b)),
  (g, a, b, c) => g.sub(g.mul(a, b), c),
  // A bool is a float to the kernel, but no output: this needs a value of its own.
  (g, a) => g.mul(g.cast(g.greater(a, 0), "float32"), 0.5),
];

/** Whole, by column, by row, and one number. */
export function broadcasts(rows: number, columns: number): Sizes[] {
  const whole = [rows, columns];
  return [
    [whole, whole, whole],
    [whole, [columns], [rows, 1]],
    [[1, columns], whole, []],
    [
      [rows, 1],
      [rows, 1],
      [rows, 1],
    ],
    [[], [1], [1]],
  ];
}

export function elementwiseCase(rng: Rng, sizes: Sizes): Case {
  const program = programOf(elementwise, sizes);
  const values = program.shared.map(({ name, dims }) => [name, uniform(rng, elementsOf(dims))]);
  return { program, start: {}, inputs: Object.fromEntries(values), rounds: 1 };
}

/** Products with what stands behind them: nothing, a bias and relu, a matrix. */
export function productCase(rng: Rng, m: number, n: number, k: number, flips: boolean): Case {
  const g = new GraphBuilder();
  const a = g.input("a", "float32", flips ? [k, m] : [m, k]);
  const b = g.input("b", "float32", flips ? [n, k] : [k, n]);
  const bias = g.input("bias", "float32", [n]);
  const y = g.input("y", "float32", [m, n]);
  const flip = { a: flips, b: flips };
  const outputs = {
    plain: g.gemm(a, b, null, flip),
    relu: g.relu(g.gemm(a, g.neg(b), bias, flip)),
    full: g.gemm(a, g.mul(b, 2), y, flip),
  };
  for (const [name, value] of Object.entries(outputs)) g.output(name, value);
  const kept = Object.entries(outputs).map(([name, { dims }]) => ({ name, dims }));
  const program = { graph: g, carried: [], shared: [a, b, bias, y], each: [], kept };
  const inputs = {
    ...{ a: uniform(rng, m * k), b: uniform(rng, k * n), bias: uniform(rng, n) },
    y: uniform(rng, m * n),
  };
  return { program, start: {}, inputs, rounds: 1 };
}

/** Sums, gathers, scatters, and what only moves numbers. */
export function piecesCase(rng: Rng, rows: number, columns: number): Case {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [rows, columns]);
  const index = g.input("index", "int32", [7]);
  const table = g.input("table", "float32", [-1, columns]);
  const taken = g.gather(table, index);
  const heads = [1, rows - 1].filter((size) => size > 0);
  const outputs = {
    all: g.sum(x),
    mean: g.mean(g.square(x)),
    norm: g.norm(x),
    byRow: g.mean(x, [1]),
    byColumn: g.sum(x, [0]),
    ones: g.rowTimes(g.constant(1, [rows]), x),
    centred: g.sub(x, g.mean(x, [1])),
    taken,
    inside: g.gather(x, g.integers([rows - 1, 0])),
    scattered: g.scatterAdd([11, columns], index, g.mul(taken, 2)),
    joined: g.concat([x, g.neg(x), g.transpose(g.reshape(x, [columns, rows]))], 1),
    stacked: g.concat([g.relu(x), x, g.tanh(x)], 0),
    turned: g.transpose(x),
    part: g.slice(g.mul(x, x), 0, Math.floor(rows / 2), rows),
    spread: g.expand(g.mean(x, [1]), [rows, columns]),
    first: g.add(g.split(x, heads, 0)[0], 1),
  };
  for (const [name, value] of Object.entries(outputs)) g.output(name, value);
  const kept = Object.entries(outputs).map(([name, { dims }]) => ({ name, dims }));
  const program = { graph: g, carried: [], shared: [x, table], each: [index], kept };
  const inputs = {
    x: uniform(rng, rows * columns),
    table: uniform(rng, 11 * columns),
    index: Int32Array.from({ length: 14 }, () => rng.below(11)),
  };
  return { program, start: {}, inputs, rounds: 2 };
}
