import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { type Actor, evaluateActor, type Layer } from "../../src/policy/actor.ts";
import { openDriver, ortRunner, perceptronRunner } from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { imageOf, Perceptron } from "../../src/policy/perceptron.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { forge, randomPolicy } from "./random-policy.ts";

/** Floats below and above this one are so far away. */
const ulp = 2 ** -23;

function specOf(observations: number, actions: number): Spec {
  const channel = (name: string, low: number, high: number) => ({ name, unit: "1", low, high });
  return {
    observation: Array.from({ length: observations }, (_, at) => channel(`o${at}`, -10, 10)),
    action: Array.from({ length: actions }, (_, at) => channel(`a${at}`, -1 - at / 3, 2 + at)),
    periodUs: 10_000,
  };
}

/** Random, with or without what an actor may have. */
function actorOf(rng: Rng, spec: Spec, hidden: readonly number[]): Actor {
  const floats = (length: number, low: number, high: number): Float32Array =>
    Float32Array.from({ length }, () => rng.uniform(low, high));
  const widths = [spec.observation.length, ...hidden, spec.action.length];
  const normed = rng.below(2) === 0;
  const layers = widths.slice(1).map((outputs, depth): Layer => {
    const inputs = widths[depth];
    const reach = 1.5 / Math.sqrt(inputs);
    const norm = { gain: floats(outputs, 0.5, 2), shift: floats(outputs, -1, 1) };
    return {
      ...{ inputs, outputs, weights: floats(inputs * outputs, -reach, reach) },
      bias: floats(outputs, -0.5, 0.5),
      ...(normed && depth < hidden.length && { norm }),
    };
  });
  const { length } = spec.observation;
  const normaliser = {
    mean: floats(length, -2, 2),
    scale: floats(length, 0.1, 1.2),
    clip: rng.below(2) * 1.5,
  };
  return { normaliser, layers, activation: rng.below(2) === 0 ? "relu" : "tanh" };
}

test("a perceptron computes what an actor is, whatever its widths", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const spec = specOf(1 + rng.below(70), 1 + rng.below(40));
    const hidden = Array.from({ length: rng.below(4) }, () => 1 + rng.below(130));
    const actor = actorOf(rng, spec, hidden);
    const perceptron = new Perceptron("x", spec, imageOf(spec, actor));
    const answer = new Float32Array(spec.action.length);
    for (let point = 0; point < 5; point++) {
      const observation = Float32Array.from(spec.observation, () => rng.uniform(-4, 4));
      perceptron.act(observation, answer);
      const exact = evaluateActor(spec, actor, observation);
      answer.forEach((value, at) => {
        const span = spec.action[at].high - spec.action[at].low;
        const where = `seed ${seed}, ${hidden}, action ${at}: ${value} for ${exact[at]}`;
        assert.ok(Math.abs(value - exact[at]) <= 2e-5 * span, where);
      });
    }
  }
});

test("its tanh is within a float of the true one, for floats of every size", () => {
  const spec: Spec = { ...specOf(1, 1), action: [{ name: "a", unit: "1", low: -1, high: 1 }] };
  const one = Float32Array.of(1);
  const layers = [{ weights: one, bias: Float32Array.of(0), inputs: 1, outputs: 1 }];
  const normaliser = { mean: Float32Array.of(0), scale: one, clip: 0 };
  const perceptron = new Perceptron(
    "x",
    spec,
    imageOf(spec, { normaliser, layers, activation: "tanh" }),
  );
  const input = new Float32Array(1);
  const bits = new Uint32Array(input.buffer);
  const answer = new Float32Array(1);
  // Positive floats from the smallest to infinity, one in 9,973.
  for (let word = 0; word <= 0x7f80_0000; word += 9973) {
    for (const sign of [0, 0x8000_0000]) {
      bits[0] = word + sign;
      perceptron.act(input, answer);
      const exact = Math.tanh(input[0]);
      const error = Math.abs(answer[0] - exact);
      assert.ok(error <= Math.max(ulp * Math.abs(exact), 2 ** -149), `tanh ${input[0]}`);
    }
  }
});

test("what is no number comes out as none, with the one set of bits", () => {
  const spec = specOf(3, 2);
  for (let seed = 0; seed < 20; seed++) {
    const actor = actorOf(new Rng(seed), spec, [5, 40]);
    const perceptron = new Perceptron("x", spec, imageOf(spec, { ...actor, activation: "relu" }));
    const observation = new Float32Array(3);
    new Uint32Array(observation.buffer)[1] = 0xffc1_2345;
    const answer = new Float32Array(2);
    perceptron.act(observation, answer);
    assert.deepEqual([...new Uint32Array(answer.buffer)], [0x7fc0_0000, 0x7fc0_0000]);
  }
});

test("its bits are the same on every machine", () => {
  const hash = createHash("sha256");
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    const spec = specOf(1 + rng.below(20), 1 + rng.below(8));
    const perceptron = new Perceptron("x", spec, imageOf(spec, actorOf(rng, spec, [64, 40])));
    const answer = new Float32Array(spec.action.length);
    for (let point = 0; point < 50; point++) {
      perceptron.act(
        Float32Array.from(spec.observation, () => rng.uniform(-4, 4)),
        answer,
      );
      hash.update(new Uint8Array(answer.buffer));
    }
  }
  assert.equal(
    hash.digest("hex"),
    "bf0b8bfd2a34e9ed4b1c59803651d0bcd337d60e879945cbd97b9a994ccb9a38",
  );
});

test("a policy of ours is driven by the perceptron, by ONNX Runtime on request", async () => {
  const bytes = await exportPolicy(randomPolicy(5, specOf(17, 6), [256, 256]));
  const driver = await openDriver(bytes);
  const other = await openDriver(bytes, ortRunner);
  assert.deepEqual([driver.runner, other.runner], [perceptronRunner, ortRunner]);
  assert.ok(driver.proofError > 0 && driver.proofError < 1e-5);
  const [ours, theirs] = [new Float32Array(6), new Float32Array(6)];
  const observation = new Float32Array(17).fill(0.3);
  await driver.policy.act(observation, ours);
  await other.policy.act(observation, theirs);
  ours.forEach((value, at) => {
    assert.ok(Math.abs(value - theirs[at]) < 1e-6);
  });
  await other.close();
  await assert.rejects(openDriver(bytes, "abacus"), /cannot be run by "abacus" here/);
});

test("a perceptron that answers otherwise than the file proves is not driven", async () => {
  const bytes = await exportPolicy(randomPolicy(5));
  const forged = forge(
    bytes,
    (model) => {
      const initializers = model.graph.initializers.map((tensor) => {
        if (tensor.name !== "bias_2") return tensor;
        const data = tensor.data.slice();
        data[3] ^= 0x80;
        return { ...tensor, data };
      });
      return { ...model, graph: { ...model.graph, initializers } };
    },
    pendulumSpec,
  );
  await assert.rejects(openDriver(forged), { code: "proof", message: /at proof point 0 is/ });
});
