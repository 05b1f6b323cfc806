import assert from "node:assert/strict";
import type { Rng } from "../../src/core/rng.ts";
import { type Kernel, kernelsOn } from "../../src/learn/engine-kernel.ts";
import { addonPath, levels, nativeProblem, openNative } from "../../src/learn/kernel/native.ts";
import { plan } from "../../src/learn/kernel/plan.ts";
import { openWasm } from "../../src/learn/kernel/wasm.ts";
import type { Arrays, Program } from "../../src/learn/program.ts";
import { elementsOf } from "../../src/onnx/dims.ts";
import type { Value } from "../../src/onnx/graph.ts";
import { interpret, type Numbers } from "../onnx/interpreter.ts";

/** Everything that runs programs on this machine. */
export type Runner = "native" | "native, 2 threads" | "native, avx2" | "native, base" | "wasm";

/** Why there is no native kernel here, or null. */
export const noNative: string | null = nativeProblem();

/** Builds that a processor has beside its best one: x64 alone has more than one. */
const others: readonly Runner[] = process.arch === "x64" ? ["native, avx2", "native, base"] : [];

export const runners: readonly Runner[] =
  noNative === null ? ["native", "native, 2 threads", ...others, "wasm"] : ["wasm"];

/** A program with what it is given. */
export interface Case {
  readonly program: Program;
  readonly start: Readonly<Record<string, Float32Array>>;
  readonly inputs: Arrays;
  readonly rounds: number;
}

/** What a program gave: carried values after the last round, kept ones of all rounds. */
export type Outcome = Readonly<Record<string, Float32Array>>;

export function openOn(runner: Runner, programs: readonly Program[]): Kernel[] {
  const planned = plan(programs, { staged: runner === "wasm" });
  const threads = runner === "native, 2 threads" ? 2 : 1;
  const machine =
    runner === "wasm"
      ? openWasm(planned)
      : openNative(planned, threads, addonPath(), levelOf(runner));
  return kernelsOn(programs, planned, machine);
}

function levelOf(runner: Runner): number {
  if (runner === "native, base") return levels.base;
  return runner === "native, avx2" ? levels.avx2 : levels.avx512;
}

export function runOn(runner: Runner, { program, start, inputs, rounds }: Case): Outcome {
  const [kernel] = openOn(runner, [program]);
  try {
    for (const { name } of program.carried) kernel.setCarried(name, start[name]);
    const kept = kernel.run(rounds, inputs);
    const carried = program.carried.map(({ name }) => [name, kernel.carried(name).slice()]);
    return { ...kept, ...Object.fromEntries(carried) };
  } finally {
    kernel.close();
  }
}

/** The same in float64, round by round. */
export function inDoubles({ program, start, inputs, rounds }: Case): Record<string, Float64Array> {
  const graph = program.graph.toGraph("round");
  const numbers = ({ dims }: Value, data: ArrayLike<number>): Numbers => {
    const fixed = elementsOf(dims.filter((size) => size >= 0));
    const sizes = dims.map((size) => (size < 0 ? data.length / fixed : size));
    return { dims: sizes, data: Float64Array.from(data) };
  };
  const feeds: Record<string, Numbers> = {};
  for (const value of program.shared) feeds[value.name] = numbers(value, inputs[value.name]);
  for (const value of program.carried) feeds[value.name] = numbers(value, start[value.name]);
  const kept = new Map<string, number[]>(program.kept.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const value of program.each) {
      const size = elementsOf(value.dims);
      const part = inputs[value.name].subarray(round * size, (round + 1) * size);
      feeds[value.name] = numbers(value, part);
    }
    const values = interpret(graph, feeds);
    for (const { name } of program.kept) {
      for (const value of values.get(name)!.data) kept.get(name)!.push(value);
    }
    for (const { name } of program.carried) feeds[name] = values.get(`${name}.next`)!;
  }
  const outcome: Record<string, Float64Array> = {};
  for (const [name, values] of kept) outcome[name] = Float64Array.from(values);
  for (const { name } of program.carried) outcome[name] = feeds[name].data as Float64Array;
  return outcome;
}

/** Fails where an element is off by more than `tolerance` of the largest (of 1 at least). */
export function assertNear(
  actual: Outcome,
  expected: Readonly<Record<string, ArrayLike<number>>>,
  tolerance: number,
  what: string,
): void {
  for (const [name, want] of Object.entries(expected)) {
    const have = actual[name];
    assert.equal(have.length, want.length, `${what}: ${name}`);
    const finite = Array.from(want).filter(Number.isFinite);
    const largest = finite.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
    for (let i = 0; i < want.length; i++) {
      if (Object.is(have[i], Math.fround(want[i]))) continue;
      const error = Math.abs(have[i] - want[i]) / largest;
      assert(error <= tolerance, `${what}: ${name}[${i}] is ${have[i]}, expected ${want[i]}`);
    }
  }
}

export function assertSameBits(actual: Outcome, expected: Outcome, what: string): void {
  for (const [name, want] of Object.entries(expected)) {
    const bits = (values: Float32Array) => new Uint32Array(values.slice().buffer);
    assert.deepEqual(bits(actual[name]), bits(want), `${what}: ${name}`);
  }
}

/** On every runner near to doubles; one thread and two the same; twice the same. */
export function checkEverywhere(problem: Case, tolerance: number, what: string): void {
  const expected = inDoubles(problem);
  const outcomes = new Map(runners.map((runner) => [runner, runOn(runner, problem)]));
  for (const [runner, outcome] of outcomes) {
    assertNear(outcome, expected, tolerance, `${what}, ${runner}`);
  }
  const [native, two] = [outcomes.get("native"), outcomes.get("native, 2 threads")];
  if (native === undefined || two === undefined) return;
  assertSameBits(two, native, `${what}, 2 threads`);
  assertSameBits(runOn("native, 2 threads", problem), two, `${what}, again`);
  const [avx2, base] = [outcomes.get("native, avx2"), outcomes.get("native, base")];
  if (avx2 === undefined || base === undefined) return;
  // Wider vectors change no sum's order.
  assertSameBits(native, avx2, `${what}, avx2`);
  // Without fused multiply and add, both builds of the core do the same sums.
  assertSameBits(outcomes.get("wasm")!, base, `${what}, wasm`);
}

export function uniform(rng: Rng, count: number, size: number = 1): Float32Array {
  return Float32Array.from({ length: count }, () => rng.uniform(-size, size));
}
