/**
 * node dist/tools/test-protections.js [part of a name, or of a test's path]
 *
 * Deletes each call that test/protections.json lists from a copy of the compiled program, or of the
 * firmware's C, plants each bug that test/silent-bugs.json lists (other systems had them), one at a
 * time, and requires that its test then fails. Ends with a line `N passed, N failed`.
 */
import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** One protection: the text of one call or condition, unique in its file, and who misses it. */
interface Protection {
  readonly name: string;
  readonly file: string;
  readonly call: string;
  /** What stands there instead; nothing unless told. */
  readonly becomes?: string;
  /** The image that is built without it, for a test that boots one. */
  readonly image?: string;
  readonly test: string;
}

const firmwareTest = "tools/test-firmware.ts";

/** Tests that boards and brokers answer in real time: nothing else may run beside them. */
function isInRealTime(test: string): boolean {
  if (/^test\/(hil|mosquitto|cli\/(ctl|dash))\b|-board\./.test(test)) return true;
  return /^test\/(edge\/(drive|run|servo-arm|stale)|link\/(link|mqtt|port))\b/.test(test);
}

// A test that hangs without its protection has failed; none of them takes a minute by itself.
const timeoutMs = 120_000;

/** How a test's own lines say that it failed, and how much of the former text may belong to one. */
const firstFailure = /^(not ok|✖) /m;
const tailLength = 16;

/** A copy of dist/ and of the firmware that may be broken. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), "sinew-protections-"));

  constructor() {
    cpSync("dist", join(this.#folder, "dist"), { recursive: true });
    cpSync("firmware-bridge", join(this.#folder, "firmware-bridge"), { recursive: true });
    cpSync("test/vectors", join(this.#folder, "test/vectors"), { recursive: true });
    symlinkSync(resolve("node_modules"), join(this.#folder, "node_modules"));
    // The kernel's prebuilt files lie beside its sources.
    symlinkSync(resolve("src"), join(this.#folder, "src"));
    writeFileSync(join(this.#folder, "package.json"), '{"type":"module"}\n');
  }

  /** Whether the test at `path` (of the source) passes, on the copy's own `image` if told. */
  passes(path: string, image?: string): Promise<boolean> {
    // The firmware's tests build the firmware that they find here; all others look at the project.
    const here = path === firmwareTest || image !== undefined;
    const cwd = here ? this.#folder : process.cwd();
    // A group of its own: what hangs may be a program that the test has started.
    const child = spawn(process.execPath, [this.#compiled(path)], {
      ...{ cwd, detached: true },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const end = (): void => {
      if (child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid!, "SIGKILL");
    };
    AbortSignal.timeout(timeoutMs).addEventListener("abort", end);
    // One test that fails is enough; what it leaves behind may take long to end by itself.
    let told = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      told = told.slice(-tailLength) + text;
      if (firstFailure.test(told)) end();
    });
    return new Promise((resolve) => child.on("exit", (code) => resolve(code === 0)));
  }

  /** Replaces the call, runs `body`, and puts the call back. */
  async without<T>(protection: Protection, body: () => Promise<T>): Promise<T> {
    const { file, call, becomes = "", image } = protection;
    const path = this.#compiled(file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(
      path,
      whole.replace(onlyMatch(whole, call, file), () => becomes),
    );
    // What is no program at all would turn every test red.
    assert.equal(this.#builds(path, image), true, `no program: ${call}`);
    try {
      return await body();
    } finally {
      writeFileSync(path, whole);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #compiled(path: string): string {
    if (path.endsWith(".c")) return join(this.#folder, path);
    return join(this.#folder, "dist", path.replace(/\.ts$/, ".js"));
  }

  #builds(path: string, image: string | undefined): boolean {
    if (image !== undefined) {
      const words = ["dist/tools/build-firmware.js", image];
      return spawnSync(process.execPath, words, { cwd: this.#folder }).status === 0;
    }
    if (path.endsWith(".js")) return spawnSync(process.execPath, ["--check", path]).status === 0;
    const include = `-I${join(this.#folder, "firmware-bridge/core")}`;
    const flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", include];
    return spawnSync("cc", [...flags, path]).status === 0;
  }
}

/** The one place of `text` that reads `call`, but for white space and what only types need. */
function onlyMatch(text: string, call: string, file: string): string {
  const pieces = call.replaceAll("]!", "]").split(/\s+/).map(escapeForRegExp);
  const found = [...text.matchAll(new RegExp(pieces.join("\\s*"), "g"))];
  assert.equal(found.length, 1, `${file} has ${found.length} times: ${call}`);
  return found[0][0];
}

function escapeForRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function readProtections(): Protection[] {
  const part = process.argv[2] ?? "";
  const lists = ["test/protections.json", "test/silent-bugs.json"];
  const all = lists.flatMap(readList);
  for (const { file, call } of all) onlyMatch(readFileSync(file, "utf8"), call, file);
  return all.filter(({ name, test }) => name.includes(part) || test.includes(part));
}

function readList(path: string): Protection[] {
  const text = readFileSync(path, "utf8");
  const list = JSON.parse(text) as Protection[];
  // Two entries run together by a merge parse as one: JSON keeps the last of equal keys.
  assert.equal(text.match(/"name":/g)?.length, list.length, `${path}: an entry has two names`);
  return list;
}

/** One test run, and whether it came out as it must. */
interface Job {
  readonly test: string;
  run(): Promise<boolean>;
}

/** Works through `jobs` in so many lanes at once; says how many came out as they must. */
async function work(jobs: readonly Job[], lanes: number): Promise<number> {
  const left = [...jobs];
  let good = 0;
  const lane = async (): Promise<void> => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) {
      if (await job.run()) good++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return good;
}

async function main(): Promise<void> {
  const protections = readProtections();
  const tests = new Map(protections.map(({ test, image }) => [test, image]));
  const copies: Copy[] = [];
  const newCopy = (): Copy => {
    const copy = new Copy();
    copies.push(copy);
    return copy;
  };
  const whole = newCopy();
  try {
    const wholeRuns = [...tests].map(([test, image]): Job => {
      const run = async (): Promise<boolean> => {
        const passes = await whole.passes(test, image);
        console.log(`${passes ? "ok" : "NOT OK"}   ${test} passes with every protection`);
        return passes;
      };
      return { test, run };
    });
    const brokenRuns = protections.map((protection): Job => {
      const { name, test, image } = protection;
      const run = async (): Promise<boolean> => {
        const copy = newCopy();
        const red = !(await copy.without(protection, () => copy.passes(test, image)));
        copy.remove();
        console.log(`${red ? "ok" : "NOT OK"}   ${name}: ${test} goes red`);
        return red;
      };
      return { test, run };
    });
    const jobs = [...wholeRuns, ...brokenRuns];
    const beside = jobs.filter(({ test }) => !isInRealTime(test));
    const alone = jobs.filter(({ test }) => isInRealTime(test));
    const good = (await work(beside, Math.min(2, availableParallelism()))) + (await work(alone, 1));
    console.log(`${good} passed, ${jobs.length - good} failed`);
    if (good < jobs.length) process.exitCode = 1;
  } finally {
    for (const copy of copies) copy.remove();
  }
}

await main();
