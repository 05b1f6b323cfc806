import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openPty } from "../../src/hil/pty.ts";
import { lockSerialLine } from "../../src/link/serial.ts";
import type { Bench, BenchOptions } from "./main.ts";
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
    const onPty =
      (program: string, ...words: readonly string[]) =>
      async (): Promise<Trips> =>
        withDevice(folder, async (path) => {
          const whole = words.map((word) => (word === "PATH" ? path : word));
          return (await jsonOf(program, [...whole, count], share)) as Trips;
        });
    compile("echo", folder);
    const contenders: Record<string, () => Promise<Trips>> = {
      ours: onPty(process.execPath, script, "events", "PATH"),
      "ours, polled": onPty(process.execPath, script, "polled", "PATH"),
    };
    if (options.peers) {
      contenders["c-poll"] = onPty(compile("trip", folder), "PATH");
      contenders["serialport"] = onPty(process.execPath, script, "serialport", "PATH");
    }
    keepAwake();
    const outcomes = await interleave(contenders, options);
    yield resultOf("round trip p50", outcomes, ({ p50Us }) => p50Us);
    yield resultOf("round trip p99", outcomes, ({ p99Us }) => p99Us);
    yield resultOf("CPU a round trip", outcomes, ({ cpuUs }) => cpuUs);
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}

const loops: ChildProcess[] = [];

function keepAwake(): void {
  for (const core of ["0", "1"]) {
    const words = ["-i", "0", "taskset", "-c", core, process.execPath, "-e", "for (;;);"];
    loops.push(spawn("chrt", words, { stdio: "ignore" }));
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

/** Runs `work` on the path of a pty behind which the echo device answers, on the second core. */
async function withDevice<T>(folder: string, work: (path: string) => Promise<T>): Promise<T> {
  const { master, slave, pty } = openPty();
  // This makes the line raw, and it stays so.
  await (await lockSerialLine(pty, 1_000_000, false)).close();
  const words = ["-c", "1", join(folder, "echo")];
  const device = spawn("taskset", words, { stdio: [master, master, "inherit"] });
  closeSync(master);
  try {
    return await work(pty);
  } finally {
    device.kill("SIGKILL");
    closeSync(slave);
  }
}

function compile(name: string, folder: string): string {
  const program = join(folder, name);
  const source = resolve("tools/bench/peers", `${name}.c`);
  const result = spawnSync("cc", ["-O2", "-Wall", "-Werror", source, "-o", program], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`cc failed: ${result.error ?? result.stderr}`);
  return program;
}
