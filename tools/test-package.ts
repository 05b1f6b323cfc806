/**
 * Packs the package, installs it without what developers need in an empty folder of its own, and
 * uses it there: the pendulum's demo, a scenario, and a run on an emulated board that may load
 * neither simulator nor learner nor ONNX Runtime. Prints what it takes. Linux; needs npm. Usage,
 * from the project's root: node dist/tools/test-package.js
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { monotonicClock } from "../src/core/clock.ts";
import { messageOf } from "../src/core/errors.ts";
import { Mode } from "../src/core/step.ts";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { readLog } from "../src/log/reader.ts";
import { exportPolicy } from "../src/policy/export.ts";
import { randomPolicy } from "../test/policy/random-policy.ts";

const folder = resolve("build/package");
const home = join(folder, "app");
const program = join(home, "node_modules/sinew/dist/src/cli/main.js");
const installed = join(home, "node_modules/sinew");

/** Rooms and packages that nobody needs who drives a network of ours over a serial line. */
const notToRun: readonly RegExp[] = [
  /sinew\/dist\/src\/(sim|learn|hil)\//,
  /node_modules\/(@mujoco|onnxruntime-node|rp2040js|avr8js|mqtt|aedes)\//,
];

/** Keeps the address of each module that is loaded, in the file that LOADS names. */
const hook = `
import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(process.env.LOADS, url + "\\n");
  return next(url, context);
}
`;
const registerHook = `
import { register } from "node:module";
register("./hook.mjs", import.meta.url);
`;

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  const failed = `${command} ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`;
  assert(error === undefined && status === 0, failed);
  return stdout;
}

function install(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const [packed] = run("npm", ["pack", "--silent", "--pack-destination", folder], ".").match(
    /\S+\.tgz/,
  ) ?? [""];
  writeFileSync(join(home, "package.json"), '{ "private": true }\n');
  const quiet = ["--no-audit", "--no-fund", "--onnxruntime-node-install=skip"];
  run("npm", ["install", "--omit=dev", ...quiet, join(folder, packed)], home);
}

function demo(): void {
  const told = run(process.execPath, [program, "demo", "--json"], home);
  writeFileSync(join(folder, "demo.json"), told);
  run(process.execPath, ["dist/tools/check-demo.js", join(folder, "demo.json")], ".");
}

function scenario(): void {
  cpSync("test/hil/scenarios/nominal.yaml", join(home, "nominal.yaml"));
  run(process.execPath, [program, "hil", "nominal.yaml", "--target", "rp2040"], home);
}

/** What a run took, as the package's size and its process tell. */
async function drive(): Promise<string> {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  try {
    writeFileSync(join(home, "policy.onnx"), await exportPolicy(randomPolicy(1)));
    const patience = "commandTtlMs: 900\nobservationAgeMs: 900\n";
    const robot = `robot: bench\nlink: { serial: { path: ${board.path} } }\n${patience}`;
    writeFileSync(join(home, "robot.yaml"), robot);
    writeFileSync(join(home, "hook.mjs"), hook);
    writeFileSync(join(home, "loads.mjs"), registerHook);
    const words = ["run", "robot.yaml", "--policy", "policy.onnx", "--arm", "--seconds", "2"];
    const loads = join(home, "loads.txt");
    await driven(["--import", join(home, "loads.mjs"), program, ...words, "--json"], loads);
    const loaded = readFileSync(loads, "utf8").trim().split("\n");
    const needless = loaded.filter((url) => notToRun.some((one) => one.test(url)));
    assert.deepEqual(needless, [], "modules that a run does not need");
    assert(
      loaded.some((url) => url.endsWith("/edge/worker.js")),
      "what is loaded was seen",
    );
    // Once more without looking, to see what it takes.
    const { report, startUs, mostKb } = await driven([program, ...words, "--json"], loads);
    const first = [...readLog(join(home, report.logPath)).steps()].find(
      ({ mode }) => mode === Mode.armed,
    );
    assert(first !== undefined, "it drove");
    const seconds = (first.decidedUs - startUs) / 1e6;
    const resident = `${Math.round(mostKb / 1024)} MB resident`;
    return `${loaded.length} modules, ${resident}, ${seconds.toFixed(2)} s to the first command`;
  } finally {
    await board.close();
  }
}

/** A run of `sinew run`, which has to end well. */
async function driven(
  args: readonly string[],
  loads: string,
): Promise<{ report: { logPath: string }; startUs: number; mostKb: number }> {
  const startUs = monotonicClock().now();
  const env = { ...process.env, LOADS: loads };
  const child = spawn(process.execPath, args, {
    cwd: home,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let mostKb = 0;
  const timer = setInterval(() => {
    mostKb = Math.max(mostKb, residentKb(child));
  }, 50);
  const ended = once(child, "exit");
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  clearInterval(timer);
  assert.equal(code, 0, errors);
  return { report: JSON.parse(out) as { logPath: string }, startUs, mostKb };
}

/** The most that a process had in memory so far; 0 where it has ended. */
function residentKb({ pid }: ChildProcess): number {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return 0;
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function sizeOf(path: string): number {
  return Number(run("du", ["-sm", path], ".").split("\t")[0]);
}

const parts: readonly (readonly [name: string, body: () => unknown])[] = [
  ["packed and installed", install],
  ["a scenario", scenario],
  ["a run", async () => console.log(`     ${await drive()}`)],
  ["the demo", demo],
];

let failed = 0;
for (const [name, body] of parts) {
  try {
    await body();
    console.log(`ok   ${name}`);
  } catch (thrown) {
    failed++;
    console.log(`NOT OK   ${name}: ${messageOf(thrown)}`);
    if (name === parts[0][0]) break;
  }
}
if (existsSync(installed)) {
  const all = sizeOf(join(home, "node_modules"));
  console.log(`     ${all} MB installed, of which ours are ${sizeOf(installed)} MB`);
}
console.log(`${parts.length - failed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
