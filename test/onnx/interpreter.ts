import assert from "node:assert/strict";
import type { Graph, Node, Tensor } from "../../src/onnx/model.ts";

/** A tensor of the reference: whatever its element type, its numbers are doubles. */
export interface Numbers {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

type Evaluate = (node: Node, inputs: readonly Numbers[]) => Numbers | Numbers[];

/**
 * Runs a graph in float64, slowly and plainly: what the gradients and the training step are judged
 * by. Returns every value by name, the outputs among them.
 */
export function interpret(
  graph: Graph,
  feeds: Readonly<Record<string, Numbers>>,
): Map<string, Numbers> {
  const values = new Map(Object.entries(feeds));
  for (const tensor of graph.initializers) values.set(tensor.name, numbersOf(tensor));
  for (const node of graph.nodes) {
    const evaluate = operations[node.op];
    assert(evaluate !== undefined, `the interpreter has no ${node.op}`);
    const inputs = node.inputs.map((name) => {
      const value = values.get(name);
      assert(value !== undefined, `${node.op} reads ${name}, which is not there`);
      return value;
    });
    const outputs = [evaluate(node, inputs)].flat();
    for (const [i, name] of node.outputs.entries()) values.set(name, outputs[i]);
  }
  return values;
}

function numbersOf({ type, dims, data }: Tensor): Numbers {
  const buffer = data.slice().buffer;
  if (type === "int64") return { dims, data: Float64Array.from(new BigInt64Array(buffer), Number) };
  assert.equal(type, "float32");
  return { dims, data: Float64Array.from(new Float32Array(buffer)) };
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/** Coordinates of element `at` in a tensor of the sizes `dims`. */
function coordinates(at: number, dims: readonly number[]): number[] {
  const place = new Array<number>(dims.length);
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    place[axis] = at % dims[axis];
    at = Math.floor(at / dims[axis]);
  }
  return place;
}

/** The element at `place`, aligned at the last axis, where a size of 1 repeats. */
function read({ dims, data }: Numbers, place: readonly number[]): number {
  let at = 0;
  for (const [axis, size] of dims.entries()) {
    const coordinate = place[place.length - dims.length + axis];
    at = at * size + (size === 1 ? 0 : coordinate);
  }
  return data[at];
}

function generate(dims: readonly number[], element: (place: number[]) => number): Numbers {
  const data = new Float64Array(count(dims));
  for (let at = 0; at < data.length; at++) data[at] = element(coordinates(at, dims));
  return { dims, data };
}

function broadcast(...all: readonly Numbers[]): number[] {
  const rank = Math.max(...all.map(({ dims }) => dims.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...all.map(({ dims }) => dims[dims.length - rank + axis] ?? 1)),
  );
}

function elementwise(f: (...values: number[]) => number): Evaluate {
  return (_node, inputs) =>
    generate(broadcast(...inputs), (place) => f(...inputs.map((input) => read(input, place))));
}

function reduce(node: Node, x: Numbers, axes: readonly number[]): [Numbers, number] {
  const { keepdims } = node.attributes;
  assert.deepEqual(keepdims, { int: 1 });
  const dims = x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const data = new Float64Array(count(dims));
  for (let at = 0; at < x.data.length; at++) {
    const place = coordinates(at, x.dims);
    const to = dims.reduce((sum, size, axis) => sum * size + (size === 1 ? 0 : place[axis]), 0);
    data[to] += x.data[at];
  }
  return [{ dims, data }, x.data.length / data.length];
}

function ints(node: Node, name: string): readonly number[] {
  const value = node.attributes[name];
  assert(value !== undefined && "ints" in value);
  return value.ints;
}

function axisOf(node: Node): number {
  const { axis } = node.attributes;
  assert(axis !== undefined && "int" in axis);
  return axis.int;
}

/** The elements of `x` from `start` along `axis`, up to `size` of them. */
function cut(x: Numbers, axis: number, start: number, size: number): Numbers {
  return generate(x.dims.with(axis, size), (place) =>
    read(x, place.with(axis, place[axis] + start)),
  );
}

function gemm(node: Node, inputs: readonly Numbers[]): Numbers {
  const [a, b, c] = inputs as [Numbers, Numbers, Numbers | undefined];
  const { transA, transB } = node.attributes;
  const flipA = transA !== undefined;
  const flipB = transB !== undefined;
  const inner = a.dims[flipA ? 0 : 1];
  return generate([a.dims[flipA ? 1 : 0], b.dims[flipB ? 0 : 1]], (place) => {
    const [row, column] = place as [number, number];
    let sum = c === undefined ? 0 : read(c, place);
    for (let k = 0; k < inner; k++) {
      sum += read(a, flipA ? [k, row] : [row, k]) * read(b, flipB ? [column, k] : [k, column]);
    }
    return sum;
  });
}

function concat(node: Node, inputs: readonly Numbers[]): Numbers {
  const axis = axisOf(node);
  const total = inputs.reduce((sum, input) => sum + input.dims[axis], 0);
  return generate(inputs[0].dims.with(axis, total), (place) => {
    let at = place[axis];
    let i = 0;
    while (at >= inputs[i].dims[axis]) at -= inputs[i++].dims[axis];
    return read(inputs[i], place.with(axis, at));
  });
}

function split(node: Node, inputs: readonly Numbers[]): Numbers[] {
  let start = 0;
  return Array.from(inputs[1].data, (size) => {
    const piece = cut(inputs[0], axisOf(node), start, size);
    start += size;
    return piece;
  });
}

function scatter(node: Node, inputs: readonly Numbers[]): Numbers {
  const { reduction } = node.attributes;
  assert.deepEqual(reduction, { string: "add" });
  const [x, index, updates] = inputs as [Numbers, Numbers, Numbers];
  const data = x.data.slice();
  const width = count(x.dims.slice(1));
  for (let i = 0; i < index.data.length; i++) {
    for (let j = 0; j < width; j++) data[index.data[i] * width + j] += updates.data[i * width + j];
  }
  return { dims: x.dims, data };
}

const operations: Readonly<Record<string, Evaluate>> = {
  Add: elementwise((a, b) => a! + b!),
  Sub: elementwise((a, b) => a! - b!),
  Mul: elementwise((a, b) => a! * b!),
  Div: elementwise((a, b) => a! / b!),
  Min: elementwise((a, b) => Math.min(a!, b!)),
  Greater: elementwise((a, b) => Number(a! > b!)),
  Equal: elementwise((a, b) => Number(a! === b!)),
  Where: elementwise((condition, yes, no) => (condition ? yes! : no!)),
  Neg: elementwise((x) => -x!),
  Relu: elementwise((x) => Math.max(x!, 0)),
  Sign: elementwise((x) => Math.sign(x!)),
  Tanh: elementwise((x) => Math.tanh(x!)),
  Sqrt: elementwise((x) => Math.sqrt(x!)),
  Clip: elementwise((x, low, high) => Math.min(Math.max(x!, low!), high!)),
  Cast: elementwise((x) => x!),
  Identity: elementwise((x) => x!),
  Gemm: gemm,
  MatMul: (_node, inputs) => {
    const [x, b] = inputs as [Numbers, Numbers];
    assert(x.dims.length === 1 && b.dims.length === 2);
    return generate([b.dims[1]], ([column]) =>
      x.data.reduce((sum, value, row) => sum + value * read(b, [row, column]), 0),
    );
  },
  ReduceSum: (node, inputs) => reduce(node, inputs[0], Array.from(inputs[1].data))[0],
  ReduceMean: (node, inputs) => {
    const [sum, share] = reduce(node, inputs[0], ints(node, "axes"));
    return { dims: sum.dims, data: sum.data.map((one) => one / share) };
  },
  ReduceL2: (node, inputs) => {
    const squares = { dims: inputs[0].dims, data: inputs[0].data.map((one) => one * one) };
    const [sum] = reduce(node, squares, ints(node, "axes"));
    return { dims: sum.dims, data: sum.data.map(Math.sqrt) };
  },
  Reshape: (_node, inputs) => ({ dims: Array.from(inputs[1].data), data: inputs[0].data }),
  Transpose: (node, inputs) => {
    assert.deepEqual(ints(node, "perm"), [1, 0]);
    return generate(inputs[0].dims.toReversed(), (place) => read(inputs[0], place.toReversed()));
  },
  Expand: (_node, inputs) => {
    const shape = { dims: Array.from(inputs[1].data), data: inputs[1].data };
    return generate(broadcast(inputs[0], shape), (place) => read(inputs[0], place));
  },
  Concat: concat,
  Split: split,
  Slice: (_node, inputs) => {
    const [start, end, axis] = inputs.slice(1).map(({ data }) => data[0]) as [
      number,
      number,
      number,
    ];
    return cut(inputs[0], axis, start, end - start);
  },
  Gather: (_node, inputs) => {
    const [x, index] = inputs as [Numbers, Numbers];
    const dims = [...index.dims, ...x.dims.slice(1)];
    return generate(dims, (place) => {
      const row = read(index, place.slice(0, index.dims.length));
      return read(x, [row, ...place.slice(index.dims.length)]);
    });
  },
  ScatterND: scatter,
};
