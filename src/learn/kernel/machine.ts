import type { Arrays } from "../program.ts";

/** An array of the numbers that the kernel works on. */
export type NumberArray = Float32Array | Int32Array;

/** What a call can end with beside 0, as in core/kernel.h. */
export const callErrors: Readonly<Record<number, string>> = {
  1: "an index names a row that is not there",
  2: "the plan has an instruction that the kernel does not know",
};

/** Memory and processors for a plan's programs, however they are run. */
export interface Machine {
  /** What runs them, such as `avx2` or `wasm`. */
  readonly features: string;
  /** The arena, of as many floats as the plan asks for. */
  readonly arena: Float32Array;
  /**
   * Runs rounds of program number `program`. `table` holds an array, or null, for each of its
   * externals, `arrays` all that the caller gave by name. Returns 0 or one of `callErrors`.
   */
  run(
    program: number,
    rounds: number,
    table: readonly (NumberArray | null)[],
    arrays: Arrays,
  ): number;
  /** Runs one round of a program that has no inputs outside the arena, and keeps nothing. */
  step(program: number): number;
  close(): void;
}
