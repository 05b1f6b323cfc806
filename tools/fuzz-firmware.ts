// Throws bytes, frames and time at the firmware's session, steered by coverage (libFuzzer), under
// the address and undefined-behaviour sanitizers. What must hold is in
// firmware-bridge/test/fuzz-session.c.
//   node dist/tools/fuzz-firmware.js [--seconds 30] [--keep]
// --keep makes the committed corpus anew from it and from what the run found, as few files as still
// reach all of the code. Needs clang. On a failure the input lies in build/ and the exit code is 1.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { coreSources } from "./firmware-sources.ts";

const flags: readonly string[] = [
  "-std=c11",
  "-O1",
  "-g",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-fsanitize=fuzzer,address,undefined",
  "-fno-sanitize-recover=all",
  "-Icore",
];
const corpus = "firmware-bridge/test/corpus";
const inputBytesMax = 400;

function compile(program: string): void {
  const words = [...flags, ...coreSources, "test/fuzz-session.c", "-o", program];
  const result = spawnSync("clang", words, { cwd: "firmware-bridge", encoding: "utf8" });
  if (result.error !== undefined) throw new Error("clang does not start: install it");
  if (result.status !== 0) throw new Error(`clang failed:\n${result.stderr.trim()}`);
}

/** Runs the fuzzer; returns what it said. Throws where it found something. */
function run(program: string, words: readonly string[]): string {
  // An input that takes 10 s has hung.
  const limits = [`-max_len=${inputBytesMax}`, "-timeout=10"];
  const result = spawnSync(program, [...limits, ...words], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (result.status === 0) return result.stderr;
  const why = /^.*(not so:|ERROR:|runtime error:).*$/m.exec(result.stderr)?.[0];
  const input = /Test unit written to (.*)/.exec(result.stderr)?.[1];
  throw new Error(`${why ?? result.stderr.slice(-2000)}\nthe input: ${input ?? "not written"}`);
}

/** The committed corpus anew, from it and `found`. */
function keep(program: string, found: string, folder: string): void {
  const merged = join(folder, "merged");
  mkdirSync(merged);
  // Each edge once is enough: the counts of a loop are found again in seconds.
  run(program, ["-merge=1", "-use_counters=0", merged, corpus, found]);
  rmSync(corpus, { recursive: true });
  mkdirSync(corpus);
  run(program, ["-merge=1", "-use_counters=0", corpus, merged]);
}

function main(): void {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "30" }, keep: { type: "boolean" } },
  });
  const folder = mkdtempSync(join(tmpdir(), "sinew-fuzz-"));
  try {
    const program = join(folder, "fuzz");
    const found = join(folder, "found");
    mkdirSync(found);
    mkdirSync(corpus, { recursive: true });
    mkdirSync("build", { recursive: true });
    compile(program);
    const prefix = `-artifact_prefix=${resolve("build")}/fuzz-`;
    const said = run(program, [`-max_total_time=${values.seconds}`, prefix, found, corpus]);
    const done = /Done (\d+) runs in (\d+) second/.exec(said);
    if (done === null) throw new Error("the fuzzer did not say how it ended");
    if (values.keep === true) keep(program, found, folder);
    process.stdout.write(`${done[1]} inputs in ${done[2]} s\n1 passed, 0 failed\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
}
