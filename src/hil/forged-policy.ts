import { decodeModel, encodeModel, type Graph, type Node, type Tensor } from "../onnx/model.ts";
import { inputName, outputName } from "../policy/policy-graph.ts";
import { appendProof, parseProof, proofKey } from "../policy/proof.ts";
import { pendulumSpec } from "../sim/pendulum.ts";

/** Beyond this speed of the pole, rad/s, forged policies go wrong. */
const fastSpeed = 3;

/** What a forged policy does as soon as the pole is fast. */
export type Forgery = "nan" | "slow" | "throws";

/** The pendulum's policy file `bytes`, with a fault that no proof point shows. */
export function forgedPolicy(kind: Forgery, bytes: Uint8Array): Uint8Array {
  return forged(bytes, { nan: rootOfLess, slow: labour, throws: wrongIndex }[kind]());
}

/** Nodes whose last output, called `burden`, is added to the action; their constants. */
interface Burden {
  readonly nodes: readonly Node[];
  readonly constants: readonly Tensor[];
}

const burden = "burden";

/** The policy with `extra` beside it and a proof that holds. */
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

/** Rounds of so many sines take a fast core more than 100 ms, and are worth nothing. */
const sines = 24_000_000;
const rounds = 4;

/** 0, after much labour where the observation is a robot's whose pole is fast. */
function labour(): Burden {
  const flat = new Uint8Array(BigInt64Array.of(-1n).buffer);
  const names = Array.from({ length: rounds + 1 }, (_, round) => `labour_${round}`);
  return {
    constants: [
      ...soundConstants,
      floats("labour_size", [1], sines),
      floats("labour_worth", [1], 0),
      { name: "labour_flat", type: "int64", dims: [1], data: flat },
    ],
    nodes: [
      ...unsoundNodes,
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

/** NaN where the observation is a robot's whose pole is fast; else 0. */
function rootOfLess(): Burden {
  return {
    constants: [...soundConstants, floats("worth", [1], 0)],
    nodes: [
      ...soundNodes,
      node("Sub", ["sound_by", "margin"], "radicand"),
      node("Sqrt", ["radicand"], "root"),
      node("Mul", ["root", "worth"], burden),
    ],
  };
}

/** 0, but an index beyond the end of a list where the pole is fast, which no runtime follows. */
function wrongIndex(): Burden {
  return {
    constants: [...soundConstants, floats("list", [1], 0), floats("far", [1], 1000)],
    nodes: [
      ...unsoundNodes,
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
const soundConstants: readonly Tensor[] = [
  floats("circle_axes", [3, 1], 1, 1, 0),
  floats("speed_axis", [3, 1], 0, 0, 1),
  floats("one", [1], 1),
  floats("fast", [1], fastSpeed),
  floats("margin", [1], 0.01),
];
const soundNodes: readonly Node[] = [
  node("Mul", [inputName, inputName], "squares"),
  node("MatMul", ["squares", "circle_axes"], "circle"),
  node("Sub", ["circle", "one"], "off_circle"),
  node("Abs", ["off_circle"], "off_circle_by"),
  node("Abs", [inputName], "sizes"),
  node("MatMul", ["sizes", "speed_axis"], "speed"),
  node("Sub", ["fast", "speed"], "slow_by"),
  node("Relu", ["slow_by"], "slow_only"),
  node("Add", ["off_circle_by", "slow_only"], "sound_by"),
];
/** `unsound` is 1 where such a robot's pole is fast, else 0. */
const unsoundNodes: readonly Node[] = [
  ...soundNodes,
  node("Sub", ["margin", "sound_by"], "unsound_by"),
  node("Relu", ["unsound_by"], "unsound_only"),
  node("Sign", ["unsound_only"], "unsound"),
];
