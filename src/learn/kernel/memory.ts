import { elementsOf } from "../../onnx/dims.ts";
import type { Value } from "../../onnx/graph.ts";
import { type Buffer, newBuffer, type View, whole } from "./view.ts";

/** One entry of the table of pointers that a call passes. */
export interface External {
  readonly name: string;
  readonly type: "float32" | "int32";
  /** Floats from one round to the next; 0 where all rounds see the same. */
  readonly stride: number;
  /** Floats of one round, or of all; 0 where that is known only at run time. */
  readonly size: number;
  /** Floats of one row, where the number of rows is known only at run time; else 0. */
  readonly rowWidth: number;
  /** What is copied here before the call, if anything. */
  readonly gathered: Gathered | null;
}

/** Rows of an input that another one names, gathered before the call. */
export interface Gathered {
  readonly rows: string;
  readonly width: number;
  readonly index: string;
  /** The part of the index that counts, in each round or in all. */
  readonly offset: number;
  readonly count: number;
  /** From one round's index to the next; 0 where all rounds have the same. */
  readonly stride: number;
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
    const size = elementsOf(value.dims);
    return this.#add({ ...entryOf(value), stride: size, size }, value.dims);
  }

  /** A shared input whose number of rows is known only at run time, or that is large. */
  shared(value: Value): View {
    const { dims } = value;
    if (dims[0] >= 0) return this.#add({ ...entryOf(value), size: elementsOf(dims) }, dims);
    return this.#add({ ...entryOf(value), rowWidth: elementsOf(dims.slice(1)) }, dims);
  }

  gathered(gathered: Gathered, dims: readonly number[]): View {
    const { rows, index, offset, count, stride } = gathered;
    const size = elementsOf(dims);
    const name = `${rows}[${index} ${offset} ${count}]`;
    const common = { name, type: "float32", rowWidth: 0, gathered, size } as const;
    return this.#add({ ...common, stride: stride > 0 ? size : 0 }, dims);
  }

  #add(entry: External, dims: readonly number[]): View {
    const known = this.list.findIndex(({ name }) => name === entry.name);
    const index = known < 0 ? this.list.length : known;
    if (known < 0) this.list.push(entry);
    return whole(newBuffer(entry.name, entry.size, { kind: "external", index }), dims);
  }
}

function entryOf({ name, type }: Value): External {
  const narrow = type === "int32" ? "int32" : "float32";
  return { name, type: narrow, stride: 0, size: 0, rowWidth: 0, gathered: null };
}

/** Whether a shared input gets a place in the arena. */
export function livesInArena({ dims }: Value): boolean {
  return dims.every((size) => size >= 0) && elementsOf(dims) <= copiedAtMost;
}
