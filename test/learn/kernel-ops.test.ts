import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { GraphBuilder, type Value } from "../../src/onnx/graph.ts";
import { encodeModel } from "../../src/onnx/model.ts";
import { createSession } from "../../src/policy/ort.ts";
import { assertNear, checkEverywhere, noNative, runners, runOn, uniform } from "./kernel-case.ts";
import { type Build, broadcasts, elementwiseCase, piecesCase, programOf } from "./op-cases.ts";

const seed = 20261124;

/** A node that the builder has no method for. */
function raw(g: GraphBuilder, op: string, ...inputs: Value[]): Value {
  const name = `${op}.${g.operations.length}`;
  const value: Value = { name, type: "float32", dims: inputs[0].dims, fill: null };
  g.operations.push({ op, inputs, outputs: [value], attributes: {} });
  return value;
}

test("elementwise ops agree with float64, broadcast and not, whole vectors and not", (t) => {
  const rng = new Rng(seed);
  const [rows, columns] = [1 + rng.below(40), 1 + rng.below(40)];
  t.diagnostic(`seed ${seed}: ${rows} by ${columns}`);
  for (const sizes of [
    ...broadcasts(rows, columns),
    [[3, 700], [700], [3, 1]],
    [[2000], [2000], [1]],
  ]) {
    checkEverywhere(elementwiseCase(rng, sizes), 4e-7, `sizes ${sizes.join(" ")}`);
  }
});

test("tanh, exp and log are within 3e-7 of the truth, relatively; max and abs are exact", () => {
  const g = new GraphBuilder();
  const rng = new Rng(seed, 1);
  const count = 4003;
  const x = g.input("x", "float32", [count]);
  const positive = g.input("positive", "float32", [count]);
  const outputs = {
    tanh: g.tanh(x),
    exp: raw(g, "Exp", x),
    log: raw(g, "Log", positive),
    max: raw(g, "Max", x, positive),
    abs: raw(g, "Abs", x),
  };
  for (const [name, value] of Object.entries(outputs)) g.output(name, value);
  const kept = Object.keys(outputs).map((name) => ({ name, dims: [count] }));
  const program = { graph: g, carried: [], shared: [x, positive], each: [], kept };
  const inputs = {
    x: Float32Array.from({ length: count }, (_, i) => rng.uniform(-1, 1) * 10 ** ((i % 9) - 6)),
    positive: Float32Array.from({ length: count }, (_, i) => 10 ** rng.uniform(-(i % 30), i % 30)),
  };
  const truth = {
    tanh: Array.from(inputs.x, Math.tanh),
    exp: Array.from(inputs.x, Math.exp),
    log: Array.from(inputs.positive, Math.log),
    max: Array.from(inputs.x, (one, i) => Math.max(one, inputs.positive[i])),
    abs: Array.from(inputs.x, Math.abs),
  };
  for (const runner of runners) {
    const outcome = runOn(runner, { program, start: {}, inputs, rounds: 1 });
    for (const [name, want] of Object.entries(truth)) {
      const limit = name === "max" || name === "abs" ? 0 : 3e-7;
      for (const [i, one] of want.entries()) {
        const have = outcome[name][i];
        // Beyond float32 both are infinite or 0; a log near 0 is judged by its own size.
        if (Object.is(have, Math.fround(one))) continue;
        const error = Math.abs(have - one) / Math.max(Math.abs(one), name === "log" ? 1 : 1e-30);
        assert(error <= limit, `${runner}: ${name}(${inputs.x[i]}) is ${have}, not ${one}`);
      }
    }
  }
});

test("NaN and infinities come through as in ONNX Runtime", async () => {
  const values = [Number.NaN, 1, Number.NaN, -Infinity, Infinity, 0, 0.5, 3, Number.NaN];
  const others = [1, Number.NaN, Number.NaN, 2, -1, 0, -2, Number.NaN, -Infinity];
  const count = values.length;
  const builds: readonly Build[] = [
    (g, a) => g.relu(a),
    (g, a, b) => g.min(a, b),
    (g, a, b) => raw(g, "Max", a, b),
    (g, a) => g.clip(a, -1, 1),
    (g, a) => g.sign(a),
    (g, a, b, c) => g.where(g.greater(a, b), a, c),
    (g, a) => g.tanh(a),
    (g, a) => g.sqrt(a),
    (g, a) => raw(g, "Exp", a),
    (g, a) => raw(g, "Log", a),
    (g, a) => raw(g, "Abs", a),
    (g, a, b) => g.add(g.mul(a, b), 1),
  ];
  const program = programOf(builds, [[count], [count], [count]]);
  const [a, b] = [Float32Array.from(values), Float32Array.from(others)];
  const session = await createSession(
    encodeModel({
      ...{ irVersion: 8, opset: 17, producer: "test", metadata: new Map() },
      graph: program.graph.toGraph("nan"),
    }),
  );
  const feed = (data: Float32Array) => ({ type: "float32" as const, data, dims: [count] });
  const fetches = Object.fromEntries(
    program.kept.map(({ name }) => [name, feed(new Float32Array(count))]),
  );
  await session.run({ a: feed(a), b: feed(b), c: feed(b) }, fetches);
  await session.release();
  for (const runner of runners) {
    const inputs = { a, b, c: b };
    const outcome = runOn(runner, { program, start: {}, inputs, rounds: 1 });
    const expected = Object.fromEntries(
      Object.entries(fetches).map(([name, { data }]) => [name, data]),
    );
    assertNear(outcome, expected, 3e-7, runner);
  }
});

test("what no normal number can hold is zero with AVX2 and NEON, and only while they run", () => {
  const count = 40;
  const program = programOf(
    [(g, a) => g.mul(a, 0.5), (g, _, b) => g.mul(b, b)],
    [[count], [count], [count]],
  );
  const a = new Float32Array(count).fill(1e-39);
  const b = new Float32Array(count).fill(1e-20);
  const own = Float64Array.of(Number.MIN_VALUE);
  for (const runner of runners) {
    const { y0, y1 } = runOn(runner, { program, start: {}, inputs: { a, b, c: b }, rounds: 1 });
    const keeps = runner === "wasm" || (runner === "native, base" && process.arch === "x64");
    const flushed = (value: number): number => (keeps ? Math.fround(value) : 0);
    assert.deepEqual(y0, new Float32Array(count).fill(flushed(a[0] * 0.5)), runner);
    assert.deepEqual(y1, new Float32Array(count).fill(flushed(b[0] * b[0])), runner);
    assert.equal(own[0] * 1, Number.MIN_VALUE, `${runner}: the caller's own numbers`);
  }
});

test("matrix products of all kinds agree with float64", (t) => {
  const rng = new Rng(seed, 2);
  t.diagnostic(`seed ${seed}`);
  const pick = () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 23, 31, 33, 48, 65][rng.below(17)];
  const shapes = Array.from({ length: 40 }, () => [pick(), pick(), pick()]);
  // Deeper than one panel, more rows than one block, one row and one column.
  shapes.push([7, 19, 330], [5, 6, 700], [300, 17, 290], [1, 70, 64], [70, 1, 64], [3, 100, 33]);
  for (const [m, n, k] of shapes) checkProduct(rng, m, n, k);
});

/** One product with each epilogue, its operands transposed or not. */
function checkProduct(rng: Rng, m: number, n: number, k: number): void {
  const [flipA, flipB] = [rng.below(2) === 1, rng.below(2) === 1];
  const g = new GraphBuilder();
  const a = g.input("a", "float32", flipA ? [k, m] : [m, k]);
  const b = g.input("b", "float32", flipB ? [n, k] : [k, n]);
  const bias = g.input("bias", "float32", [n]);
  const y = g.input("y", "float32", [m, n]);
  const product = (c: Value | null) => g.gemm(a, b, c, { a: flipA, b: flipB });
  const mask = g.relu(y);
  // The sums must not be one value, or its several readers would keep the epilogues away.
  const outputs = {
    plain: product(null),
    relu: g.relu(product(bias)),
    masked: g.mul(g.gemm(a, g.neg(b), null, { a: flipA, b: flipB }), g.sign(mask)),
    full: g.gemm(a, b, y, { a: flipA, b: flipB }),
  };
  for (const [name, value] of Object.entries(outputs)) g.output(name, value);
  const kept = Object.entries(outputs).map(([name, { dims }]) => ({ name, dims }));
  const program = { graph: g, carried: [], shared: [a, b, bias, y], each: [], kept };
  const inputs = {
    ...{ a: uniform(rng, m * k), b: uniform(rng, k * n), bias: uniform(rng, n) },
    y: uniform(rng, m * n),
  };
  const expected = { plain: [], relu: [], masked: [], full: [] } as Record<string, number[]>;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let q = 0; q < k; q++) {
        sum += inputs.a[flipA ? q * m + i : i * k + q] * inputs.b[flipB ? j * k + q : q * n + j];
      }
      const at = i * n + j;
      expected["plain"].push(sum);
      expected["relu"].push(Math.max(0, sum + inputs.bias[j]));
      expected["masked"].push(inputs.y[at] > 0 ? -sum : 0);
      expected["full"].push(sum + inputs.y[at]);
    }
  }
  for (const runner of runners) {
    const outcome = runOn(runner, { program, start: {}, inputs, rounds: 1 });
    const tolerance = 2e-7 * Math.sqrt(k) + 1e-6;
    assertNear(outcome, expected, tolerance, `${m} ${n} ${k} ${flipA} ${flipB}, ${runner}`);
  }
}

test("sums, gathers, scatters and pieces agree with float64", (t) => {
  const rng = new Rng(seed, 3);
  t.diagnostic(`seed ${seed}`);
  for (const [rows, columns] of [
    [1, 1],
    [9, 5],
    [33, 17],
    [130, 40],
    [5, 600],
    [700, 1],
  ]) {
    checkEverywhere(piecesCase(rng, rows, columns), 2e-6, `${rows} by ${columns}`);
  }
});

test("an index that names no row is refused", () => {
  const g = new GraphBuilder();
  const table = g.input("table", "float32", [-1, 3]);
  const index = g.input("index", "int32", [2]);
  g.output("y", g.gather(table, index));
  const kept = [{ name: "y", dims: [2, 3] }];
  const program = { graph: g, carried: [], shared: [table], each: [index], kept };
  for (const runner of runners) {
    for (const wrong of [-1, 4]) {
      const inputs = { table: new Float32Array(12), index: Int32Array.of(0, wrong) };
      assert.throws(() => runOn(runner, { program, start: {}, inputs, rounds: 1 }), {
        code: "engine",
        message: /names a row/,
      });
    }
  }
});

test("the native kernel works on this platform, where it is built for it", (t) => {
  const built = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64"];
  if (!built.includes(`${process.platform}-${process.arch}`)) t.skip("not built");
  else assert.equal(noNative, null);
});
