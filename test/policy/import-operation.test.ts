// Every operation that is read, judged by ONNX Runtime: what the file computes, what Sinew reads of
// it by plain arithmetic, and what the graph computes that Sinew writes, are the same.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { encodeModel, type Model } from "../../src/onnx/model.ts";
import { graphOfFormula } from "../../src/policy/formula-graph.ts";
import { reordered } from "../../src/policy/formula-order.ts";
import { evaluateFormula } from "../../src/policy/formula-value.ts";
import { arithmetic } from "../../src/policy/import-arithmetic.ts";
import { layers } from "../../src/policy/import-layer.ts";
import { readNetwork } from "../../src/policy/import-network.ts";
import { rearrangements } from "../../src/policy/import-rearrangement.ts";
import { createSession } from "../../src/policy/ort.ts";
import { inputName, outputName } from "../../src/policy/policy-graph.ts";
import { f, floats, type GraphText, i, integers, modelOf, width } from "./graph-text.ts";

const unary = ["Abs", "Cos", "Elu", "Exp", "LeakyRelu", "Neg", "Relu", "Selu", "Sigmoid", "Sign"];
const others = ["Sin", "Softplus", "Softsign", "Tanh", "HardSigmoid", "HardSwish", "Identity"];
const matrix = floats([1, -2, 0.5, 3, -1, 0.25, 2, -0.5, 1, 1, -1, 0.125], [4, 3]);
const sideways = { ...matrix, dims: [3, 4] };
const row = floats([0.5, -1, 2, 0.25]);
const cases: Readonly<Record<string, GraphText>> = {
  ...Object.fromEntries([...unary, ...others].map((op) => [op, { nodes: [[op, "x", "y"]] }])),
  ...Object.fromEntries(
    ["Add", "Div", "Max", "Min", "Mul", "Sub"].map((op) => [
      op,
      { nodes: [[op, "x c", "y"]], constants: { c: row } },
    ]),
  ),
  "Sub, the other way": { nodes: [["Sub", "c x", "y"]], constants: { c: row } },
  "Max of three": { nodes: [["Max", "x c d", "y"]], constants: { c: row, d: floats([0.3], []) } },
  "Elu with alpha": { nodes: [["Elu", "x", "y", { alpha: f(0.3) }]] },
  "LeakyRelu with alpha": { nodes: [["LeakyRelu", "x", "y", { alpha: f(0.2) }]] },
  "HardSigmoid with alpha": { nodes: [["HardSigmoid", "x", "y", { alpha: f(1 / 6) }]] },
  Mish: { nodes: [["Mish", "x", "y"]], opset: 18 },
  "Log, Sqrt, Reciprocal": {
    nodes: [
      ["Sqrt", "x", "a"],
      ["Log", "a", "b"],
      ["Reciprocal", "x", "d"],
      ["Add", "b d", "y"],
    ],
    low: 0.5,
  },
  Pow: { nodes: [["Pow", "x c", "y"]], constants: { c: floats([2], []) } },
  "a column beside a row": {
    nodes: [
      ["Slice", "x from to axes", "a"],
      ["Mul", "x a", "y"],
    ],
    constants: { from: integers([1]), to: integers([2]), axes: integers([1]) },
  },
  PRelu: { nodes: [["PRelu", "x c", "y"]], constants: { c: row } },
  "Greater, Less and Where": {
    nodes: [
      ["Greater", "x c", "g"],
      ["Less", "x d", "l"],
      ["Where", "g x c", "a"],
      ["Where", "l d a", "y"],
    ],
    constants: { c: row, d: floats([-0.5], []) },
  },
  "Clip by inputs": {
    nodes: [["Clip", "x low high", "y"]],
    constants: { low: floats([-1], []), high: floats([0.5], []) },
  },
  "Clip from above only": {
    nodes: [["Clip", "x _ high", "y"]],
    constants: { high: floats([0.5], []) },
  },
  "Clip by attributes": { nodes: [["Clip", "x", "y", { min: f(-0.5), max: f(1) }]], opset: 10 },
  Gemm: { nodes: [["Gemm", "x w b", "y"]], constants: { w: matrix, b: floats([1, 2, 3]) } },
  "Gemm transposed and scaled": {
    nodes: [["Gemm", "x w b", "y", { transB: i(1), alpha: f(0.5), beta: f(-2) }]],
    constants: { w: sideways, b: floats([1, 2, 3]) },
  },
  "Gemm without a bias, with one number as bias": {
    nodes: [
      ["Gemm", "x w", "a"],
      ["Gemm", "a v b", "y"],
    ],
    constants: { w: matrix, v: floats([1, 2, 3, 4, 5, 6], [3, 2]), b: floats([0.5], [1]) },
  },
  MatMul: { nodes: [["MatMul", "x w", "y"]], constants: { w: matrix } },
  "MatMul of a bare row": { nodes: [["MatMul", "x w", "y"]], constants: { w: matrix }, dims: [4] },
  BatchNormalization: {
    nodes: [["BatchNormalization", "x s b m v", "y", { epsilon: f(0.01) }]],
    constants: {
      s: floats([1, 2, -1, 0.5]),
      b: floats([0, 1, 2, -1]),
      m: floats([0.1, -0.2, 1, 0]),
      v: floats([1, 0.25, 4, 0]),
    },
  },
  LayerNormalization: {
    nodes: [["LayerNormalization", "x s b", "y", { epsilon: f(0.01) }]],
    constants: { s: floats([1, 2, -1, 0.5]), b: floats([0, 1, 2, -1]) },
  },
  "LayerNormalization without a shift": {
    nodes: [["LayerNormalization", "x s", "y"]],
    constants: { s: floats([1, 2, -1, 0.5]) },
  },
  "reductions of operator set 17": {
    nodes: [
      ["ReduceMean", "x", "m", { axes: { ints: [-1] } }],
      ["ReduceSum", "x axes", "s", { keepdims: i(1) }],
      ["ReduceL2", "x", "n", { axes: { ints: [1] } }],
      ["Add", "m s", "a"],
      ["Div", "x n", "b"],
      ["Mul", "a b", "y"],
    ],
    constants: { axes: integers([1]) },
  },
  "reductions of operator set 18": {
    nodes: [
      ["ReduceMean", "x axes", "m", { keepdims: i(0) }],
      ["Unsqueeze", "m axes", "a"],
      ["Sub", "x a", "y"],
    ],
    constants: { axes: integers([1]) },
    opset: 18,
  },
  Dropout: { nodes: [["Dropout", "x r", "y"]], constants: { r: floats([0.5], []) } },
  Cast: {
    nodes: [
      ["Cast", "x", "a", { to: i(11) }],
      ["Cast", "a", "y", { to: i(1) }],
    ],
  },
  "Constant of each kind": {
    nodes: [
      ["Constant", "", "a", { value_float: f(0.5) }],
      ["Constant", "", "b", { value_floats: { floats: [1, 2, 3, 4] } }],
      ["Constant", "", "n", { value_int: i(2) }],
      ["Cast", "n", "d", { to: i(1) }],
      ["Constant", "", "e", { value: { tensor: { name: "", ...row } } }],
      ["Constant", "", "shape", { value_ints: { ints: [1, 4] } }],
      ["Reshape", "b shape", "b2"],
      ["Mul", "x a", "p"],
      ["Add", "p b2", "q"],
      ["Mul", "q e", "r"],
      ["Add", "r d", "y"],
    ],
  },
  "Reshape, Flatten, Squeeze, Unsqueeze": {
    nodes: [
      ["Reshape", "x s1", "a"],
      ["Squeeze", "a one", "b"],
      ["Unsqueeze", "b zero", "d"],
      ["Flatten", "d", "e", { axis: i(1) }],
      ["Reshape", "e s2", "y"],
    ],
    constants: {
      s1: integers([0, 1, -1]),
      s2: integers([-1]),
      one: integers([1]),
      zero: integers([0]),
    },
  },
  "Squeeze and Unsqueeze of operator set 11": {
    nodes: [
      ["Squeeze", "x", "a", { axes: { ints: [0] } }],
      ["Unsqueeze", "a", "y", { axes: { ints: [0, 2] } }],
    ],
    opset: 11,
  },
  "Transpose of a table": {
    nodes: [
      ["Reshape", "x s1", "a"],
      ["Transpose", "a", "b", { perm: { ints: [0, 2, 1] } }],
      ["Reshape", "b s2", "y"],
    ],
    constants: { s1: integers([1, 2, 2]), s2: integers([1, 4]) },
  },
  Gather: {
    nodes: [["Gather", "x which", "y", { axis: i(1) }]],
    constants: { which: integers([3, -3, 0, 0, 2]) },
  },
  "Slice, Split and Concat": {
    nodes: [
      ["Slice", "x from to axes steps", "a"],
      ["Split", "x sizes", "b d", { axis: i(-1) }],
      ["Concat", "d a c b", "y", { axis: i(1) }],
    ],
    constants: {
      from: integers([-4]),
      to: integers([2 ** 52]),
      axes: integers([-1]),
      steps: integers([2]),
      sizes: integers([1, 3]),
      c: floats([7, 8], [1, 2]),
    },
  },
  "Split in equal parts": {
    nodes: [
      ["Split", "x", "a b", { axis: i(1) }],
      ["Sub", "a b", "y"],
    ],
  },
  "Expand of one number": {
    nodes: [
      ["ReduceMean", "x", "m", { axes: { ints: [1] } }],
      ["Shape", "x", "s"],
      ["Expand", "m s", "a"],
      ["Mul", "a x", "y"],
    ],
  },
  "a shape that the graph computes": {
    nodes: [
      ["Shape", "x", "s"],
      ["Gather", "s last", "n", { axis: i(0) }],
      ["Add", "n two", "a"],
      ["Div", "a two", "half"],
      ["Equal", "half three", "e"],
      ["Where", "e three half", "to"],
      ["Slice", "x from to axes", "y"],
    ],
    constants: {
      last: integers([-1]),
      two: integers([2]),
      three: integers([3]),
      from: integers([0]),
      axes: integers([1]),
    },
  },
  "ConstantOfShape and a broadcast constant": {
    nodes: [
      ["Shape", "x", "s"],
      ["ConstantOfShape", "s", "z", { value: { tensor: { name: "", ...floats([2]) } } }],
      ["Mul", "z c", "k"],
      ["Exp", "k", "e"],
      ["Add", "x e", "y"],
    ],
    constants: { c: floats([0.5], [1, 1]) },
  },
};

/** What a reading of the file makes of `rows`, by ONNX Runtime and by us, all of them in order. */
async function answersOf(model: Model, dims: readonly number[], rows: readonly Float32Array[]) {
  const network = readNetwork(model, model.graph.inputs[0]);
  const [{ formula, cause }] = network.outputs;
  assert.ok(formula !== null, cause?.message);
  const count = formula.steps.at(-1)!.width;
  const session = await createSession(encodeModel(model));
  const channels = (length: number) =>
    Array.from({ length }, (_, at) => ({ name: `c${at}`, unit: "1", low: -1e9, high: 1e9 }));
  const spec: Spec = { observation: channels(width), action: channels(count), periodUs: 1000 };
  const graph = graphOfFormula(spec, formula);
  const written = await createSession(encodeModel({ ...model, opset: 17, graph }));
  const answers: Record<"theirs" | "ours" | "single" | "reordered" | "written", number[]>[] = [];
  for (const data of rows) {
    const { y } = await session.run({ x: { type: "float32", data, dims } });
    const feed = { type: "float32", data, dims: [1, width] } as const;
    const result = await written.run({ [inputName]: feed });
    answers.push({
      theirs: [...(y.data as Float32Array)],
      ours: [...evaluateFormula(formula, data)],
      single: [...evaluateFormula(formula, data, Float32Array)],
      reordered: [...evaluateFormula(reordered(formula, new Rng(2, 1)), data)],
      written: [...(result[outputName].data as Float32Array)],
    });
  }
  await session.release();
  await written.release();
  return answers;
}

for (const [name, each] of Object.entries(cases)) {
  test(`${name}: read as ONNX Runtime computes it, and written again`, async () => {
    const rng = new Rng(name.length, 3);
    const rows = Array.from({ length: 40 }, () =>
      Float32Array.from({ length: width }, () => rng.uniform(each.low ?? -2, 2)),
    );
    for (const { theirs, ...others } of await answersOf(
      modelOf(each),
      each.dims ?? [1, width],
      rows,
    )) {
      for (const [who, numbers] of Object.entries(others)) {
        assert.equal(numbers.length, theirs.length, who);
        theirs.forEach((one, at) => {
          const apart = Math.abs(one - numbers[at]);
          assert.ok(apart <= 2e-6 * Math.max(1, Math.abs(one)), `${who}: ${numbers[at]}, ${one}`);
        });
      }
    }
  });
}

test("every operation that is read has been judged, and is in docs/import.md", () => {
  const text = readFileSync("docs/import.md", "utf8");
  const judged = new Set(Object.values(cases).flatMap(({ nodes }) => nodes.map(([op]) => op)));
  const known = Object.keys({ ...arithmetic, ...layers, ...rearrangements });
  assert.deepEqual(
    known.filter((op) => !judged.has(op) || !text.includes(`\`${op}\``)),
    [],
  );
});
