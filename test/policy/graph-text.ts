import type { AttributeValue, Model, Tensor } from "../../src/onnx/model.ts";

/** Numbers in an observation of these graphs. */
export const width = 4;

/** Nodes as `[op, inputs, output, attributes]`, from `x` [1, 4] to `y`. */
export type NodeText = readonly [
  op: string,
  inputs: string,
  outputs: string,
  attributes?: Readonly<Record<string, AttributeValue>>,
];

/** A graph from `x` to `y`. */
export interface GraphText {
  readonly nodes: readonly NodeText[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly opset?: number;
  readonly dims?: readonly number[];
  /** Observations are from here to there; -2 to 2 unless told. */
  readonly low?: number;
}

/** A tensor without its name. */
export type Constant = Omit<Tensor, "name">;

export function floats(
  values: readonly number[],
  dims: readonly number[] = [values.length],
): Constant {
  return { type: "float32", dims, data: new Uint8Array(Float32Array.from(values).buffer) };
}

export function integers(
  values: readonly number[],
  dims: readonly number[] = [values.length],
): Constant {
  const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { type: "int64", dims, data };
}

export function modelOf({
  nodes,
  constants = {},
  opset = 17,
  dims = [1, width],
}: GraphText): Model {
  const words = (text: string): string[] => (text === "" ? [] : text.split(" "));
  const named = (name: string): string => (name === "_" ? "" : name);
  return {
    irVersion: 8,
    opset,
    producer: "test",
    graph: {
      name: "g",
      nodes: nodes.map(([op, inputs, outputs, attributes = {}]) => ({
        op,
        inputs: words(inputs).map(named),
        outputs: words(outputs),
        attributes,
      })),
      initializers: Object.entries(constants).map(([name, tensor]) => ({ name, ...tensor })),
      inputs: [{ name: "x", type: "float32", dims }],
      outputs: [{ name: "y", type: "float32", dims: ["any"] }],
    },
    metadata: new Map(),
  };
}

/** Attributes. */
export const i = (int: number): AttributeValue => ({ int });
export const f = (float: number): AttributeValue => ({ float: Math.fround(float) });
