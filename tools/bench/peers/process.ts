import { type ChildProcess, spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

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

/** Every process that was started here and still runs. */
const running = new Set<ChildProcess>();

/** Ends every process that was started here, whatever it does; says whether there was one. */
export function endProcesses(): boolean {
  for (const child of running) child.kill("SIGKILL");
  return running.size > 0;
}

function start(
  program: string,
  args: readonly string[],
  { cores, threads }: Share,
  stdio: ["ignore" | "pipe", "pipe", "inherit" | "pipe"],
): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn("taskset", ["-c", cores, program, ...args], {
    env: { ...process.env, ...threadVariables(threads) },
    stdio,
  });
  running.add(child);
  const ended = new Promise<string>((settle) => {
    child.once("error", (error) => settle(`could not start: ${error.message}`));
    child.once("exit", (code, signal) => settle(`ended with ${signal ?? `exit code ${code}`}`));
  });
  void ended.then(() => running.delete(child));
  return { child, ended };
}

/** Enough of an error output to see what is wrong. */
const linesTold = 8;

/**
 * Runs a program to its end on a share of the machine and returns the last line of its output,
 * parsed as JSON. Rejects, with the end of its error output, where it fails.
 */
export async function jsonOf(
  program: string,
  args: readonly string[],
  share: Share,
): Promise<unknown> {
  const { child, ended } = start(program, args, share, ["ignore", "pipe", "pipe"]);
  const written = Promise.all([text(child.stdout!), text(child.stderr!)]);
  const how = await ended;
  const [output, errors] = await written;
  if (child.exitCode !== 0) {
    const last = errors.trim().split("\n").slice(-linesTold).join("\n");
    throw new Error(`${basename(program)} ${args.join(" ")} ${how}\n${last}`.trimEnd());
  }
  return JSON.parse(output.trim().split("\n").at(-1)!);
}

/** A process on a share of the machine that answers each line with a line. */
export class Peer {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #answers: AsyncIterator<string>;

  constructor(program: string, args: readonly string[], share: Share) {
    this.#name = [program, ...args].map((word) => basename(word)).join(" ");
    const { child, ended } = start(program, args, share, ["pipe", "pipe", "inherit"]);
    this.#child = child;
    this.#ended = ended;
    this.#answers = createInterface(child.stdout!)[Symbol.asyncIterator]();
    // Writing to a process that has ended fails here; `ask` tells of the end itself.
    child.stdin!.on("error", () => {});
  }

  /** The answer to a command. Rejects where the process ends without one. */
  async ask(command: unknown): Promise<string> {
    const question = JSON.stringify(command);
    this.#child.stdin!.write(`${question}\n`);
    const answer = this.#answers.next().then(({ value, done }) => (done === true ? null : value));
    const first = await Promise.race([answer, this.#ended.then(() => null)]);
    if (first !== null) return first;
    throw new Error(`${this.#name} ${await this.#ended}, without an answer to ${question}`);
  }

  /** Ends the process, whatever it does, and waits until it has. */
  async close(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

/** Ends many, as `close` does. */
export async function closeAll(peers: Iterable<Peer>): Promise<void> {
  await Promise.all([...peers].map((peer) => peer.close()));
}
