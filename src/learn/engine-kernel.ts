import assert from "node:assert/strict";
import { SinewError } from "../core/errors.ts";
import { elementsOf } from "../onnx/dims.ts";
import { addonPath, type Machine, openNative } from "./kernel/native.ts";
import { type Place, type ProgramPlan, plan } from "./kernel/plan.ts";
import type { Arrays, Program } from "./program.ts";

/** How programs are run. */
export interface KernelOptions {
  readonly backend: "native" | "wasm";
  /** WebAssembly has one. */
  readonly threads: 1 | 2;
}

/** One program on the kernel. */
export class Kernel {
  /** The instructions it runs on: `avx2`, `sse2`, `neon` or `wasm`. */
  readonly features: string;
  readonly #program: Program;
  readonly #plan: ProgramPlan;
  readonly #machine: Machine;
  readonly #number: number;
  readonly #views = new Map<string, Float32Array | Int32Array>();
  readonly #arrays: (Float32Array | Int32Array | null)[];
  #open = true;

  constructor(
    program: Program,
    plan: ProgramPlan,
    places: readonly Place[],
    machine: Machine,
    number: number,
  ) {
    this.features = machine.features;
    this.#program = program;
    this.#plan = plan;
    this.#machine = machine;
    this.#number = number;
    this.#arrays = plan.externals.map(() => null);
    const inputs = [...program.carried, ...program.shared];
    const own = [...inputs.filter(({ dims }) => dims.every((size) => size >= 0)), ...plan.kept];
    for (const { name, dims } of own) {
      const place = places.find((one) => one.name === name && one.size === elementsOf(dims));
      if (place === undefined) continue;
      const { buffer, byteOffset } = machine.arena;
      const [start, size] = [byteOffset + place.offset * 4, place.size];
      const type = place.type === "int32" ? Int32Array : Float32Array;
      this.#views.set(name, new type(buffer as ArrayBuffer, start, size));
    }
  }

  /** Runs rounds; returns the kept outputs of each, [rounds, ...dims]. */
  run(rounds: number, arrays: Arrays): Record<string, Float32Array> {
    assert(this.#open && rounds >= 1);
    for (const { name } of this.#program.shared) {
      const given = arrays[name];
      if (given !== undefined) this.#views.get(name)?.set(given);
    }
    const { externals, kept } = this.#plan;
    const inputs = externals.length - kept.length;
    for (let i = 0; i < inputs; i++) {
      const { name, stride, rowWidth } = externals[i];
      const array = arrays[name];
      assert(array !== undefined, `the program needs ${name}`);
      if (rowWidth === 0) assert.equal(array.length, stride * rounds, name);
      this.#arrays[i] = array;
    }
    const outputs: Record<string, Float32Array> = {};
    for (let i = 0; i < kept.length; i++) {
      const output = new Float32Array(rounds * elementsOf(kept[i].dims));
      outputs[kept[i].name] = output;
      this.#arrays[inputs + i] = output;
    }
    const code = this.#machine.run(this.#number, rounds, this.#arrays);
    if (code !== 0) throw new SinewError("engine", `kernel error ${code}`);
    return outputs;
  }

  view(name: string): Float32Array | Int32Array {
    return this.#views.get(name)!;
  }

  close(): void {
    this.#open = false;
    this.#machine.close();
  }
}

export function openKernels(programs: readonly Program[], options: KernelOptions): Kernel[] {
  const planned = plan(programs, { staged: options.backend === "wasm" });
  const machine = openNative(planned, options.threads, addonPath(), false);
  for (const { offset, data } of planned.constants) {
    const { buffer, byteOffset } = machine.arena;
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
    new Uint32Array(buffer as ArrayBuffer, byteOffset + offset * 4, data.length).set(bits);
  }
  return programs.map(
    (program, i) => new Kernel(program, planned.programs[i], planned.places, machine, i),
  );
}
