import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { encodeModel, type Model, type ValueInfo } from "../../src/onnx/model.ts";
import { describePolicy } from "../../src/policy/description.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { createSession } from "../../src/policy/ort.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { forge, randomPolicy, unevenSpec } from "./random-policy.ts";

const parts = randomPolicy(31);
const file = await exportPolicy(parts);

/** The file with its graph's only input changed. */
function withInput(change: Partial<ValueInfo>): Uint8Array {
  return forge(
    file,
    (model) => {
      const inputs = model.graph.inputs.map((input) => ({ ...input, ...change }));
      return { ...model, graph: { ...model.graph, inputs } };
    },
    pendulumSpec,
  );
}

/** A model of somebody else: y = x. */
const foreign: Model = {
  irVersion: 8,
  opset: 17,
  producer: "other",
  graph: {
    name: "g",
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"], attributes: {} }],
    initializers: [],
    inputs: [{ name: "x", type: "float32", dims: [1, 3] }],
    outputs: [{ name: "y", type: "float32", dims: [1, 3] }],
  },
  metadata: new Map([["note", "hello"]]),
};

test("a loaded policy states its id, contract and error on this machine", async () => {
  const policy = await loadPolicy(file);
  assert.equal(policy.id, createHash("sha256").update(file).digest("hex"));
  assert.deepEqual(policy.contract, parts.contract);
  assert.deepEqual(policy.spec, pendulumSpec);
  assert(policy.proofError >= 0 && policy.proofError <= 1e-6, String(policy.proofError));
  await policy.close();
});

test("ONNX Runtime is given one thread, this one", {
  skip: process.platform !== "linux",
}, async () => {
  const threads = (): number => readdirSync("/proc/self/task").length;
  const model = encodeModel(foreign);
  // The runtime's own, and Node's, which the first one starts.
  await (await createSession(model)).release();
  const before = threads();
  const session = await createSession(model);
  assert.equal(threads(), before);
  const parallel = await createSession(model, { threads: 3 });
  assert.equal(threads(), before + 2, "that it can be seen");
  await session.release();
  await parallel.release();
});

test("an ONNX file without a contract is refused by that", async () => {
  await assert.rejects(loadPolicy(encodeModel(foreign)), {
    code: "policy-file",
    message: /^this ONNX states no contract: its metadata have no "sinew\.contract"/,
  });
});

test("a contract that contradicts the graph is refused with both numbers", async () => {
  await assert.rejects(loadPolicy(withInput({ dims: ["batch", 4] })), {
    code: "policy-file",
    message: /contract names 3 observation channels, but its input "observation" has 4/,
  });
  await assert.rejects(loadPolicy(withInput({ dims: [1, 3] })), {
    code: "policy-file",
    message: /batch of any size/,
  });
  await assert.rejects(loadPolicy(withInput({ name: "obs\u001b[2J" })), {
    code: "policy-file",
    message: /input must be "observation" alone, not "obs\?\[2J"/,
  });
  await assert.rejects(loadPolicy(withInput({ type: "float64" })), {
    code: "policy-file",
    message: /input "observation" is float64, not float32/,
  });
});

test("versions that ONNX Runtime does not load are refused by number", async () => {
  for (const version of [{ irVersion: 14 }, { opset: 27 }]) {
    const newer = forge(file, (model) => ({ ...model, ...version }), pendulumSpec);
    await assert.rejects(loadPolicy(newer), {
      code: "policy-file",
      message: /IR version \d+ and operator set \d+: ONNX Runtime here loads up to 13 and 26/,
    });
  }
  const newest = forge(file, (model) => ({ ...model, irVersion: 13 }), pendulumSpec);
  await (await loadPolicy(newest)).close();
});

test("a graph that ONNX Runtime refuses is a bad policy file, not a crash", async () => {
  const broken = forge(
    file,
    (model) => {
      const nodes = model.graph.nodes.map((node) =>
        node.op === "Gemm" ? { ...node, op: "NoSuchOperation" } : node,
      );
      return { ...model, graph: { ...model.graph, nodes } };
    },
    pendulumSpec,
  );
  await assert.rejects(loadPolicy(broken), { code: "policy-file", message: /^cannot load/ });
});

test("a session says what does not fit, and writes into tensors that it is given", async () => {
  const session = await createSession(encodeModel(foreign));
  const x = { type: "float32", data: Float32Array.of(1, 2, 3), dims: [1, 3] } as const;
  const y = { type: "float32", data: new Float32Array(3), dims: [1, 3] } as const;
  const results = Object.values(await session.run({ x }, { y }));
  assert.deepEqual(y.data, x.data);
  assert.deepEqual(results[0].data, x.data);
  await assert.rejects(session.run({}), { code: "policy-file", message: /'x' is missing/ });
  const wide = { type: "float32", data: new Float32Array(4), dims: [1, 4] } as const;
  await assert.rejects(session.run({ x: wide }), { code: "policy-file", message: /Expected: 3/ });
  const short = { type: "float32", data: new Float32Array(2), dims: [1, 3] } as const;
  await assert.rejects(session.run({ x: short }), { code: "policy-file" });
  await session.release();
  await assert.rejects(createSession(new Uint8Array(100)), { code: "policy-file" });
});

test("overlapping calls are refused without harm to the first; closed means closed", async () => {
  const policy = await loadPolicy(file);
  const observation = Float32Array.of(0.5, 0.5, 1);
  const [action, expected] = [new Float32Array(1), new Float32Array(1)];
  await policy.act(observation, expected);
  const first = policy.act(observation, action);
  await assert.rejects(policy.act(Float32Array.of(-1, 0, 3), action), /one call at a time/);
  await first;
  assert.deepEqual(action, expected);
  await policy.close();
  await policy.close();
  await assert.rejects(policy.act(observation, action), { code: "policy-file", message: /closed/ });
  assert.deepEqual(action, expected);
});

test("a description has what inspect prints", async () => {
  const own = describePolicy(await exportPolicy(randomPolicy(32, unevenSpec, [8])));
  assert.equal(own.problem, null);
  assert.deepEqual(own.proof, { points: 128, tolerance: 1e-5 });
  assert.equal(own.parameters, 6 * 8 + 8 + 8 * 2 + 2 + 2 * 6 + 4 * 2);
  assert.deepEqual(own.inputs, [{ name: "observation", type: "float32", dims: ["batch", 6] }]);
  assert.equal(own.channels.length, 8);
  assert.deepEqual(own.channels[7], { group: "action", index: 1, ...unevenSpec.action[1] });
  assert.equal(own.channels[1].low, Number.NEGATIVE_INFINITY);
  assert.equal(own.operations.join(" "), "Sub Mul Gemm Relu Gemm Tanh Mul Add Max Min");
  const other = describePolicy(encodeModel(foreign));
  assert.equal(other.contract, null);
  assert.match(other.problem ?? "", /states no contract/);
  assert.deepEqual(other.otherMetadata, ["note"]);
  assert.equal(other.producer, "other");
});
