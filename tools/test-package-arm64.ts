/**
 * The package of linux-arm64, installed and used under qemu: help, a run on an emulated board, a
 * scenario, a short training, and logs of both processors, which each must replay byte for byte.
 * Needs what `arm64-node.ts` needs, and a C compiler. Usage, from the project's root:
 * node dist/tools/test-package-arm64.js
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { runPolicy } from "../src/edge/drive.ts";
import { parseRobot } from "../src/edge/robot.ts";
import type { Board } from "../src/hil/board.ts";
import { startEmulated } from "../src/hil/emulated-board.ts";
import { readLog } from "../src/log/reader.ts";
import { perceptronRunner } from "../src/policy/driver.ts";
import { arm64Node } from "./arm64-node.ts";
import { InstalledPackage } from "./installed-package.ts";
import { runParts } from "./parts.ts";
import { run } from "./run-program.ts";

const sinew = new InstalledPackage(resolve("build/package-arm64"), arm64Node());
const { home, packages } = sinew;
/** Swings the pendulum up. */
const policy = join(packages, "sinew/models/pendulum/policy.onnx");

function install(): string {
  const told = sinew.install(["--os=linux", "--cpu=arm64"]);
  for (const [scope, name] of [
    ["@lydell", "node-pty-linux-arm64"],
    ["@koromix", "koffi-linux-arm64"],
  ]) {
    const native = readdirSync(join(packages, scope)).filter((one) => /linux|win|mac/.test(one));
    assert.deepEqual(native, [name]);
  }
  return told;
}

function help(): string {
  assert.match(sinew.sinew("--help"), /^Usage: sinew/);
  assert.match(sinew.sinew("inspect", policy), /pole_torque/);
  return "";
}

/** `sinew`, of this project, on this machine. */
function here(...words: readonly string[]): string {
  return run(process.execPath, [resolve("dist/src/cli/main.js"), ...words], home);
}

/** Both processors say that a log holds what the policy and the gate do. */
function replays(logPath: string): string {
  assert.equal(readLog(resolve(home, logPath)).metadata.get("runner"), perceptronRunner);
  const words = ["replay", logPath, "--policy", policy, "--json"];
  const [there, own] = [sinew.sinew(...words), here(...words)].map(
    (told) => JSON.parse(told) as { equal: boolean; steps: number; samePolicy: boolean },
  );
  assert.deepEqual(there, own);
  assert(there.equal && there.samePolicy);
  return `${there.steps} steps are equal, byte for byte, on arm64 and on x64`;
}

async function onBoard(body: (board: Board) => Promise<string>): Promise<string> {
  const board = await startEmulated({ image: "firmware-bridge/images/rp2040-pendulum.bin" });
  try {
    return await body(board);
  } finally {
    await board.close();
  }
}

async function drive(board: Board): Promise<string> {
  const { firstCommandS, residentMb, logPath } = await sinew.drive(board.path, policy);
  const first = `${firstCommandS.toFixed(1)} s to the first command`;
  return `${residentMb} MB resident with qemu, ${first}; ${replays(logPath)}`;
}

/** A swing-up that this machine drives, whose gate has to limit what the policy asks for. */
async function driveHere(board: Board): Promise<string> {
  const text = `robot: x64
link: { serial: { path: ${board.path} } }
limits: { pole_torque: { low: -2, high: 2, rateMax: 20 } }
log: { directory: ${join(home, "logs")} }
commandTtlMs: 900
observationAgeMs: 900
`;
  const { logPath, limited } = await runPolicy({
    policy: { bytes: readFileSync(policy), path: policy },
    robot: parseRobot(text, "x64.yaml"),
    startedAt: new Date().toISOString(),
    seconds: 6,
    arm: true,
  });
  assert(limited > 0, "the gate limited nothing");
  return replays(logPath);
}

/** The native board is a program of this machine: those in JavaScript are too slow under qemu. */
function scenario(): string {
  const patience = "robot: { commandTtlMs: 900, observationAgeMs: 900 }";
  const expected = "expect: { end: drives, reason: host }";
  const text = `about: nothing goes wrong\nseconds: 3\n${patience}\n${expected}\n`;
  writeFileSync(join(home, "patient.yaml"), text);
  sinew.sinew("hil", "patient.yaml", "--target", "native");
  return "";
}

/** Sine and cosine differ in their last bits between the two, and with them the simulators. */
const returnTolerance = 1e-4;

/** Too short to learn anything; what it exports is proved and judged on both processors. */
function train(): string {
  const short =
    "--steps 1500 --random-steps 200 --learn-after 200 --batch 16 --actor-hidden 16,16 " +
    "--critic-hidden 16,16 --evaluate-every 1500 --replay-rows 2000 --folder runs/short";
  assert.match(sinew.sinew("train", ...short.split(" ")), /^engine +kernel neon/m);
  const words = ["evaluate", "runs/short/policy.onnx", "--starts", "4", "--json"];
  const [arm64, x64] = [sinew.sinew(...words), here(...words)].map(
    (told) => JSON.parse(told) as { mean: number },
  );
  const apart = Math.abs(arm64.mean / x64.mean - 1);
  assert(apart < returnTolerance, `mean returns ${arm64.mean} and ${x64.mean}`);
  return `its policy earns the same on arm64 and on x64, but for ${apart.toExponential(1)} of it`;
}

await runParts([
  ["packed and installed", install],
  ["help", help],
  ["a run on arm64", () => onBoard(drive)],
  ["a run on x64", () => onBoard(driveHere)],
  ["a scenario on the native board", scenario],
  ["a short training", train],
]);
console.log("not run: the demo, and boards in JavaScript: too slow for real time under qemu");
