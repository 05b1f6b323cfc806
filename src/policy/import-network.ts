import { elementsOf } from "../onnx/dims.ts";
import type { Graph, Model, Node, ValueInfo } from "../onnx/model.ts";
import { type Formula, FormulaBuilder } from "./formula.ts";
import { arithmetic } from "./import-arithmetic.ts";
import { layers } from "./import-layer.ts";
import { rearrangements } from "./import-rearrangement.ts";
import {
  type Constant,
  constantOfTensor,
  type Row,
  type Unread,
  Unreadable,
  type Value,
} from "./import-value.ts";

const rules = { ...rearrangements, ...arithmetic, ...layers };

/** Operations whose output is another one each time. */
const random = [
  ...["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"],
  ...["Bernoulli", "Multinomial"],
];
const recurrent = ["GRU", "LSTM", "RNN", "Loop", "Scan"];

/** One output of a graph. */
export interface NetworkOutput {
  readonly name: string;
  /** Numbers in it, the batch counted as 1; null where that cannot be told. */
  readonly width: number | null;
  /** What it is of the input's row; null where it cannot be read. */
  readonly formula: Formula | null;
  /** Why it cannot be read. */
  readonly cause: Unreadable | null;
}

/** What somebody else's graph computes of one observation. */
export interface Network {
  readonly input: ValueInfo;
  /** Numbers that it takes. */
  readonly width: number;
  readonly outputs: readonly NetworkOutput[];
}

/** What a graph takes beside its constants, which old files list among its inputs too. */
export function inputsOf({ inputs, initializers }: Graph): ValueInfo[] {
  return inputs.filter(({ name }) => !initializers.some((tensor) => tensor.name === name));
}

/**
 * Numbers in one row of `input`: [n], [1, n], [batch, n] and the like. Null where its sizes are not
 * known, or where it is fixed to several rows.
 */
export function widthOf({ type, dims }: ValueInfo): number | null {
  const lead = dims.slice(0, -1).every((size) => typeof size === "string" || size === 1);
  const width = dims.at(-1);
  const floats = type === "float32" || type === "float64";
  return floats && lead && typeof width === "number" && width > 0 ? width : null;
}

/** Reads `model` as a function of its `input`, whose width is known. Never throws. */
export function readNetwork({ graph, opset }: Model, input: ValueInfo): Network {
  const builder = new FormulaBuilder();
  const width = widthOf(input)!;
  const values = new Map<string, Value>();
  for (const tensor of graph.initializers) values.set(tensor.name, constantOfTensor(tensor));
  for (const { name } of inputsOf(graph)) {
    values.set(name, unread(new Unreadable("input", `it depends on the input "${name}" too`)));
  }
  const dims = input.dims.map((_, axis) => (axis === input.dims.length - 1 ? width : 1));
  values.set(input.name, { kind: "row", place: builder.input(width), dims });
  for (const node of graph.nodes) {
    const results = valuesOf(node, values, opset, builder);
    node.outputs.forEach((name, at) => {
      if (name !== "") values.set(name, results[at] ?? unread(unknown(node)));
    });
  }
  const outputs = graph.outputs.map((declared) => {
    return outputOf(declared, values.get(declared.name), builder);
  });
  return { input, width, outputs };
}

function outputOf(
  declared: ValueInfo,
  value: Value | undefined,
  builder: FormulaBuilder,
): NetworkOutput {
  const { name } = declared;
  const unreadable = (cause: Unreadable): NetworkOutput => {
    return { name, width: widthOf(declared), formula: null, cause };
  };
  if (value === undefined) return unreadable(new Unreadable("operation", "no node gives it"));
  if (value.kind === "unread") return unreadable(value.cause);
  if (value.kind === "constant") {
    return unreadable(new Unreadable("operation", "it is the same for every observation"));
  }
  const width = elementsOf(value.dims);
  return { name, width, formula: builder.finish(value.place), cause: null };
}

function valuesOf(
  node: Node,
  values: ReadonlyMap<string, Value>,
  opset: number,
  builder: FormulaBuilder,
): readonly Value[] {
  const fail = (cause: Unreadable): Value[] => node.outputs.map(() => unread(cause));
  const inputs: (Constant | Row | undefined)[] = [];
  // What is drawn or remembered is so whatever it is given.
  if (random.includes(node.op)) {
    return fail(new Unreadable("random", `${node.op} gives another number each time`));
  }
  if (recurrent.includes(node.op)) {
    return fail(new Unreadable("memory", `${node.op} remembers from one step to the next`));
  }
  for (const name of node.inputs) {
    const value = name === "" ? undefined : values.get(name);
    if (value === undefined && name !== "") {
      return fail(new Unreadable("operation", `nothing gives "${name}" to ${node.op}`));
    }
    if (value?.kind === "unread") return [...fail(value.cause)];
    inputs.push(value);
  }
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
  if (rule === undefined) return fail(unknown(node));
  try {
    return rule({ node, inputs, opset, builder });
  } catch (thrown) {
    if (!(thrown instanceof Unreadable)) throw thrown;
    const line = thrown.message.startsWith(node.op) ? "" : `${node.op}: `;
    return fail(new Unreadable(thrown.kind, `${line}${thrown.message}`));
  }
}

function unknown({ op }: Node): Unreadable {
  return new Unreadable("operation", `${op} is an operation that Sinew does not read`);
}

function unread(cause: Unreadable): Unread {
  return { kind: "unread", cause };
}
