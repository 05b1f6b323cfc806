import assert from "node:assert/strict";
import { SinewError } from "../../core/errors.ts";
import { elementsOf } from "../../onnx/dims.ts";
import type { GraphBuilder, Operation, Value } from "../../onnx/graph.ts";
import type { Program } from "../program.ts";
import { axisOf, claimPieces } from "./claims.ts";
import { type Externals, livesInArena, type Memory, type Named } from "./memory.ts";
import type { ElementwiseName, Gemm, Node, Reduce, Source } from "./node.ts";
import { type Simplified, simplify } from "./simplify.ts";
import {
  expanded,
  isDense,
  newBuffer,
  reshaped,
  sameElements,
  sliced,
  transposed,
  type View,
  whole,
} from "./view.ts";

/** A program as nodes that read and write views, in an order that works. */
export interface Lowered {
  readonly nodes: readonly Node[];
  /** What each carried input that changes becomes: its own buffer, and where the next value is. */
  readonly carried: readonly { readonly home: View; readonly next: Source }[];
  /** Each in a buffer of its own. */
  readonly kept: readonly Named[];
}

/**
 * Operations become nodes; whatever only renames, cuts or repeats becomes a view. With `staged`,
 * rows of inputs outside the arena are gathered by the caller, not by a node.
 */
export function lower(
  program: Program,
  memory: Memory,
  externals: Externals,
  staged: boolean,
): Lowered {
  return new Lowering(program, memory, externals, staged).run();
}

const elementwiseOps: Readonly<Record<string, ElementwiseName>> = {
  Add: "add",
  Sub: "sub",
  Mul: "mul",
  Div: "div",
  Min: "min",
  Max: "max",
  Greater: "greater",
  Equal: "equal",
  Where: "select",
  Neg: "neg",
  Relu: "relu",
  Tanh: "tanh",
  Sign: "sign",
  Sqrt: "sqrt",
  Abs: "abs",
  Exp: "exp",
  Log: "log",
  Clip: "clip",
};

class Lowering {
  readonly #program: Program;
  readonly #graph: GraphBuilder;
  readonly #memory: Memory;
  readonly #externals: Externals;
  readonly #staged: boolean;
  readonly #simplified: Simplified;
  readonly #places: ReadonlyMap<Value, View>;
  readonly #nodes: Node[] = [];
  readonly #sources = new Map<Value, Source>();
  /** Slices that a product is computed for alone, by the product. */
  readonly #narrowed = new Map<Value, Operation>();

  constructor(program: Program, memory: Memory, externals: Externals, staged: boolean) {
    this.#program = program;
    this.#graph = program.graph;
    this.#memory = memory;
    this.#externals = externals;
    this.#staged = staged;
    this.#simplified = simplify(program);
    this.#places = claimPieces(this.#simplified).places;
  }

  run(): Lowered {
    const { carried, shared, each, kept, graph } = this.#program;
    const input = (value: Value, view: View): void => {
      this.#sources.set(value, { view, producers: [] });
    };
    const typeOf = ({ type }: Value) => (type === "int32" ? "int32" : "float32");
    const permanent = (value: Value): View =>
      this.#memory.permanent(value.name, value.dims, typeOf(value));
    for (const value of carried) input(value, permanent(value));
    for (const value of shared) {
      input(value, livesInArena(value) ? permanent(value) : this.#externals.shared(value));
    }
    for (const value of each) input(value, this.#externals.each(value));
    this.#narrow();
    for (const operation of this.#simplified.operations) this.#lower(operation);
    const published = (name: string): Source => {
      const output = graph.outputs.find((one) => one.name === name);
      assert(output !== undefined, `the graph has no output ${name}`);
      return this.#source(this.#simplified.resolve(output.value));
    };
    const moved = carried.map((value) => ({
      home: this.#source(value).view,
      next: this.#owned(published(`${value.name}.next`), this.#source(value).view),
    }));
    return {
      nodes: this.#nodes,
      carried: moved.flatMap(({ home, next }) => (next === null ? [] : [{ home, next }])),
      kept: kept.map(({ name, dims }) => this.#keep(name, dims, published(name))),
    };
  }

  /** The next value in a buffer that nodes have written; null where it is the old one. */
  #owned(next: Source, home: View): Source | null {
    if (sameElements(next.view, home)) return null;
    const { buffer, offset, dims } = next.view;
    const full = offset === 0 && isDense(next.view) && buffer.size === elementsOf(dims);
    return full && buffer.place.kind === "temporary" ? next : this.#copied(next);
  }

  #keep(name: string, dims: readonly number[], source: Source): Named {
    const { buffer } = this.#memory.permanent(name, dims, "float32");
    this.#elementwise("copy", [source], whole(buffer, source.view.dims), null);
    return { buffer, dims, type: "float32" };
  }

  /** Products of which only some columns are read need only those. */
  #narrow(): void {
    for (const operation of this.#simplified.operations) {
      if (operation.op !== "Gemm" || operation.inputs.length !== 2) continue;
      const readers = this.#simplified.readers.get(operation.outputs[0]) ?? [];
      const [reader] = readers;
      if (readers.length !== 1 || reader === "output" || reader!.op !== "Slice") continue;
      if (this.#graph.integersOf(reader!.inputs[3])[0] === 1) {
        this.#narrowed.set(operation.outputs[0], reader!);
      }
    }
  }

  #source(value: Value): Source {
    const known = this.#sources.get(value);
    if (known !== undefined) return known;
    const tensor = this.#graph.constantOf(value);
    assert(tensor !== undefined, `${value.name} is computed nowhere`);
    const { dims, data, type } = tensor;
    const bytes = data.slice().buffer;
    let view: View;
    if (value.fill !== null) {
      const one = this.#memory.constant(Float32Array.of(value.fill), []);
      view = { ...one, dims, strides: dims.map(() => 0) };
    } else if (type === "int64") {
      view = this.#memory.constant(Int32Array.from(new BigInt64Array(bytes), Number), dims);
    } else {
      view = this.#memory.constant(new Float32Array(bytes), dims);
    }
    const source = { view, producers: [] };
    this.#sources.set(value, source);
    return source;
  }

  /** Where an operation writes its output. */
  #target(value: Value, dims: readonly number[] = value.dims): View {
    const place = this.#places.get(value);
    if (place !== undefined) return place;
    return whole(newBuffer(value.name, elementsOf(dims), { kind: "temporary" }), dims);
  }

  #push(node: Node, value: Value | null): Source {
    this.#nodes.push(node);
    const source = { view: node.output, producers: [node] };
    if (value !== null) this.#sources.set(value, source);
    return source;
  }

  #elementwise(
    name: ElementwiseName,
    sources: Source[],
    output: View,
    value: Value | null,
  ): Source {
    const index = this.#nodes.length;
    return this.#push({ kind: "elementwise", name, index, sources, output }, value);
  }

  /** The same elements without gaps, copied. */
  #copied({ view, producers }: Source): Source {
    const size = elementsOf(view.dims);
    const output = whole(newBuffer("copy", size, { kind: "temporary" }), view.dims);
    return this.#elementwise("copy", [{ view, producers }], output, null);
  }

  #lower(operation: Operation): void {
    const { op, inputs, outputs } = operation;
    const [output] = outputs;
    const name = elementwiseOps[op];
    if (name !== undefined) {
      const sources = inputs.map((input) => this.#source(input));
      this.#elementwise(name, sources, this.#target(output), output);
      return;
    }
    const rule = this.#rules[op];
    if (rule === undefined) throw new SinewError("engine", `the kernel does not know ${op}`);
    rule(operation);
  }

  /** Gives `value` another view of what `from` holds. */
  #look(value: Value, from: Source, view: View): void {
    this.#sources.set(value, { view, producers: from.producers });
  }

  readonly #rules: Readonly<Record<string, (operation: Operation) => void>> = {
    Identity: ({ inputs, outputs }) => this.#sources.set(outputs[0], this.#source(inputs[0])),
    Cast: ({ inputs, outputs }) => this.#cast(inputs[0], outputs[0]),
    Reshape: ({ inputs, outputs }) => {
      let from = this.#source(inputs[0]);
      let view = reshaped(from.view, outputs[0].dims);
      if (view === null) {
        from = this.#copied(from);
        view = reshaped(from.view, outputs[0].dims)!;
      }
      this.#look(outputs[0], from, view);
    },
    Transpose: ({ inputs, outputs }) => {
      const from = this.#source(inputs[0]);
      this.#look(outputs[0], from, transposed(from.view));
    },
    Expand: ({ inputs, outputs }) => {
      const from = this.#source(inputs[0]);
      this.#look(outputs[0], from, expanded(from.view, outputs[0].dims));
    },
    Split: (operation) => {
      const from = this.#source(operation.inputs[0]);
      const axis = axisOf(operation);
      let at = 0;
      for (const output of operation.outputs) {
        this.#look(output, from, sliced(from.view, axis, at, output.dims[axis]));
        at += output.dims[axis];
      }
    },
    Slice: ({ inputs, outputs }) => {
      if (this.#narrowed.has(inputs[0])) return;
      const from = this.#source(inputs[0]);
      const [start, , axis] = inputs.slice(1).map((bound) => this.#graph.integersOf(bound)[0]);
      this.#look(outputs[0], from, sliced(from.view, axis, start, outputs[0].dims[axis]));
    },
    Concat: (operation) => this.#concat(operation),
    Gemm: (operation) => this.#gemm(operation),
    MatMul: (operation) => this.#rowTimes(operation),
    ReduceSum: (operation) => {
      this.#reduce(operation, this.#graph.integersOf(operation.inputs[1]), "sum");
    },
    ReduceMean: (operation) => this.#reduce(operation, axesOf(operation), "mean"),
    ReduceL2: (operation) => this.#reduce(operation, axesOf(operation), "norm"),
    Gather: (operation) => this.#gather(operation),
    ScatterND: ({ inputs, outputs }) => {
      const [base, places, updates] = inputs;
      assert(base.fill !== null, "scatters start from one number");
      const sources = [this.#dense(this.#source(places)), this.#rows(this.#source(updates))];
      const output = this.#target(outputs[0]);
      const index = this.#nodes.length;
      this.#push({ kind: "scatter", index, sources, output, fill: base.fill }, outputs[0]);
    },
  };

  #cast(from: Value, to: Value): void {
    const integer = (type: string): boolean => type === "int32" || type === "int64";
    const same = integer(from.type) === integer(to.type) && to.type !== "bool";
    if (!same) {
      throw new SinewError("engine", `the kernel cannot turn ${from.type} into ${to.type}`);
    }
    this.#sources.set(to, this.#source(from));
  }

  #concat({ inputs, outputs, attributes, op }: Operation): void {
    const place = this.#target(outputs[0]);
    const axis = axisOf({ inputs, outputs, attributes, op });
    const producers = new Set<Node>();
    let at = 0;
    for (const input of inputs) {
      const view = sliced(place, axis, at, input.dims[axis]);
      at += input.dims[axis];
      let source = this.#source(input);
      if (source.view.buffer !== view.buffer || source.view.offset !== view.offset) {
        source = this.#elementwise("copy", [source], view, null);
      }
      for (const producer of source.producers) producers.add(producer);
    }
    this.#sources.set(outputs[0], { view: place, producers: [...producers] });
  }

  /** A source as an operand of a product: one of its strides has to be 1. */
  #operand(source: Source): Source {
    const { dims, strides } = source.view;
    const runs = (axis: number) => strides[axis] === 1 || dims[axis] === 1;
    const repeats = dims.some((size, axis) => size > 1 && strides[axis] === 0);
    if ((runs(0) || runs(1)) && !repeats) return source;
    return this.#dense(source);
  }

  /** A source whose elements lie without gaps. */
  #dense(source: Source): Source {
    if (isDense(source.view)) return source;
    const { buffer, dims } = source.view;
    const { place } = buffer;
    if (place.kind === "constant" && buffer.size === 1) {
      const data = new Float32Array(elementsOf(dims)).fill(place.data[0]);
      return { view: this.#memory.constant(data, dims), producers: [] };
    }
    return this.#copied(source);
  }

  /** A source whose rows lie without gaps in them. */
  #rows(source: Source): Source {
    const { dims, strides } = source.view;
    const inner = { ...source.view, dims: dims.slice(1), strides: strides.slice(1) };
    return isDense(inner) && strides[0] > 0 ? source : this.#dense(source);
  }

  #gemm(operation: Operation): void {
    const { inputs, outputs, attributes } = operation;
    const turned = (value: Value, flag: unknown): Source => {
      const source = this.#source(value);
      if (flag === undefined) return source;
      return { ...source, view: transposed(source.view) };
    };
    let [value] = outputs;
    const a = turned(inputs[0], attributes["transA"]);
    let b = turned(inputs[1], attributes["transB"]);
    const slice = this.#narrowed.get(value);
    if (slice !== undefined) {
      const start = this.#graph.integersOf(slice.inputs[1])[0];
      value = slice.outputs[0];
      b = { ...b, view: sliced(b.view, 1, start, value.dims[1]) };
    }
    this.#product(a, b, inputs.length > 2 ? this.#source(inputs[2]) : null, value);
  }

  #product(a: Source, b: Source, c: Source | null, value: Value): void {
    const sources = [this.#operand(a), this.#operand(b)];
    const bias = c === null ? null : expanded(c.view, value.dims);
    const fused = bias !== null && bias.strides[0] === 0 && bias.strides[1] === 1;
    if (fused) sources.push({ ...c!, view: bias });
    const target = this.#target(value);
    const common = { index: this.#nodes.length, bias: fused, epilogue: "none" as const, sources };
    // A product is written row by row; whatever else is wanted is made of that by a copy.
    const direct =
      (bias === null || fused) && (target.strides.at(-1) === 1 || value.dims.at(-1) === 1);
    const size = elementsOf(value.dims);
    const output = direct
      ? target
      : whole(newBuffer(`${value.name}.product`, size, { kind: "temporary" }), value.dims);
    const node: Gemm = { kind: "gemm", ...common, output };
    const product = this.#push(node, direct ? value : null);
    if (bias !== null && !fused) this.#elementwise("add", [product, c!], target, value);
    else if (!direct) this.#elementwise("copy", [product], target, value);
  }

  /** A row vector times a matrix: sums of columns, where the vector holds one number. */
  #rowTimes({ inputs, outputs }: Operation): void {
    const [x, b] = inputs;
    const [value] = outputs;
    const matrix = this.#source(b);
    if (x.fill === null) {
      const [row, place] = [this.#source(x), this.#target(value)];
      const view = reshaped(row.view, [1, x.dims[0]]) ?? row.view;
      const wide = { ...value, dims: [1, value.dims[0]] };
      this.#product({ ...row, view }, matrix, null, wide);
      const from = this.#source(wide);
      if (this.#places.has(value)) this.#elementwise("copy", [from], place, value);
      else this.#look(value, from, reshaped(from.view, value.dims)!);
      return;
    }
    this.#columnSum(matrix, x.fill, value);
  }

  #columnSum(matrix: Source, scale: number, value: Value): void {
    const [rows, columns] = matrix.view.dims;
    const sources = [this.#rows(matrix)];
    const target = this.#target(value);
    const output = { ...target, dims: [1, columns], strides: [0, target.strides.at(-1)!] };
    const index = this.#nodes.length;
    assert(rows > 0);
    this.#push({ kind: "columnSum", index, sources, output, scale }, null);
    this.#sources.set(value, { view: target, producers: [this.#nodes.at(-1)!] });
  }

  #reduce(operation: Operation, axes: readonly number[], what: "sum" | "mean" | "norm"): void {
    const [input] = operation.inputs;
    const [value] = operation.outputs;
    const source = this.#source(input);
    const [from, to] = [elementsOf(input.dims), elementsOf(value.dims)];
    const scale = what === "mean" ? to / from : 1;
    const long = input.dims.flatMap((size, axis) => (size > 1 ? [axis] : []));
    const summed = long.filter((axis) => axes.includes(axis));
    const squared = what === "norm";
    if (summed.length === 0 && long.length > 0) {
      assert(!squared, "norms are of all elements");
      const view = reshaped(source.view, value.dims);
      assert(view !== null);
      this.#elementwise("copy", [{ ...source, view }], this.#target(value), value);
      return;
    }
    if (summed.length === 1 && long.length === 2 && summed[0] === long[0]) {
      assert(!squared, "norms are of all elements");
      const two = reshaped(
        source.view,
        long.map((axis) => input.dims[axis]),
      );
      assert(two !== null);
      this.#columnSum({ ...source, view: two }, scale, value);
      return;
    }
    const all = summed.length === long.length;
    if (!all && !(long.length === 2 && summed[0] === long[1])) {
      throw new SinewError("engine", `the kernel cannot sum [${input.dims}] over [${axes}]`);
    }
    const common = { index: this.#nodes.length, sources: [source], output: this.#target(value) };
    const over = all ? "all" : "row";
    const node: Reduce = { kind: "reduce", ...common, over, squared, scale, root: squared };
    this.#push(node, value);
  }

  /** Rows of outside, gathered before the call. */
  #gatherBefore(x: Value, index: View, value: Value): View {
    const { each, shared } = this.#program;
    const named = (input: Value) => input.name === index.buffer.name;
    const owner = [...each, ...shared].find(named);
    if (owner === undefined) {
      throw new SinewError("engine", `rows of ${x.name} have to be named by an input`);
    }
    const stride = each.some(named) ? elementsOf(owner.dims) : 0;
    const [width, count] = [elementsOf(x.dims.slice(1)), elementsOf(index.dims)];
    const { offset } = index;
    const parts = { rows: x.name, width, index: owner.name, offset, count, stride };
    return this.#externals.gathered(parts, value.dims);
  }

  #gather({ inputs, outputs }: Operation): void {
    const [x, places] = inputs;
    const [value] = outputs;
    const from = this.#source(x);
    const index = this.#dense(this.#source(places));
    const { place } = from.view.buffer;
    if (this.#staged && place.kind === "external") {
      this.#sources.set(value, { view: this.#gatherBefore(x, index.view, value), producers: [] });
      return;
    }
    const rows = x.dims[0] < 0 ? from : this.#rows(from);
    const width = elementsOf(x.dims.slice(1));
    const count = elementsOf(places.dims);
    const view = { ...rows.view, dims: [x.dims[0], width], strides: [rows.view.strides[0], 1] };
    const output = this.#target(value);
    const flat = reshaped(output, [count, width]);
    const direct = flat !== null;
    const target =
      flat ?? whole(newBuffer("rows", count * width, { kind: "temporary" }), [count, width]);
    const sources = [{ ...rows, view }, index];
    const node = { kind: "gather", index: this.#nodes.length, sources, output: target } as const;
    const gathered = this.#push(node, null);
    if (direct) this.#sources.set(value, { ...gathered, view: output });
    else {
      const shaped = reshaped(target, value.dims)!;
      this.#elementwise("copy", [{ ...gathered, view: shaped }], output, value);
    }
  }
}

function axesOf({ attributes }: Operation): readonly number[] {
  const { axes } = attributes;
  assert(axes !== undefined && "ints" in axes);
  return axes.ints;
}
