import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { gradients } from "../../src/onnx/gradient.ts";
import { GraphBuilder, type Value } from "../../src/onnx/graph.ts";
import { interpret, type Numbers } from "./interpreter.ts";

// Goal: every rule of the differentiator, judged by central differences of the same graph in
// float64. Method: the op's output is weighted by fixed numbers and summed, so that each element
// counts.

interface Case {
  readonly name: string;
  /** Sizes of the differentiated inputs. */
  readonly inputs: readonly (readonly number[])[];
  readonly build: (g: GraphBuilder, inputs: Value[]) => Value;
  /** Added to the uniform numbers in (-1, 1) that the inputs hold. */
  readonly shift?: number;
}

const cases: readonly Case[] = [
  {
    name: "add",
    inputs: [
      [3, 4],
      [3, 4],
    ],
    build: (g, [a, b]) => g.add(a!, b!),
  },
  { name: "add, row broadcast", inputs: [[3, 4], [4]], build: (g, [a, b]) => g.add(a!, b!) },
  {
    name: "sub, column broadcast",
    inputs: [
      [3, 1],
      [3, 4],
    ],
    build: (g, [a, b]) => g.sub(a!, b!),
  },
  { name: "sub, scalar", inputs: [[], [3, 4]], build: (g, [a, b]) => g.sub(a!, b!) },
  {
    name: "mul, outer broadcast",
    inputs: [
      [3, 1],
      [1, 4],
    ],
    build: (g, [a, b]) => g.mul(a!, b!),
  },
  { name: "mul by a number", inputs: [[5]], build: (g, [a]) => g.mul(a!, -1.5) },
  { name: "square", inputs: [[2, 3]], build: (g, [a]) => g.square(a!) },
  { name: "div", inputs: [[3, 4], [4]], shift: 3, build: (g, [a, b]) => g.div(a!, b!) },
  { name: "min", inputs: [[3, 4], [4]], build: (g, [a, b]) => g.min(a!, b!) },
  {
    name: "where",
    inputs: [
      [3, 4],
      [3, 1],
    ],
    build: (g, [a, b]) => g.where(g.greater(a!, 0.1), a!, b!),
  },
  { name: "neg", inputs: [[4]], build: (g, [a]) => g.neg(a!) },
  { name: "relu", inputs: [[4, 5]], build: (g, [a]) => g.relu(a!) },
  { name: "tanh", inputs: [[4, 5]], build: (g, [a]) => g.tanh(a!) },
  { name: "sqrt", inputs: [[4]], shift: 2, build: (g, [a]) => g.sqrt(a!) },
  { name: "clip", inputs: [[4, 5]], build: (g, [a]) => g.clip(a!, -0.5, 0.25) },
  {
    name: "gemm",
    inputs: [
      [3, 4],
      [4, 5],
    ],
    build: (g, [a, b]) => g.gemm(a!, b!),
  },
  {
    name: "gemm, bias",
    inputs: [[3, 4], [4, 5], [5]],
    build: (g, [a, b, c]) => g.gemm(a!, b!, c!),
  },
  {
    name: "gemm, a transposed",
    inputs: [
      [4, 3],
      [4, 5],
    ],
    build: (g, [a, b]) => g.gemm(a!, b!, null, { a: true }),
  },
  {
    name: "gemm, b transposed",
    inputs: [
      [3, 4],
      [5, 4],
      [3, 1],
    ],
    build: (g, [a, b, c]) => g.gemm(a!, b!, c!, { b: true }),
  },
  {
    name: "gemm, both transposed",
    inputs: [
      [4, 3],
      [5, 4],
    ],
    build: (g, [a, b]) => g.gemm(a!, b!, null, { a: true, b: true }),
  },
  { name: "sum over rows", inputs: [[3, 4]], build: (g, [a]) => g.sum(a!, [0]) },
  { name: "sum of all", inputs: [[3, 4]], build: (g, [a]) => g.sum(a!) },
  { name: "mean over columns", inputs: [[3, 4]], build: (g, [a]) => g.mean(a!, [1]) },
  { name: "norm", inputs: [[3, 4]], build: (g, [a]) => g.norm(a!) },
  { name: "reshape", inputs: [[3, 4]], build: (g, [a]) => g.reshape(a!, [2, 6]) },
  { name: "transpose", inputs: [[3, 4]], build: (g, [a]) => g.transpose(a!) },
  { name: "expand", inputs: [[3, 1]], build: (g, [a]) => g.expand(a!, [2, 3, 4]) },
  {
    name: "concat",
    inputs: [
      [3, 1],
      [3, 2],
      [3, 1],
    ],
    build: (g, all) => g.concat(all, 1),
  },
  {
    name: "split, one piece unused",
    inputs: [[3, 6]],
    build: (g, [a]) => {
      const [first, , last] = g.split(a!, [2, 1, 3], 1);
      return g.concat([last!, g.tanh(first!)], 1);
    },
  },
  { name: "slice", inputs: [[5, 2]], build: (g, [a]) => g.slice(a!, 0, 1, 3) },
  {
    name: "gather, a row taken twice",
    inputs: [[5, 3]],
    build: (g, [a]) => g.gather(a!, g.integers([4, 0, 4, 2])),
  },
  {
    name: "one value used by several",
    inputs: [[3, 3]],
    build: (g, [a]) => g.add(g.mul(g.tanh(a!), a!), g.gemm(a!, a!)),
  },
  {
    name: "two-layer network",
    inputs: [[6, 3], [3, 5], [5], [5, 2], [2]],
    build: (g, [x, w1, b1, w2, b2]) => g.tanh(g.gemm(g.relu(g.gemm(x!, w1!, b1!)), w2!, b2!)),
  },
];

function random(rng: Rng, dims: readonly number[], shift: number): Numbers {
  const length = dims.reduce((product, size) => product * size, 1);
  return { dims, data: Float64Array.from({ length }, () => shift + rng.uniform(-1, 1)) };
}

for (const { name, inputs, build, shift = 0 } of cases) {
  test(`derivative of ${name}`, () => {
    const g = new GraphBuilder();
    const sources = inputs.map((dims, i) => g.input(`x${i}`, "float32", dims));
    const y = build(g, sources);
    const weights = g.input("weights", "float32", y.dims);
    const scalar = g.sum(g.mul(y, weights));
    g.output("scalar", scalar);
    for (const [i, dx] of gradients(g, scalar, sources).entries()) {
      assert.deepEqual(dx.dims, inputs[i]);
      g.output(`dx${i}`, dx);
    }
    const graph = g.toGraph("case");

    const seed = 7;
    const rng = new Rng(seed);
    const feeds: Record<string, Numbers> = { weights: random(rng, y.dims, 0) };
    for (const [i, dims] of inputs.entries()) feeds[`x${i}`] = random(rng, dims, shift);
    const found = interpret(graph, feeds);
    const at = (): number => interpret(graph, feeds).get("scalar")!.data[0];
    for (const i of inputs.keys()) {
      const { data } = feeds[`x${i}`];
      for (let j = 0; j < data.length; j++) {
        const middle = data[j];
        const h = 1e-6;
        data[j] = middle + h;
        const above = at();
        data[j] = middle - h;
        const below = at();
        data[j] = middle;
        const expected = (above - below) / (2 * h);
        const actual = found.get(`dx${i}`)!.data[j];
        const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
        assert(
          error < 1e-7,
          `seed ${seed}: dx${i}[${j}] is ${actual}, differences say ${expected}`,
        );
      }
    }
  });
}

test("a value that the scalar does not use has the derivative zero", () => {
  const g = new GraphBuilder();
  const [a, b] = [g.input("a", "float32", [2]), g.input("b", "float32", [3])];
  const [da, db] = gradients(g, g.sum(g.square(a)), [a, b]);
  assert.equal(da!.fill, null);
  assert.equal(db!.fill, 0);
  assert.deepEqual(db!.dims, [3]);
});

test("a source stops the derivative on its way to what it was computed from", () => {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [2]);
  const middle = g.tanh(x);
  const operations = g.operations.length;
  const scalar = g.sum(g.mul(middle, middle));
  const [dx] = gradients(g, scalar, [middle]);
  assert.deepEqual(dx!.dims, [2]);
  assert(!g.operations.slice(operations).some(({ inputs }) => inputs.includes(x)));
});

test("an operation without a rule is refused by name", () => {
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [2]);
  const scalar = g.sum(g.cast(g.cast(x, "float64"), "float32"));
  assert.throws(() => gradients(g, scalar, [x]), /no derivative of Cast/);
});
