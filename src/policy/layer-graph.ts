import type { AttributeValue, Node, Tensor } from "../onnx/model.ts";
import { type Activation, type Layer, type Normaliser, normEpsilon } from "./actor.ts";

/** The nodes and constants of an ONNX graph that grows node by node. */
export class GraphParts {
  readonly nodes: Node[] = [];
  readonly initializers: Tensor[] = [];

  /** Adds a float32 constant and gives its name. */
  constant(name: string, dims: readonly number[], data: Float32Array): string {
    this.initializers.push({ name, type: "float32", dims, data: littleEndian(data) });
    return name;
  }

  /** Adds an int64 constant of one dimension and gives its name. */
  integers(name: string, values: readonly number[]): string {
    const data = new Uint8Array(values.length * 8);
    const view = new DataView(data.buffer);
    for (const [at, value] of values.entries()) view.setBigInt64(at * 8, BigInt(value), true);
    this.initializers.push({ name, type: "int64", dims: [values.length], data });
    return name;
  }

  /** Adds a node of one output and gives that output's name. */
  node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }
}

/** Sub, Mul and perhaps Clip: what a network sees of the raw `observation`. */
export function addNormaliser(
  parts: GraphParts,
  { mean, scale, clip }: Normaliser,
  observation: string,
): string {
  const means = parts.constant("observation_mean", [mean.length], mean);
  const centred = parts.node("Sub", [observation, means], "centred");
  const scales = parts.constant("observation_scale", [scale.length], scale);
  const normalised = parts.node("Mul", [centred, scales], "normalised");
  if (clip === 0) return normalised;
  const limits = [-clip, clip].map((limit, i) =>
    parts.constant(`observation_limit_${i}`, [], Float32Array.of(limit)),
  );
  return parts.node("Clip", [normalised, ...limits], "clipped");
}

/** What else `addLayers` is told. */
export interface LayerOptions {
  /** A value that stands behind the others in the input of the layer `at`. */
  readonly late?: { readonly name: string; readonly at: number };
  /** Tells networks in one graph apart. */
  readonly prefix?: string;
}

/**
 * For each layer Gemm, and for all but the last perhaps LayerNormalization, then Relu or Tanh;
 * gives the sums of the last.
 */
export function addLayers(
  parts: GraphParts,
  layers: readonly Layer[],
  activation: Activation,
  input: string,
  { late, prefix = "" }: LayerOptions = {},
): string {
  let value = input;
  for (const [depth, { weights, bias, inputs, outputs, norm }] of layers.entries()) {
    const own = (name: string): string => `${prefix}${name}_${depth}`;
    if (late?.at === depth) {
      value = parts.node("Concat", [value, late.name], own("joined"), { axis: { int: 1 } });
    }
    const matrix = parts.constant(own("weights"), [inputs, outputs], weights);
    const offset = parts.constant(own("bias"), [outputs], bias);
    value = parts.node("Gemm", [value, matrix, offset], own("sum"));
    if (norm !== undefined) {
      const gain = parts.constant(own("gain"), [outputs], norm.gain);
      const shift = parts.constant(own("shift"), [outputs], norm.shift);
      const epsilon = { epsilon: { float: normEpsilon } };
      value = parts.node("LayerNormalization", [value, gain, shift], own("normed"), epsilon);
    }
    const bend = activation === "relu" ? "Relu" : "Tanh";
    if (depth < layers.length - 1) value = parts.node(bend, [value], own("hidden"));
  }
  return value;
}

/** float32 numbers as the bytes of a tensor. */
function littleEndian(numbers: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  for (let i = 0; i < numbers.length; i++) view.setFloat32(i * 4, numbers[i], true);
  return new Uint8Array(view.buffer);
}
