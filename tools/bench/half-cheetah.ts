import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { progressName, readProgress } from "../../src/learn/progress-csv.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { jsonOf, type Share, sinew } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import type { BenchResult } from "./rounds/result.ts";

/** Episodes have 1,000 steps: the first is random, and in the second everything is compiled. */
const fromStep = 2_000;

export const bench: Bench = {
  title:
    "HalfCheetah-v5, DDPG 256-256, minibatches of 256, one gradient step an environment step: " +
    `environment steps per second from step ${fromStep} on, of 9,000, environment included. ` +
    "Medians of interleaved runs (lowest to highest; peer/ours).",
  rounds: 3,
  run,
};

type Contender = (share: Share) => Promise<number>;

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const { rounds, peers: withPeers, note } = options;
  const steps = options.steps ?? 9_000;
  assert(steps > fromStep && steps % 1_000 === 0, `give whole thousands of steps over ${fromStep}`);
  const alone: Record<string, Contender> = {
    ours: ours("kernel", steps),
    "ours, onnx": ours("onnx", steps),
  };
  const python = withPeers ? await pythonWithPeers(note) : null;
  if (python !== null) {
    alone[`SB3 ${versionOf("stable-baselines3")}`] = peer(python, "sb3", steps);
    alone[`SBX ${versionOf("sbx-rl")}`] = peer(python, "sbx", steps);
  }
  const one = { cores: "0", threads: 1 };
  yield await interleaved("1 core, 1 thread", alone, one, options);
  const two = { cores: "0,1", threads: 2 };
  yield await interleaved("2 cores, 2 threads", { ours: ours("kernel", steps) }, two, options);
  note(`each number is the median of ${rounds} runs`);
}

async function interleaved(
  name: string,
  contenders: Readonly<Record<string, Contender>>,
  share: Share,
  { rounds, note }: BenchOptions,
): Promise<BenchResult> {
  const found: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [who, contender] of Object.entries(contenders)) {
      const rate = await contender(share);
      found[who] = [...(found[who] ?? []), rate];
      note(`${name}, round ${round + 1}, ${who}: ${rate.toFixed(1)} steps/s`);
    }
  }
  const { ours: own, ...peers } = found;
  return { case: name, unit: "steps/s", ours: own, peers };
}

function ours(engine: string, steps: number): Contender {
  const settings = {
    ...{ env: "half-cheetah", engine, steps, seed: 0, "random-steps": 1_000 },
    ...{ "learn-after": 1_000, "evaluate-every": 2 * steps, "checkpoint-every": 2 * steps },
    ...{ "actor-hidden": "256,256", "critic-hidden": "256,256", batch: 256 },
    ...{ "collect-steps": 8, "gradient-steps": 8, workers: 0, lanes: 1 },
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return async ({ cores, threads }) => {
    const folder = mkdtempSync(join(tmpdir(), "sinew-bench-"));
    try {
      const words = [sinew, "train", ...flags, "--threads", String(threads), "--folder", folder];
      await jsonOf(process.execPath, [...words, "--json"], { cores, threads });
      const rows = readProgress(join(folder, progressName));
      const secondsAt = (step: number): number =>
        rows.find((row) => row.step === step && row.return !== undefined)?.seconds ?? Number.NaN;
      return (steps - fromStep) / (secondsAt(steps) - secondsAt(fromStep));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

function peer(python: string, name: "sb3" | "sbx", steps: number): Contender {
  const script = resolve("tools/bench/peers/half_cheetah.py");
  return async (share) => {
    const words = [script, name, String(steps), String(fromStep)];
    const answer = (await jsonOf(python, words, share)) as { readonly stepsPerSecond: number };
    return answer.stepsPerSecond;
  };
}
