import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { progressName, readProgress } from "../../src/learn/progress-csv.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { jsonOf, type Share, sinew } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

/** Episodes have 1,000 steps: the first is random, and in the second everything is compiled. */
const fromStep = 2_000;

export const bench: Bench = {
  title:
    "HalfCheetah-v5, DDPG (one critic, no norm) 256-256, minibatches of 256, Adam at 1e-3, noise " +
    "0.1, 1,000 random steps: environment steps per second from step 2,000 on, of 9,000, " +
    "environment included. One gradient step an environment step for all: ours takes 8 after " +
    "every 8 environment steps, the peers 1 after each, or 8 after every 8 where named so.",
  rounds: 7,
  run,
};

type Contender = (share: Share) => Promise<number>;

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const { peers: withPeers, note } = options;
  const steps = options.steps ?? 9_000;
  assert(steps > fromStep && steps % 1_000 === 0, `give whole thousands of steps over ${fromStep}`);
  const python = withPeers ? await pythonWithPeers(note) : null;
  const peers = python === null ? {} : peersOf(python, steps);
  const kernel = { ours: ours("kernel", steps) };
  const one = { cores: "0", threads: 1 };
  const alone = { ...kernel, "ours, onnx": ours("onnx", steps), ...peers };
  yield await measured("1 core, 1 thread each", alone, one, options);
  const two = { cores: "0,1", threads: 2 };
  yield await measured("2 cores, 2 threads each", { ...kernel, ...peers }, two, options);
}

async function measured(
  name: string,
  contenders: Readonly<Record<string, Contender>>,
  share: Share,
  options: BenchOptions,
): Promise<BenchResult> {
  const shared = Object.fromEntries(
    Object.entries(contenders).map(([who, contender]) => [who, () => contender(share)]),
  );
  const { ours, ...peers } = await interleave(shared, options, (round, who, rate) =>
    options.note(`${name}, round ${round + 1}, ${who}: ${rate.toFixed(1)} steps/s`),
  );
  return { case: name, unit: "steps/s", higherIsBetter: true, ours, peers };
}

/** With the settings that half_cheetah.py gives its peers. */
function ours(engine: string, steps: number): Contender {
  const settings = {
    ...{ env: "half-cheetah", preset: "sbx", engine, steps, seed: 0 },
    ...{ "actor-rate": 1e-3, "critic-rate": 1e-3, noise: "gaussian", "noise-sigma": 0.1 },
    ...{ "random-steps": 1_000, "learn-after": 1_000, "collect-steps": 8, "gradient-steps": 8 },
    ...{ "evaluate-every": 2 * steps, "checkpoint-every": 2 * steps },
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

function peersOf(python: string, steps: number): Record<string, Contender> {
  const sbx = `SBX ${versionOf("sbx-rl")}`;
  return {
    [`SB3 ${versionOf("stable-baselines3")}`]: peer(python, "sb3", steps, 1),
    [sbx]: peer(python, "sbx", steps, 1),
    [`${sbx}, 8 after 8`]: peer(python, "sbx", steps, 8),
  };
}

function peer(python: string, name: "sb3" | "sbx", steps: number, every: 1 | 8): Contender {
  const script = resolve("tools/bench/peers/half_cheetah.py");
  return async (share) => {
    const words = [script, name, steps, fromStep, every, share.threads].map(String);
    const answer = (await jsonOf(python, words, share)) as { readonly stepsPerSecond: number };
    return answer.stepsPerSecond;
  };
}
