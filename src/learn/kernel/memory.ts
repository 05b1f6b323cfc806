import { elementsOf } from "../../onnx/dims.ts";
import type { Value } from "../../onnx/graph.ts";
import { type Buffer, newBuffer, type View, whole } from "./view.ts";

/** One entry of the table of pointers that a call passes. */
export interface External {
  readonly name: string;
  readonly type: "float32" | "int32";
  /** Floats from one round to the next; 0 where all rounds see the same. */
  readonly stride: number;
  /** Floats of one row, where the number of rows is known only at run time; else 0. */
  readonly rowWidth: number;
  /** What is copied here before the call: rows of one input that another one names. */
  readonly gathered: { readonly rows: string; readonly index: string } | null;
}

/** A run of floats with a name, in the arena. */
export interface Named {
  readonly buffer: Buffer;
  readonly dims: readonly number[];
  readonly type: "float32" | "int32";
}

/** Inputs above this many floats are read where they lie, not copied into the arena. */
const copiedAtMost = 1 << 20;

/** Everything that outlives a node: named buffers (of several programs) and constants. */
export class Memory {
  readonly named: Map<string, Named> = new Map();
  readonly #constants = new Map<string, Buffer>();

  /** The one buffer of this name, whichever program asks. */
  permanent(name: string, dims: readonly number[], type: Named["type"]): View {
    const key = `${name} ${elementsOf(dims)} ${type}`;
    let known = this.named.get(key);
    if (known === undefined) {
      known = { buffer: newBuffer(name, elementsOf(dims), { kind: "permanent" }), dims, type };
      this.named.set(key, known);
    }
    return whole(known.buffer, dims);
  }

  /** A constant of `data`, row-major. */
  constant(data: Float32Array | Int32Array, dims: readonly number[]): View {
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
    const key = `${data.length} ${bits.join()}`;
    let known = this.#constants.get(key);
    if (known === undefined) {
      known = newBuffer("constant", data.length, { kind: "constant", data });
      this.#constants.set(key, known);
    }
    return whole(known, dims);
  }

  get constants(): Iterable<Buffer> {
    return this.#constants.values();
  }
}

/** The pointers that one program is given with each call. */
export class Externals {
  readonly list: External[] = [];

  /** An input that has its own values in each round. */
  each(value: Value): View {
    return this.#add(value.name, value, value.dims, elementsOf(value.dims), 0, null);
  }

  /** A shared input whose number of rows is known only at run time, or that is large. */
  shared(value: Value): View {
    const rowWidth = value.dims[0] < 0 ? elementsOf(value.dims.slice(1)) : 0;
    return this.#add(value.name, value, value.dims, 0, rowWidth, null);
  }

  /** Rows of `rows` that `index` names, gathered before the call. */
  gathered(rows: Value, index: Value, dims: readonly number[], perRound: boolean): View {
    const stride = perRound ? elementsOf(dims) : 0;
    const name = `${rows.name}[${index.name}]`;
    return this.#add(name, rows, dims, stride, 0, { rows: rows.name, index: index.name });
  }

  #add(
    name: string,
    { type }: Value,
    dims: readonly number[],
    stride: number,
    rowWidth: number,
    gathered: External["gathered"],
  ): View {
    const known = this.list.findIndex((other) => other.name === name);
    const index = known < 0 ? this.list.length : known;
    const narrow = type === "int32" ? "int32" : "float32";
    if (known < 0) this.list.push({ name, type: narrow, stride, rowWidth, gathered });
    const size = Math.abs(elementsOf(dims));
    return whole(newBuffer(name, size, { kind: "external", index }), dims);
  }
}

/** Whether a shared input gets a place in the arena. */
export function livesInArena({ dims }: Value): boolean {
  return dims.every((size) => size >= 0) && elementsOf(dims) <= copiedAtMost;
}
