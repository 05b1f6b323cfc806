import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../../core/errors.ts";
import type { Arrays } from "../program.ts";
import type { Machine, NumberArray } from "./machine.ts";
import type { External, Gathered } from "./memory.ts";
import type { Plan } from "./plan.ts";

/** What the module exports; see core/wasm.c. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __heap_base: WebAssembly.Global;
  scratch_bytes(): number;
  run(
    words: number,
    count: number,
    arena: number,
    externals: number,
    rounds: number,
    scratch: number,
  ): number;
}

const pageBytes = 65_536;
/** Bytes of `External` in core/kernel.h, compiled for 32 bits. */
const externalBytes = 24;
/** Bytes of inputs and outputs that are staged at once; more rounds run in several calls. */
const stagedAtMost = 8 << 20;
const badIndex = 1;

export function wasmPath(): string {
  return fileURLToPath(
    new URL("../../../../src/learn/kernel/prebuilt/kernel.wasm", import.meta.url),
  );
}

/** One program in the module's memory, by addresses in bytes. */
interface Loaded {
  readonly words: number;
  readonly count: number;
  readonly table: number;
  /** Where the data of each external is staged. */
  readonly staging: readonly number[];
  /** Rounds that fit into the staging at once. */
  readonly rounds: number;
}

/** Runs a plan in WebAssembly, on one thread. The plan has to be `staged`. */
export function openWasm(plan: Plan, path: string = wasmPath()): Machine {
  let exports: Exports;
  try {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)), {});
    exports = instance.exports as unknown as Exports;
  } catch (thrown) {
    throw new SinewError("engine", `the kernel's ${path} does not load: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  return new WasmMachine(plan, exports);
}

class WasmMachine implements Machine {
  readonly features = "wasm";
  readonly arena: Float32Array;
  readonly #plan: Plan;
  readonly #exports: Exports;
  readonly #programs: readonly Loaded[];
  readonly #scratch: number;
  readonly #start: number;
  #end: number;

  constructor(plan: Plan, exports: Exports) {
    this.#plan = plan;
    this.#exports = exports;
    this.#end = Number(exports.__heap_base.value);
    this.#scratch = this.#take(exports.scratch_bytes());
    this.#start = this.#take(plan.size * 4);
    this.#programs = plan.programs.map(({ words, externals }) => {
      const bytesPerRound = externals.reduce(
        (sum, { stride }) => sum + (stride > 0 ? stride * 4 : 0),
        0,
      );
      const rounds = Math.max(1, Math.floor(stagedAtMost / Math.max(1, bytesPerRound)));
      const sizeOf = ({ stride, size }: External) => (stride > 0 ? rounds * stride : size) * 4;
      const at = { words: this.#take(words.length * 4), table: this.#take(externalBytes * 64) };
      const staging = externals.map((external) => this.#take(sizeOf(external)));
      return { ...at, count: words.length, staging, rounds };
    });
    // Memory that grows later would leave every view of it behind, so it grows once.
    const missing = this.#end - exports.memory.buffer.byteLength;
    if (missing > 0) exports.memory.grow(Math.ceil(missing / pageBytes));
    this.arena = new Float32Array(exports.memory.buffer, this.#start, plan.size);
    for (const [i, { words, externals }] of plan.programs.entries()) {
      const { words: at, table, staging } = this.#programs[i];
      new Int32Array(exports.memory.buffer, at, words.length).set(words);
      const entries = new DataView(exports.memory.buffer, table, externalBytes * 64);
      for (const [k, { stride }] of externals.entries()) {
        entries.setUint32(k * externalBytes, staging[k], true);
        entries.setBigInt64(k * externalBytes + 8, BigInt(stride), true);
      }
    }
  }

  run(
    program: number,
    rounds: number,
    table: readonly (NumberArray | null)[],
    arrays: Arrays,
  ): number {
    const { externals, kept } = this.#plan.programs[program];
    const { rounds: atOnce } = this.#programs[program];
    const inputs = externals.length - kept.length;
    for (let from = 0; from < rounds; from += atOnce) {
      const count = Math.min(atOnce, rounds - from);
      for (let i = 0; i < inputs; i++) {
        if (!this.#stage(program, i, from, count, table[i], arrays)) return badIndex;
      }
      const code = this.#call(program, count);
      if (code !== 0) return code;
      for (let i = inputs; i < externals.length; i++) {
        const { stride } = externals[i];
        const staged = this.#staged(program, i, count * stride);
        (table[i] as Float32Array).set(staged, from * stride);
      }
    }
    return 0;
  }

  step(program: number): number {
    return this.#call(program, 1);
  }

  close(): void {
    // Nothing to end: the memory goes with the object.
  }

  #call(program: number, rounds: number): number {
    const { words, count, table } = this.#programs[program];
    return this.#exports.run(words, count, this.#start, table, rounds, this.#scratch);
  }

  #staged(program: number, external: number, length: number): Float32Array {
    const at = this.#programs[program].staging[external];
    return new Float32Array(this.#exports.memory.buffer, at, length);
  }

  /** Copies what one external needs for `count` rounds; false where an index leaves its rows. */
  #stage(
    program: number,
    external: number,
    from: number,
    count: number,
    array: NumberArray | null,
    arrays: Arrays,
  ): boolean {
    const { stride, size, gathered, type } = this.#plan.programs[program].externals[external];
    const length = stride > 0 ? stride * count : size;
    const to = this.#staged(program, external, length);
    if (gathered !== null) return gather(gathered, from, stride > 0 ? count : 1, arrays, to);
    const part = array!.subarray(from * stride, from * stride + length);
    if (type === "int32") new Int32Array(to.buffer, to.byteOffset, length).set(part);
    else to.set(part);
    return true;
  }

  #take(bytes: number): number {
    const at = Math.ceil(this.#end / 64) * 64;
    this.#end = at + bytes;
    return at;
  }
}

/** Rows of one array that another one names, one behind the other. */
function gather(
  { rows, width, index, offset, count, stride }: Gathered,
  from: number,
  rounds: number,
  arrays: Arrays,
  to: Float32Array,
): boolean {
  const [source, names] = [arrays[rows] as Float32Array, arrays[index] as Int32Array];
  const available = source.length / width;
  let at = 0;
  for (let round = 0; round < rounds; round++) {
    const first = (from + round) * stride + offset;
    for (let i = first; i < first + count; i++) {
      const row = names[i];
      if (row < 0 || row >= available) return false;
      const start = row * width;
      for (let j = 0; j < width; j++) to[at++] = source[start + j];
    }
  }
  return true;
}
