/**
 * node dist/tools/test-mutants.js [part of a file's path]
 *
 * Changes src/safety/ one operator, constant, condition, statement or return at a time, in a copy
 * of the compiled program, and requires that its tests then fail. A mutant that they do not see
 * must be in test/mutants.json with the reason why it is the same program, and nothing else may be.
 * Ends with a line `N passed, N failed`.
 */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Mutant, mutantsOf } from "./mutants.ts";

/** A mutant that no test can see. */
interface Equivalent {
  readonly file: string;
  readonly code: string;
  readonly becomes: string;
  /** Why it is the same program. */
  readonly why: string;
}

interface Job {
  readonly file: string;
  readonly mutant: Mutant;
}

const folder = "src/safety";
const tests = "test/safety";
const slowest = "no-crossing.test.js";
/** A test that hangs has failed. One that takes so many times as long as all of them took hangs. */
const patience = 5;
const patienceLeastMs = 30_000;

/** A copy of what the tests need, which may be broken. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), "sinew-mutants-"));
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    for (const part of ["src/core", folder, tests, "test/allocation.js"]) {
      cpSync(join("dist", part), join(this.#folder, "dist", part), { recursive: true });
    }
    writeFileSync(join(this.#folder, "package.json"), '{"type":"module"}\n');
  }

  /** Whether any test sees `mutant` in the place of `file`. */
  async sees({ file, mutant }: Job): Promise<boolean> {
    const path = join(this.#folder, "dist", file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, mutant.text);
    try {
      return (await this.failing(file)) !== undefined;
    } finally {
      writeFileSync(path, whole);
    }
  }

  /** The first test that fails, of which those of `file` come first; undefined where all pass. */
  async failing(file: string = ""): Promise<string | undefined> {
    for (const name of testsOf(file)) {
      if (!(await passes(join(this.#folder, "dist", tests, name), this.#timeoutMs))) return name;
    }
    return undefined;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function testsOf(file: string): string[] {
  const own = `${file.split("/").at(-1)?.replace(/\.js$/, "")}.test.js`;
  const names = readdirSync(join("dist", tests)).filter((name) => name.endsWith(".test.js"));
  const place = (name: string): number => (name === own ? 0 : name === slowest ? 2 : 1);
  return names.sort((one, other) => place(one) - place(other));
}

function passes(path: string, timeout: number): Promise<boolean> {
  const child = spawn(process.execPath, [path], { stdio: "ignore", timeout });
  return new Promise((resolve) => child.on("exit", (code) => resolve(code === 0)));
}

/** The mutants that no test sees. */
async function survivorsOf(jobs: readonly Job[], timeoutMs: number): Promise<Job[]> {
  const left = [...jobs];
  const survivors: Job[] = [];
  const lane = async (): Promise<void> => {
    const copy = new Copy(timeoutMs);
    try {
      for (let job = left.shift(); job !== undefined; job = left.shift()) {
        if (!(await copy.sees(job))) survivors.push(job);
      }
    } finally {
      copy.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
  return survivors;
}

async function main(): Promise<void> {
  const part = process.argv[2] ?? "";
  const files = readdirSync(join("dist", folder))
    .filter((name) => name.endsWith(".js") && join(folder, name).includes(part))
    .map((name) => join(folder, name));
  const jobs = files.flatMap((file) => {
    return mutantsOf(readFileSync(join("dist", file), "utf8")).map((mutant) => ({ file, mutant }));
  });
  const whole = new Copy(600_000);
  const startMs = performance.now();
  assert.equal(await whole.failing(), undefined, "a test fails without any mutant");
  const wholeMs = Math.ceil(performance.now() - startMs);
  const timeoutMs = Math.max(patienceLeastMs, patience * wholeMs);
  whole.remove();
  const known = JSON.parse(readFileSync("test/mutants.json", "utf8")) as Equivalent[];
  const left = known.filter(({ file }) => file.includes(part));
  let failed = 0;
  for (const { file, mutant } of await survivorsOf(jobs, timeoutMs)) {
    const { code, becomes } = mutant;
    const at = left.findIndex((one) => {
      return one.file === file && one.code === code && one.becomes === becomes;
    });
    if (at >= 0) left.splice(at, 1);
    else {
      failed++;
      console.log(`NOT OK   no test sees in ${file}: ${JSON.stringify({ code, becomes })}`);
    }
  }
  for (const { file, code, becomes } of left) {
    failed++;
    console.log(`NOT OK   listed, but seen or gone: ${file}: ${code} -> ${becomes}`);
  }
  console.log(`${jobs.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

await main();
