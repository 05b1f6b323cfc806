import assert from "node:assert/strict";
import type { GraphBuilder, Operation, Value } from "./graph.ts";

/**
 * What a rule is told of one node: `dy[i]` is the derivative with respect to output i (null: zero),
 * `wanted[i]` says whether the derivative with respect to input i is needed. It returns one value
 * for each input; null where that is not wanted or is zero.
 */
type Rule = (
  g: GraphBuilder,
  operation: Operation,
  dy: readonly (Value | null)[],
  wanted: readonly boolean[],
) => (Value | null)[];

/**
 * The derivatives of `scalar` (one element) with respect to each value of `sources`, by reverse
 * mode: adds the nodes to `g` and returns one value of the same sizes for each source. A source
 * counts as independent: what it was itself computed from gets nothing through it. Kinks follow
 * PyTorch (relu and clip), ties in `min` go to the first.
 */
export function gradients(g: GraphBuilder, scalar: Value, sources: readonly Value[]): Value[] {
  assert(scalar.dims.every((size) => size === 1));
  const dependent = new Set<Value>(sources);
  const path: Operation[] = [];
  for (const operation of g.operations) {
    if (operation.outputs.some((output) => sources.includes(output))) continue;
    if (!operation.inputs.some((input) => dependent.has(input))) continue;
    path.push(operation);
    for (const output of operation.outputs) dependent.add(output);
  }
  assert(dependent.has(scalar), "the scalar does not depend on any source");

  const derivative = new Map<Value, Value>([[scalar, g.constant(1, scalar.dims)]]);
  for (const operation of path.toReversed()) {
    const dy = operation.outputs.map((output) => derivative.get(output) ?? null);
    if (dy.every((one) => one === null)) continue;
    const wanted = operation.inputs.map((input) => dependent.has(input));
    const rule = rules[operation.op];
    assert(rule !== undefined, `no derivative of ${operation.op}`);
    const dx = rule(g, operation, dy, wanted);
    for (const [i, input] of operation.inputs.entries()) {
      const part = dx[i] ?? null;
      if (part === null || !wanted[i]) continue;
      assert.deepEqual(part.dims, input.dims);
      const sum = derivative.get(input);
      derivative.set(input, sum === undefined ? part : g.add(sum, part));
    }
  }
  return sources.map((source) => derivative.get(source) ?? g.constant(0, source.dims));
}

/** Adds up what broadcasting repeated, so that `value` has the sizes `dims` again. */
function sumTo(g: GraphBuilder, value: Value, dims: readonly number[]): Value {
  const lead = value.dims.length - dims.length;
  const axes: number[] = [];
  for (const [axis, size] of value.dims.entries()) {
    if (axis < lead || (dims[axis - lead] === 1 && size !== 1)) axes.push(axis);
  }
  if (value.dims.length === 2 && axes.length === 1 && axes[0] === 0) {
    // Sums of columns: ORT multiplies matrices several times as fast as it sums over the first
    // axis.
    return g.reshape(g.rowTimes(g.constant(1, [value.dims[0]]), value), dims);
  }
  return g.reshape(g.sum(value, axes), dims);
}

/** A rule for one input and one output. */
function unary(derivative: (g: GraphBuilder, dy: Value, operation: Operation) => Value): Rule {
  return (g, operation, dy) => [derivative(g, dy[0]!, operation)];
}

/** A rule for two broadcast inputs: each side's derivative, before the broadcast is undone. */
function binary(
  left: (g: GraphBuilder, dy: Value, a: Value, b: Value, y: Value) => Value,
  right: (g: GraphBuilder, dy: Value, a: Value, b: Value, y: Value) => Value,
): Rule {
  return (g, { inputs, outputs }, dy, wanted) => {
    const [a, b] = inputs as [Value, Value];
    const [d, y] = [dy[0]!, outputs[0]];
    return [
      wanted[0] ? sumTo(g, left(g, d, a, b, y), a.dims) : null,
      wanted[1] ? sumTo(g, right(g, d, a, b, y), b.dims) : null,
    ];
  };
}

const multiply = binary(
  (g, dy, _a, b) => g.mul(dy, b),
  (g, dy, a) => g.mul(dy, a),
);

const rules: Readonly<Record<string, Rule>> = {
  Add: binary(
    (_g, dy) => dy,
    (_g, dy) => dy,
  ),
  Sub: binary(
    (_g, dy) => dy,
    (g, dy) => g.neg(dy),
  ),
  Mul: (g, operation, dy, wanted) => {
    const [a, b] = operation.inputs as [Value, Value];
    if (a !== b) return multiply(g, operation, dy, wanted);
    return [g.mul(g.mul(dy[0]!, 2), a), null];
  },
  Div: binary(
    (g, dy, _a, b) => g.div(dy, b),
    (g, dy, _a, b, y) => g.neg(g.div(g.mul(dy, y), b)),
  ),
  Min: binary(
    (g, dy, a, b) => g.where(g.greater(a, b), 0, dy),
    (g, dy, a, b) => g.where(g.greater(a, b), dy, 0),
  ),
  Where: (g, { inputs }, dy, wanted) => {
    const [condition, yes, no] = inputs as [Value, Value, Value];
    return [
      null,
      wanted[1] ? sumTo(g, g.where(condition, dy[0]!, 0), yes.dims) : null,
      wanted[2] ? sumTo(g, g.where(condition, 0, dy[0]!), no.dims) : null,
    ];
  },
  Neg: unary((g, dy) => g.neg(dy)),
  // y >= 0, so its sign is the mask; a product is several times as fast in ORT as a choice.
  Relu: unary((g, dy, { outputs }) => g.mul(dy, g.sign(outputs[0]))),
  Tanh: unary((g, dy, { outputs }) => g.mul(dy, g.sub(1, g.square(outputs[0])))),
  Sqrt: unary((g, dy, { outputs }) => g.div(g.mul(dy, 0.5), outputs[0])),
  Clip: (g, { inputs, outputs }, dy) => [g.where(g.equal(inputs[0], outputs[0]), dy[0]!, 0)],
  Gemm: gemm,
  ReduceSum: unary((g, dy, { inputs }) => g.expand(dy, inputs[0].dims)),
  ReduceMean: unary((g, dy, { inputs, outputs }) => {
    const [from, to] = [inputs[0], outputs[0]];
    const share = from.dims.reduce((count, size, axis) => count * (size / to.dims[axis]), 1);
    return g.expand(g.mul(dy, 1 / share), from.dims);
  }),
  ReduceL2: unary((g, dy, { inputs, outputs }) => g.mul(g.div(dy, outputs[0]), inputs[0])),
  Reshape: unary((g, dy, { inputs }) => g.reshape(dy, inputs[0].dims)),
  Transpose: unary((g, dy) => g.transpose(dy)),
  Expand: unary((g, dy, { inputs }) => sumTo(g, dy, inputs[0].dims)),
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: (g, { inputs }, dy) => {
    const [x, index] = inputs as [Value, Value];
    const rows = index.dims.reduce((count, size) => count * size, 1);
    const updates = g.reshape(dy[0]!, [rows, ...x.dims.slice(1)]);
    return [g.scatterAdd(x.dims, g.reshape(index, [rows]), updates), null];
  },
};

/** y = a' b' + c, where ' is "perhaps transposed". */
function gemm(
  g: GraphBuilder,
  { inputs, attributes }: Operation,
  dy: readonly (Value | null)[],
  wanted: readonly boolean[],
): (Value | null)[] {
  const [a, b, c] = inputs as [Value, Value, Value | undefined];
  const d = dy[0]!;
  const { transA, transB } = attributes;
  const flipA = transA !== undefined;
  const flipB = transB !== undefined;
  const da = () =>
    flipA ? g.gemm(b, d, null, { a: flipB, b: true }) : g.gemm(d, b, null, { b: !flipB });
  const db = () =>
    flipB ? g.gemm(d, a, null, { a: true, b: flipA }) : g.gemm(a, d, null, { a: !flipA });
  return [
    wanted[0] ? da() : null,
    wanted[1] ? db() : null,
    c !== undefined && wanted[2] ? sumTo(g, d, c.dims) : null,
  ];
}

function axisOf({ attributes }: Operation): number {
  const { axis } = attributes;
  assert(axis !== undefined && "int" in axis);
  return axis.int;
}

function concat(
  g: GraphBuilder,
  operation: Operation,
  dy: readonly (Value | null)[],
  wanted: readonly boolean[],
): (Value | null)[] {
  const axis = axisOf(operation);
  let at = 0;
  return operation.inputs.map((input, i) => {
    const start = at;
    at += input.dims[axis];
    return wanted[i] ? g.slice(dy[0]!, axis, start, at) : null;
  });
}

function split(
  g: GraphBuilder,
  operation: Operation,
  dy: readonly (Value | null)[],
): (Value | null)[] {
  const pieces = operation.outputs.map((output, i) => dy[i] ?? g.constant(0, output.dims));
  return [g.concat(pieces, axisOf(operation)), null];
}

/** Zeros where the slice took nothing. */
function slice(
  g: GraphBuilder,
  operation: Operation,
  dy: readonly (Value | null)[],
): (Value | null)[] {
  const [x, start, , axes] = operation.inputs as [Value, Value, Value, Value];
  const axis = g.integersOf(axes)[0];
  const before = g.integersOf(start)[0];
  const after = x.dims[axis] - before - dy[0]!.dims[axis];
  const pieces = [dy[0]!];
  if (before > 0) pieces.unshift(g.constant(0, x.dims.with(axis, before)));
  if (after > 0) pieces.push(g.constant(0, x.dims.with(axis, after)));
  return [g.concat(pieces, axis)];
}
