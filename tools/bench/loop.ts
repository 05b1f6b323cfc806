import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { buildNative, firmwareFolder } from "../../src/hil/native-program.ts";
import { startProgram } from "../../src/hil/program-board.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy } from "../../test/policy/random-policy.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { Turns } from "./peers/loop-ours.ts";
import { jsonOf, sinew } from "./peers/process.ts";
import { pythonWithPeers } from "./peers/python.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

const seconds = 60;
const script = join(import.meta.dirname, "peers/loop-ours.js");
const both = { cores: "0,1", threads: 1 };

const joints = [1, 2, 3, 4, 5, 6];
const channelsOf = (what: string, unit: string, size: number): Channel[] =>
  joints.map((at) => ({ name: `joint${at}_${what}`, unit, low: -size, high: size }));

/** Of `firmware-bridge/targets/six-joints.c`, but for the period. */
const specOf = (periodUs: number): Spec => ({
  observation: [...channelsOf("angle", "rad", 3.2), ...channelsOf("velocity", "rad/s", 8)],
  action: channelsOf("target", "rad", 3),
  periodUs,
});

/** What ours is to reach without SCHED_FIFO. */
const bars: Readonly<Record<string, number>> = { "1 kHz, lateness p99": 500 };

export const bench: Bench = {
  title:
    `Control loops over a pty, ${seconds} s each, with six joints of the native firmware behind ` +
    "it: a 12-256-256-6 actor, the log and the page on, and somebody who looks at it. An empty " +
    "loop keeps the same schedule and does nothing. missed: not begun before the next cycle was " +
    "due. At 200 Hz a training at nice 19 runs beside it.",
  rounds: 3,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-loop-"));
  try {
    yield* casesAt(1000, "1 kHz", options, folder);
    const trainer = spawn(
      "nice",
      ["-n", "19", process.execPath, sinew, "train", "--env", "pendulum", "--steps", "100000000"],
      { cwd: folder, stdio: "ignore" },
    );
    try {
      yield* casesAt(5000, "200 Hz and a training", { ...options, peers: false }, folder);
    } finally {
      trainer.kill("SIGKILL");
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Our loop and what stands beside it, at a period. */
async function* casesAt(
  periodUs: number,
  name: string,
  options: BenchOptions,
  folder: string,
): AsyncGenerator<BenchResult> {
  const policy = join(folder, `policy-${periodUs}.onnx`);
  writeFileSync(policy, await exportPolicy(randomPolicy(1, specOf(periodUs), [256, 256])));
  const program = buildNative(sourcesAt(periodUs, folder), "six-joints");
  const times = [String(periodUs), String(options.steps ?? seconds)];
  const onBoard =
    (name: string, ...words: string[]) =>
    async (): Promise<Turns> => {
      const board = await startProgram(program, []);
      try {
        const whole = [...words, ...times, board.path, policy, folder];
        return (await jsonOf(name, whole, both)) as Turns;
      } finally {
        await board.close();
      }
    };
  const ours = (what: string, realTime: string) =>
    onBoard(process.execPath, script, what, realTime);
  const contenders = {
    ours: ours("run", "off"),
    "empty loop": ours("empty", "off"),
    "ours, SCHED_FIFO": ours("run", "auto"),
    "empty loop, SCHED_FIFO": ours("empty", "auto"),
    ...(options.peers && (await peersOf(onBoard, options.note))),
  };
  const outcomes = await interleave(contenders, options);
  const caseOf = (what: string, unit: string, value: (turns: Turns) => number): BenchResult => {
    const values = Object.entries(outcomes).map(([who, turns]) => [who, turns.map(value)]);
    const { ours, ...peers } = Object.fromEntries(values) as Record<string, number[]>;
    const bar = bars[`${name}, ${what}`];
    return { case: `${name}, ${what}`, unit, ours, peers, ...(bar !== undefined && { bar }) };
  };
  yield caseOf("missed", "%", ({ missed }) => missed);
  yield caseOf("over too late", "%", ({ late }) => late);
  yield caseOf("lateness p50", "us", ({ p50Us }) => p50Us);
  yield caseOf("lateness p99", "us", ({ p99Us }) => p99Us);
  yield caseOf("lateness p99.9", "us", ({ p999Us }) => p999Us);
}

async function peersOf(
  onBoard: (name: string, ...words: string[]) => () => Promise<Turns>,
  note: (line: string) => void,
): Promise<Record<string, () => Promise<Turns>>> {
  const plain = join(import.meta.dirname, "peers/loop-serialport.js");
  const python = await pythonWithPeers(note);
  return {
    "serialport, setInterval": onBoard(process.execPath, plain),
    ...(python !== null && { "Python, pyserial": onBoard(python, "tools/bench/peers/loop.py") }),
  };
}

/** The firmware's sources with six joints that keep another period. */
function sourcesAt(periodUs: number, folder: string): string {
  const copy = join(folder, `firmware-${periodUs}`);
  for (const part of ["core", "targets", "ports"]) {
    mkdirSync(copy, { recursive: true });
    cpSync(join(firmwareFolder, part), join(copy, part), { recursive: true });
  }
  const path = join(copy, "targets/six-joints.c");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace(".period_us = 4000", `.period_us = ${periodUs}`));
  return copy;
}
