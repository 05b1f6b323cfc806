import assert from "node:assert/strict";
import { SinewError } from "../../core/errors.ts";
import { elementsOf } from "../../onnx/dims.ts";
import type { GraphBuilder, Operation, Value } from "../../onnx/graph.ts";
import type { Program } from "../program.ts";
import { axisOf, claimPieces } from "./claims.ts";
import { Draft } from "./draft.ts";
import { type Externals, livesInArena, type Memory, type Named } from "./memory.ts";
import { elementwiseOps, type Gemm, type Node, type Reduce, type Source } from "./node.ts";
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

class Lowering {
  readonly #program: Program;
  readonly #graph: GraphBuilder;
  readonly #memory: Memory;
  readonly #externals: Externals;
  readonly #staged: boolean;
  readonly #simplified: Simplified;
  readonly #draft: Draft;
  /** Slices that a product is computed for alone, by the product. */
  readonly #narrowed = new Map<Value, Operation>();

  constructor(program: Program, memory: Memory, externals: Externals, staged: boolean) {
    this.#program = program;
    this.#graph = program.graph;
    this.#memory = memory;
    this.#externals = externals;
    this.#staged = staged;
    this.#simplified = simplify(program);
    const { places } = claimPieces(this.#simplified);
    this.#draft = new Draft(program.graph, memory, places);
  }

  run(): Lowered {
    const { carried, shared, each, kept, graph } = this.#program;
    const input = (value: Value, view: View): void => {
      this.#draft.set(value, { view, producers: [] });
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
      return this.#draft.source(this.#simplified.resolve(output.value));
    };
    const moved = carried.map((value) => ({
      home: this.#draft.source(value).view,
      next: this.#owned(published(`${value.name}.next`), this.#draft.source(value).view),
    }));
    return {
      nodes: this.#draft.nodes,
      carried: moved.flatMap(({ home, next }) => (next === null ? [] : [{ home, next }])),
      kept: kept.map(({ name, dims }) => this.#keep(name, dims, published(name))),
    };
  }

  /** The next value in a buffer that nodes have written; null where it is the old one. */
  #owned(next: Source, home: View): Source | null {
    if (sameElements(next.view, home)) return null;
    const { buffer, offset, dims } = next.view;
    const full = offset === 0 && isDense(next.view) && buffer.size === elementsOf(dims);
    return full && buffer.place.kind === "temporary" ? next : this.#draft.copied(next);
  }

  #keep(name: string, dims: readonly number[], source: Source): Named {
    const { buffer } = this.#memory.permanent(name, dims, "float32");
    this.#draft.elementwise("copy", [source], whole(buffer, source.view.dims), null);
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

  #lower(operation: Operation): void {
    const { op, inputs, outputs } = operation;
    const [output] = outputs;
    const name = elementwiseOps[op];
    if (name !== undefined) {
      const sources = inputs.map((input) => this.#draft.source(input));
      this.#draft.elementwise(name, sources, this.#draft.target(output), output);
      return;
    }
    const rule = this.#rules[op];
    if (rule === undefined) throw new SinewError("engine", `the kernel does not know ${op}`);
    rule(operation);
  }

  readonly #rules: Readonly<Record<string, (operation: Operation) => void>> = {
    Identity: ({ inputs, outputs }) => this.#draft.set(outputs[0], this.#draft.source(inputs[0])),
    Cast: ({ inputs, outputs }) => this.#cast(inputs[0], outputs[0]),
    Reshape: ({ inputs, outputs }) => {
      let from = this.#draft.source(inputs[0]);
      let view = reshaped(from.view, outputs[0].dims);
      if (view === null) {
        from = this.#draft.copied(from);
        view = reshaped(from.view, outputs[0].dims)!;
      }
      this.#draft.look(outputs[0], from, view);
    },
    Transpose: ({ inputs, outputs }) => {
      const from = this.#draft.source(inputs[0]);
      this.#draft.look(outputs[0], from, transposed(from.view));
    },
    Expand: ({ inputs, outputs }) => {
      const from = this.#draft.source(inputs[0]);
      this.#draft.look(outputs[0], from, expanded(from.view, outputs[0].dims));
    },
    Split: (operation) => {
      const from = this.#draft.source(operation.inputs[0]);
      const axis = axisOf(operation);
      let at = 0;
      for (const output of operation.outputs) {
        this.#draft.look(output, from, sliced(from.view, axis, at, output.dims[axis]));
        at += output.dims[axis];
      }
    },
    Slice: ({ inputs, outputs }) => {
      if (this.#narrowed.has(inputs[0])) return;
      const from = this.#draft.source(inputs[0]);
      const [start, , axis] = inputs.slice(1).map((bound) => this.#graph.integersOf(bound)[0]);
      this.#draft.look(outputs[0], from, sliced(from.view, axis, start, outputs[0].dims[axis]));
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
      const sources = [
        this.#draft.dense(this.#draft.source(places)),
        this.#draft.rows(this.#draft.source(updates)),
      ];
      const output = this.#draft.target(outputs[0]);
      const index = this.#draft.nodes.length;
      this.#draft.push({ kind: "scatter", index, sources, output, fill: base.fill }, outputs[0]);
    },
  };

  #cast(from: Value, to: Value): void {
    const integer = (type: string): boolean => type === "int32" || type === "int64";
    const same = integer(from.type) === integer(to.type) && to.type !== "bool";
    if (!same) {
      throw new SinewError("engine", `the kernel cannot turn ${from.type} into ${to.type}`);
    }
    this.#draft.set(to, this.#draft.source(from));
  }

  #concat({ inputs, outputs, attributes, op }: Operation): void {
    const place = this.#draft.target(outputs[0]);
    const axis = axisOf({ inputs, outputs, attributes, op });
    const producers = new Set<Node>();
    let at = 0;
    for (const input of inputs) {
      const view = sliced(place, axis, at, input.dims[axis]);
      at += input.dims[axis];
      let source = this.#draft.source(input);
      if (source.view.buffer !== view.buffer || source.view.offset !== view.offset) {
        source = this.#draft.elementwise("copy", [source], view, null);
      }
      for (const producer of source.producers) producers.add(producer);
    }
    this.#draft.set(outputs[0], { view: place, producers: [...producers] });
  }

  #gemm(operation: Operation): void {
    const { inputs, outputs, attributes } = operation;
    const turned = (value: Value, flag: unknown): Source => {
      const source = this.#draft.source(value);
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
    this.#product(a, b, inputs.length > 2 ? this.#draft.source(inputs[2]) : null, value);
  }

  #product(a: Source, b: Source, c: Source | null, value: Value): void {
    const sources = [this.#draft.operand(a), this.#draft.operand(b)];
    const bias = c === null ? null : expanded(c.view, value.dims);
    const fused = bias !== null && bias.strides[0] === 0 && bias.strides[1] === 1;
    if (fused) sources.push({ ...c!, view: bias });
    const target = this.#draft.target(value);
    const common = {
      index: this.#draft.nodes.length,
      bias: fused,
      epilogue: "none" as const,
      sources,
    };
    // A product is written row by row; whatever else is wanted is made of that by a copy.
    const direct =
      (bias === null || fused) && (target.strides.at(-1) === 1 || value.dims.at(-1) === 1);
    const size = elementsOf(value.dims);
    const output = direct
      ? target
      : whole(newBuffer(`${value.name}.product`, size, { kind: "temporary" }), value.dims);
    const node: Gemm = { kind: "gemm", ...common, output };
    const product = this.#draft.push(node, direct ? value : null);
    if (bias !== null && !fused) this.#draft.elementwise("add", [product, c!], target, value);
    else if (!direct) this.#draft.elementwise("copy", [product], target, value);
  }

  /** A row vector times a matrix: sums of columns, where the vector holds one number. */
  #rowTimes({ inputs, outputs }: Operation): void {
    const [x, b] = inputs;
    const [value] = outputs;
    const matrix = this.#draft.source(b);
    if (x.fill === null) {
      const [row, place] = [this.#draft.source(x), this.#draft.target(value)];
      const view = reshaped(row.view, [1, x.dims[0]]) ?? row.view;
      const wide = { ...value, dims: [1, value.dims[0]] };
      this.#product({ ...row, view }, matrix, null, wide);
      const from = this.#draft.source(wide);
      if (this.#draft.isPlaced(value)) this.#draft.elementwise("copy", [from], place, value);
      else this.#draft.look(value, from, reshaped(from.view, value.dims)!);
      return;
    }
    this.#columnSum(matrix, x.fill, value);
  }

  #columnSum(matrix: Source, scale: number, value: Value): void {
    const [rows, columns] = matrix.view.dims;
    const sources = [this.#draft.rows(matrix)];
    const target = this.#draft.target(value);
    const output = { ...target, dims: [1, columns], strides: [0, target.strides.at(-1)!] };
    const index = this.#draft.nodes.length;
    assert(rows > 0);
    this.#draft.push({ kind: "columnSum", index, sources, output, scale }, null);
    this.#draft.set(value, { view: target, producers: [this.#draft.nodes.at(-1)!] });
  }

  #reduce(operation: Operation, axes: readonly number[], what: "sum" | "mean" | "norm"): void {
    const [input] = operation.inputs;
    const [value] = operation.outputs;
    const source = this.#draft.source(input);
    const [from, to] = [elementsOf(input.dims), elementsOf(value.dims)];
    const scale = what === "mean" ? to / from : 1;
    const long = input.dims.flatMap((size, axis) => (size > 1 ? [axis] : []));
    const summed = long.filter((axis) => axes.includes(axis));
    const squared = what === "norm";
    if (summed.length === 0 && long.length > 0) {
      assert(!squared, "norms are of all elements");
      const view = reshaped(source.view, value.dims);
      assert(view !== null);
      this.#draft.elementwise("copy", [{ ...source, view }], this.#draft.target(value), value);
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
    const common = {
      index: this.#draft.nodes.length,
      sources: [source],
      output: this.#draft.target(value),
    };
    const over = all ? "all" : "row";
    const node: Reduce = { kind: "reduce", ...common, over, squared, scale, root: squared };
    this.#draft.push(node, value);
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
    const from = this.#draft.source(x);
    const index = this.#draft.dense(this.#draft.source(places));
    const { place } = from.view.buffer;
    if (this.#staged && place.kind === "external") {
      this.#draft.set(value, { view: this.#gatherBefore(x, index.view, value), producers: [] });
      return;
    }
    const rows = x.dims[0] < 0 ? from : this.#draft.rows(from);
    const width = elementsOf(x.dims.slice(1));
    const count = elementsOf(places.dims);
    const view = { ...rows.view, dims: [x.dims[0], width], strides: [rows.view.strides[0], 1] };
    const output = this.#draft.target(value);
    const flat = reshaped(output, [count, width]);
    const direct = flat !== null;
    const target =
      flat ?? whole(newBuffer("rows", count * width, { kind: "temporary" }), [count, width]);
    const sources = [{ ...rows, view }, index];
    const node = {
      kind: "gather",
      index: this.#draft.nodes.length,
      sources,
      output: target,
    } as const;
    const gathered = this.#draft.push(node, null);
    if (direct) this.#draft.set(value, { ...gathered, view: output });
    else {
      const shaped = reshaped(target, value.dims)!;
      this.#draft.elementwise("copy", [{ ...gathered, view: shaped }], output, value);
    }
  }
}

function axesOf({ attributes }: Operation): readonly number[] {
  const { axes } = attributes;
  assert(axes !== undefined && "ints" in axes);
  return axes.ints;
}
