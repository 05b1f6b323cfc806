import { broadcastDims, elementsOf } from "../onnx/dims.ts";
import type { FormulaBuilder } from "./formula.ts";
import {
  axisOf,
  type Constant,
  checkedElements,
  inputAt,
  intAttribute,
  listAt,
  type NodeInputs,
  numbersAt,
  type Row,
  type Rule,
  Unreadable,
} from "./import-value.ts";

/** The same numbers in another shape. */
function reshaped(value: Constant | Row, dims: readonly number[]): Constant | Row {
  if (checkedElements(dims) === elementsOf(value.dims)) return { ...value, dims };
  throw new Unreadable("operation", `[${value.dims.join(", ")}] is no [${dims.join(", ")}]`);
}

/** The numbers at `indices`, counted row-major in `value`. */
function picked(
  builder: FormulaBuilder,
  value: Constant | Row,
  indices: readonly number[],
  dims: readonly number[],
): Constant | Row {
  if (indices.length === 0) throw new Unreadable("operation", "it leaves nothing");
  if (value.kind === "row") return { ...value, dims, place: builder.pick(value.place, indices) };
  return { ...value, dims, values: Float64Array.from(indices, (index) => value.values[index]) };
}

/** For each element of `dims`, row-major, what `place` says of its coordinates. */
function indicesOf(
  dims: readonly number[],
  place: (coordinates: readonly number[]) => number,
): number[] {
  const count = checkedElements(dims);
  const coordinates = dims.map(() => 0);
  const indices: number[] = [];
  for (let at = 0; at < count; at++) {
    indices.push(place(coordinates));
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (++coordinates[axis] < dims[axis]) break;
      coordinates[axis] = 0;
    }
  }
  return indices;
}

/** Where `coordinates` lie in a tensor of `dims`, row-major. */
function flat(dims: readonly number[], coordinates: readonly number[]): number {
  return dims.reduce((at, size, axis) => at * size + coordinates[axis], 0);
}

/** Those places along `axis` that `chosen` names, in its order. */
function along(
  builder: FormulaBuilder,
  value: Constant | Row,
  axis: number,
  chosen: readonly number[],
): Constant | Row {
  const size = value.dims[axis];
  if (!chosen.every((index) => Number.isInteger(index) && index >= 0 && index < size)) {
    throw new Unreadable("operation", `an index beyond ${size}`);
  }
  const dims = value.dims.with(axis, chosen.length);
  const indices = indicesOf(dims, (at) => flat(value.dims, at.with(axis, chosen[at[axis]])));
  return picked(builder, value, indices, dims);
}

const reshape: Rule = (given) => {
  const value = inputAt(given, 0);
  const wanted = numbersAt(given, 1) ?? [];
  const keepsZero = intAttribute(given.node, "allowzero", 0) === 1;
  const dims = wanted.map((size, axis) => (size === 0 && !keepsZero ? value.dims[axis] : size));
  const known = elementsOf(dims.filter((size) => size !== -1));
  const open = dims.indexOf(-1);
  return [reshaped(value, open < 0 ? dims : dims.with(open, elementsOf(value.dims) / known))];
};

const flatten: Rule = (given) => {
  const value = inputAt(given, 0);
  const axis = intAttribute(given.node, "axis", 1);
  const split = axis < 0 ? axis + value.dims.length : axis;
  const sizes = [value.dims.slice(0, split), value.dims.slice(split)];
  return [reshaped(value, sizes.map(elementsOf))];
};

const squeeze: Rule = (given) => {
  const value = inputAt(given, 0);
  const axes = listAt(given, "axes", 1)?.map((axis) => axisOf(axis, value.dims.length));
  const dims = value.dims.filter((size, axis) => !(axes?.includes(axis) ?? size === 1));
  return [reshaped(value, dims)];
};

const unsqueeze: Rule = (given) => {
  const value = inputAt(given, 0);
  const axes = listAt(given, "axes", 1) ?? [];
  const rank = value.dims.length + axes.length;
  const dims = [...value.dims];
  for (const axis of axes.map((one) => axisOf(one, rank)).sort((a, b) => a - b)) {
    dims.splice(axis, 0, 1);
  }
  return [reshaped(value, dims)];
};

const transpose: Rule = (given) => {
  const value = inputAt(given, 0);
  const reversed = value.dims.map((_, axis) => value.dims.length - 1 - axis);
  const perm = listAt(given, "perm", 1) ?? reversed;
  const from = perm.map((axis) => axisOf(axis, value.dims.length));
  if (new Set(from).size !== value.dims.length) {
    throw new Unreadable("operation", `it puts ${value.dims.length} axes as ${perm.join(", ")}`);
  }
  const dims = from.map((axis) => value.dims[axis]);
  const indices = indicesOf(dims, (at) => {
    const there = value.dims.map((_, axis) => at[from.indexOf(axis)]);
    return flat(value.dims, there);
  });
  return [picked(given.builder, value, indices, dims)];
};

const expand: Rule = (given) => {
  const value = inputAt(given, 0);
  const wanted = numbersAt(given, 1) ?? [];
  const dims = broadcast(value.dims, wanted);
  const lead = dims.length - value.dims.length;
  const indices = indicesOf(dims, (at) => {
    const there = value.dims.map((size, axis) => (size === 1 ? 0 : at[axis + lead]));
    return flat(value.dims, there);
  });
  return [picked(given.builder, value, indices, dims)];
};

/** `broadcastDims`, of sizes that a file gave. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  for (let back = 1; back <= rank; back++) {
    const sizes = [a[a.length - back] ?? 1, b[b.length - back] ?? 1];
    if (sizes[0] === sizes[1] || sizes.includes(1)) continue;
    throw new Unreadable("operation", `[${a.join(", ")}] beside [${b.join(", ")}]`);
  }
  return broadcastDims(a, b);
}

const gather: Rule = (given) => {
  const value = inputAt(given, 0);
  const index = inputAt(given, 1);
  const axis = axisOf(intAttribute(given.node, "axis", 0), value.dims.length);
  const size = value.dims[axis];
  const chosen = (numbersAt(given, 1) ?? []).map((one) => (one < 0 ? one + size : one));
  const there = along(given.builder, value, axis, chosen);
  return [reshaped(there, there.dims.toSpliced(axis, 1, ...index.dims))];
};

const slice: Rule = (given) => {
  let value = inputAt(given, 0);
  const starts = listAt(given, "starts", 1) ?? [];
  const ends = listAt(given, "ends", 2) ?? [];
  const axes = listAt(given, "axes", 3) ?? starts.map((_, at) => at);
  const steps = numbersAt(given, 4) ?? starts.map(() => 1);
  for (const [at, each] of axes.entries()) {
    const axis = axisOf(each, value.dims.length);
    const size = value.dims[axis];
    const step = steps[at];
    if (!(step >= 1)) throw new Unreadable("operation", `it slices by steps of ${step}`);
    const clamp = (bound: number): number =>
      Math.min(size, Math.max(0, bound < 0 ? bound + size : bound));
    const chosen: number[] = [];
    for (let one = clamp(starts[at]); one < clamp(ends[at]); one += step) chosen.push(one);
    value = along(given.builder, value, axis, chosen);
  }
  return [value];
};

const split: Rule = (given) => {
  const value = inputAt(given, 0);
  const { node, builder } = given;
  const axis = axisOf(intAttribute(node, "axis", 0), value.dims.length);
  const size = value.dims[axis];
  const share = Math.ceil(size / node.outputs.length);
  const sizes =
    listAt(given, "split", 1) ??
    node.outputs.map((_, at) => Math.min(share, Math.max(0, size - at * share)));
  let from = 0;
  return node.outputs.map((_, at) => {
    const chosen = Array.from({ length: checkedElements([sizes[at]]) }, (_, one) => from + one);
    from += sizes[at];
    return along(builder, value, axis, chosen);
  });
};

const concat: Rule = (given) => {
  const { node, inputs, builder } = given;
  const values = Array.from({ length: Math.max(1, inputs.length) }, (_, at) => inputAt(given, at));
  const rank = values[0].dims.length;
  const axis = axisOf(intAttribute(node, "axis", 0), rank);
  if (values.some((value) => value.dims.length !== rank)) {
    throw new Unreadable("operation", "it concatenates tensors of different ranks");
  }
  const total = values.reduce((sum, { dims }) => sum + dims[axis], 0);
  const dims = values[0].dims.with(axis, total);
  const fits = values.every(
    (value) => elementsOf(value.dims.with(axis, 1)) === elementsOf(dims.with(axis, 1)),
  );
  // Rows lie behind each other only where nothing stands before the axis.
  if (!fits || elementsOf(dims.slice(0, axis)) !== 1) {
    throw new Unreadable("operation", "it concatenates tables");
  }
  if (values.every((value) => value.kind === "constant")) {
    return [{ ...values[0], dims, values: values.flatMap((value) => Array.from(value.values)) }];
  }
  const filled = values.filter((value) => elementsOf(value.dims) > 0);
  const places = filled.map((value) => (value.kind === "row" ? value.place : asRow(given, value)));
  return [{ kind: "row", dims, place: builder.join(places) }];
};

/** A constant as a row that goes along with the batch. */
function asRow({ inputs, builder }: NodeInputs, { values }: Constant): number {
  const row = inputs.find((value) => value?.kind === "row") as Row;
  const one = builder.pick(row.place, [0]);
  const nothing = builder.pair("Mul", one, builder.constant([0]));
  return builder.pair("Add", builder.constant(values), nothing);
}

const shape: Rule = (given) => {
  const { dims } = inputAt(given, 0);
  const start = intAttribute(given.node, "start", 0);
  const values = dims.slice(start, intAttribute(given.node, "end", dims.length));
  return [{ kind: "constant", type: "int64", dims: [values.length], values }];
};

/** Operations that move numbers and compute nothing. */
export const rearrangements: Readonly<Record<string, Rule>> = {
  Concat: concat,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  Identity: (given) => [inputAt(given, 0)],
  Reshape: reshape,
  Shape: shape,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
