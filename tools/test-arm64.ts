/**
 * Runs the committed addon of linux-arm64 in an arm64 Node under qemu: its self-check, the kernel's
 * tests and the perceptron's, the engine contract, and a short training run. Needs what
 * `arm64-node.ts` needs. Usage, from the project's root: node dist/tools/test-arm64.js
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "../src/core/errors.ts";
import { selfCheckPassed } from "../src/learn/kernel/native.ts";
import { arm64Node } from "./arm64-node.ts";

const command = arm64Node();

/**
 * Each kernel test on small numbers; at full size, which takes a minute, the preset that most
 * people run. Of the engine tests those of the kernel, and of ONNX Runtime, which `auto` takes
 * where the kernel fails; tfjs runs none of our code and takes longer than all others.
 */
const files: readonly (readonly [file: string, names: string])[] = [
  ["policy/perceptron", ""],
  ["learn/kernel-ops", ""],
  ["learn/kernel-program", ""],
  ["learn/kernel-sizes", "^ours "],
  ["learn/engine", "^(kernel|onnx)"],
];

const runLimitMs = 1_200_000;

/** A program of ours in the emulated Node: its exit code, -1 where it has none, and its stdout. */
function emulated(args: readonly string[]): { status: number; stdout: string } {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: runLimitMs,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { status: result.status ?? -1, stdout: result.stdout ?? "" };
}

/** Passed and failed of one part, which throws where it fails as a whole. */
type Counts = readonly [passed: number, failed: number];

function selfCheck(): Counts {
  const addon = resolve("src/learn/kernel/prebuilt/linux-arm64.node");
  const check = resolve("dist/src/learn/kernel/self-check.js");
  const { status, stdout } = emulated([check, addon]);
  assert.deepEqual([status, stdout], [0, selfCheckPassed], `it ended with ${status}`);
  return [1, 0];
}

function testFile(file: string, names: string): Counts {
  const options = ["--test-reporter=tap", ...(names === "" ? [] : ["--test-name-pattern", names])];
  const path = resolve(`dist/test/${file}.test.js`);
  const { status, stdout } = emulated([...options, path]);
  const count = (what: string): number =>
    Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(stdout)?.[1] ?? 0);
  const [passed, failed] = [count("pass"), count("fail") + count("cancelled")];
  if (status !== 0) process.stdout.write(stdout);
  assert(passed + failed > 0, `it ran no test and ended with ${status}`);
  assert(status === 0 || failed > 0, `it ended with ${status}`);
  return [passed, failed];
}

/** A whole run, so short that it learns nothing: `auto` has to find the addon by itself. */
function train(): Counts {
  const runFolder = mkdtempSync(join(tmpdir(), "sinew-arm64-"));
  const short =
    "--steps 400 --random-steps 100 --learn-after 100 --batch 16 --actor-hidden 8,8 " +
    "--critic-hidden 8,8 --evaluate-every 400 --replay-rows 1000";
  const words = ["train", "--folder", join(runFolder, "run"), ...short.split(" ")];
  try {
    const { status, stdout } = emulated([resolve("dist/src/cli/main.js"), ...words]);
    assert.equal(status, 0, `it ended with ${status}`);
    assert.match(stdout, /^engine +kernel neon, 1 thread \(auto: /m);
  } finally {
    rmSync(runFolder, { recursive: true });
  }
  return [1, 0];
}

let [passed, failed] = [0, 0];
for (const [name, part] of [
  ["self-check", selfCheck],
  ...files.map(([file, names]) => [file, () => testFile(file, names)] as const),
  ["train", train],
] as const) {
  const start = Date.now();
  let counts: Counts = [0, 1];
  let told = "";
  try {
    counts = part();
  } catch (thrown) {
    told = `: ${messageOf(thrown)}`;
  }
  passed += counts[0];
  failed += counts[1];
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  console.log(`${name}: ${counts[0]} passed, ${counts[1]} failed in ${seconds} s${told}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
