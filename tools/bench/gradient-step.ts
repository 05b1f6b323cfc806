import { resolve } from "node:path";
import type { Bench, BenchOptions, BenchResult } from "./main.ts";
import { Peer } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";

/** What is learnt: networks of these widths, minibatches of this size. */
export interface Size {
  readonly observations: number;
  readonly actions: number;
  readonly hidden: readonly number[];
  readonly batch: number;
}

const sizes: Readonly<Record<string, Size>> = {
  "64-64 B64": { observations: 3, actions: 1, hidden: [64, 64], batch: 64 },
  "256-256 B64": { observations: 3, actions: 1, hidden: [256, 256], batch: 64 },
  "HalfCheetah B256": { observations: 17, actions: 6, hidden: [256, 256], batch: 256 },
};

/** A round measures each contender for about this long, one after the other. */
const roundMs = 400;
/** Each contender takes this many steps, or a multiple, at a time. */
const stepsPerCall = 8;

export const bench: Bench = {
  title:
    "DDPG gradient step, ms per step: sampling from 100,000 transitions, critic, actor, two " +
    "Adam, two Polyak. Each contender is a process of its own; one runs at a time. Ours is the " +
    "native kernel. Medians of interleaved rounds (lowest to highest; peer/ours).",
  rounds: 7,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const python = options.peers ? await pythonWithPeers(options.note) : null;
  for (const threads of [1, 2] as const) {
    const contenders = contendersOf(python, threads);
    try {
      for (const [name, size] of Object.entries(sizes)) {
        for (const contender of Object.values(contenders)) await contender.ask(size);
        const { ours, ...peers } = await interleave(contenders, options.rounds);
        yield { case: `${name}, ${threads}T`, unit: "ms/step", ours, peers };
      }
    } finally {
      for (const contender of Object.values(contenders)) contender.close();
    }
  }
}

/** As many cores as threads each. */
function contendersOf(python: string | null, threads: 1 | 2): Record<string, Peer> {
  const share = { cores: threads === 1 ? "0" : "0,1", threads };
  const program = resolve(import.meta.dirname, "peers/ours.js");
  const own = (engine: string): Peer =>
    new Peer(process.execPath, [program, engine, String(threads)], share);
  const contenders: Record<string, Peer> = { ours: own("kernel") };
  if (threads === 1) {
    contenders["ours, kernel-wasm"] = own("kernel-wasm");
    contenders["ours, onnx"] = own("onnx");
  }
  if (python === null) return contenders;
  const script = resolve("tools/bench/peers/gradient_step.py");
  const peer = (name: string): Peer => new Peer(python, [script, name, String(threads)], share);
  return {
    ...contenders,
    [`torch ${versionOf("torch")} eager, fused Adam`]: peer("torch"),
    [`jax ${versionOf("jax")} jit, scan of 8`]: peer("jax"),
  };
}

/** Milliseconds per step of each contender in each round. */
async function interleave(
  contenders: Readonly<Record<string, Peer>>,
  rounds: number,
): Promise<Record<string, number[]>> {
  const results: Record<string, number[]> = {};
  const steps: Record<string, number> = {};
  for (const [name, contender] of Object.entries(contenders)) {
    results[name] = [];
    const ms = Number(await contender.ask(4 * stepsPerCall));
    steps[name] = Math.ceil(roundMs / ms / stepsPerCall) * stepsPerCall;
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      results[name].push(Number(await contender.ask(steps[name])));
    }
  }
  return results;
}
