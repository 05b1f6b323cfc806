import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../src/onnx/graph.ts";
import { encodeModel } from "../../src/onnx/model.ts";
import { createSession } from "../../src/policy/ort.ts";
import { interpret, type Numbers } from "./interpreter.ts";

test("sizes follow the broadcasting rule and a misfit fails at once", () => {
  const g = new GraphBuilder();
  const [a, b] = [g.input("a", "float32", [3, 1]), g.input("b", "float32", [4])];
  assert.deepEqual(g.add(a, b).dims, [3, 4]);
  assert.throws(() => g.add(g.input("c", "float32", [3]), b), /cannot broadcast \[3\] and \[4\]/);
  assert.throws(() => g.gemm(a, a), /gemm of \[3,1\] and \[3,1\]/);
  assert.throws(() => g.reshape(b, [5]), /reshape of \[4\] to \[5\]/);
  assert.throws(() => g.add(b, g.integers([1, 2, 3, 4])), /Add of float32 and int64/);
});

test("equal constants are stored once, and products of constants are folded", () => {
  const g = new GraphBuilder();
  assert.equal(g.constant(2), g.constant(2));
  assert.notEqual(g.constant(2), g.constant(2, [1]));
  assert.notEqual(g.constant(0), g.constant(-0));
  assert.equal(g.mul(g.constant(2, [2, 1]), g.constant(3, [1, 3])), g.constant(6, [2, 3]));
  const x = g.input("x", "float32", [2]);
  assert.equal(g.mul(x, 1), x);
  assert.equal(g.mul(x, g.constant(1, [2])), x);
  assert.equal(g.sub(x, g.constant(0, [2])), x);
  assert.equal(g.operations.length, 0);
  assert.deepEqual(g.mul(x, g.constant(1, [3, 2])).dims, [3, 2]);
});

test("a size of -1 is symbolic in the graph, and gather replaces it", () => {
  const g = new GraphBuilder();
  const rows = g.input("rows", "float32", [-1, 5]);
  const index = g.input("index", "int32", [7]);
  g.output("taken", g.gather(rows, index));
  const graph = g.toGraph("gathering");
  assert.deepEqual(graph.inputs[0], { name: "rows", type: "float32", dims: ["rows_0", 5] });
  assert.deepEqual(graph.outputs[0], { name: "taken", type: "float32", dims: [7, 5] });
});

test("ONNX Runtime and the float64 interpreter agree on every operation", async () => {
  const g = new GraphBuilder();
  const a = g.input("a", "float32", [3, 4]);
  const b = g.input("b", "float32", [4, 3]);
  const index = g.input("index", "int32", [5]);
  const flip = g.transpose(b);
  const pieces = g.split(a, [1, 2, 1], 1);
  const results = {
    add: g.add(a, flip),
    sub: g.sub(1, a),
    mul: g.mul(a, flip),
    div: g.div(a, g.add(g.square(flip), 1)),
    min: g.min(a, flip),
    where: g.where(g.greater(a, 0), a, flip),
    equal: g.where(g.equal(a, g.clip(a, -0.4, 0.4)), 1, a),
    neg: g.neg(a),
    relu: g.relu(a),
    sign: g.sign(a),
    tanh: g.tanh(a),
    sqrt: g.sqrt(g.square(a)),
    clip: g.clip(a, -0.5, 0.5),
    gemm: g.gemm(a, b, g.constant([1, 2, 3], [3])),
    gemmA: g.gemm(b, b, null, { a: true }),
    gemmB: g.gemm(a, a, null, { b: true }),
    gemmAB: g.gemm(b, a, null, { a: true, b: true }),
    rowTimes: g.rowTimes(g.constant([1, -2, 3, 0.5], [4]), b),
    sum: g.sum(a, [0]),
    mean: g.mean(a, [1]),
    norm: g.norm(a),
    reshape: g.reshape(a, [2, 6]),
    expand: g.expand(g.slice(a, 1, 1, 2), [2, 3, 4]),
    concat: g.concat([pieces[2], pieces[0], pieces[1]], 1),
    slice: g.slice(a, 0, 1, 3),
    gather: g.gather(a, index),
    scatter: g.scatterAdd([6, 4], index, g.gather(flip, index)),
  };
  for (const [name, value] of Object.entries(results)) g.output(name, value);
  const graph = g.toGraph("every operation");
  const bytes = encodeModel({
    irVersion: 8,
    opset: 17,
    producer: "sinew",
    graph,
    metadata: new Map(),
  });
  const numbers = (shift: number) =>
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i + shift));
  const [dataA, dataB] = [numbers(0), numbers(50)];
  const rows = Int32Array.of(0, 2, 1, 2, 2);
  const session = await createSession(bytes);
  const found = await session.run({
    a: { type: "float32", data: dataA, dims: [3, 4] },
    b: { type: "float32", data: dataB, dims: [4, 3] },
    index: { type: "int32", data: rows, dims: [5] },
  });
  await session.release();
  const feeds: Record<string, Numbers> = {
    a: { dims: [3, 4], data: Float64Array.from(dataA) },
    b: { dims: [4, 3], data: Float64Array.from(dataB) },
    index: { dims: [5], data: Float64Array.from(rows) },
  };
  const expected = interpret(graph, feeds);
  for (const name of Object.keys(results)) {
    const [have, want] = [found[name], expected.get(name)!];
    assert.deepEqual([...have.dims], [...want.dims], name);
    for (const [i, value] of want.data.entries()) {
      const error = Math.abs(Number(have.data[i]) - value);
      assert(error < 1e-5, `${name}[${i}] is ${have.data[i]}, float64 says ${value}`);
    }
  }
});
