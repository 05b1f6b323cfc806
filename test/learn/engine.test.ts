import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { ActorForward } from "../../src/learn/actor-forward.ts";
import { type Carried, openEngine } from "../../src/learn/engine.ts";
import { openTfjsEngine } from "../../src/learn/engine-tfjs.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { initialState, type Minibatches } from "../../src/learn/learner.ts";
import { type Losses, metricNames, scheduleColumns, scheduleOf } from "../../src/learn/losses.ts";
import { networksOf } from "../../src/learn/networks.ts";
import type { Program } from "../../src/learn/program.ts";
import { interpret, type Numbers } from "../onnx/interpreter.ts";
import { engineContract } from "./engine-contract.ts";
import { opContract } from "./op-contract.ts";
import { flatOf, openLearner, plainLosses } from "./problem.ts";
import { Reference, relativeErrors } from "./reference.ts";

for (const choice of [
  { kind: "kernel", threads: 1 },
  { kind: "kernel", threads: 2 },
  { kind: "kernel-wasm", threads: 1 },
  { kind: "onnx", threads: 1 },
  { kind: "tfjs", threads: 1 },
] as const) {
  for (const { name, check } of [...engineContract, ...opContract]) {
    test(`${choice.kind}, ${choice.threads} threads: ${name}`, async () => {
      await check((program, start) => openEngine(choice, program, start));
    });
  }
  test(`${choice.kind}, ${choice.threads} threads: no values of another length`, async () => {
    const { carried } = initialState(plainLosses, 3e-3, new Rng(1));
    const start = { ...carried, "actor.online": carried["actor.online"].subarray(1) };
    await assert.rejects(openEngine(choice, gradientStep(plainLosses), start), {
      code: "ERR_ASSERTION",
    });
  });
}

const settings: Losses = {
  ...plainLosses,
  shape: { ...plainLosses.shape, observations: 3, actorHidden: [8, 6], criticHidden: [8, 6] },
  batch: 5,
  tau: 0.05,
  actorRate: 1e-2,
  criticRate: 3e-2,
};
const observation = {
  mean: Float32Array.of(0.1, 0.2, 0.3),
  scale: Float32Array.of(1, 0.5, 2),
  clip: 0,
};

function minibatches(rng: Rng, steps: number): Minibatches {
  const capacity = 20;
  const rows = Float32Array.from({ length: capacity * 7 }, () => rng.uniform(-1, 1));
  for (let row = 0; row < capacity; row++) rows[row * 7 + 6] = row % 3 === 0 ? 0 : 0.9;
  const draw = () => Int32Array.from({ length: steps * 5 }, () => rng.below(capacity));
  const [index, nextIndex] = [draw(), draw()];
  return { rows, index, nextIndex, observation, rewardScale: 0.5, rateShare: 1, noiseShare: 1 };
}

test("the gradient step's graph, run in float64, is the reference up to float64 rounding", () => {
  const rng = new Rng(3);
  const start = initialState(settings, 3e-3, rng);
  const data = minibatches(rng, 1);
  const vector = (values: ArrayLike<number>): Numbers => ({
    dims: [values.length],
    data: Float64Array.from(values),
  });
  const feeds: Record<string, Numbers> = {
    rows: { dims: [20, 7], data: Float64Array.from(data.rows) },
    index: vector(data.index),
    nextIndex: vector(data.nextIndex),
    observationMean: vector(observation.mean),
    observationScale: vector(observation.scale),
    rewardScale: vector([data.rewardScale]),
    schedule: {
      dims: [1, scheduleColumns.length],
      data: Float64Array.from(scheduleOf(settings, 0, 1, { rateShare: 1, noiseShare: 1 })),
    },
  };
  for (const [name, values] of Object.entries(start.carried)) feeds[name] = vector(values);
  const values = interpret(gradientStep(settings).graph.toGraph("step"), feeds);
  const found = (name: string): Float64Array => values.get(name)!.data;
  const joined = (name: string): Float64Array =>
    Float64Array.of(...found(`actor.${name}.next`), ...found(`critic.${name}.next`));
  const after = {
    online: joined("online"),
    target: joined("target"),
    firstMoment: joined("firstMoment"),
    secondMoment: joined("secondMoment"),
    steps: 1,
  };
  const reference = new Reference(settings, flatOf(start));
  const metrics = reference.step(data, 0);
  // Constants such as 1 - beta are float32 in the graph: 6e-8 relative; all else is double.
  for (const [tensor, error] of relativeErrors(settings, after, reference.state)) {
    assert(error < 2e-7, `${tensor} is off by ${error}`);
  }
  for (const [i, name] of metricNames.entries()) {
    const error = Math.abs(found("metrics")[i] - metrics[name]);
    assert(error < 1e-6, `${name} is off by ${error}`);
  }
});

test("the schedule holds Adam's bias corrections, worked out in double", () => {
  const changes = { policyDelay: 2, targetEvery: 2, criticDecay: 0.1, actorNoise: 0.4 };
  const delayed = { ...settings, ...changes };
  const schedule = scheduleOf(delayed, 6, 2, { rateShare: 0.5, noiseShare: 0.25 });
  for (const [k, t] of [7, 8, 9, 10].entries()) {
    const row = schedule.subarray(7 * k, 7 * k + 7);
    const [m, v] = [0.3, 0.02];
    const expected = (rate: number, at: number): number =>
      (0.5 * rate * (m / (1 - 0.9 ** at))) / (Math.sqrt(v / (1 - 0.999 ** at)) + 1e-8);
    const actual = (rate: number, epsilon: number): number => (rate * m) / (Math.sqrt(v) + epsilon);
    const actorStep = Math.ceil(t / 2);
    assert(Math.abs(actual(row[0], row[1]) / expected(3e-2, t) - 1) < 1e-7);
    assert(Math.abs(actual(row[2], row[3]) / expected(1e-2, actorStep) - 1) < 1e-7);
    assert.equal(row[4], Math.fround(3e-2 * 0.5 * 0.1));
    assert.equal(row[5], actorStep % 2 === 0 ? Math.fround(0.05) : 0, "a hard update's turn");
    assert.equal(row[6], Math.fround(0.1));
  }
});

test("fresh networks keep to their bounds, and targets equal online networks", () => {
  const hidden = [64, 64];
  const shape = { ...settings.shape, actorHidden: hidden, criticHidden: hidden };
  const wide: Losses = { ...settings, shape: { ...shape, critics: 2, criticNorm: "layer" } };
  const { carried } = initialState(wide, 3e-3, new Rng(5));
  const { actor, critic } = networksOf(wide.shape);
  for (const [name, network, copies] of [
    ["actor", actor, 1],
    ["critic", critic, 2],
  ] as const) {
    const online = carried[`${name}.online`];
    assert.deepEqual(carried[`${name}.target`], online);
    assert.notEqual(carried[`${name}.target`], online);
    assert.equal(online.length, network.size * copies);
    for (const [i, { inputs, outputs, at, biasAt, gainAt }] of network.layers.entries()) {
      const bound = i === 2 ? 3e-3 : 1 / Math.sqrt(inputs);
      const values = online.subarray(at, biasAt + outputs);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assert(largest <= bound * 1.000001 && largest > bound * 0.8, `layer ${i}: ${largest}`);
      if (gainAt < 0) continue;
      assert(online.subarray(gainAt, gainAt + outputs).every((one) => one === 1));
      assert(online.subarray(gainAt + outputs, gainAt + 2 * outputs).every((one) => one === 0));
    }
  }
  const twins = carried["critic.online"];
  assert.notDeepEqual(twins.slice(0, critic.size), twins.slice(critic.size));
  assert.deepEqual(initialState(wide, 3e-3, new Rng(5)).carried, carried);
  assert.notDeepEqual(initialState(wide, 3e-3, new Rng(6)).carried, carried);
});

test("the plain forward pass of the actor is the reference's", () => {
  const rng = new Rng(9);
  const state = flatOf(initialState(settings, 3e-3, rng));
  for (const values of [state.online]) {
    for (let i = 0; i < values.length; i++) values[i] = rng.uniform(-1, 1);
  }
  const forward = new ActorForward(settings.shape);
  const reference = new Reference(settings, state);
  const { mean, scale } = observation;
  const action = new Float32Array(2);
  const parameters = state.online.subarray(0, networksOf(settings.shape).actor.size);
  for (let i = 0; i < 50; i++) {
    const seen = Float32Array.from({ length: 3 }, () => rng.uniform(-3, 3));
    forward.act(parameters, new Float32Array(0), observation, seen, action);
    const s = Float64Array.from(seen, (value, j) => (value - mean[j]) * scale[j]);
    const expected = reference.actor(Float64Array.from(state.online), s).action;
    for (const [j, value] of expected.entries()) assert.equal(action[j], Math.fround(value));
  }
});

test("tfjs engine: rounds leave no tensors behind", async () => {
  const rng = new Rng(11);
  const state = initialState(settings, 3e-3, rng);
  const engine = await openTfjsEngine(gradientStep(settings), state.carried);
  const held = engine.tensorCount();
  const learner = await openLearner(async () => engine, settings, state);
  await learner.learn(minibatches(rng, 4));
  assert.equal(engine.tensorCount(), held);
  await engine.close();
});

test("tfjs engine: without the package the error says what to install", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-engine-"));
  try {
    const { carried } = initialState(settings, 3e-3, new Rng(1));
    const nowhere = join(folder, "none.js");
    await assert.rejects(openTfjsEngine(gradientStep(settings), carried, nowhere), {
      name: "SinewError",
      code: "engine",
      message: /npm i @tensorflow\/tfjs/,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("onnx engine: indices that do not make whole batches are refused", async () => {
  const rng = new Rng(13);
  const state = initialState(settings, 3e-3, rng);
  const open = (program: Program, start: Carried) =>
    openEngine({ kind: "onnx", threads: 1 }, program, start);
  const learner = await openLearner(open, settings, state);
  const data = minibatches(rng, 1);
  await assert.rejects(learner.learn({ ...data, index: data.index.subarray(1) }));
  await assert.rejects(learner.learn({ ...data, nextIndex: data.nextIndex.subarray(1) }), /length/);
  await learner.engine.close();
});
