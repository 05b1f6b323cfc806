import { elementsOf } from "../onnx/dims.ts";
import type { AttributeValue, ElementType, Node, Tensor } from "../onnx/model.ts";
import type { FormulaBuilder } from "./formula.ts";

/** Numbers that do not depend on the observation, [dims] row-major. */
export interface Constant {
  readonly kind: "constant";
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
}

/** What is computed of the observation: a step of the formula. The batch counts as 1 in `dims`. */
export interface Row {
  readonly kind: "row";
  readonly place: number;
  readonly dims: readonly number[];
}

/** What cannot be read, which matters only where the action depends on it. */
export interface Unread {
  readonly kind: "unread";
  readonly cause: Unreadable;
}

export type Value = Constant | Row | Unread;

/** Why a value cannot be read. */
export type UnreadableKind = "operation" | "random" | "training" | "input" | "memory" | "batch";

/** Thrown by a rule that cannot read its node; caught where the graph is walked. */
export class Unreadable extends Error {
  readonly kind: UnreadableKind;

  constructor(kind: UnreadableKind, message: string) {
    super(message);
    this.name = "Unreadable";
    this.kind = kind;
  }
}

/** What a rule is told of a node: inputs that are left out are undefined, none is unread. */
export interface NodeInputs {
  readonly node: Node;
  readonly inputs: readonly (Constant | Row | undefined)[];
  readonly opset: number;
  readonly builder: FormulaBuilder;
}

/** The values of a node's outputs, in order. */
export type Rule = (given: NodeInputs) => readonly Value[];

/** Most numbers that a file may have us make out of few: shapes in it can be anything. */
const elementsMax = 2 ** 24;

/** Number of elements. Throws `Unreadable` where that is no size that a policy has. */
export function checkedElements(dims: readonly number[]): number {
  const count = elementsOf(dims);
  if (dims.every((size) => Number.isInteger(size) && size >= 0) && count <= elementsMax) {
    return count;
  }
  throw new Unreadable("operation", `it makes a tensor of [${dims.join(", ")}]`);
}

export function constantOfTensor({ type, dims, data }: Tensor): Constant {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const read = {
    float32: (at: number) => view.getFloat32(at * 4, true),
    float64: (at: number) => view.getFloat64(at * 8, true),
    int32: (at: number) => view.getInt32(at * 4, true),
    int64: (at: number) => Number(view.getBigInt64(at * 8, true)),
    bool: (at: number) => view.getUint8(at),
  }[type];
  const values = Float64Array.from({ length: elementsOf(dims) }, (_, at) => read(at));
  return { kind: "constant", type, dims, values };
}

/** The input at `at`, which must be there. */
export function inputAt({ node, inputs }: NodeInputs, at: number): Constant | Row {
  const value = inputs[at];
  if (value === undefined) throw new Unreadable("operation", `${node.op} lacks its input ${at}`);
  return value;
}

/** The numbers of the input at `at`, which must be constant; undefined where it is left out. */
export function numbersAt({ node, inputs }: NodeInputs, at: number): number[] | undefined {
  const value = inputs[at];
  if (value === undefined) return undefined;
  if (value.kind === "constant") return Array.from(value.values);
  throw new Unreadable("operation", `${node.op} takes its input ${at} from the observation`);
}

export function intAttribute({ attributes }: Node, name: string, otherwise: number): number {
  const value: AttributeValue | undefined = attributes[name];
  return value !== undefined && "int" in value ? value.int : otherwise;
}

export function floatAttribute({ attributes }: Node, name: string, otherwise: number): number {
  const value: AttributeValue | undefined = attributes[name];
  return value !== undefined && "float" in value ? value.float : otherwise;
}

/** The numbers of an attribute; of the input at `at` where newer operator sets moved them there. */
export function listAt(given: NodeInputs, name: string, at: number): number[] | undefined {
  const value: AttributeValue | undefined = given.node.attributes[name];
  if (value !== undefined && "ints" in value) return [...value.ints];
  return numbersAt(given, at);
}

/** `axis` counted from the front. Throws `Unreadable` where there is no such axis. */
export function axisOf(axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted >= 0 && counted < rank) return counted;
  throw new Unreadable("operation", `axis ${axis} of ${rank}`);
}
