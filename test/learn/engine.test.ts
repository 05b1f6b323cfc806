import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { buildGradientStep, metricNames, scheduleOf } from "../../src/learn/ddpg.ts";
import { type DdpgSettings, initialState, openEngine } from "../../src/learn/engine.ts";
import { openTfjsEngine } from "../../src/learn/engine-tfjs.ts";
import { ActorForward, networksOf } from "../../src/learn/networks.ts";
import { interpret, type Numbers } from "../onnx/interpreter.ts";
import { engineContract } from "./engine-contract.ts";
import { Reference, relativeErrors } from "./reference.ts";

for (const { name, check } of engineContract) {
  test(`onnx engine: ${name}`, async () => {
    await check((settings, state) => openEngine("onnx", settings, state));
  });
  test(`tfjs engine: ${name}`, async () => {
    await check((settings, state) => openEngine("tfjs", settings, state));
  });
}

const settings: DdpgSettings = {
  shape: { observations: 3, actions: 2, hidden: [8, 6], batch: 5, stepsPerCall: 4 },
  gamma: 0.9,
  tau: 0.05,
  actorRate: 1e-2,
  criticRate: 3e-2,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  observationMean: Float32Array.of(0.1, 0.2, 0.3),
  observationScale: Float32Array.of(1, 0.5, 2),
};

function minibatches(rng: Rng, steps: number) {
  const capacity = 20;
  const rows = Float32Array.from({ length: capacity * 7 }, () => rng.uniform(-1, 1));
  for (let row = 0; row < capacity; row++) rows[row * 7 + 6] = row % 3 === 0 ? 1 : 0;
  const draw = () => Int32Array.from({ length: steps * 5 }, () => rng.below(capacity));
  return { rows, capacity, index: draw(), nextIndex: draw() };
}

test("the gradient step's graph, run in float64, is the reference up to float64 rounding", () => {
  const rng = new Rng(3);
  const state = initialState(settings.shape, rng);
  const data = minibatches(rng, 1);
  const { actor } = networksOf(settings.shape);
  const vector = (values: ArrayLike<number>): Numbers => ({
    dims: [values.length],
    data: Float64Array.from(values),
  });
  const feeds: Record<string, Numbers> = {
    rows: { dims: [data.capacity, 7], data: Float64Array.from(data.rows) },
    index: vector(data.index),
    nextIndex: vector(data.nextIndex),
    schedule: vector(scheduleOf(settings, 0, 1)),
  };
  const vectors = ["online", "target", "firstMoment", "secondMoment"] as const;
  for (const name of vectors) {
    feeds[`actor.${name}`] = vector(state[name].subarray(0, actor.size));
    feeds[`critic.${name}`] = vector(state[name].subarray(actor.size));
  }
  const values = interpret(buildGradientStep(settings).toGraph("step"), feeds);
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
  const reference = new Reference(settings, state);
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
  const schedule = scheduleOf(settings, 6, 2);
  for (const [k, t] of [7, 8].entries()) {
    const [critic, actor, epsilon] = schedule.subarray(3 * k);
    const [m, v] = [0.3, 0.02];
    const expected = (rate: number): number =>
      (rate * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
    const actual = (rate: number): number => (rate * m) / (Math.sqrt(v) + epsilon);
    assert(Math.abs(actual(critic) / expected(3e-2) - 1) < 1e-7);
    assert(Math.abs(actual(actor) / expected(1e-2) - 1) < 1e-7);
  }
});

test("fresh networks keep to their bounds, and targets equal online networks", () => {
  const shape = { ...settings.shape, hidden: [64, 64] };
  const state = initialState(shape, new Rng(5));
  assert.deepEqual(state.target, state.online);
  assert.notEqual(state.target, state.online);
  const { actor, critic, size } = networksOf(shape);
  assert.equal(state.online.length, size);
  let start = 0;
  for (const network of [actor, critic]) {
    for (const [i, { inputs, outputs, at, biasAt }] of network.layers.entries()) {
      const bound = i === 2 ? 3e-3 : 1 / Math.sqrt(inputs);
      const values = state.online.subarray(start + at, start + biasAt + outputs);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      assert(largest <= bound * 1.000001 && largest > bound * 0.8, `layer ${i}: ${largest}`);
    }
    start += network.size;
  }
  assert.deepEqual(initialState(shape, new Rng(5)).online, state.online);
  assert.notDeepEqual(initialState(shape, new Rng(6)).online, state.online);
});

test("the plain forward pass of the actor is the reference's", () => {
  const rng = new Rng(9);
  const { online } = initialState(settings.shape, rng);
  for (let i = 0; i < online.length; i++) online[i] = rng.uniform(-1, 1);
  const { observationMean: mean, observationScale: scale } = settings;
  const forward = new ActorForward(settings.shape, mean, scale);
  const reference = new Reference(settings, initialState(settings.shape, rng));
  const action = new Float32Array(2);
  for (let i = 0; i < 50; i++) {
    const observation = Float32Array.from({ length: 3 }, () => rng.uniform(-3, 3));
    forward.act(online, observation, action);
    const s = Float64Array.from(observation, (value, j) => (value - mean[j]) * scale[j]);
    const expected = reference.actor(Float64Array.from(online), s).action;
    for (const [j, value] of expected.entries()) assert.equal(action[j], Math.fround(value));
  }
});

test("tfjs engine: steps leave no tensors behind, and close takes all", async () => {
  const rng = new Rng(11);
  const state = initialState(settings.shape, rng);
  const before = await openTfjsEngine(settings, state);
  const held = before.tensorCount();
  await before.learn(minibatches(rng, 4));
  assert.equal(before.tensorCount(), held);
  await before.learn(minibatches(rng, 2));
  assert.equal(before.tensorCount(), held);
  await before.close();
  // 2 networks x 4 vectors x 3 layers x (weights, bias), the mean and the scale.
  assert.equal(before.tensorCount(), held - 50);
});

test("tfjs engine: without the package the error says what to install", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-engine-"));
  try {
    const state = initialState(settings.shape, new Rng(1));
    await assert.rejects(openTfjsEngine(settings, state, join(folder, "none.js")), {
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
  const engine = await openEngine("onnx", settings, initialState(settings.shape, rng));
  const data = minibatches(rng, 1);
  await assert.rejects(engine.learn({ ...data, index: data.index.subarray(1) }), /steps/);
  await assert.rejects(engine.learn(minibatches(rng, 5)), /5 steps/);
  await engine.close();
});
