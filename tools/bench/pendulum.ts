import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Rng } from "../../src/core/rng.ts";
import { judgedStarts, type Starts, selectionStarts } from "../../src/learn/evaluate.ts";
import { progressName, readProgress } from "../../src/learn/progress-csv.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { jsonOf, sinew } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import type { BenchResult } from "./rounds/result.ts";

const cores = "0,1";
const learnedReturn = -160;
const relapsedReturn = -200;

export const bench: Bench = {
  title:
    "Pendulum-v1, 20,000 steps, a cold process to the policy on disk, two cores, one run a seed. " +
    "Regret: optimum less the mean return from 1,000 fixed starts, noise off. Medians over seeds " +
    "(lowest to highest; peer/ours). Peers: RL Baselines3 Zoo's settings, their last policy.",
  rounds: 5,
  run,
};

/** What one training run came to. */
interface Outcome {
  /** Of the policy that the command leaves, from the judged starts. */
  readonly kept: number;
  /** Of the last step's. */
  readonly last: number;
  /** Mean returns while it learnt. */
  readonly evaluations: readonly number[];
  /** Wall time from the start of the process to the policy on disk. */
  readonly seconds: number;
}

type Contender = (seed: number, folder: string) => Promise<Outcome>;

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const { rounds, note } = options;
  const optimum = JSON.parse(readFileSync("test/golden/pendulum-optimum.json", "utf8"));
  const folder = mkdtempSync(join(tmpdir(), "sinew-bench-"));
  try {
    const contenders = await contendersOf(options, folder);
    const outcomes: Record<string, Outcome[]> = {};
    for (let seed = 0; seed < rounds; seed++) {
      for (const [name, contender] of Object.entries(contenders)) {
        const own = join(folder, `${name} ${seed}`);
        mkdirSync(own);
        const outcome = await contender(seed, own);
        outcomes[name] = [...(outcomes[name] ?? []), outcome];
        note(`seed ${seed} ${name}: ${outcome.kept.toFixed(2)}, ${outcome.seconds.toFixed(1)} s`);
      }
    }
    yield* resultsOf(outcomes, optimum.mean);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function contendersOf(
  { peers: withPeers, steps, note }: BenchOptions,
  folder: string,
): Promise<Record<string, Contender>> {
  const contenders: Record<string, Contender> = { ours: ours(steps) };
  const python = withPeers ? await pythonWithPeers(note) : null;
  if (python === null) return contenders;
  const starts = join(folder, "starts.json");
  const judged = statesOf(judgedStarts(pendulumTask));
  const selection = statesOf(selectionStarts(pendulumTask));
  writeFileSync(starts, JSON.stringify({ judged, selection }));
  const packages = { sb3: "stable-baselines3", sbx: "sbx-rl" } as const;
  for (const system of ["sb3", "sbx"] as const) {
    for (const algorithm of ["DDPG", "TD3"]) {
      const name = `${system.toUpperCase()} ${versionOf(packages[system])} ${algorithm}`;
      contenders[name] = peer(python, [system, algorithm], steps ?? 20_000, starts);
    }
  }
  return contenders;
}

/** [theta, thetaDot] of each start, in double precision, as `Pendulum.reset` draws them. */
function statesOf({ first, count }: Starts): [number, number][] {
  return Array.from({ length: count }, (_, i) => {
    const rng = new Rng(first + i);
    return [rng.uniform(-Math.PI, Math.PI), rng.uniform(-1, 1)];
  });
}

function ours(steps: number | null): Contender {
  return async (seed, folder) => {
    const words = ["train", "--env", "pendulum", "--seed", String(seed), "--folder", folder];
    if (steps !== null) words.push("--steps", String(steps));
    const startMs = Date.now();
    const result = (await jsonOf(process.execPath, [sinew, ...words, "--json"], {
      cores,
      threads: 2,
    })) as {
      readonly bestReturn: number;
      readonly finalReturn: number;
    };
    const rows = readProgress(join(folder, progressName));
    return {
      kept: result.bestReturn,
      last: result.finalReturn,
      evaluations: rows.flatMap((row) => row.evalMean ?? []),
      seconds: (statSync(join(folder, "policy.onnx")).mtimeMs - startMs) / 1000,
    };
  };
}

function peer(python: string, words: readonly string[], steps: number, starts: string): Contender {
  const script = resolve("tools/bench/peers/pendulum.py");
  // Torch's threads wait for each other longer than they compute at this size; XLA's do not.
  const threads = words[0] === "sb3" ? 1 : 2;
  return async (seed, folder) => {
    const args = [script, ...words, String(seed), String(steps), starts, folder];
    const startMs = Date.now();
    const { final, evaluations, evaluationSeconds } = (await jsonOf(python, args, {
      cores,
      threads,
    })) as {
      readonly final: number;
      readonly evaluations: readonly number[];
      readonly evaluationSeconds: number;
    };
    const wall = (statSync(join(folder, "policy.zip")).mtimeMs - startMs) / 1000;
    return { kept: final, last: final, evaluations, seconds: wall - evaluationSeconds };
  };
}

function* resultsOf(
  outcomes: Readonly<Record<string, readonly Outcome[]>>,
  optimum: number,
): Generator<BenchResult> {
  const cases: [string, string, (runs: readonly Outcome[]) => number[]][] = [
    ["mean", "regret", (runs) => runs.map(({ kept }) => optimum - kept)],
    ["mean, last step", "regret", (runs) => runs.map(({ last }) => optimum - last)],
    ["worst seed", "regret", (runs) => [Math.max(...runs.map(({ kept }) => optimum - kept))]],
    ["relapse", "times", (runs) => runs.map(({ evaluations }) => relapsesOf(evaluations))],
    ["cold start", "s", (runs) => runs.map(({ seconds }) => seconds)],
  ];
  for (const [name, unit, valuesOf] of cases) {
    const { ours, ...peers } = Object.fromEntries(
      Object.entries(outcomes).map(([who, runs]) => [who, valuesOf(runs)]),
    );
    yield { case: name, unit, ours, peers };
  }
}

/** Evaluations below -200 after the first above -160. */
function relapsesOf(evaluations: readonly number[]): number {
  const learned = evaluations.findIndex((mean) => mean > learnedReturn);
  return evaluations.slice(learned < 0 ? evaluations.length : learned).filter(below).length;
}

function below(mean: number): boolean {
  return mean < relapsedReturn;
}
