import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { decodeModel } from "../../src/onnx/model.ts";
import { evaluateActor } from "../../src/policy/actor.ts";
import { exportPolicy, readLayers } from "../../src/policy/export.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { enriched, forge, randomPolicy, unevenSpec } from "./random-policy.ts";

const policies = [
  randomPolicy(1, pendulumSpec, [64, 64]),
  randomPolicy(2, pendulumSpec, [256, 256]),
  randomPolicy(3, unevenSpec, [400, 300]),
  randomPolicy(4, unevenSpec, []),
  enriched(randomPolicy(16, unevenSpec, [64, 32])),
];

test("ORT and plain arithmetic agree to 1e-6 on 10,000 observations, any batch", async () => {
  for (const [seed, parts] of policies.entries()) {
    const { spec } = parts.contract;
    const [width, actions] = [spec.observation.length, spec.action.length];
    const policy = await loadPolicy(await exportPolicy(parts));
    const rng = new Rng(seed);
    let worst = 0;
    let batch = 0;
    // The wide ones are slow in plain arithmetic.
    const observationsMax =
      parts.layers.length === 3 && parts.layers[1].inputs > 64 ? 2500 : 10_000;
    for (let seen = 0; seen < observationsMax; seen += batch) {
      batch++;
      const observations = new Float32Array(batch * width);
      for (let at = 0; at < observations.length; at++) {
        const { low, high } = spec.observation[at % width];
        observations[at] = rng.uniform(Math.max(low, -3), Math.min(high, 3));
      }
      const answers = await policy.actBatch(observations, batch);
      assert.equal(answers.length, batch * actions);
      for (let row = 0; row < batch; row++) {
        const observation = observations.subarray(row * width, (row + 1) * width);
        const expected = evaluateActor(spec, parts, observation);
        for (let j = 0; j < actions; j++) {
          worst = Math.max(worst, Math.abs(answers[row * actions + j] - expected[j]));
        }
      }
    }
    await policy.close();
    assert(worst <= 1e-6, `policy ${seed}: ${worst}`);
  }
});

test("act and actBatch give the same, and act leaves its observation alone", async () => {
  const parts = randomPolicy(5, unevenSpec);
  const policy = await loadPolicy(await exportPolicy(parts));
  const rng = new Rng(5);
  const observations = Float32Array.from({ length: 6 * 32 }, () => rng.uniform(-1, 1));
  const kept = observations.slice();
  const together = await policy.actBatch(observations, 32);
  const action = new Float32Array(2);
  for (let row = 0; row < 32; row++) {
    await policy.act(observations.subarray(row * 6, row * 6 + 6), action);
    for (let j = 0; j < 2; j++) assert(Math.abs(action[j] - together[row * 2 + j]) <= 1e-6);
  }
  assert.deepEqual(observations, kept);
  await policy.close();
});

test("actions stay inside the limits at extreme observations, to the last bit", async () => {
  // Large last layers, so that tanh is at its ends.
  const parts = randomPolicy(6, unevenSpec, [32]);
  const layers = parts.layers.map((layer, depth) =>
    depth === 1 ? { ...layer, weights: layer.weights.map((weight) => weight * 30) } : layer,
  );
  const policy = await loadPolicy(await exportPolicy({ ...parts, layers }));
  const rng = new Rng(6);
  const observation = new Float32Array(6);
  const action = new Float32Array(2);
  const lowest = [1, 1];
  const highest = [-1, -1];
  for (let round = 0; round < 500; round++) {
    const reach = 10 ** rng.uniform(0, 37);
    for (let i = 0; i < 6; i++) observation[i] = rng.uniform(-reach, reach);
    await policy.act(observation, action);
    unevenSpec.action.forEach(({ name, low, high }, j) => {
      const [bottom, top] = [Math.fround(low), Math.fround(high)];
      // Not finite is allowed: the gate refuses it. Finite and outside is not.
      if (!Number.isFinite(action[j])) return;
      assert(action[j] >= bottom && action[j] <= top, name);
      lowest[j] = Math.min(lowest[j], action[j]);
      highest[j] = Math.max(highest[j], action[j]);
    });
  }
  unevenSpec.action.forEach(({ low, high }, j) => {
    assert(lowest[j] - low < 1e-6 && high - highest[j] < 1e-6, `${lowest[j]} to ${highest[j]}`);
  });
  await policy.close();
});

test("observations that are not finite never make act reject", async () => {
  const policy = await loadPolicy(await exportPolicy(randomPolicy(7)));
  const action = new Float32Array(1);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (let channel = 0; channel < 3; channel++) {
      const observation = Float32Array.of(1, 0, 0);
      observation[channel] = bad;
      action[0] = 99;
      await policy.act(observation, action);
      assert(Number.isNaN(action[0]) || Math.abs(action[0]) <= 2, `${bad} gave ${action[0]}`);
    }
  }
  await policy.act(Float32Array.of(Number.NaN, 0, 0), action);
  assert(Number.isNaN(action[0]), "NaN is not hidden by the limits");
  await policy.act(Float32Array.of(1, 0, 0), action);
  assert(Number.isFinite(action[0]), "and is gone with the next observation");
  await policy.close();
});

test("the same parts give the same bytes: IR 8, opset 17, few kinds of operation", async () => {
  const parts = randomPolicy(8, unevenSpec);
  const file = await exportPolicy(parts);
  assert.deepEqual(await exportPolicy(parts), file);
  const model = decodeModel(file);
  assert.equal(model.irVersion, 8);
  assert.equal(model.opset, 17);
  const used = [...new Set(model.graph.nodes.map((node) => node.op))];
  assert.deepEqual(used, ["Sub", "Mul", "Gemm", "Relu", "Tanh", "Add", "Max", "Min"]);
});

test("the parts that a file was made of can be read back", async () => {
  for (const parts of policies) assert.deepEqual(readLayers(await exportPolicy(parts)), parts);
});

test("layers of a graph that is not ours are not guessed", async () => {
  const file = await exportPolicy(randomPolicy(9));
  const swapped = forge(
    file,
    (model) => {
      const nodes = model.graph.nodes.map((node) =>
        node.op === "Relu" ? { ...node, op: "Elu" } : node,
      );
      return { ...model, graph: { ...model.graph, nodes } };
    },
    pendulumSpec,
  );
  assert.throws(() => readLayers(swapped), {
    code: "policy-file",
    message: /not exported by Sinew.*nodes are others/,
  });
  const renamed = forge(
    file,
    (model) => {
      const initializers = model.graph.initializers.map((tensor) =>
        tensor.name === "bias_1" ? { ...tensor, name: "b1" } : tensor,
      );
      return { ...model, graph: { ...model.graph, initializers } };
    },
    pendulumSpec,
  );
  assert.throws(() => readLayers(renamed), { code: "policy-file", message: /"bias_1"/ });
});

test("weights that are not finite are refused with the layer", async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const parts = randomPolicy(10);
    parts.layers[1].weights[77] = bad;
    await assert.rejects(exportPolicy(parts), {
      code: "proof",
      message: /weights of layer 1 are not all finite/,
    });
  }
});

test("what float32 cannot carry is refused at export, what saturates is not", async () => {
  const saturated = await exportPolicy(randomPolicy(11, pendulumSpec, [64, 64], 12));
  const policy = await loadPolicy(saturated);
  assert(policy.proofError <= 2e-5, String(policy.proofError));
  await policy.close();
  // Two huge halves that cancel: each rounding error alone exceeds the tolerance.
  const parts = randomPolicy(12, pendulumSpec, [64]);
  const [first] = parts.layers;
  const last = { ...parts.layers[1] };
  for (let i = 0; i < 64; i += 2) {
    for (let from = 0; from < 3; from++)
      first.weights[from * 64 + i + 1] = first.weights[from * 64 + i];
    first.bias[i + 1] = first.bias[i] = 10;
    last.weights[i] = 1e6;
    last.weights[i + 1] = -1e6;
  }
  await assert.rejects(exportPolicy({ ...parts, layers: [first, last] }), {
    code: "proof",
    message: /float32 cannot carry this policy/,
  });
});
