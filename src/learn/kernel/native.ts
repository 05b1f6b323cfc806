import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { messageOf, SinewError } from "../../core/errors.ts";
import type { Plan } from "./plan.ts";

/** What the addon exports; see core/addon.c. */
interface Addon {
  arena(bytes: number): ArrayBuffer;
  team(threads: number): Handle;
  close(team: Handle): void;
  program(
    team: Handle,
    arena: Float32Array,
    words: Int32Array,
    strides: Int32Array,
    rowWidths: Int32Array,
    plain: boolean,
  ): Handle;
  run(program: Handle, rounds: number, arrays?: readonly (NumberArray | null)[]): number;
  features(plain: boolean): string;
}

type Handle = object & { readonly __handle?: never };
type NumberArray = Float32Array | Int32Array;

/** Memory and processors for a plan's programs, however they are run. */
export interface Machine {
  /** What runs it, such as `avx2` or `wasm`. */
  readonly features: string;
  /** The arena, of as many floats as the plan asks for. */
  readonly arena: Float32Array;
  /** Runs program `program`; an array, or null, for each of its externals. Returns 0 or an error. */
  run(program: number, rounds: number, arrays: readonly (NumberArray | null)[]): number;
  close(): void;
}

/** The addon of this platform, below the package's root; compiled files lie one folder deeper. */
export function addonPath(): string {
  const name = `${process.platform}-${process.arch}.node`;
  const url = new URL(`../../../../src/learn/kernel/prebuilt/${name}`, import.meta.url);
  return fileURLToPath(url);
}

/** Runs a plan in the addon at `path`. `plain` leaves out AVX2. */
export function openNative(plan: Plan, threads: number, path: string, plain: boolean): Machine {
  let addon: Addon;
  try {
    addon = createRequire(import.meta.url)(path) as Addon;
  } catch (thrown) {
    throw new SinewError("engine", `the kernel's addon does not load: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const arena = new Float32Array(addon.arena(plan.size * 4));
  const team = addon.team(threads);
  const programs = plan.programs.map(({ words, externals }) => {
    const strides = Int32Array.from(externals, ({ stride }) => stride);
    const rowWidths = Int32Array.from(externals, ({ rowWidth }) => rowWidth);
    return addon.program(team, arena, words, strides, rowWidths, plain);
  });
  return {
    features: addon.features(plain),
    arena,
    run: (program, rounds, arrays) => addon.run(programs[program], rounds, arrays),
    close: () => addon.close(team),
  };
}
