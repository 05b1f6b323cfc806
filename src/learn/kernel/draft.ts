import assert from "node:assert/strict";
import { elementsOf } from "../../onnx/dims.ts";
import type { GraphBuilder, Value } from "../../onnx/graph.ts";
import type { Memory } from "./memory.ts";
import type { ElementwiseName, Node, Source } from "./node.ts";
import { isDense, newBuffer, type View, whole } from "./view.ts";

/** The nodes made so far, and where the values of the graph are found. */
export class Draft {
  readonly nodes: Node[] = [];
  readonly #graph: GraphBuilder;
  readonly #memory: Memory;
  readonly #places: ReadonlyMap<Value, View>;
  readonly #sources = new Map<Value, Source>();

  /** `places` says where some values have to be written. */
  constructor(graph: GraphBuilder, memory: Memory, places: ReadonlyMap<Value, View>) {
    this.#graph = graph;
    this.#memory = memory;
    this.#places = places;
  }

  isPlaced(value: Value): boolean {
    return this.#places.has(value);
  }

  set(value: Value, source: Source): void {
    this.#sources.set(value, source);
  }

  /** Where a value is found: given, computed by a node, or a constant. */
  source(value: Value): Source {
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
  target(value: Value, dims: readonly number[] = value.dims): View {
    const place = this.#places.get(value);
    if (place !== undefined) return place;
    return whole(newBuffer(value.name, elementsOf(dims), { kind: "temporary" }), dims);
  }

  /** Adds a node, which gives `value` unless that is null. */
  push(node: Node, value: Value | null): Source {
    this.nodes.push(node);
    const source = { view: node.output, producers: [node] };
    if (value !== null) this.#sources.set(value, source);
    return source;
  }

  elementwise(name: ElementwiseName, sources: Source[], output: View, value: Value | null): Source {
    const index = this.nodes.length;
    return this.push({ kind: "elementwise", name, index, sources, output }, value);
  }

  /** The same elements without gaps, copied. */
  copied({ view, producers }: Source): Source {
    const size = elementsOf(view.dims);
    const output = whole(newBuffer("copy", size, { kind: "temporary" }), view.dims);
    return this.elementwise("copy", [{ view, producers }], output, null);
  }

  /** Gives `value` another view of what `from` holds. */
  look(value: Value, from: Source, view: View): void {
    this.#sources.set(value, { view, producers: from.producers });
  }

  /** A source as an operand of a product: one of its strides has to be 1. */
  operand(source: Source): Source {
    const { dims, strides } = source.view;
    const runs = (axis: number) => strides[axis] === 1 || dims[axis] === 1;
    const repeats = dims.some((size, axis) => size > 1 && strides[axis] === 0);
    if ((runs(0) || runs(1)) && !repeats) return source;
    return this.dense(source);
  }

  /** A source whose elements lie without gaps. */
  dense(source: Source): Source {
    if (isDense(source.view)) return source;
    const { buffer, dims } = source.view;
    const { place } = buffer;
    if (place.kind === "constant" && buffer.size === 1) {
      const data = new Float32Array(elementsOf(dims)).fill(place.data[0]);
      return { view: this.#memory.constant(data, dims), producers: [] };
    }
    return this.copied(source);
  }

  /** A source whose rows lie without gaps in them. */
  rows(source: Source): Source {
    const { dims, strides } = source.view;
    const inner = { ...source.view, dims: dims.slice(1), strides: strides.slice(1) };
    return isDense(inner) && strides[0] > 0 ? source : this.dense(source);
  }
}
