import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { messageOf } from "../../../src/core/errors.ts";

const execute = promisify(execFile);

/** The peers' versions: a number without its version says nothing. */
const packages = ["torch==2.15.0", "jax==0.10.2", "optax==0.2.8"] as const;

/**
 * The Python that has the peers installed: a virtual environment in build/peers, made where it is
 * not there yet. Returns null, and says why, on a machine without Python or without a package
 * index.
 */
export async function pythonWithPeers(note: (line: string) => void): Promise<string | null> {
  const folder = resolve("build/peers");
  const python = resolve(folder, "bin/python");
  const done = resolve(folder, `installed ${packages.join(" ")}`);
  if (existsSync(done)) return python;
  try {
    note(`installing ${packages.join(", ")} in ${folder} (once; several minutes)`);
    rmSync(folder, { recursive: true, force: true });
    await execute("python3", ["-m", "venv", folder]);
    await execute(python, ["-m", "pip", "install", "--quiet", ...packages]);
    writeFileSync(done, "");
    return python;
  } catch (thrown) {
    note(`no peers: ${messageOf(thrown).slice(0, 200)}`);
    return null;
  }
}

/** A peer in a process of its own that answers each line with a line. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string, script: string, args: readonly string[]) {
    const threads = {
      OMP_NUM_THREADS: "1",
      MKL_NUM_THREADS: "1",
      XLA_FLAGS: "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    };
    this.#child = spawn(python, [script, ...args], {
      env: { ...process.env, ...threads },
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
