/**
 * node dist/tools/test-protections.js [--write] [part of a name, or of a test's path]
 *
 * Deletes each call that test/protections.json lists from a copy of the compiled program, or of the
 * firmware's C, plants each bug that test/silent-bugs.json lists (other systems had them), one at a
 * time, and requires that the test of that title then fails. `--write` runs each file whole, and
 * writes the title of what fails first into the list. Ends with a line `N passed, N failed`.
 */
import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, constants, setPriority, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

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
  /** The test of that file that goes red. */
  readonly title?: string;
}

/** Which tests of a file are run, and on which image of the firmware. */
interface Choice {
  /** All, unless told. */
  readonly titles?: readonly string[] | undefined;
  readonly image?: string | undefined;
}

const lists = ["test/protections.json", "test/silent-bugs.json"] as const;
const firmwareTest = "tools/test-firmware.ts";

/** Tests that boards and brokers answer in real time: no other of them may run beside one. */
function isInRealTime(test: string): boolean {
  if (/^test\/(hil|mosquitto|cli\/(ctl|dash|doctor|first-hour))\b|-board\./.test(test)) return true;
  return /^test\/(edge\/(drive|run|servo-arm|stale)|link\/(link|mqtt|plain|port|scan))\b/.test(
    test,
  );
}

// A test that hangs without its protection has failed: no file takes so long, and no single test.
const timeoutMs = 120_000;
const titledTimeoutMs = 40_000;

/** How a test's own line says what became of it. */
const verdict = /^(not ok|ok) \d+ - (.*)$/;

/** What became of the tests of a file. */
interface Outcome {
  /** Titles of those that ran and passed. */
  readonly passed: ReadonlySet<string>;
  /** Title of the first that failed; undefined where none said so. */
  readonly failed: string | undefined;
  readonly hung: boolean;
  /** The program's own; null where it was ended. */
  readonly code: number | null;
}

/** A copy of dist/ and of the firmware that may be broken. */
class Copy {
  readonly #folder = mkdtempSync(join(tmpdir(), "sinew-protections-"));

  constructor() {
    cpSync("dist", join(this.#folder, "dist"), { recursive: true });
    cpSync("firmware-bridge", join(this.#folder, "firmware-bridge"), { recursive: true });
    cpSync("test/vectors", join(this.#folder, "test/vectors"), { recursive: true });
    symlinkSync(resolve("node_modules"), join(this.#folder, "node_modules"));
    // The kernel's prebuilt files lie beside its sources, and the firmware's test builds a page's.
    for (const name of ["src", "docs"]) symlinkSync(resolve(name), join(this.#folder, name));
    writeFileSync(join(this.#folder, "package.json"), '{"type":"module"}\n');
  }

  /** Runs tests of the file at `path` (of the source), up to the first that fails. */
  async outcomeOf(path: string, { titles, image }: Choice): Promise<Outcome> {
    // The firmware's tests build the firmware that they find here; all others look at the project.
    const here = path === firmwareTest || image !== undefined;
    const cwd = here ? this.#folder : process.cwd();
    const chosen = (titles ?? []).map((title) => `--test-name-pattern=^${escapeForRegExp(title)}$`);
    const words = ["--test-reporter=tap", ...chosen, this.#compiled(path)];
    // A group of its own: what hangs may be a program that the test has started.
    const child = spawn(process.execPath, words, {
      ...{ cwd, detached: true },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const end = (): void => endGroup(child.pid!);
    // Whom it left behind would hold its output open.
    child.on("exit", end);
    if (!isInRealTime(path)) giveWay(child.pid!);
    const passed = new Set<string>();
    let failed: string | undefined;
    let hung = false;
    // The firmware's is built first.
    const mostMs = chosen.length === 1 && !here ? titledTimeoutMs : timeoutMs;
    AbortSignal.timeout(mostMs).addEventListener("abort", () => {
      hung = child.exitCode === null && child.signalCode === null;
      end();
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, word, told = ""] = verdict.exec(line) ?? [];
      if (word === undefined || / # SKIP\b/.test(told)) return;
      if (word === "ok") passed.add(titleIn(told));
      else failed ??= titleIn(told);
      // One that fails is enough; what it leaves behind may take long to end by itself.
      if (word !== "ok") end();
    });
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { passed, failed, hung, code };
  }

  /** Replaces the call, runs `body`, and puts the call back; null: what is left is no program. */
  async without<T>(protection: Protection, body: () => Promise<T>): Promise<T | null> {
    const { file, call, becomes = "", image } = protection;
    const path = this.#compiled(file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(
      path,
      whole.replace(onlyMatch(whole, call, file), () => becomes),
    );
    try {
      // What is no program at all would turn every test red.
      return this.#builds(path, image) ? await body() : null;
    } finally {
      writeFileSync(path, whole);
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #compiled(path: string): string {
    if (/\.[ch]$/.test(path)) return join(this.#folder, path);
    return join(this.#folder, "dist", path.replace(/\.ts$/, ".js"));
  }

  #builds(path: string, image: string | undefined): boolean {
    if (image !== undefined) {
      const words = ["dist/tools/build-firmware.js", image];
      return spawnSync(process.execPath, words, { cwd: this.#folder }).status === 0;
    }
    if (path.endsWith(".js")) return spawnSync(process.execPath, ["--check", path]).status === 0;
    const include = `-I${join(this.#folder, "firmware-bridge/core")}`;
    // Wholly: what nobody uses any more is told of by no look at the syntax.
    const flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-c", "-o", "/dev/null"];
    const unit = path.endsWith(".h") ? ["-include", path, "-x", "c", "/dev/null"] : [path];
    return spawnSync("cc", [...flags, include, ...unit]).status === 0;
  }
}

/** The one place of `text` that reads `call`, but for white space and what only types need. */
function onlyMatch(text: string, call: string, file: string): string {
  const pieces = call.replaceAll("]!", "]").split(/\s+/).map(escapeForRegExp);
  const found = [...text.matchAll(new RegExp(pieces.join("\\s*"), "g"))];
  assert.equal(found.length, 1, `${file} has ${found.length} times: ${call}`);
  return found[0][0];
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Lets all others go before a process of a group of its own. */
function giveWay(pid: number): void {
  setPriority(pid, constants.priority.PRIORITY_LOW);
  // Linux weighs whole sessions against each other first.
  const group = `/proc/${pid}/autogroup`;
  if (existsSync(group)) writeFileSync(group, "19");
}

/** TAP writes a backslash before what would begin a comment, and before itself. */
function titleIn(line: string): string {
  return line.replaceAll(/\\([#\\])/g, "$1");
}

function escapeForRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function readList(path: string): Protection[] {
  const text = readFileSync(path, "utf8");
  const list = JSON.parse(text) as Protection[];
  // Two entries run together by a merge parse as one: JSON keeps the last of equal keys.
  assert.equal(text.match(/"name":/g)?.length, list.length, `${path}: an entry has two names`);
  return list;
}

/** One test run in a copy, and what is to be said of it: it came out as it must, or not. */
interface Job {
  readonly test: string;
  run(copy: Copy): Promise<{ good: boolean; told: string }>;
}

/** Each file by itself, on a program with every protection: those tests pass that must go red. */
function wholeJobs(protections: readonly Protection[]): Job[] {
  const byTest = new Map<string, Protection[]>();
  for (const one of protections) byTest.set(one.test, [...(byTest.get(one.test) ?? []), one]);
  return [...byTest].map(([test, all]) => {
    const known = [...new Set(all.flatMap(({ title }) => title ?? []))];
    const titles = all.every(({ title }) => title !== undefined) ? known : undefined;
    // A test of images looks at the firmware that it finds beside it.
    const image = all.find((one) => one.image !== undefined)?.image;
    const run: Job["run"] = async (copy) => {
      const { passed, failed, code } = await copy.outcomeOf(test, { titles, image });
      const idle = known.find((title) => !passed.has(title));
      const good = code === 0 && failed === undefined && idle === undefined;
      const what = good ? "passes" : `does not pass (${failed ?? idle ?? code})`;
      return { good, told: `${test} ${what} as it is` };
    };
    return { test, run };
  });
}

function brokenJob(protection: Protection, toTitle: ((title: string) => void) | undefined): Job {
  const { name, test, image, title } = protection;
  const titles = toTitle !== undefined || title === undefined ? undefined : [title];
  const run: Job["run"] = async (lanes) => {
    // An image that was built without its protection stays so.
    const copy = image === undefined ? lanes : new Copy();
    try {
      const outcome = await copy.without(protection, () => copy.outcomeOf(test, { titles, image }));
      if (outcome === null) return { good: false, told: `${name}: what is left is no program` };
      const { failed, hung, code } = outcome;
      if (failed !== undefined) toTitle?.(failed);
      // A file that breaks before its test is there says nothing of it.
      const good = hung || (titles === undefined ? code !== 0 : failed === title);
      return { good, told: `${name}: ${test} ${good ? "goes red" : "stays green"}` };
    } finally {
      if (copy !== lanes) copy.remove();
    }
  };
  return { test, run };
}

/**
 * Works through `inRealTime` one after another, beside what computes and gives way to it, of which
 * two are done at once when those are over; says how many came out as they must.
 */
async function work(inRealTime: Job[], computing: Job[]): Promise<number> {
  let good = 0;
  const lane = async (...lists: Job[][]): Promise<void> => {
    const next = (): Job | undefined => lists.find((list) => list.length > 0)?.shift();
    const copy = new Copy();
    try {
      for (let job = next(); job !== undefined; job = next()) {
        const startMs = performance.now();
        const outcome = await job.run(copy);
        const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
        console.log(`${outcome.good ? "ok" : "NOT OK"}   ${outcome.told} (${seconds} s)`);
        if (outcome.good) good++;
      }
    } finally {
      copy.remove();
    }
  };
  const oneByOne = availableParallelism() < 2;
  await Promise.all(
    oneByOne ? [lane(inRealTime, computing)] : [lane(inRealTime, computing), lane(computing)],
  );
  return good;
}

async function main(): Promise<void> {
  const write = process.argv.includes("--write");
  const part = process.argv.slice(2).find((word) => word !== "--write") ?? "";
  const read = new Map(lists.map((path) => [path, readList(path)]));
  const all = [...read.values()].flat();
  for (const { file, call } of all) onlyMatch(readFileSync(file, "utf8"), call, file);
  const chosen = all.filter(({ name, test }) => name.includes(part) || test.includes(part));
  const titles = new Map<Protection, string>();
  const broken = chosen.map((one) =>
    brokenJob(one, write ? (title) => titles.set(one, title) : undefined),
  );
  const jobs = [...(write ? [] : wholeJobs(chosen)), ...broken];
  const good = await work(
    jobs.filter(({ test }) => isInRealTime(test)),
    jobs.filter(({ test }) => !isInRealTime(test)),
  );
  for (const [path, list] of write ? read : []) {
    const titled = list.map((one) => ({ ...one, ...titleOf(titles.get(one)) }));
    writeFileSync(path, `${JSON.stringify(titled, null, 2)}\n`);
  }
  console.log(`${good} passed, ${jobs.length - good} failed`);
  if (good < jobs.length) process.exitCode = 1;
}

function titleOf(title: string | undefined): { title?: string } {
  return title === undefined ? {} : { title };
}

await main();
