import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { openKernel, openKernels } from "../../src/learn/engine-kernel.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { nativeProblem, openNative } from "../../src/learn/kernel/native.ts";
import { plan } from "../../src/learn/kernel/plan.ts";
import type { Losses } from "../../src/learn/losses.ts";
import { scheduleColumns } from "../../src/learn/losses.ts";
import type { Program } from "../../src/learn/program.ts";
import { elementsOf } from "../../src/onnx/dims.ts";
import { gradients } from "../../src/onnx/gradient.ts";
import { GraphBuilder, type Value } from "../../src/onnx/graph.ts";
import { type Case, checkEverywhere, openOn, runners, runOn, uniform } from "./kernel-case.ts";
import { plainLosses } from "./problem.ts";

const seed = 20261124;

test("carried values read after and before they are written, swapped, kept, renamed", () => {
  const g = new GraphBuilder();
  const dims = [5, 7];
  const names = ["a", "b", "c", "d", "e", "f"];
  const [a, b, c, d, e, f] = names.map((name) => g.input(name, "float32", dims));
  const x = g.input("x", "float32", dims);
  const moved = g.add(a, x);
  g.output("a.next", moved);
  // b and c change places; d becomes what a was; e stays; f is turned round on itself.
  g.output("b.next", c);
  g.output("c.next", b);
  g.output("d.next", a);
  g.output("e.next", e);
  g.output("f.next", g.reshape(g.transpose(g.neg(f)), dims));
  // The old a is read beside the new one, and after it has been used.
  g.output("both", g.mul(g.tanh(moved), g.sub(a, d)));
  g.output("old", g.sum(a, [0]));
  const kept = [
    { name: "both", dims },
    { name: "old", dims: [1, 7] },
  ];
  const program = { graph: g, carried: [a, b, c, d, e, f], shared: [], each: [x], kept };
  const rng = new Rng(seed);
  const start = Object.fromEntries(names.map((name) => [name, uniform(rng, 35)]));
  checkEverywhere({ program, start, inputs: { x: uniform(rng, 140) }, rounds: 4 }, 1e-6, "state");
});

/**
 * A graph of `size` random nodes whose numbers stay small, everything unread published. Rows of
 * 128 and more go through the kernel's registers one at a time, shorter ones together: `wide` says
 * which.
 */
function randomCase(rng: Rng, size: number, wide: boolean): Case {
  const g = new GraphBuilder();
  const [rows, columns] = wide
    ? [1 + rng.below(4), 128 + rng.below(120)]
    : [1 + rng.below(24), 1 + rng.below(24)];
  const shapes = [[rows, columns], [columns], [rows, 1], [rows, rows], [columns, rows], [1], []];
  const inputs = shapes.map((dims, i) => g.input(`x${i}`, "float32", dims));
  const state = g.input("state", "float32", [rows * columns]);
  const values: Value[] = [...inputs, state, g.reshape(state, [rows, columns])];
  const any = (fits: (value: Value) => boolean = () => true): Value => {
    const fitting = values.filter(fits);
    return fitting[rng.below(fitting.length)];
  };
  const broadcasts = (one: Value): Value =>
    any(({ dims }) => dims.length === 0 || sameTail(dims, one.dims) || dims.join() === "1");
  const matrix = (): Value => any(({ dims }) => dims.length === 2);
  const kinds: readonly (() => Value)[] = [
    () => pair(g, rng, any(), broadcasts),
    () => pair(g, rng, any(), broadcasts),
    () => [g.relu, g.tanh, g.neg][rng.below(3)].call(g, any()),
    () => g.sqrt(g.add(g.square(any()), 0.1)),
    () => g.clip(any(), -0.7, 0.6),
    () => g.where(g.greater(inputs[0], 0.1), g.reshape(state, [rows, columns]), 0.5),
    () => g.tanh(product(g, rng, matrix(), matrix())),
    () => g.transpose(matrix()),
    () =>
      g.concat(
        [matrix()].flatMap((one) => [one, g.relu(one), one]),
        rng.below(2),
      ),
    () => g.mean(matrix(), [rng.below(2)]),
    () => g.mean(any()),
    () => g.tanh(g.norm(any())),
    () => cutOf(g, rng, matrix()),
    () => g.rowTimes(g.constant(1, [rows]), inputs[0]),
  ];
  while (values.length < size) values.push(kinds[rng.below(kinds.length)]());
  const flat = any(({ dims }) => elementsOf(dims) === rows * columns);
  g.output("state.next", g.mul(g.add(g.reshape(flat, [rows * columns]), state), 0.5));
  const last = values
    .slice(-8)
    .filter((value) => g.operations.some(({ outputs }) => outputs.includes(value)));
  const kept = last.map((value, i) => {
    g.output(`y${i}`, value);
    return { name: `y${i}`, dims: value.dims };
  });
  const program = {
    graph: g,
    carried: [state],
    shared: inputs.slice(0, 3),
    each: inputs.slice(3),
    kept,
  };
  const rounds = 2;
  const given = inputs.map(({ name, dims }, i): [string, Float32Array] => [
    name,
    uniform(rng, elementsOf(dims) * (i < 3 ? 1 : rounds)),
  ]);
  const start = { state: uniform(rng, rows * columns) };
  return { program, start, inputs: Object.fromEntries(given), rounds };
}

function sameTail(dims: readonly number[], of: readonly number[]): boolean {
  return (
    dims.length <= of.length && dims.every((size, i) => size === of[of.length - dims.length + i])
  );
}

function pair(g: GraphBuilder, rng: Rng, one: Value, other: (one: Value) => Value): Value {
  const two = other(one);
  const sum = [
    () => g.add(one, two),
    () => g.sub(one, two),
    () => g.mul(one, two),
    () => g.min(one, two),
    () => g.add(g.mul(one, two), one),
    () => g.div(one, g.add(g.square(two), 0.5)),
  ][rng.below(6)]();
  return g.mul(g.tanh(sum), 0.9);
}

/** A product of two matrices, one of them turned where that makes them fit, else a b b'. */
function product(g: GraphBuilder, rng: Rng, a: Value, b: Value): Value {
  const flags = [{}, { b: true }, { a: true }, { a: true, b: true }];
  const first = rng.below(4);
  for (let i = 0; i < 4; i++) {
    const transpose: { a?: boolean; b?: boolean } = flags[(first + i) % 4];
    if (a.dims[transpose.a ? 0 : 1] !== b.dims[transpose.b ? 1 : 0]) continue;
    const bias = g.constant(0.3, [b.dims[transpose.b ? 0 : 1]]);
    const y = g.gemm(a, b, rng.below(2) === 1 ? bias : null, transpose);
    return rng.below(2) === 1 ? g.relu(y) : y;
  }
  return g.gemm(a, a, null, { b: true });
}

function cutOf(g: GraphBuilder, rng: Rng, x: Value): Value {
  const axis = rng.below(2);
  const start = rng.below(x.dims[axis]);
  return g.slice(x, axis, start, start + 1 + rng.below(x.dims[axis] - start));
}

test("random graphs agree with float64 however they are fused and laid out", (t) => {
  for (let i = 0; i < 24; i++) {
    t.diagnostic(`seed ${seed}, stream ${i}`);
    const rng = new Rng(seed, 100 + i);
    checkEverywhere(randomCase(rng, 20 + rng.below(40), i % 3 === 2), 2e-5, `graph ${i}`);
  }
});

test("one number a row is not written over by what it multiplies, however long the row", () => {
  for (const columns of [24, 127, 128, 200, 520, 1100]) {
    const g = new GraphBuilder();
    const dims = [3, columns];
    const [x, w] = ["x", "w"].map((name) => g.input(name, "float32", dims));
    const centred = g.sub(x, g.mean(x, [1]));
    const deviation = g.sqrt(g.add(g.mean(g.square(centred), [1]), 1e-5));
    const y = g.mul(centred, g.div(1, deviation));
    const [slope] = gradients(g, g.sum(g.mul(g.relu(y), w)), [x]);
    g.output("slope", slope);
    const program = {
      graph: g,
      carried: [],
      shared: [x, w],
      each: [],
      kept: [{ name: "slope", dims }],
    };
    const rng = new Rng(seed, columns);
    const inputs = { x: uniform(rng, 3 * columns), w: uniform(rng, 3 * columns) };
    checkEverywhere({ program, start: {}, inputs, rounds: 1 }, 1e-5, `${columns} columns`);
  }
});

test("gradients of random graphs agree with float64", (t) => {
  for (let i = 0; i < 8; i++) {
    t.diagnostic(`seed ${seed}, stream ${i}`);
    const rng = new Rng(seed, 200 + i);
    const g = new GraphBuilder();
    const widths = [1 + rng.below(20), 1 + rng.below(20), 1 + rng.below(9)];
    const batch = 1 + rng.below(30);
    const size = widths[0] * widths[1] + widths[1] + widths[1] * widths[2];
    const parameters = g.input("parameters", "float32", [size]);
    const x = g.input("x", "float32", [batch, widths[0]]);
    const cut = [widths[0] * widths[1], widths[1], widths[1] * widths[2]];
    const [first, bias, second] = g.split(parameters, cut, 0);
    const hidden = g.gemm(x, g.reshape(first, [widths[0], widths[1]]), bias);
    const centred = g.sub(hidden, g.mean(hidden, [1]));
    const bent = i % 2 === 0 ? g.relu(centred) : g.tanh(centred);
    const y = g.gemm(bent, g.reshape(second, [widths[1], widths[2]]));
    const loss = g.mean(g.square(g.sub(y, 0.3)));
    const [gradient] = gradients(g, loss, [parameters]);
    g.output("parameters.next", g.sub(parameters, g.mul(gradient, 0.1)));
    g.output("norm", g.norm(gradient));
    const kept = [{ name: "norm", dims: [1] }];
    const program = { graph: g, carried: [parameters], shared: [], each: [x], kept };
    const inputs = { x: uniform(rng, 3 * batch * widths[0]) };
    const start = { parameters: uniform(rng, size) };
    checkEverywhere({ program, start, inputs, rounds: 3 }, 1e-5, `network ${i}`);
  }
});

/** A round of learning on random rows, with every input that the losses ask for. */
function learning(losses: Losses, rng: Rng, rounds: number): Case {
  const program = gradientStep(losses);
  const { observations, actions } = losses.shape;
  const width = observations + actions + 2;
  const rows = uniform(rng, 50 * width);
  const inputs: Record<string, Float32Array | Int32Array> = { rows };
  for (const { name, type, dims } of [...program.shared, ...program.each]) {
    if (name === "rows") continue;
    const shared = program.shared.some((one) => one.name === name);
    const count = elementsOf(dims) * (shared ? 1 : rounds);
    if (type === "int32") inputs[name] = Int32Array.from({ length: count }, () => rng.below(50));
    else inputs[name] = uniform(rng, count).map((one) => 0.6 + 0.4 * one);
  }
  const columns = scheduleColumns.length;
  inputs["schedule"].forEach((_, i, all) => {
    all[i] = [1e-2, 1e-3, 1e-2, 1e-3, 1e-4, 0.02][i % columns] ?? 0.5;
  });
  const start = Object.fromEntries(
    program.carried.map(({ name, dims }) => {
      const positive = /secondMoment|statistics|moments/.test(name);
      const values = uniform(rng, elementsOf(dims), 0.5);
      return [name, positive ? values.map((one) => 0.3 + one * one) : values];
    }),
  );
  return { program, start, inputs, rounds };
}

const small: Losses = {
  ...plainLosses,
  shape: { ...plainLosses.shape, observations: 5, actorHidden: [12, 9], criticHidden: [11, 8] },
  batch: 10,
};

test("rounds of learning with all that losses can ask for agree with float64", () => {
  const variants: Readonly<Record<string, Losses>> = {
    ddpg: small,
    td3: {
      ...small,
      ...{ policyDelay: 2, targetNoise: 0.2, targetNoiseClip: 0.5, gradientClip: 0.1 },
      shape: { ...small.shape, critics: 2, actionLayer: 1 },
    },
    normalised: {
      ...small,
      ...{ popArt: true, weighted: true, criticDecay: 1e-2, observationClip: 0.9 },
      shape: { ...small.shape, actorNorm: "layer", criticNorm: "layer", activation: "tanh" },
    },
    batched: {
      ...small,
      ...{ smoothTemporal: 0.1, smoothSpatial: 0.1, smoothSigma: 0.05, actionPenalty: 1e-2 },
      shape: { ...small.shape, actorNorm: "batch", criticNorm: "batch" },
    },
  };
  for (const [name, losses] of Object.entries(variants)) {
    checkEverywhere(learning(losses, new Rng(seed, 7), 2), 1e-4, name);
  }
});

test("large rounds of learning are the same bits with one thread and two", (t) => {
  if (!runners.includes("native")) return t.skip("no native kernel");
  const hidden = { actorHidden: [96, 130], criticHidden: [128, 70] };
  const losses = { ...small, batch: 200, shape: { ...small.shape, ...hidden } };
  const problem = learning(losses, new Rng(seed, 8), 3);
  const one = runOn("native", problem);
  for (let i = 0; i < 5; i++) {
    const two = runOn("native, 2 threads", problem);
    for (const [name, values] of Object.entries(one)) assert.deepEqual(two[name], values, name);
  }
});

/** What an actor says, from the parameters that a learner moves. */
function actorAndLearner(): { act: Program; learn: Program } {
  const layer = (g: GraphBuilder, parameters: Value, x: Value): Value =>
    g.tanh(g.gemm(x, g.reshape(parameters, [6, 3])));
  const a = new GraphBuilder();
  const [parameters, s] = [a.input("actor", "float32", [18]), a.input("s", "float32", [1, 6])];
  a.output("action", layer(a, parameters, s));
  const act = { graph: a, carried: [], shared: [parameters, s], each: [] };
  const l = new GraphBuilder();
  const carried = l.input("actor", "float32", [18]);
  l.output("actor.next", l.mul(carried, 0.5));
  return {
    act: { ...act, kept: [{ name: "action", dims: [1, 3] }] },
    learn: { graph: l, carried: [carried], shared: [], each: [], kept: [] },
  };
}

test("programs opened together see the same values, and step works on views", () => {
  const { act, learn } = actorAndLearner();
  for (const runner of runners) {
    const [actor, learner] = openOn(runner, [act, learn]);
    const rng = new Rng(seed, 9);
    learner.setCarried("actor", uniform(rng, 18));
    actor.view("s").set(uniform(rng, 6));
    for (let i = 0; i < 3; i++) {
      actor.step();
      const [s, parameters] = [actor.view("s"), learner.carried("actor")];
      for (let j = 0; j < 3; j++) {
        let sum = 0;
        for (let k = 0; k < 6; k++) sum += s[k] * parameters[3 * k + j];
        assert(Math.abs(actor.view("action")[j] - Math.tanh(sum)) < 1e-6, `${runner} ${i} ${j}`);
      }
      assert.deepEqual(actor.run(1, {})["action"], actor.view("action").slice(), runner);
      learner.run(1, {});
    }
    actor.close();
    assert.throws(() => learner.run(1, {}), /closed/);
  }
});

test("a backend that cannot run says what to do", () => {
  const { act } = actorAndLearner();
  assert.throws(() => openKernel(act, { backend: "wasm", threads: 2 }), {
    ...{ name: "SinewError", code: "engine" },
    message: /one thread/,
  });
  assert.match(nativeProblem("/nowhere/none.node") ?? "", /cannot|Cannot|no such/i);
  assert.throws(() => openNative(plan([act], { staged: false }), 1, "/nowhere/none.node"), {
    code: "engine",
  });
  const g = new GraphBuilder();
  const x = g.input("x", "float32", [2]);
  const odd: Value = { name: "odd", type: "float32", dims: [2], fill: null };
  g.operations.push({ op: "Erf", inputs: [x], outputs: [odd], attributes: {} });
  g.output("y", odd);
  const kept = [{ name: "y", dims: [2] }];
  const unknown = { graph: g, carried: [], shared: [x], each: [], kept };
  assert.throws(() => openKernels([unknown], { backend: "wasm", threads: 1 }), /does not know Erf/);
});
