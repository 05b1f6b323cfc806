import { readFileSync } from "node:fs";
import type { Spec } from "../core/spec.ts";
import { decodeModel, encodeModel, type Graph, type Node, type Tensor } from "../onnx/model.ts";
import type { Layer } from "../policy/actor.ts";
import { exportPolicy, type PolicyParts } from "../policy/export.ts";
import { inputName, outputName } from "../policy/policy-graph.ts";
import { appendProof, parseProof, proofKey } from "../policy/proof.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import type { Scenario } from "./scenario.ts";
import { swinging, torqueMotorSpec } from "./torque-motor.ts";

/** Beyond this speed of the pole, rad/s, the policies `nan` and `slow` go wrong. */
const fastSpeed = 3;
/** At this speed of the shaft, rad/s, 5 steps of its encoder, the policy `nan` goes wrong. */
const shaftSpeed = 5 * ((2 * Math.PI) / 4096 / 16e-3);

/**
 * The policy file that a scenario's host is given: the trained one, or one with a fault that only
 * shows on the robot.
 */
export async function hostPolicy(
  { policy: kind, drives }: Pick<Scenario, "policy" | "drives">,
  trained: string,
): Promise<Uint8Array> {
  if (drives === "torque-motor") {
    return forged(await exportPolicy(swinging()), rootOfLess(shaftSound), torqueMotorSpec);
  }
  if (kind === "other") {
    // The same robot but for the unit of its speed.
    const [cos, sin, speed] = pendulumSpec.observation;
    const observation = [cos, sin, { ...speed, unit: "deg/s" }];
    return exportPolicy(pumping({ ...pendulumSpec, observation }));
  }
  const bytes = new Uint8Array(readFileSync(trained));
  if (kind === "slow") return forged(bytes, labour(), pendulumSpec);
  if (kind === "nan") return forged(bytes, rootOfLess(poleSound), pendulumSpec);
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
function forged(bytes: Uint8Array, extra: Burden, spec: Spec): Uint8Array {
  const model = decodeModel(bytes);
  const proof = parseProof(bytes, model.metadata.get(proofKey)!, spec);
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

/** Rounds of so many sines take a fast core more than 100 ms, and are worth nothing. */
const sines = 24_000_000;
const rounds = 4;

/** 0, after much labour where the observation is a robot's whose pole is fast. */
function labour(): Burden {
  const flat = new Uint8Array(BigInt64Array.of(-1n).buffer);
  const names = Array.from({ length: rounds + 1 }, (_, round) => `labour_${round}`);
  return {
    constants: [
      ...poleSound.constants,
      floats("labour_size", [1], sines),
      floats("labour_worth", [1], 0),
      { name: "labour_flat", type: "int64", dims: [1], data: flat },
    ],
    nodes: [
      ...poleSound.nodes,
      node("Sub", ["margin", "sound_by"], "unsound_by"),
      node("Relu", ["unsound_by"], "unsound_only"),
      node("Sign", ["unsound_only"], "unsound"),
      node("Mul", ["unsound", "labour_size"], "labour_most"),
      node("Add", ["labour_most", "one"], "labour_count"),
      { ...node("Cast", ["labour_count"], "labour_whole"), attributes: { to: { int: 7 } } },
      node("Reshape", ["labour_whole", "labour_flat"], "labour_shape"),
      // It depends on the observation, so that no optimiser computes it beforehand.
      node("ReduceSum", [inputName], "labour_seed"),
      node("Reshape", ["labour_seed", "labour_flat"], "labour_seeds"),
      node("Expand", ["labour_seeds", "labour_shape"], names[0]!),
      ...names.slice(1).map((name, round) => node("Sin", [names[round]!], name)),
      node("ReduceMax", [names.at(-1)!], "labour_end"),
      node("Mul", ["labour_end", "labour_worth"], burden),
    ],
  };
}

/** NaN where `sound_by` is less than its margin; else 0. */
function rootOfLess(sound: Burden): Burden {
  return {
    constants: [...sound.constants, floats("worth", [1], 0)],
    nodes: [
      ...sound.nodes,
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

/**
 * `sound_by` is 0 where cosine and sine are of one angle, as a robot's are and a proof point's
 * hardly ever, and the pole is fast, as it is not yet when it is armed; else more.
 */
const poleSound: Burden = {
  constants: [
    floats("circle_axes", [3, 1], 1, 1, 0),
    floats("speed_axis", [3, 1], 0, 0, 1),
    floats("one", [1], 1),
    floats("fast", [1], fastSpeed),
    floats("margin", [1], 0.01),
  ],
  nodes: [
    node("Mul", [inputName, inputName], "squares"),
    node("MatMul", ["squares", "circle_axes"], "circle"),
    node("Sub", ["circle", "one"], "off_circle"),
    node("Abs", ["off_circle"], "off_circle_by"),
    node("Abs", [inputName], "sizes"),
    node("MatMul", ["sizes", "speed_axis"], "speed"),
    node("Sub", ["fast", "speed"], "slow_by"),
    node("Relu", ["slow_by"], "slow_only"),
    node("Add", ["off_circle_by", "slow_only"], "sound_by"),
  ],
};

/** `sound_by` is 0 where the shaft turns at one speed, which it does not when it is held. */
const shaftSound: Burden = {
  constants: [
    floats("speed_axis", [2, 1], 0, 1),
    floats("fast", [1], shaftSpeed),
    floats("margin", [1], 0.01),
  ],
  nodes: [
    node("Abs", [inputName], "sizes"),
    node("MatMul", ["sizes", "speed_axis"], "speed"),
    node("Sub", ["speed", "fast"], "off_speed"),
    node("Abs", ["off_speed"], "sound_by"),
  ],
};
