import assert from "node:assert/strict";
import { broadcastDims, elementsOf, reducedDims, sameDims } from "./dims.ts";
import type { AttributeValue, ElementType, Graph, Node, Tensor, ValueInfo } from "./model.ts";

/** A tensor of the graph: known by its name, typed, with its sizes known. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  /** -1 where a size is known only at run time; only `gather` takes such a value. */
  readonly dims: readonly number[];
  /** The number that fills a constant, or null for every other value. */
  readonly fill: number | null;
}

/**
 * One node, with typed values in place of names: what is differentiated and what a planner reads.
 */
export interface Operation {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A value, or a number that stands for a float32 constant without dimensions. */
export type Operand = Value | number;

/**
 * Builds an ONNX graph (opset 17) one operation at a time. Sizes and element types are checked as
 * the graph grows, so that a mistake fails at the line that made it. Floats are float32.
 */
export class GraphBuilder {
  readonly operations: Operation[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: { readonly name: string; readonly value: Value }[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #tensors = new Map<Value, Tensor>();
  readonly #counts = new Map<string, number>();

  input(name: string, type: ElementType, dims: readonly number[]): Value {
    const value: Value = { name, type, dims, fill: null };
    this.inputs.push(value);
    return value;
  }

  /** Publishes `value` under `name`. */
  output(name: string, value: Value): void {
    this.outputs.push({ name, value });
  }

  /** A float32 constant: `dims` filled with one number, or given element by element. */
  constant(values: number | readonly number[], dims: readonly number[] = []): Value {
    const count = elementsOf(dims);
    const list = typeof values === "number" ? new Array<number>(count).fill(values) : values;
    assert.equal(list.length, count);
    const data = new Uint8Array(Float32Array.from(list).buffer);
    const fill = list.length > 0 && list.every((one) => Object.is(one, list[0])) ? list[0] : null;
    return this.#constant("float32", dims, data, fill);
  }

  /** A one-dimensional int64 constant, as sizes and axes are given to ONNX. */
  integers(values: readonly number[]): Value {
    const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#constant("int64", [values.length], data, null);
  }

  /** The tensor of a constant; undefined for every other value. */
  constantOf(value: Value): Tensor | undefined {
    return this.#tensors.get(value);
  }

  /** What a constant made by `integers` holds. */
  integersOf(value: Value): number[] {
    const tensor = this.#tensors.get(value);
    assert(tensor !== undefined && tensor.type === "int64");
    return Array.from(new BigInt64Array(tensor.data.slice().buffer), Number);
  }

  add(a: Operand, b: Operand): Value {
    return this.#elementwise("Add", a, b);
  }

  sub(a: Operand, b: Operand): Value {
    const [left, right] = [this.#value(a), this.#value(b)];
    const dims = broadcastDims(left.dims, right.dims);
    if (Object.is(right.fill, 0) && sameDims(left.dims, dims)) return left;
    return this.#elementwise("Sub", left, right);
  }

  mul(a: Operand, b: Operand): Value {
    const left = this.#value(a);
    const right = this.#value(b);
    if (left.fill !== null && right.fill !== null) {
      return this.constant(left.fill * right.fill, broadcastDims(left.dims, right.dims));
    }
    const dims = broadcastDims(left.dims, right.dims);
    if (left.fill === 1 && sameDims(right.dims, dims)) return right;
    if (right.fill === 1 && sameDims(left.dims, dims)) return left;
    return this.#elementwise("Mul", left, right);
  }

  div(a: Operand, b: Operand): Value {
    return this.#elementwise("Div", a, b);
  }

  min(a: Operand, b: Operand): Value {
    return this.#elementwise("Min", a, b);
  }

  greater(a: Operand, b: Operand): Value {
    return this.#elementwise("Greater", a, b, "bool");
  }

  equal(a: Operand, b: Operand): Value {
    return this.#elementwise("Equal", a, b, "bool");
  }

  /** `yes` where `condition` holds, else `no`. */
  where(condition: Value, yes: Operand, no: Operand): Value {
    assert.equal(condition.type, "bool");
    const [a, b] = [this.#value(yes), this.#value(no)];
    assert.equal(a.type, b.type);
    const dims = broadcastDims(condition.dims, broadcastDims(a.dims, b.dims));
    return this.#push("Where", [condition, a, b], a.type, dims);
  }

  neg(x: Value): Value {
    return x.fill === null ? this.#same("Neg", x) : this.constant(-x.fill, x.dims);
  }

  relu(x: Value): Value {
    return this.#same("Relu", x);
  }

  tanh(x: Value): Value {
    return this.#same("Tanh", x);
  }

  /** -1, 0 or 1. */
  sign(x: Value): Value {
    return this.#same("Sign", x);
  }

  sqrt(x: Value): Value {
    return this.#same("Sqrt", x);
  }

  square(x: Value): Value {
    return this.mul(x, x);
  }

  clip(x: Value, low: number, high: number): Value {
    return this.#push(
      "Clip",
      [x, this.constant(Math.fround(low)), this.constant(Math.fround(high))],
      x.type,
      x.dims,
    );
  }

  cast(x: Value, type: ElementType): Value {
    if (x.type === type) return x;
    const codes = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 };
    return this.#push("Cast", [x], type, x.dims, { to: { int: codes[type] } });
  }

  /**
   * `a b + c`, with `a` or `b` transposed first; `c` is broadcast over the rows. Two dimensions.
   */
  gemm(a: Value, b: Value, c: Value | null = null, transpose: Transpose = {}): Value {
    const { a: transposeA = false, b: transposeB = false } = transpose;
    assert(a.dims.length === 2 && b.dims.length === 2, `gemm of [${a.dims}] and [${b.dims}]`);
    const [rows, inner] = transposeA ? [a.dims[1], a.dims[0]] : [a.dims[0], a.dims[1]];
    const [depth, columns] = transposeB ? [b.dims[1], b.dims[0]] : [b.dims[0], b.dims[1]];
    assert.equal(inner, depth, `gemm of [${a.dims}] and [${b.dims}]`);
    const dims = [rows, columns];
    if (c !== null) assert.deepEqual(broadcastDims(dims, c.dims), dims);
    return this.#push("Gemm", c === null ? [a, b] : [a, b, c], a.type, dims, {
      ...(transposeA && { transA: { int: 1 } }),
      ...(transposeB && { transB: { int: 1 } }),
    });
  }

  /** The row vector `x`, [n], times the matrix `b`, [n, m]: [m]. */
  rowTimes(x: Value, b: Value): Value {
    assert(x.dims.length === 1 && b.dims.length === 2 && x.dims[0] === b.dims[0]);
    return this.#push("MatMul", [x, b], x.type, [b.dims[1]]);
  }

  /** Sum over `axes` (all of them unless given), which stay as sizes of 1. */
  sum(x: Value, axes: readonly number[] = axesOf(x)): Value {
    if (axes.length === 0) return x;
    const inputs = [x, this.integers(axes)];
    return this.#push("ReduceSum", inputs, x.type, reducedDims(x.dims, axes), {
      keepdims: { int: 1 },
    });
  }

  /** Mean over `axes` (all of them unless given), which stay as sizes of 1. */
  mean(x: Value, axes: readonly number[] = axesOf(x)): Value {
    return this.#push("ReduceMean", [x], x.type, reducedDims(x.dims, axes), {
      axes: { ints: axes },
      keepdims: { int: 1 },
    });
  }

  /** Euclidean norm of all elements; every axis stays as a size of 1. */
  norm(x: Value): Value {
    const axes = axesOf(x);
    return this.#push("ReduceL2", [x], x.type, reducedDims(x.dims, axes), {
      axes: { ints: axes },
      keepdims: { int: 1 },
    });
  }

  reshape(x: Value, dims: readonly number[]): Value {
    assert.equal(elementsOf(dims), elementsOf(x.dims), `reshape of [${x.dims}] to [${dims}]`);
    if (sameDims(x.dims, dims)) return x;
    if (x.fill !== null) return this.constant(x.fill, dims);
    return this.#push("Reshape", [x, this.integers(dims)], x.type, dims);
  }

  /** Rows and columns exchanged. Two dimensions. */
  transpose(x: Value): Value {
    assert.equal(x.dims.length, 2);
    return this.#push("Transpose", [x], x.type, [x.dims[1], x.dims[0]], {
      perm: { ints: [1, 0] },
    });
  }

  /** Repeats `x` up to `dims` by the broadcasting rule. */
  expand(x: Value, dims: readonly number[]): Value {
    assert.deepEqual(broadcastDims(x.dims, dims), [...dims]);
    if (sameDims(x.dims, dims)) return x;
    if (x.fill !== null) return this.constant(x.fill, dims);
    return this.#push("Expand", [x, this.integers(dims)], x.type, dims);
  }

  concat(values: readonly Value[], axis: number): Value {
    assert(values.length > 0);
    const first = values[0];
    if (values.length === 1) return first;
    const dims = [...first.dims];
    dims[axis] = values.reduce((sum, value) => sum + value.dims[axis], 0);
    for (const { dims: theirs } of values) {
      assert(sameDims(first.dims.toSpliced(axis, 1), theirs.toSpliced(axis, 1)));
    }
    return this.#push("Concat", values, first.type, dims, { axis: { int: axis } });
  }

  /** Cuts `x` along `axis` into pieces of the given sizes. */
  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      x.dims[axis],
    );
    if (sizes.length === 1) return [x];
    const outputs = sizes.map((size) => this.#name("split", x.type, x.dims.with(axis, size)));
    const attributes = { axis: { int: axis } };
    this.operations.push({ op: "Split", inputs: [x, this.integers(sizes)], outputs, attributes });
    return outputs;
  }

  /** Elements `start` up to but not including `end` along `axis`. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    assert(0 <= start && start < end && end <= x.dims[axis]);
    if (end - start === x.dims[axis]) return x;
    const ranges = [start, end, axis].map((bound) => this.integers([bound]));
    return this.#push("Slice", [x, ...ranges], x.type, x.dims.with(axis, end - start));
  }

  /** The rows of `x` (its first axis, of any length) that `index` (int32 or int64) names. */
  gather(x: Value, index: Value): Value {
    assert(index.type === "int32" || index.type === "int64");
    const dims = [...index.dims, ...x.dims.slice(1)];
    return this.#push("Gather", [x, index], x.type, dims, { axis: { int: 0 } });
  }

  /** Zeros of `dims` to whose row `index[i]` row `i` of `updates` is added, for every `i`. */
  scatterAdd(dims: readonly number[], index: Value, updates: Value): Value {
    assert.equal(index.dims.length, 1);
    const places = this.reshape(this.cast(index, "int64"), [index.dims[0], 1]);
    const inputs = [this.constant(0, dims), places, updates];
    return this.#push("ScatterND", inputs, updates.type, dims, { reduction: { string: "add" } });
  }

  /** The finished graph. Sizes of -1 become symbolic, named after their input and axis. */
  toGraph(name: string): Graph {
    const computed = new Set(this.operations.flatMap(({ outputs }) => outputs));
    const published = new Map<Value, string>();
    const nameOf = (value: Value): string => published.get(value) ?? value.name;
    const copies: Node[] = [];
    for (const { name: as, value } of this.outputs) {
      // An input, a constant or a value published twice cannot take the name, so it is copied.
      if (computed.has(value) && !published.has(value)) published.set(value, as);
      else copies.push({ op: "Identity", inputs: [nameOf(value)], outputs: [as], attributes: {} });
    }
    const nodes = this.operations.map(({ op, inputs, outputs, attributes }) => ({
      op,
      inputs: inputs.map(nameOf),
      outputs: outputs.map(nameOf),
      attributes,
    }));
    return {
      name,
      nodes: [...nodes, ...copies],
      initializers: [...this.#tensors.values()],
      inputs: this.inputs.map(valueInfo),
      outputs: this.outputs.map(({ name: as, value }) => valueInfo({ ...value, name: as })),
    };
  }

  #constant(
    type: ElementType,
    dims: readonly number[],
    data: Uint8Array,
    fill: number | null,
  ): Value {
    const key = `${type} ${dims} ${Buffer.from(data).toString("base64")}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value: Value = { name: `constant_${this.#constants.size}`, type, dims, fill };
    this.#constants.set(key, value);
    this.#tensors.set(value, { name: value.name, type, dims, data });
    return value;
  }

  #value(operand: Operand): Value {
    return typeof operand === "number" ? this.constant(operand) : operand;
  }

  #elementwise(op: string, a: Operand, b: Operand, type?: ElementType): Value {
    const [left, right] = [this.#value(a), this.#value(b)];
    assert.equal(left.type, right.type, `${op} of ${left.type} and ${right.type}`);
    return this.#push(op, [left, right], type ?? left.type, broadcastDims(left.dims, right.dims));
  }

  #same(op: string, x: Value): Value {
    return this.#push(op, [x], x.type, x.dims);
  }

  #push(
    op: string,
    inputs: readonly Value[],
    type: ElementType,
    dims: readonly number[],
    attributes: Operation["attributes"] = {},
  ): Value {
    const output = this.#name(op.toLowerCase(), type, dims);
    this.operations.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  #name(base: string, type: ElementType, dims: readonly number[]): Value {
    assert(
      dims.every((size) => Number.isInteger(size) && size > 0),
      `${base} has the sizes [${dims}]`,
    );
    const count = this.#counts.get(base) ?? 0;
    this.#counts.set(base, count + 1);
    return { name: `${base}_${count}`, type, dims, fill: null };
  }
}

/** Which operands of a matrix product are transposed first. */
export interface Transpose {
  readonly a?: boolean;
  readonly b?: boolean;
}

function axesOf(x: Value): number[] {
  return x.dims.map((_, axis) => axis);
}

function valueInfo({ name, type, dims }: Value): ValueInfo {
  return { name, type, dims: dims.map((size, axis) => (size < 0 ? `${name}_${axis}` : size)) };
}
