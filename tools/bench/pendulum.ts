import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Rng } from "../../src/core/rng.ts";
import { judgedStarts, type Starts, selectionStarts } from "../../src/learn/evaluate.ts";
import { progressName, readProgress } from "../../src/learn/progress-csv.ts";
import { judge } from "../../src/learn/train.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { jsonOf, sinew } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import { interleave } from "./rounds/interleave.ts";
import { type BenchResult, shown } from "./rounds/result.ts";

const cores = "0,1";
const learnedReturn = -160;
const relapsedReturn = -200;
/** What rl-tools, the fastest there is, ends with: -150.6. */
const solvedReturn = -150;

export const bench: Bench = {
  title:
    "Pendulum-v1, 20,000 steps, one training process a seed, two cores. Mean return from 1,000 " +
    "fixed starts, noise off, of the policy that is kept: the best by evaluation from other " +
    "starts. Regret: the optimum from these very starts less that. Cold start: from the start of " +
    `a process to the first policy on disk of ${solvedReturn} or more. Peers: RL Baselines3 ` +
    "Zoo's settings; their evaluations cost them no time.",
  rounds: 20,
  peerRounds: 3,
  run,
};

/** A policy that was to solve the task, and when it was on disk. */
interface Solved {
  readonly return: number;
  /** From the start of the process; Infinity where the policy is not good enough. */
  readonly seconds: number;
}

/** What the training of one seed came to. Returns are means over the judged starts. */
interface Outcome {
  /** Of the best policy by evaluation. */
  readonly kept: number;
  /** Of the last step's. */
  readonly last: number;
  /** Mean returns from the selection starts while it learnt. */
  readonly evaluations: readonly number[];
  /** From the start of the process to the policy on disk. */
  readonly seconds: number;
  readonly solved: Solved;
}

type Contender = (seed: number) => Promise<Outcome>;

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const { note } = options;
  const optimum = JSON.parse(readFileSync("test/golden/pendulum-optimum.json", "utf8"));
  assert.deepEqual(optimum.starts, judgedStarts(pendulumTask), "an optimum of other starts");
  const folder = mkdtempSync(join(tmpdir(), "sinew-bench-"));
  try {
    const contenders = await contendersOf(options, folder);
    const outcomes = await interleave(contenders, options, (seed, name, outcome) => {
      const { kept, seconds, solved } = outcome;
      const full = `${shown(kept)} in ${shown(seconds)} s`;
      const cold = `${shown(solved.return)} in ${shown(solved.seconds)} s`;
      note(`seed ${seed}, ${name}: full run ${full}, cold start ${cold}`);
    });
    yield* resultsOf(outcomes, optimum.mean);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function contendersOf(
  { peers: withPeers, steps, note }: BenchOptions,
  folder: string,
): Promise<Record<string, Contender>> {
  const place = (name: string): string => {
    const own = join(folder, name);
    mkdirSync(own, { recursive: true });
    return own;
  };
  const contenders: Record<string, Contender> = { ours: ours(steps, place) };
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
      contenders[name] = peer(python, [system, algorithm], steps ?? 20_000, starts, place);
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

/** Seconds from `startMs` until the file was written. */
function secondsUntil(path: string, startMs: number): number {
  return (statSync(path).mtimeMs - startMs) / 1000;
}

/** Two processes: a full run, and one that stops at the first evaluation that is good enough. */
function ours(steps: number | null, place: (name: string) => string): Contender {
  const share = { cores, threads: 2 };
  return async (seed) => {
    const words = [sinew, "train", "--env", "pendulum", "--seed", String(seed), "--json"];
    if (steps !== null) words.push("--steps", String(steps));
    const full = place(`ours ${seed}`);
    const fullMs = Date.now();
    const result = (await jsonOf(process.execPath, [...words, "--folder", full], share)) as {
      readonly bestReturn: number;
      readonly finalReturn: number;
    };
    const cold = place(`ours ${seed}, cold start`);
    const target = ["--target-return", String(solvedReturn), "--folder", cold];
    const coldMs = Date.now();
    await jsonOf(process.execPath, [...words, ...target], share);
    const policy = join(cold, "policy.onnx");
    const { mean } = await judge(readFileSync(policy), pendulumTask, judgedStarts(pendulumTask));
    return {
      kept: result.bestReturn,
      last: result.finalReturn,
      evaluations: readProgress(join(full, progressName)).flatMap((row) => row.evalMean ?? []),
      seconds: secondsUntil(join(full, "policy.onnx"), fullMs),
      solved: solvedBy(mean, secondsUntil(policy, coldMs)),
    };
  };
}

function solvedBy(mean: number, seconds: number): Solved {
  return { return: mean, seconds: mean >= solvedReturn ? seconds : Infinity };
}

/** What pendulum.py prints. */
interface PeerAnswer {
  readonly best: number;
  readonly last: number;
  readonly evaluations: readonly number[];
  readonly evaluationSeconds: number;
  readonly solved: { readonly return: number; readonly evaluationSeconds: number } | null;
}

function peer(
  python: string,
  words: readonly string[],
  steps: number,
  starts: string,
  place: (name: string) => string,
): Contender {
  const script = resolve("tools/bench/peers/pendulum.py");
  // Torch's threads wait for each other longer than they compute at this size; XLA's do not.
  const threads = words[0] === "sb3" ? 1 : 2;
  return async (seed) => {
    const folder = place([...words, seed].join(" "));
    const numbers = [seed, steps, solvedReturn].map(String);
    const args = [script, ...words, ...numbers, starts, folder];
    const startMs = Date.now();
    const answer = (await jsonOf(python, args, { cores, threads })) as PeerAnswer;
    const { best, last, evaluations, evaluationSeconds, solved } = answer;
    const all = secondsUntil(join(folder, "policy.zip"), startMs);
    return {
      ...{ kept: best, last, evaluations, seconds: all - evaluationSeconds },
      solved:
        solved === null
          ? { return: best, seconds: Infinity }
          : solvedBy(
              solved.return,
              secondsUntil(join(folder, "solved.zip"), startMs) - solved.evaluationSeconds,
            ),
    };
  };
}

/** A case: its unit, how its seeds are summed up, and what a seed is worth. */
type Case = Pick<BenchResult, "case" | "unit" | "summary"> & {
  readonly of: (outcome: Outcome) => number;
};

function* resultsOf(
  outcomes: Readonly<Record<string, readonly Outcome[]>>,
  optimum: number,
): Generator<BenchResult> {
  const regret = ({ kept }: Outcome): number => optimum - kept;
  const cases: readonly Case[] = [
    { case: "mean", unit: "regret", summary: "mean", of: regret },
    { case: "mean", unit: "return", summary: "mean", of: ({ kept }) => kept },
    { case: "mean, last step", unit: "regret", summary: "mean", of: ({ last }) => optimum - last },
    { case: "worst seed", unit: "regret", summary: "highest", of: regret },
    { case: "worst seed", unit: "return", summary: "lowest", of: ({ kept }) => kept },
    { case: "relapse", unit: "times", summary: "highest", of: relapsesOf },
    { case: "cold start", unit: "s", of: ({ solved }) => solved.seconds },
    { case: "cold start", unit: "return", summary: "lowest", of: ({ solved }) => solved.return },
    { case: "full run", unit: "s", of: ({ seconds }) => seconds },
  ];
  for (const { of, ...rest } of cases) {
    const { ours, ...peers } = Object.fromEntries(
      Object.entries(outcomes).map(([who, runs]) => [who, runs.map(of)]),
    );
    yield { ...rest, ours, peers };
  }
}

/** Evaluations below -200 after the first above -160. */
function relapsesOf({ evaluations }: Outcome): number {
  const learned = evaluations.findIndex((mean) => mean > learnedReturn);
  return evaluations
    .slice(learned < 0 ? evaluations.length : learned)
    .filter((mean) => mean < relapsedReturn).length;
}
