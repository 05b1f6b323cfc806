import { readFileSync } from "node:fs";
import type { Spec } from "../core/spec.ts";
import { decodeModel, encodeModel, type Graph, type Node, type Tensor } from "../onnx/model.ts";
import type { Layer } from "../policy/actor.ts";
import { exportPolicy, type PolicyParts } from "../policy/export.ts";
import { inputName, outputName } from "../policy/policy-graph.ts";
import { appendProof, parseProof, proofKey } from "../policy/proof.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import type { Scenario } from "./scenario.ts";

/** Beyond this speed, rad/s, the policy `nan` computes a root of less than 0. */
const nanSpeed = 3;

/**
 * The policy file that a scenario's host is given: the trained one, or one with a fault that only
 * shows on the robot.
 */
export async function hostPolicy(kind: Scenario["policy"], trained: string): Promise<Uint8Array> {
  if (kind === "other") {
    // The same robot but for the unit of its speed.
    const [cos, sin, speed] = pendulumSpec.observation;
    const observation = [cos, sin, { ...speed, unit: "deg/s" }];
    return exportPolicy(pumping({ ...pendulumSpec, observation }));
  }
  const bytes = new Uint8Array(readFileSync(trained));
  if (kind === "slow") return forged(bytes, labour());
  if (kind === "nan") return forged(bytes, rootOfLess());
  // A bit of the weights, which every size and checksum of a file system would let pass.
  if (kind === "corrupt") bytes[Math.floor(bytes.length / 3)] ^= 0x10;
  return bytes;
}

/** Pushes the way the pole moves, which swings it up. */
function pumping(spec: Spec): PolicyParts {
  const hidden: Layer = {
    inputs: 3,
    outputs: 2,
    weights: Float32Array.of(0, 0, 0, 0, 1, -1),
    bias: new Float32Array(2),
  };
  const last: Layer = {
    inputs: 2,
    outputs: 1,
    weights: Float32Array.of(20, -20),
    bias: Float32Array.of(0.5),
  };
  return {
    contract: { format: 1, task: "pendulum", spec, algorithm: "ddpg", training: {} },
    normaliser: { mean: new Float32Array(3), scale: new Float32Array(3).fill(1), clip: 0 },
    layers: [hidden, last],
    activation: "relu",
  };
}

/** Nodes whose last output, called `burden`, is added to the action; their constants. */
interface Burden {
  readonly nodes: readonly Node[];
  readonly constants: readonly Tensor[];
}

const burden = "burden";

/** The policy with `extra` beside it and a proof that holds: a fault that no proof point shows. */
function forged(bytes: Uint8Array, extra: Burden): Uint8Array {
  const model = decodeModel(bytes);
  const proof = parseProof(bytes, model.metadata.get(proofKey)!, pendulumSpec);
  const metadata = new Map(model.metadata);
  metadata.delete(proofKey);
  const early = `early_${outputName}`;
  const nodes = model.graph.nodes.map((one) =>
    one.outputs.includes(outputName) ? { ...one, outputs: [early] } : one,
  );
  const graph: Graph = {
    ...model.graph,
    initializers: [...model.graph.initializers, ...extra.constants],
    nodes: [...nodes, ...extra.nodes, node("Add", [early, burden], outputName)],
  };
  return appendProof(encodeModel({ ...model, metadata, graph }), proof);
}

/** Sines that take a fast core more than 100 ms, and that are worth nothing. */
const sines = 24_000_000;

function labour(): Burden {
  const size = new Uint8Array(BigInt64Array.of(1n, BigInt(sines)).buffer);
  return {
    constants: [
      { name: "labour_size", type: "int64", dims: [2], data: size },
      floats("labour_worth", [1], 0),
    ],
    nodes: [
      // It depends on the observation, so that no optimiser computes it beforehand.
      node("ReduceSum", [inputName], "labour_seed"),
      node("Expand", ["labour_seed", "labour_size"], "labour_angles"),
      node("Sin", ["labour_angles"], "labour_sines"),
      node("ReduceMax", ["labour_sines"], "labour_most"),
      node("Mul", ["labour_most", "labour_worth"], burden),
    ],
  };
}

/**
 * NaN where cosine and sine are of one angle, as a robot's are and a proof point's hardly ever, and
 * the pole is fast; else 0.
 */
function rootOfLess(): Burden {
  return {
    constants: [
      floats("circle_axes", [3, 1], 1, 1, 0),
      floats("speed_axis", [3, 1], 0, 0, 1),
      floats("one", [1], 1),
      floats("nan_speed", [1], nanSpeed),
      floats("margin", [1], 0.01),
      floats("worth", [1], 0),
    ],
    nodes: [
      node("Mul", [inputName, inputName], "squares"),
      node("MatMul", ["squares", "circle_axes"], "circle"),
      node("Sub", ["circle", "one"], "off_circle"),
      node("Abs", ["off_circle"], "off_circle_by"),
      node("Abs", [inputName], "sizes"),
      node("MatMul", ["sizes", "speed_axis"], "speed"),
      node("Sub", ["nan_speed", "speed"], "slow_by"),
      node("Relu", ["slow_by"], "slow_only"),
      node("Add", ["off_circle_by", "slow_only"], "sound_by"),
      node("Sub", ["sound_by", "margin"], "radicand"),
      node("Sqrt", ["radicand"], "root"),
      node("Mul", ["root", "worth"], burden),
    ],
  };
}

function node(op: string, inputs: readonly string[], output: string): Node {
  return { op, inputs, outputs: [output], attributes: {} };
}

function floats(name: string, dims: readonly number[], ...values: readonly number[]): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name, type: "float32", dims, data };
}
