import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The command line of this very build. */
export const sinew: string = resolve(import.meta.dirname, "../../../src/cli/main.js");

/** What a process may use of the machine. */
export interface Share {
  /** The cores that it may run on, as `taskset` lists them: `0`, or `0,1`. */
  readonly cores: string;
  /** Threads of the numeric libraries that ask for a number. */
  readonly threads: number;
}

/** Says to each numeric library how many threads it may start. */
export function threadVariables(threads: number): Record<string, string> {
  const one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1";
  return {
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    ...(threads === 1 && { XLA_FLAGS: one }),
  };
}

/**
 * Runs a program to its end on a share of the machine and returns the last line of its output,
 * parsed as JSON. Rejects where it fails.
 */
export async function jsonOf(
  program: string,
  args: readonly string[],
  { cores, threads }: Share,
): Promise<unknown> {
  const { stdout } = await execute("taskset", ["-c", cores, program, ...args], {
    env: { ...process.env, ...threadVariables(threads) },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** A process on a share of the machine that answers each line with a line. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], { cores, threads }: Share) {
    this.#child = spawn("taskset", ["-c", cores, program, ...args], {
      env: { ...process.env, ...threadVariables(threads) },
      stdio: ["pipe", "pipe", "inherit"],
    });
    assert(this.#child.stdout !== null);
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async ask(command: unknown): Promise<string> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    assert(done !== true, "the peer ended without an answer; its error is above");
    return value;
  }

  /** Ends the process by closing its input. */
  close(): void {
    this.#child.stdin!.end();
  }
}
