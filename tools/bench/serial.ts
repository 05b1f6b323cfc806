import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, BenchOptions } from "./main.ts";
import { compile, withEchoDevice } from "./peers/echo-device.ts";
import { jsonOf } from "./peers/process.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

const trips = 30_000;

export const bench: Bench = {
  title:
    `${trips} round trips a round on a pty, 34 bytes there and 90 back, with the same device in ` +
    "C behind it. c-poll is the floor: write, poll, read in C. Ours is the bridge's way, by " +
    "events; the control thread's, which polls, stands beside it. serialport is the package's " +
    "stream. Loops of the idle class keep both cores awake, else their waking is measured.",
  rounds: 7,
  run,
};

interface Trips {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuUs: number;
}

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-serial-"));
  try {
    const count = String(options.steps ?? trips);
    const share = { cores: "0", threads: 1 };
    const script = join(import.meta.dirname, "peers/trip.js");
    const echo = compile("echo", folder);
    const onPty =
      (program: string, ...words: readonly string[]) =>
      async (): Promise<Trips> =>
        withEchoDevice(echo, async (path) => {
          const whole = words.map((word) => (word === "PATH" ? path : word));
          return (await jsonOf(program, [...whole, count], share)) as Trips;
        });
    const contenders: Record<string, () => Promise<Trips>> = {
      ours: onPty(process.execPath, script, "events", "PATH"),
      "ours, polled": onPty(process.execPath, script, "polled", "PATH"),
    };
    if (options.peers) {
      contenders["c-poll"] = onPty(compile("trip", folder), "PATH");
      contenders["serialport"] = onPty(process.execPath, script, "serialport", "PATH");
    }
    const outcomes = await whileAwake(() => interleave(contenders, options));
    yield resultOf("round trip p50", outcomes, ({ p50Us }) => p50Us);
    yield resultOf("round trip p99", outcomes, ({ p99Us }) => p99Us);
    yield { ...resultOf("CPU a round trip", outcomes, ({ cpuUs }) => cpuUs), bar: 20 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Keeps both cores from falling asleep while `work` runs: else their waking is measured. Its loops
 * are of the idle class, so that anything else goes first.
 */
async function whileAwake<T>(work: () => Promise<T>): Promise<T> {
  const loops: ChildProcess[] = ["0", "1"].map((core) => {
    const words = ["-i", "0", "taskset", "-c", core, process.execPath, "-e", "for (;;);"];
    return spawn("chrt", words, { stdio: "ignore" });
  });
  try {
    return await work();
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
}

function resultOf(
  name: string,
  outcomes: Readonly<Record<string, readonly Trips[]>>,
  value: (trips: Trips) => number,
): BenchResult {
  const { ours, ...peers } = Object.fromEntries(
    Object.entries(outcomes).map(([contender, rounds]) => [contender, rounds.map(value)]),
  );
  return { case: name, unit: "us", ours, peers };
}
