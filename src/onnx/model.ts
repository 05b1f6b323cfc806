import { messageOf, SinewError } from "../core/errors.ts";
import { ProtoWriter, readFields, textOf } from "../core/protobuf.ts";
import {
  appendFloats,
  appendInts,
  elementTypes,
  float32At,
  readTensor,
  refuse,
  type SecondFile,
  typeOfCode,
} from "./tensor.ts";

/** The element types that our graphs use, of the many that ONNX has. */
export type ElementType = "float32" | "float64" | "int32" | "int64" | "bool";

/** A constant. `data` holds the elements in row-major order, little-endian, bool as one byte. */
export interface Tensor {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor }
  | { readonly graph: Graph };

/** One operation of the default ONNX domain; an empty input name is an input left out. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** An input or output of a graph. A text among `dims` is a symbolic size, such as "batch". */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** An ONNX file. Sinew writes IR version 8 and opset 17, which every ORT since 1.13 loads. */
export interface Model {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly graph: Graph;
  readonly metadata: ReadonlyMap<string, string>;
}

// Graphs inside attributes inside graphs: deeper than this is an attack on the stack, not a model.
const depthMax = 16;

/** The bytes of an ONNX file. Field numbers are those of onnx.proto; tensors are raw data. */
export function encodeModel(model: Model): Uint8Array {
  const file = new ProtoWriter()
    .varint(1, model.irVersion)
    .string(2, model.producer)
    .message(8, (opset) => opset.string(1, "").varint(2, model.opset))
    .message(7, (graph) => writeGraph(graph, model.graph));
  for (const [key, value] of model.metadata) {
    file.message(14, (entry) => entry.string(1, key).string(2, value));
  }
  return file.finish();
}

function writeGraph(out: ProtoWriter, graph: Graph): void {
  for (const node of graph.nodes) out.message(1, (inner) => writeNode(inner, node));
  out.string(2, graph.name);
  for (const tensor of graph.initializers) out.message(5, (inner) => writeTensor(inner, tensor));
  for (const value of graph.inputs) out.message(11, (inner) => writeValueInfo(inner, value));
  for (const value of graph.outputs) out.message(12, (inner) => writeValueInfo(inner, value));
}

function writeNode(out: ProtoWriter, node: Node): void {
  for (const name of node.inputs) out.string(1, name);
  for (const name of node.outputs) out.string(2, name);
  out.string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    out.message(5, (inner) => writeAttribute(inner.string(1, name), value));
  }
}

function writeAttribute(out: ProtoWriter, value: AttributeValue): void {
  // Field 20 is the kind of the value (AttributeProto.AttributeType).
  if ("float" in value) out.float(2, value.float).varint(20, 1);
  else if ("int" in value) out.varint(3, value.int).varint(20, 2);
  else if ("string" in value) out.string(4, value.string).varint(20, 3);
  else if ("tensor" in value) {
    out.message(5, (inner) => writeTensor(inner, value.tensor)).varint(20, 4);
  } else if ("graph" in value) {
    out.message(6, (inner) => writeGraph(inner, value.graph)).varint(20, 5);
  } else if ("floats" in value) {
    for (const float of value.floats) out.float(7, float);
    out.varint(20, 6);
  } else {
    for (const int of value.ints) out.varint(8, int);
    out.varint(20, 7);
  }
}

function writeTensor(out: ProtoWriter, tensor: Tensor): void {
  for (const size of tensor.dims) out.varint(1, size);
  out.varint(2, elementTypes[tensor.type].code).string(8, tensor.name).bytes(9, tensor.data);
}

function writeValueInfo(out: ProtoWriter, value: ValueInfo): void {
  out.string(1, value.name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.varint(1, elementTypes[value.type].code).message(2, (shape) => {
        for (const size of value.dims) {
          shape.message(1, (dim) =>
            typeof size === "number" ? dim.varint(1, size) : dim.string(2, size),
          );
        }
      }),
    ),
  );
}

/**
 * Reads an ONNX file. Names and comments of nodes and inferred shapes are left out. Tensor data are
 * copies. Throws `SinewError("policy-file")` for what is cut short, damaged or another kind of file
 * and for what Sinew does not read: other element types, other domains, and, where no `second` is
 * given, weights in a second file.
 */
export function decodeModel(bytes: Uint8Array, second: SecondFile | null = null): Model {
  try {
    return readModel(bytes, second);
  } catch (thrown) {
    if (thrown instanceof SinewError && thrown.code === "policy-file") throw thrown;
    throw new SinewError("policy-file", `not an ONNX file: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function readModel(bytes: Uint8Array, second: SecondFile | null): Model {
  let irVersion = 0;
  let producer = "";
  let opset = 0;
  let graph: Graph | null = null;
  const metadata = new Map<string, string>();
  for (const { field, wireType, value, bytes: payload } of readFields(bytes)) {
    if (field === 1 && wireType === 0) irVersion = value;
    if (field === 20 || field === 25) refuse("it holds training information or local functions");
    if (wireType !== 2) continue;
    if (field === 2) producer = textOf(payload);
    if (field === 7) {
      if (graph !== null) refuse("it holds two graphs");
      graph = readGraph(payload, 0, second);
    }
    if (field === 8) {
      const [domain, version] = readPair(payload);
      if (domain === "" || domain === "ai.onnx") opset = version;
    }
    if (field === 14) {
      const [key, , text] = readPair(payload);
      if (metadata.has(key)) refuse(`it states the metadata key "${key}" twice`);
      metadata.set(key, text);
    }
  }
  if (graph === null) refuse("it has no graph (cut short, or another kind of file?)");
  if (irVersion < 1) refuse("it states no IR version");
  if (opset < 1) refuse("it states no operator set");
  return { irVersion, opset, producer, graph, metadata };
}

/** Field 1 as text; field 2 as a number or as text. */
function readPair(bytes: Uint8Array): [first: string, value: number, text: string] {
  let first = "";
  let number = 0;
  let text = "";
  for (const { field, wireType, value, bytes: payload } of readFields(bytes)) {
    if (field === 1 && wireType === 2) first = textOf(payload);
    if (field === 2 && wireType === 0) number = value;
    if (field === 2 && wireType === 2) text = textOf(payload);
  }
  return [first, number, text];
}

function readGraph(bytes: Uint8Array, depth: number, second: SecondFile | null): Graph {
  if (depth > depthMax) refuse(`graphs are nested deeper than ${depthMax}`);
  let name = "";
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  for (const { field, wireType, bytes: payload } of readFields(bytes)) {
    if (wireType !== 2) continue;
    if (field === 1) nodes.push(readNode(payload, depth, second));
    if (field === 2) name = textOf(payload);
    if (field === 5) initializers.push(readTensor(payload, second));
    if (field === 11) inputs.push(readValueInfo(payload));
    if (field === 12) outputs.push(readValueInfo(payload));
    if (field === 15) refuse("it holds sparse tensors");
  }
  if (outputs.length === 0) refuse(`the graph "${name}" has no output`);
  return { name, nodes, initializers, inputs, outputs };
}

function readNode(bytes: Uint8Array, depth: number, second: SecondFile | null): Node {
  let op = "";
  let domain = "";
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, AttributeValue> = {};
  for (const { field, wireType, bytes: payload } of readFields(bytes)) {
    if (wireType !== 2) continue;
    if (field === 1) inputs.push(textOf(payload));
    if (field === 2) outputs.push(textOf(payload));
    if (field === 4) op = textOf(payload);
    if (field === 5) {
      const [name, value] = readAttribute(payload, depth, second);
      attributes[name] = value;
    }
    if (field === 7) domain = textOf(payload);
  }
  if (domain !== "" && domain !== "ai.onnx") refuse(`operations are of the domain "${domain}"`);
  if (op === "") refuse("it has a node without an operation");
  return { op, inputs, outputs, attributes };
}

function readAttribute(
  bytes: Uint8Array,
  depth: number,
  second: SecondFile | null,
): [name: string, value: AttributeValue] {
  let name = "";
  let kind = 0;
  let single: AttributeValue | null = null;
  const ints: number[] = [];
  const floats: number[] = [];
  for (const part of readFields(bytes)) {
    const { field, wireType, value, bytes: payload } = part;
    if (field === 1) name = textOf(payload);
    if (field === 2 && wireType === 5) single = { float: float32At(payload, 0) };
    if (field === 3 && wireType === 0) single = { int: value };
    if (field === 4 && wireType === 2) single = { string: textOf(payload) };
    if (field === 5 && wireType === 2) single = { tensor: readTensor(payload, second) };
    if (field === 6 && wireType === 2) single = { graph: readGraph(payload, depth + 1, second) };
    if (field === 7) appendFloats(part, floats);
    if (field === 8) appendInts(part, ints);
    if (field === 20 && wireType === 0) kind = value;
  }
  // A value that equals the default may be left out of the file, so the kind decides.
  if (kind === 7 || ints.length > 0) return [name, { ints }];
  if (kind === 6 || floats.length > 0) return [name, { floats }];
  if (single !== null) return [name, single];
  if (kind === 1) return [name, { float: 0 }];
  if (kind === 2) return [name, { int: 0 }];
  if (kind === 3) return [name, { string: "" }];
  return refuse(`the attribute "${name}" is of the kind ${kind}`);
}

function readValueInfo(bytes: Uint8Array): ValueInfo {
  let name = "";
  let code = 0;
  const dims: (number | string)[] = [];
  for (const part of readFields(bytes)) {
    if (part.field === 1 && part.wireType === 2) name = textOf(part.bytes);
    if (part.field !== 2 || part.wireType !== 2) continue;
    for (const kind of readFields(part.bytes)) {
      if (kind.field !== 1) refuse(`"${name}" is not a tensor`);
      for (const { field, wireType, value, bytes: payload } of readFields(kind.bytes)) {
        if (field === 1 && wireType === 0) code = value;
        if (field === 2 && wireType === 2) dims.push(...readShape(payload));
      }
    }
  }
  return { name, type: typeOfCode(code, `"${name}"`), dims };
}

function readShape(bytes: Uint8Array): (number | string)[] {
  const dims: (number | string)[] = [];
  for (const { field, bytes: payload } of readFields(bytes)) {
    if (field !== 1) continue;
    // A size that is neither a number nor named is any size: an empty name.
    let size: number | string = "";
    for (const part of readFields(payload)) {
      if (part.field === 1 && part.wireType === 0) size = part.value;
      if (part.field === 2 && part.wireType === 2) size = textOf(part.bytes);
    }
    dims.push(size);
  }
  return dims;
}
