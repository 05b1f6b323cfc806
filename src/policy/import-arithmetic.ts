import { elementsOf } from "../onnx/dims.ts";
import type { ElementType } from "../onnx/model.ts";
import type { MapOp, PairOp } from "./formula.ts";
import { mapOps, pairOps } from "./formula-value.ts";
import { broadcast } from "./import-rearrangement.ts";
import {
  type Constant,
  checkedElements,
  constantOfTensor,
  floatAttribute,
  inputAt,
  intAttribute,
  type NodeInputs,
  numbersAt,
  type Row,
  type Rule,
  Unreadable,
} from "./import-value.ts";

/** Defaults of ONNX's `alpha`. */
const alphas: Partial<Record<MapOp, number>> = { Elu: 1, LeakyRelu: 0.01 };

function mapRule(op: MapOp): Rule {
  return (given) => {
    const value = inputAt(given, 0);
    const { attributes } = given.node;
    if (op === "Selu" && Object.keys(attributes).length > 0) {
      throw new Unreadable("operation", "Selu with numbers of its own");
    }
    const alpha = floatAttribute(given.node, "alpha", alphas[op] ?? 0);
    if (value.kind === "row") return [mapped(given, op, value, alpha)];
    return [{ ...value, values: Float64Array.from(value.values, (x) => mapOps[op](x, alpha)) }];
  };
}

/** A function of each number. */
export function mapped(given: NodeInputs, op: MapOp, row: Row, alpha: number = 0): Row {
  return { ...row, place: given.builder.map(op, row.place, alpha) };
}

function pairRule(op: PairOp): Rule {
  return (given) => {
    let result = inputAt(given, 0);
    for (let at = 1; at < given.inputs.length; at++) {
      result = paired(given, op, result, inputAt(given, at));
    }
    return [result];
  };
}

/** Both broadcast, as numpy does it. */
export function paired(
  given: NodeInputs,
  op: PairOp,
  left: Constant | Row,
  right: Constant | Row,
): Constant | Row {
  const dims = broadcast(left.dims, right.dims);
  if (left.kind === "constant" && right.kind === "constant") {
    return folded(left, right, dims, left.type, pairOps[op]);
  }
  const [first, second] = placesOf(given, [left, right], dims);
  return { kind: "row", dims, place: given.builder.pair(op, first, second) };
}

/** Steps that stand beside each other as rows of `dims`. */
function placesOf(
  { builder }: NodeInputs,
  values: readonly (Constant | Row)[],
  dims: readonly number[],
): number[] {
  const width = checkedElements(dims);
  return values.map((value) => {
    const size = elementsOf(value.dims);
    if (width === 0 || (size !== width && size !== 1))
      throw new Unreadable("operation", "it spans a table");
    return value.kind === "row" ? value.place : builder.constant(value.values);
  });
}

function folded(
  left: Constant,
  right: Constant,
  dims: readonly number[],
  type: ElementType,
  op: (a: number, b: number) => number,
): Constant {
  const count = checkedElements(dims);
  const [a, b] = [indexer(left, dims), indexer(right, dims)];
  const whole = left.type === "int64" || left.type === "int32";
  const values = Float64Array.from({ length: count }, (_, at) => {
    const value = op(left.values[a(at)], right.values[b(at)]);
    return whole ? Math.trunc(value) : value;
  });
  return { kind: "constant", type, dims, values };
}

/** From a place in `dims`, row-major, to that in a constant which is broadcast to them. */
function indexer(value: Constant, dims: readonly number[]): (at: number) => number {
  const lead = dims.length - value.dims.length;
  return (at) => {
    let index = 0;
    let stride = 1;
    let rest = at;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const coordinate = rest % dims[axis];
      rest = Math.floor(rest / dims[axis]);
      const size = axis < lead ? 1 : value.dims[axis - lead];
      if (size !== 1) index += coordinate * stride;
      stride *= size;
    }
    return index;
  };
}

/** Of constants alone, as shapes that a graph computes. */
const equal: Rule = (given) => {
  const [left, right] = [inputAt(given, 0), inputAt(given, 1)];
  if (left.kind === "row" || right.kind === "row") {
    throw new Unreadable("operation", "it asks whether an observation is exactly a number");
  }
  const dims = broadcast(left.dims, right.dims);
  return [folded(left, right, dims, "bool", (a, b) => Number(a === b))];
};

const where: Rule = (given) => {
  const [condition, yes, no] = [0, 1, 2].map((at) => inputAt(given, at));
  const dims = broadcast(condition.dims, broadcast(yes.dims, no.dims));
  if (condition.kind === "row" || yes.kind === "row" || no.kind === "row") {
    const places = placesOf(given, [condition, yes, no], dims);
    return [{ kind: "row", dims, place: given.builder.choose(places[0], places[1], places[2]) }];
  }
  const [c, y, n] = [condition, yes, no].map((value) => indexer(value, dims));
  const values = Float64Array.from({ length: checkedElements(dims) }, (_, at) =>
    condition.values[c(at)] === 0 ? no.values[n(at)] : yes.values[y(at)],
  );
  return [{ kind: "constant", type: yes.type, dims, values }];
};

/** Elements 1 to 8 bytes wide that keep their numbers; a row becomes whole numbers by no cast. */
const cast: Rule = (given) => {
  const value = inputAt(given, 0);
  const codes: Record<number, ElementType> = {
    1: "float32",
    6: "int32",
    7: "int64",
    11: "float64",
  };
  const type = codes[intAttribute(given.node, "to", 0)];
  const floats = type === "float32" || type === "float64";
  if (type === undefined || (value.kind === "row" && !floats)) {
    throw new Unreadable("operation", "it casts to another kind of number");
  }
  if (value.kind === "row") return [value];
  const convert = floats ? (x: number): number => x : Math.trunc;
  return [{ ...value, type, values: Float64Array.from(value.values, convert) }];
};

const constant: Rule = ({ node: { attributes } }) => {
  const [given] = Object.values(attributes);
  if (given !== undefined && "tensor" in given) return [constantOfTensor(given.tensor)];
  const list = (type: ElementType, values: readonly number[], dims = [values.length]) => [
    { kind: "constant" as const, type, dims, values },
  ];
  if (given !== undefined && "float" in given) return list("float32", [given.float], []);
  if (given !== undefined && "int" in given) return list("int64", [given.int], []);
  if (given !== undefined && "floats" in given) return list("float32", given.floats);
  if (given !== undefined && "ints" in given) return list("int64", given.ints);
  throw new Unreadable("operation", "a constant that is no number");
};

const constantOfShape: Rule = (given) => {
  const dims = numbersAt(given, 0) ?? [];
  const value = given.node.attributes["value"];
  const filled = value !== undefined && "tensor" in value ? constantOfTensor(value.tensor) : null;
  const values = new Float64Array(checkedElements(dims)).fill(filled?.values[0] ?? 0);
  return [{ kind: "constant", type: filled?.type ?? "float32", dims, values }];
};

const clip: Rule = (given) => {
  const value = inputAt(given, 0);
  const { node } = given;
  // Attributes up to operator set 10, inputs since.
  const inputs = given.opset >= 11;
  const low = inputs ? numbersAt(given, 1)?.[0] : floatAttribute(node, "min", Number.NaN);
  const high = inputs ? numbersAt(given, 2)?.[0] : floatAttribute(node, "max", Number.NaN);
  let result = value;
  const bound = (op: PairOp, limit: number | undefined): void => {
    if (limit === undefined || Number.isNaN(limit)) return;
    result = paired(given, op, result, scalar(limit));
  };
  bound("Max", low);
  bound("Min", high);
  return [result];
};

/** min(max(alpha x + beta, 0), 1) */
const hardSigmoid: Rule = (given) => {
  const { node } = given;
  const value = inputAt(given, 0);
  const slope = scalar(floatAttribute(node, "alpha", 0.2));
  const shift = scalar(floatAttribute(node, "beta", 0.5));
  const line = paired(given, "Add", paired(given, "Mul", value, slope), shift);
  return [paired(given, "Min", paired(given, "Max", line, scalar(0)), scalar(1))];
};

/** x min(max(x / 6 + 1/2, 0), 1) */
const hardSwish: Rule = (given) => {
  const value = inputAt(given, 0);
  const line = paired(given, "Add", paired(given, "Mul", value, scalar(1 / 6)), scalar(0.5));
  const gate = paired(given, "Min", paired(given, "Max", line, scalar(0)), scalar(1));
  return [paired(given, "Mul", value, gate)];
};

/** x tanh(softplus(x)) */
const mish: Rule = (given) => {
  const value = inputAt(given, 0);
  if (value.kind !== "row") throw new Unreadable("operation", "Mish of a constant");
  const gate = mapped(given, "Tanh", mapped(given, "Softplus", value));
  return [paired(given, "Mul", value, gate)];
};

function scalar(value: number): Constant {
  return { kind: "constant", type: "float32", dims: [], values: [value] };
}

const prelu: Rule = (given) => {
  const [value, slope] = [inputAt(given, 0), inputAt(given, 1)];
  if (value.kind !== "row") throw new Unreadable("operation", "PRelu of a constant");
  const below = paired(given, "Mul", paired(given, "Min", value, scalar(0)), slope);
  return [paired(given, "Add", paired(given, "Max", value, scalar(0)), below)];
};

const maps: readonly MapOp[] = [
  ...(["Abs", "Cos", "Elu", "Exp", "LeakyRelu", "Log", "Neg", "Reciprocal", "Relu"] as const),
  ...(["Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Sqrt", "Tanh"] as const),
];
const pairs: readonly PairOp[] = [
  ...(["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Greater", "Less"] as const),
];

/** Operations that compute number by number. */
export const arithmetic: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(maps.map((op) => [op, mapRule(op)])),
  ...Object.fromEntries(pairs.map((op) => [op, pairRule(op)])),
  Cast: cast,
  Clip: clip,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Equal: equal,
  PRelu: prelu,
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  Mish: mish,
  Where: where,
};
