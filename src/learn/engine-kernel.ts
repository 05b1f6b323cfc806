import assert from "node:assert/strict";
import { SinewError } from "../core/errors.ts";
import { elementsOf } from "../onnx/dims.ts";
import { fillConstants } from "./kernel/constants.ts";
import { callErrors, type Machine, type NumberArray } from "./kernel/machine.ts";
import type { Gathered } from "./kernel/memory.ts";
import { nativeProblem, openNative } from "./kernel/native.ts";
import { type Plan, plan } from "./kernel/plan.ts";
import { openWasm } from "./kernel/wasm.ts";
import type { Arrays, Program } from "./program.ts";

/** How programs are run. */
export interface KernelOptions {
  /** The addon for this platform, or WebAssembly, which every Node has. */
  readonly backend: "native" | "wasm";
  /** WebAssembly has one. Results are the same bit for bit. */
  readonly threads: 1 | 2;
}

/**
 * Opens programs on one kernel, in the order given. What they carry, share or keep under the same
 * name and with as many floats is the same memory in all of them, so one can read what another
 * writes; they run one at a time. Throws `SinewError("engine")` where the backend cannot run here
 * or a program asks for what the kernel cannot do.
 */
export function openKernels(programs: readonly Program[], options: KernelOptions): Kernel[] {
  const { backend, threads } = options;
  if (backend === "wasm" && threads > 1) {
    throw new SinewError("engine", "the wasm kernel has one thread: ask for 1, or for native");
  }
  const problem = backend === "native" ? nativeProblem() : null;
  if (problem !== null) {
    throw new SinewError(
      "engine",
      `the native kernel does not work here (${problem}): choose the wasm kernel`,
    );
  }
  const planned = plan(programs, { staged: backend === "wasm" });
  const machine = backend === "native" ? openNative(planned, threads) : openWasm(planned);
  return kernelsOn(programs, planned, machine);
}

/** One program on a kernel of its own, as `openKernels` opens several. */
export function openKernel(program: Program, options: KernelOptions): Kernel {
  return openKernels([program], options)[0];
}

/** The programs of a plan on a machine opened for it. */
export function kernelsOn(programs: readonly Program[], planned: Plan, machine: Machine): Kernel[] {
  fillConstants(planned, machine.arena);
  const shared = { machine, open: true };
  return programs.map((program, number) => new Kernel(program, planned, number, shared));
}

/** What the kernels of one plan have in common. */
interface Shared {
  readonly machine: Machine;
  open: boolean;
}

/** One program on the kernel. */
export class Kernel {
  /** The instructions it runs on: `avx2`, `sse2`, `neon` or `wasm`. */
  readonly features: string;
  readonly #program: Program;
  readonly #plan: Plan["programs"][number];
  readonly #number: number;
  readonly #shared: Shared;
  readonly #views = new Map<string, NumberArray>();
  /** One entry for each pointer that the program asks for; filled anew by each run. */
  readonly #table: (NumberArray | null)[];
  readonly #inputs: number;

  constructor(program: Program, plan: Plan, number: number, shared: Shared) {
    const { machine } = shared;
    this.features = machine.features;
    this.#program = program;
    this.#plan = plan.programs[number];
    this.#number = number;
    this.#shared = shared;
    this.#table = this.#plan.externals.map(() => null);
    this.#inputs = this.#plan.externals.length - this.#plan.kept.length;
    const { buffer, byteOffset } = machine.arena;
    for (const { name, dims } of [...program.carried, ...program.shared, ...program.kept]) {
      const size = elementsOf(dims);
      const place = plan.places.find((one) => one.name === name && one.size === size);
      if (place === undefined) continue;
      const numbers = place.type === "int32" ? Int32Array : Float32Array;
      const start = byteOffset + place.offset * 4;
      this.#views.set(name, new numbers(buffer as ArrayBuffer, start, size));
    }
  }

  /**
   * Runs `rounds` rounds, at least 1. `arrays` holds each input of the rounds `rounds` times over,
   * and shared inputs; one of fixed sizes may be left out and is then as it was. Returns what the
   * program keeps, [rounds, ...]. Throws `SinewError("engine")` where an index names no row.
   */
  run(rounds: number, arrays: Arrays): Record<string, Float32Array> {
    assert(this.#shared.open, "the kernel is closed");
    assert(Number.isInteger(rounds) && rounds >= 1, `${rounds} rounds`);
    for (const { name } of this.#program.shared) {
      const given = arrays[name];
      const view = this.#views.get(name);
      if (given === undefined || view === undefined || given === view) continue;
      assert.equal(given.length, view.length, `${name} has the wrong length`);
      view.set(given);
    }
    const { externals, kept } = this.#plan;
    for (let i = 0; i < this.#inputs; i++) this.#table[i] = this.#input(i, rounds, arrays);
    const outputs: Record<string, Float32Array> = {};
    for (let i = 0; i < kept.length; i++) {
      const output = new Float32Array(rounds * externals[this.#inputs + i].stride);
      outputs[kept[i].name] = output;
      this.#table[this.#inputs + i] = output;
    }
    const { machine } = this.#shared;
    this.#finish(machine.run(this.#number, rounds, this.#table, arrays));
    return outputs;
  }

  /**
   * One round on what lies in the views: for programs without inputs of their own for each round
   * and without inputs of unknown size. What is kept is then in its view. Allocates nothing.
   */
  step(): void {
    assert(this.#shared.open, "the kernel is closed");
    assert.equal(this.#inputs, 0, "the program has inputs that only run takes");
    this.#finish(this.#shared.machine.step(this.#number));
  }

  /**
   * The memory of a carried value, of a shared input of fixed sizes or of a kept output (as of the
   * last round): read it and write it between runs. It stays where it is until `close`.
   */
  view(name: string): NumberArray {
    const view = this.#views.get(name);
    assert(view !== undefined, `the program has no place for ${name}`);
    return view;
  }

  /** The memory of a carried value. */
  carried(name: string): Float32Array {
    assert(
      this.#program.carried.some((value) => value.name === name),
      `${name} is not carried`,
    );
    return this.view(name) as Float32Array;
  }

  setCarried(name: string, values: Float32Array): void {
    const view = this.carried(name);
    assert.equal(values.length, view.length, `${name} has the wrong length`);
    view.set(values);
  }

  /** Ends the kernel for all programs that were opened with this one. */
  close(): void {
    if (!this.#shared.open) return;
    this.#shared.open = false;
    this.#shared.machine.close();
  }

  /** The array for entry `i` of the table, checked. */
  #input(i: number, rounds: number, arrays: Arrays): NumberArray | null {
    const { name, stride, size, rowWidth, gathered, type } = this.#plan.externals[i];
    if (gathered !== null) return this.#checkGathered(gathered, rounds, arrays);
    const array = arrays[name];
    assert(array !== undefined, `no input ${name}`);
    const right = type === "int32" ? array instanceof Int32Array : array instanceof Float32Array;
    assert(right, `${name} has to be ${type}`);
    const wanted = stride > 0 ? stride * rounds : size;
    const fits = rowWidth > 0 ? array.length % rowWidth === 0 : array.length === wanted;
    assert(fits, `${name} has the wrong length`);
    return array;
  }

  #checkGathered({ rows, index, stride, width }: Gathered, rounds: number, arrays: Arrays): null {
    const [source, names] = [arrays[rows], arrays[index]];
    assert(source instanceof Float32Array && source.length % width === 0, `no rows ${rows}`);
    assert(names instanceof Int32Array, `no index ${index}`);
    if (stride > 0) assert.equal(names.length, stride * rounds, `${index} has the wrong length`);
    return null;
  }

  #finish(code: number): void {
    if (code !== 0) throw new SinewError("engine", `the kernel stopped: ${callErrors[code]}`);
  }
}
