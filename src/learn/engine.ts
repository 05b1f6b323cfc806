import { availableParallelism } from "node:os";
import type { Kernel } from "./engine-kernel.ts";
import type { NetworkShape } from "./networks.ts";
import type { Arrays, Program } from "./program.ts";

/**
 * Runs the rounds of a program. Engines differ in speed and rounding only; one contract suite
 * judges them all.
 */
export interface Engine {
  /** What runs it, such as `kernel avx2`, `onnx` or `tfjs-node 4.22.0`. */
  readonly name: string;
  /** Threads that it computes with; they change no bit of the result. */
  readonly threads: number;
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
  /** The second program that it was opened with; null where it runs one only. */
  readonly beside: Beside | null;
  close(): Promise<void>;
}

/** A program that reads what an engine carries, one round at a time, at once. */
export interface Beside {
  /** The memory of a shared input or of a kept output: write, step, read. */
  view(name: string): Float32Array | Int32Array;
  step(): void;
}

/** What a program keeps of its rounds, by name. */
export type Kept = Readonly<Record<string, Float32Array>>;

/** The carried values of a program, by name. */
export type Carried = Readonly<Record<string, Float32Array>>;

/** `kernel` and `kernel-wasm` are our C core, native and as WebAssembly; `auto` chooses. */
export type EngineKind = "auto" | "kernel" | "kernel-wasm" | "onnx" | "tfjs";

export const engineKinds: readonly EngineKind[] = ["auto", "kernel", "kernel-wasm", "onnx", "tfjs"];

/** An engine, as it can be opened. */
export interface EngineChoice {
  readonly kind: Exclude<EngineKind, "auto">;
  readonly threads: 1 | 2;
}

/** Platforms whose native kernel has been run by our tests; another's runs on request only. */
const provedPlatforms = ["linux-x64", "linux-arm64"];

/** Engines that give each other's bits: the kernel's tests hold them to it. */
const alike: readonly (readonly string[])[] = [
  ["kernel avx2", "kernel avx512"],
  ["kernel sse2", "kernel wasm"],
];

/** Whether engines of these names give the same bits, so one may go on from another. */
export function sameBits(one: string, other: string): boolean {
  return one === other || alike.some((names) => names.includes(one) && names.includes(other));
}

/** From this width on two threads gain more than their meetings cost. */
const twoThreadsFrom = 256;

/**
 * Where the native kernel should run and does not: up to this width WebAssembly beats ONNX Runtime,
 * and beyond it ONNX Runtime WebAssembly, as measured there. Elsewhere nothing was measured.
 */
const wasmUpTo = 128;

/** An engine, and in words why it is that one. */
export interface EngineDecision extends EngineChoice {
  readonly reason: string;
}

/** What a decision depends on beside the networks. */
export interface Host {
  /** Such as `linux-x64`. */
  readonly platform: string;
  readonly processors: number;
  /** Why the native kernel cannot be used, or null if it can. */
  readonly nativeProblem: () => Promise<string | null>;
}

const thisHost: Host = {
  platform: `${process.platform}-${process.arch}`,
  processors: availableParallelism(),
  nativeProblem: async () => (await import("./kernel/native.ts")).nativeProblem(),
};

/**
 * What `auto` is on a host for networks of this shape: decided by platform, processor and size,
 * never by timing, so that it is the same every time. `threads` 0 leaves that open too.
 */
export async function chooseEngine(
  kind: EngineKind,
  threads: number,
  { actorHidden, criticHidden }: NetworkShape,
  host: Host = thisHost,
): Promise<EngineDecision> {
  const widest = Math.max(...actorHidden, ...criticHidden);
  const native = (why: string): EngineDecision => {
    const [count, of] = threadsFor(threads, widest, host.processors);
    return { kind: "kernel", threads: count, reason: `${why}; ${of}` };
  };
  if (kind === "kernel") return native("asked for");
  const alone = threads > 1 ? "; it has one thread" : "";
  if (kind !== "auto") return { kind, threads: 1, reason: `asked for${alone}` };
  if (!provedPlatforms.includes(host.platform)) {
    const reason = `auto: WebAssembly, the native kernel is not proved on ${host.platform}`;
    return { kind: "kernel-wasm", threads: 1, reason: `${reason}${alone}` };
  }
  const problem = await host.nativeProblem();
  if (problem === null) return native("auto: the native kernel works here");
  const [other, size] =
    widest <= wasmUpTo
      ? (["kernel-wasm", `up to ${wasmUpTo}`] as const)
      : (["onnx", `over ${wasmUpTo}`] as const);
  const reason = `auto: ${size} wide without the native kernel (${problem})`;
  return { kind: other, threads: 1, reason: `${reason}${alone}` };
}

/** The native kernel's threads, and why so many. */
function threadsFor(asked: number, widest: number, processors: number): [1 | 2, string] {
  if (asked > 0) return [asked > 1 ? 2 : 1, "threads asked for"];
  if (widest < twoThreadsFrom) return [1, `under ${twoThreadsFrom} wide one thread is faster`];
  if (processors < 2) return [1, "one processor"];
  return [2, `from ${twoThreadsFrom} wide two threads are faster`];
}

/**
 * Opens an engine for a program that starts from a copy of `start`, and where it can for a second
 * one beside it. Throws `SinewError("engine")` where it cannot run.
 */
export async function openEngine(
  { kind, threads }: EngineChoice,
  program: Program,
  start: Carried,
  beside: Program | null = null,
): Promise<Engine> {
  switch (kind) {
    case "kernel":
    case "kernel-wasm": {
      const { openKernels } = await import("./engine-kernel.ts");
      const backend = kind === "kernel" ? "native" : "wasm";
      const programs = beside === null ? [program] : [program, beside];
      return new KernelEngine(openKernels(programs, { backend, threads }), threads, program, start);
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

/** A program on the kernel, behind the interface that all engines have. */
class KernelEngine implements Engine {
  readonly name: string;
  readonly threads: number;
  readonly beside: Beside | null;
  readonly #kernel: Kernel;

  constructor(kernels: readonly Kernel[], threads: number, program: Program, start: Carried) {
    const [kernel, beside = null] = kernels;
    this.name = `kernel ${kernel.features}`;
    this.threads = threads;
    this.beside = beside;
    this.#kernel = kernel;
    for (const { name } of program.carried) kernel.setCarried(name, start[name]);
  }

  carried(name: string): Float32Array {
    return this.#kernel.view(name) as Float32Array;
  }

  async run(rounds: number, inputs: Arrays): Promise<Kept> {
    return this.#kernel.run(rounds, inputs);
  }

  async close(): Promise<void> {
    this.#kernel.close();
  }
}
