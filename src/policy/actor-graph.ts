import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import type { Graph } from "../onnx/model.ts";
import { type Actor, assertShapes, type Layer } from "./actor.ts";
import { addLayers, addNormaliser, GraphParts } from "./layer-graph.ts";
import { inputName, policyGraph } from "./policy-graph.ts";

/**
 * An actor as an ONNX graph: Sub, Mul and perhaps Clip (normaliser), then for each hidden layer
 * Gemm, perhaps LayerNormalization, and Relu or Tanh, the last layer's Gemm, Tanh, Mul and Add
 * (range of the actuators), Max and Min (limits, exact in float32, each channel its own).
 */
export function graphOfActor(spec: Spec, actor: Actor): Graph {
  assertShapes(spec, actor);
  const parts = new GraphParts();
  const { normaliser, layers, activation } = actor;
  const seen = addNormaliser(parts, normaliser, inputName);
  const sums = addLayers(parts, layers, activation, seen);
  const ofActions = (name: string, number: (low: number, high: number) => number): string => {
    const data = Float32Array.from(spec.action, ({ low, high }) => number(low, high));
    return parts.constant(name, [data.length], data);
  };
  const unit = parts.node("Tanh", [sums], "unit_action");
  const half = ofActions("action_half_range", (low, high) => (high - low) / 2);
  const scaled = parts.node("Mul", [unit, half], "scaled");
  const middle = ofActions("action_middle", (low, high) => (high + low) / 2);
  const shifted = parts.node("Add", [scaled, middle], "shifted");
  return policyGraph(parts, spec, shifted);
}

/**
 * The actor that `graphOfActor` made this graph of. Throws `SinewError("policy-file")` where the
 * graph is another, even one that would compute the same.
 */
export function actorOfGraph(spec: Spec, graph: Graph): Actor {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const read = (name: string, ...dims: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    const known = tensor?.type === "float32" && tensor.dims.length === dims.length;
    if (!known || tensor.dims.some((size, axis) => dims[axis] !== -1 && dims[axis] !== size)) {
      throw refusal(`"${name}" is not there or has another shape`);
    }
    return fromLittleEndian(tensor.data);
  };
  const observations = spec.observation.length;
  const mean = read("observation_mean", observations);
  const scale = read("observation_scale", observations);
  const layers: Layer[] = [];
  let inputs = observations;
  for (let depth = 0; tensors.has(`weights_${depth}`); depth++) {
    const bias = read(`bias_${depth}`, -1);
    const outputs = bias.length;
    const weights = read(`weights_${depth}`, inputs, outputs);
    const norm = tensors.has(`gain_${depth}`)
      ? { gain: read(`gain_${depth}`, outputs), shift: read(`shift_${depth}`, outputs) }
      : undefined;
    layers.push({ weights, bias, inputs, outputs, ...(norm !== undefined && { norm }) });
    inputs = outputs;
  }
  if (layers.length === 0 || inputs !== spec.action.length) throw refusal("its layers do not fit");
  const clip = tensors.has("observation_limit_1") ? read("observation_limit_1")[0] : 0;
  const hidden = graph.nodes.find(({ outputs }) => outputs[0] === "hidden_0");
  const activation = hidden?.op === "Tanh" ? "tanh" : "relu";
  const actor: Actor = { normaliser: { mean, scale, clip }, layers, activation };
  // The graph is ours where it is what we would write for this actor.
  if (textOf(graphOfActor(spec, actor)) !== textOf(graph)) throw refusal("its nodes are others");
  return actor;
}

function refusal(difference: string): SinewError {
  return new SinewError(
    "policy-file",
    `this policy was not exported by Sinew, so its layers cannot be read: ${difference}`,
  );
}

function textOf(graph: Graph): string {
  const { nodes, inputs, outputs } = graph;
  const limits = graph.initializers
    .filter(({ name }) => name.startsWith("action_"))
    .map(({ name, data }) => [name, [...data]]);
  return JSON.stringify([nodes, inputs, outputs, limits, graph.initializers.length]);
}

function fromLittleEndian(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
}
