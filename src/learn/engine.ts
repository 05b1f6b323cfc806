import type { Arrays, Program } from "./program.ts";

/**
 * Runs the rounds of a program. Engines differ in speed and rounding only; one contract suite
 * judges them all.
 */
export interface Engine {
  /** What runs it, such as `onnx` or `tfjs-node 4.22.0`. */
  readonly name: string;
  /**
   * A carried value as of the newest finished run. Read it before the next: a run may write over
   * the array.
   */
  carried(name: string): Float32Array;
  /**
   * Runs `rounds` rounds in order, at least 1. `inputs` holds each shared input once and each other
   * one `rounds` times over. Gives what the program keeps, `rounds` times over. One run at a time.
   * Throws `SinewError("engine")` where it fails.
   */
  run(rounds: number, inputs: Arrays): Promise<Kept>;
  close(): Promise<void>;
}

/** What a program keeps of its rounds, by name. */
export type Kept = Readonly<Record<string, Float32Array>>;

/** The carried values of a program, by name. */
export type Carried = Readonly<Record<string, Float32Array>>;

export type EngineKind = "kernel" | "onnx" | "tfjs";

export const engineKinds: readonly EngineKind[] = ["kernel", "onnx", "tfjs"];

/**
 * Opens an engine for a program that starts from a copy of `start`. Throws `SinewError("engine")`
 * where it cannot run.
 */
export async function openEngine(
  kind: EngineKind,
  program: Program,
  start: Carried,
  threads: 1 | 2 = 1,
): Promise<Engine> {
  switch (kind) {
    case "kernel": {
      const { openKernels } = await import("./engine-kernel.ts");
      const [kernel] = openKernels([program], { backend: "native", threads });
      for (const { name } of program.carried) kernel.view(name).set(start[name]);
      return {
        name: `kernel ${kernel.features}`,
        carried: (name) => kernel.view(name) as Float32Array,
        run: async (rounds, inputs) => kernel.run(rounds, inputs),
        close: async () => kernel.close(),
      };
    }
    case "onnx": {
      const { openOnnxEngine } = await import("./engine-onnx.ts");
      return openOnnxEngine(program, start);
    }
    case "tfjs": {
      const { openTfjsEngine } = await import("./engine-tfjs.ts");
      return openTfjsEngine(program, start);
    }
  }
}
