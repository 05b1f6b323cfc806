import type { Spec } from "../core/spec.ts";
import { decodeModel, encodeModel, type Graph, type Node, type Tensor } from "../onnx/model.ts";
import { inputName, outputName } from "../policy/policy-graph.ts";
import { appendProof, parseProof, proofKey } from "../policy/proof.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import { torqueMotorSpec } from "./torque-motor.ts";

/** Beyond this speed of the pole, rad/s, forged policies go wrong. */
const fastSpeed = 3;
/** At this speed of the shaft, rad/s, 5 steps of its encoder, they do. */
const shaftSpeed = 5 * ((2 * Math.PI) / 4096 / 16e-3);

/** What a forged policy does as soon as what it drives is fast. */
export type Forgery = "nan" | "slow" | "throws";

/** The policy file `bytes` of what `drives` names, with a fault that no proof point shows. */
export function forgedPolicy(
  kind: Forgery,
  bytes: Uint8Array,
  drives: "pendulum" | "torque-motor" = "pendulum",
): Uint8Array {
  const makers = { nan: rootOfLess, slow: labour, throws: wrongIndex };
  const [sound, spec] =
    drives === "pendulum" ? [poleSound, pendulumSpec] : [shaftSound, torqueMotorSpec];
  return forged(bytes, makers[kind](sound), spec);
}

/** Nodes whose last output, called `burden`, is added to the action; their constants. */
interface Burden {
  readonly nodes: readonly Node[];
  readonly constants: readonly Tensor[];
}

const burden = "burden";

/** The policy with `extra` beside it and a proof that holds. */
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

/** 0, after much labour where the observation is a robot's that is fast. */
function labour(sound: Burden): Burden {
  const flat = new Uint8Array(BigInt64Array.of(-1n).buffer);
  const names = Array.from({ length: rounds + 1 }, (_, round) => `labour_${round}`);
  return {
    constants: [
      ...sound.constants,
      floats("labour_size", [1], sines),
      floats("labour_worth", [1], 0),
      { name: "labour_flat", type: "int64", dims: [1], data: flat },
    ],
    nodes: [
      ...unsoundNodes(sound),
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

/** NaN where the observation is a robot's that is fast; else 0. */
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

/** 0, but an index beyond the end of a list where it is fast, which no runtime follows. */
function wrongIndex(sound: Burden): Burden {
  return {
    constants: [...sound.constants, floats("list", [1], 0), floats("far", [1], 1000)],
    nodes: [
      ...unsoundNodes(sound),
      node("Mul", ["unsound", "far"], "place"),
      { ...node("Cast", ["place"], "index"), attributes: { to: { int: 7 } } },
      node("Gather", ["list", "index"], burden),
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
    floats("one", [1], 1),
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

/** `unsound` is 1 where `sound_by` is less than its margin, else 0. */
function unsoundNodes(sound: Burden): Node[] {
  return [
    ...sound.nodes,
    node("Sub", ["margin", "sound_by"], "unsound_by"),
    node("Relu", ["unsound_by"], "unsound_only"),
    node("Sign", ["unsound_only"], "unsound"),
  ];
}
