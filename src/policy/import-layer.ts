import { elementsOf } from "../onnx/dims.ts";
import { mapped, paired } from "./import-arithmetic.ts";
import {
  axisOf,
  type Constant,
  floatAttribute,
  inputAt,
  intAttribute,
  type NodeInputs,
  numbersAt,
  type Row,
  type Rule,
  Unreadable,
} from "./import-value.ts";

/** A matrix product: the row on the left, the weights on the right. */
function product(
  given: NodeInputs,
  left: Constant | Row,
  right: Constant | Row,
  { scale = 1, transposed = false, bias }: ProductOptions = {},
): Row {
  const inputs = left.dims.at(-1) ?? 0;
  const alone = left.kind === "row" && elementsOf(left.dims) === inputs;
  if (!alone || right.kind !== "constant" || right.dims.length !== 2) {
    throw new Unreadable("operation", `${given.node.op} is not of a row and a matrix of weights`);
  }
  const [rows, outputs] = transposed ? right.dims.toReversed() : right.dims;
  if (rows !== inputs) throw new Unreadable("operation", `${inputs} numbers times ${rows} rows`);
  const weights = new Float32Array(rows * outputs);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < outputs; j++) {
      const at = transposed ? j * rows + i : i * outputs + j;
      weights[i * outputs + j] = scale * right.values[at];
    }
  }
  if (bias !== undefined && bias.length !== outputs && bias.length !== 1) {
    throw new Unreadable("operation", `a bias of ${bias.length} for ${outputs} numbers`);
  }
  const shift = Float32Array.from({ length: outputs }, (_, j) =>
    bias === undefined ? 0 : bias[bias.length === 1 ? 0 : j],
  );
  const dims = left.dims.with(-1, outputs);
  return { kind: "row", dims, place: given.builder.dense(left.place, weights, shift) };
}

interface ProductOptions {
  readonly scale?: number;
  readonly transposed?: boolean;
  readonly bias?: ArrayLike<number> | undefined;
}

const gemm: Rule = (given) => {
  const { node } = given;
  if (intAttribute(node, "transA", 0) === 1) {
    throw new Unreadable("operation", "it multiplies columns of observations");
  }
  const beta = floatAttribute(node, "beta", 1);
  const options = {
    scale: floatAttribute(node, "alpha", 1),
    transposed: intAttribute(node, "transB", 0) === 1,
    bias: numbersAt(given, 2)?.map((one) => beta * one),
  };
  return [product(given, inputAt(given, 0), inputAt(given, 1), options)];
};

const matMul: Rule = (given) => [product(given, inputAt(given, 0), inputAt(given, 1))];

const batchNormalization: Rule = (given) => {
  const { node } = given;
  const value = inputAt(given, 0);
  const trains = intAttribute(node, "training_mode", 0) === 1;
  if (trains || node.outputs.filter((name) => name !== "").length > 1) {
    throw new Unreadable("training", "BatchNormalization was exported in training mode");
  }
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((at) => numbersAt(given, at) ?? []);
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const gain = scale.map((one, i) => one / Math.sqrt(variance[i] + epsilon));
  const shift = bias.map((one, i) => one - mean[i] * gain[i]);
  const list = (values: readonly number[]): Constant => {
    return { kind: "constant", type: "float32", dims: [1, values.length], values };
  };
  return [paired(given, "Add", paired(given, "Mul", value, list(gain)), list(shift))];
};

const layerNormalization: Rule = (given) => {
  const { node, builder } = given;
  const value = inputAt(given, 0);
  const width = value.dims.at(-1) ?? 0;
  const axis = axisOf(intAttribute(node, "axis", -1), value.dims.length);
  const alone = value.kind === "row" && elementsOf(value.dims) === width;
  const gain = Float32Array.from(numbersAt(given, 1) ?? []);
  const shift = Float32Array.from(numbersAt(given, 2) ?? new Array(width).fill(0));
  if (!alone || axis !== value.dims.length - 1 || gain.length !== width || shift.length !== width) {
    throw new Unreadable("operation", "it normalises over more than a row");
  }
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  return [{ ...value, place: builder.norm(value.place, gain, shift, epsilon) }];
};

/**
 * A mean, of what `before` makes of the row, or what `after` makes of it and the number of
 * elements.
 */
function reduction(
  after: (given: NodeInputs, mean: Row, count: number) => Row,
  before: (given: NodeInputs, row: Row) => Row = (_, row) => row,
): Rule {
  return (given) => {
    const { node, builder } = given;
    const value = inputAt(given, 0);
    const rank = value.dims.length;
    const attribute = node.attributes["axes"];
    const listed = attribute !== undefined && "ints" in attribute ? attribute.ints : null;
    const axes = (listed ?? numbersAt(given, 1) ?? value.dims.map((_, axis) => axis)).map((axis) =>
      axisOf(axis, rank),
    );
    const reduced = value.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
    if (intAttribute(node, "noop_with_empty_axes", 0) === 1) {
      throw new Unreadable("operation", "it may reduce nothing");
    }
    if (value.kind === "constant") throw new Unreadable("operation", "it reduces a constant");
    if (rank > 1 && axes.includes(0)) throw new Unreadable("batch", "it reduces over the batch");
    if (elementsOf(reduced) !== 1) throw new Unreadable("operation", "it reduces a table");
    const kept = intAttribute(node, "keepdims", 1) === 1;
    const dims = kept ? reduced : reduced.filter((_, axis) => !axes.includes(axis));
    const mean: Row = { kind: "row", dims, place: builder.mean(before(given, value).place) };
    return [after(given, mean, elementsOf(value.dims))];
  };
}

function times({ builder }: NodeInputs, row: Row, count: number): Row {
  return { ...row, place: builder.pair("Mul", row.place, builder.constant([count])) };
}

const dropout: Rule = (given) => {
  const trains = (numbersAt(given, 2)?.[0] ?? 0) !== 0;
  if (trains) throw new Unreadable("training", "Dropout was exported in training mode");
  return [inputAt(given, 0)];
};

/** Operations that make a row of another, or one number. */
export const layers: Readonly<Record<string, Rule>> = {
  BatchNormalization: batchNormalization,
  Dropout: dropout,
  Gemm: gemm,
  LayerNormalization: layerNormalization,
  MatMul: matMul,
  ReduceL2: reduction(
    (given, mean, count) => mapped(given, "Sqrt", times(given, mean, count)),
    ({ builder }, row) => ({ ...row, place: builder.pair("Mul", row.place, row.place) }),
  ),
  ReduceMean: reduction((_, mean) => mean),
  ReduceSum: reduction(times),
};
