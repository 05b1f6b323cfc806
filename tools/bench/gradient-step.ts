import { resolve } from "node:path";
import type { Bench, BenchOptions } from "./main.ts";
import { closeAll, Peer } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

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
    "native kernel, 8 steps a call.",
  rounds: 7,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const python = options.peers ? await pythonWithPeers(options.note) : null;
  for (const threads of [1, 2] as const) {
    const contenders: Record<string, Peer> = {};
    try {
      addContenders(contenders, python, threads);
      for (const [name, size] of Object.entries(sizes)) {
        for (const contender of Object.values(contenders)) await contender.ask(size);
        const { ours, ...peers } = await interleave(await timersOf(contenders), options);
        yield { case: `${name}, ${threads}T`, unit: "ms/step", ours, peers };
      }
    } finally {
      await closeAll(Object.values(contenders));
    }
  }
}

/** As many cores as threads each. Started one by one into `contenders`, for its owner to close. */
function addContenders(
  contenders: Record<string, Peer>,
  python: string | null,
  threads: 1 | 2,
): void {
  const share = { cores: threads === 1 ? "0" : "0,1", threads };
  const add = (name: string, program: string, ...words: readonly string[]): void => {
    contenders[name] = new Peer(program, [...words, String(threads)], share);
  };
  const own = resolve(import.meta.dirname, "peers/ours.js");
  add("ours", process.execPath, own, "kernel");
  if (threads === 1) {
    add("ours, kernel-wasm", process.execPath, own, "kernel-wasm");
    add("ours, onnx", process.execPath, own, "onnx");
  }
  if (python === null) return;
  const script = resolve("tools/bench/peers/gradient_step.py");
  const torch = `torch ${versionOf("torch")} eager`;
  add(`${torch}, fused Adam`, python, script, "torch-fused");
  add(`${torch}, foreach Adam`, python, script, "torch-foreach");
  add(`jax ${versionOf("jax")} jit, scan of 8`, python, script, "jax");
}

/** What each contender is asked for in a round: the ms per step of about as much time for each. */
async function timersOf(
  contenders: Readonly<Record<string, Peer>>,
): Promise<Record<string, () => Promise<number>>> {
  const timers: Record<string, () => Promise<number>> = {};
  for (const [name, contender] of Object.entries(contenders)) {
    const ms = Number(await contender.ask(4 * stepsPerCall));
    const steps = Math.ceil(roundMs / ms / stepsPerCall) * stepsPerCall;
    timers[name] = async () => Number(await contender.ask(steps));
  }
  return timers;
}
