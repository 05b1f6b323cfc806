import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseRobot } from "../../src/edge/robot.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { ownFolder } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("dry-run");
const env = { ...process.env, XDG_RUNTIME_DIR: folder };
const policy = join(folder, "policy.onnx");
const ready = exportPolicy(randomPolicy(1)).then((bytes) => writeFileSync(policy, bytes));

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function dryRun(text: string, ...words: readonly string[]): Promise<Answer> {
  await ready;
  writeFileSync(join(folder, "robot.yaml"), text);
  const all = [main, "run", "robot.yaml", "--dry-run", ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: folder, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

// Nothing is there: what opened it would fail.
const robot = "robot: arm-1\nlink: { serial: { path: /dev/none } }\npolicy: policy.onnx\n";

test("dry run: the whole robot with its defaults, which is the same robot again", async () => {
  const first = await dryRun(`${robot}limits: { pole_torque: { high: 1 } }\n`);
  assert.deepEqual([first.code, first.err], [0, ""]);
  const { limits, commandTtlMs, onMiss, link } = parseRobot(first.out, "robot.yaml");
  assert.deepEqual(limits, { pole_torque: { low: -2, high: 1, rateMax: 60 } });
  assert.deepEqual([commandTtlMs, onMiss], [100, "coast"]);
  assert.deepEqual(link, { serial: { path: "/dev/none", baud: 1_000_000 } });
  const second = await dryRun(first.out);
  assert.deepEqual(second, first);
  const json = await dryRun(first.out, "--json");
  const { robot: told, mistakes, policyId } = JSON.parse(json.out);
  assert.deepEqual([json.code, mistakes, policyId.length], [0, [], 64]);
  assert.deepEqual(told.limits, limits);
  assert.deepEqual(readdirSync(folder).sort(), ["policy.onnx", "robot.yaml"], "nothing was made");
});

test("dry run: every mistake is a line with its place, and exit code 2", async () => {
  const bad = `${robot}limits: { pole_torqe: {}, pole_torque: { low: -9 } }\nonMiss: coast\n`;
  const { code, out, err } = await dryRun(bad);
  assert.deepEqual([code, out], [2, ""]);
  const [first, second, ...others] = err.trim().split("\n");
  assert.match(first, /^robot\.yaml:4:\d+: limits: "pole_torqe" is no.*is it pole_torque\?$/);
  assert.match(second, /^robot\.yaml:4:\d+: limits: "pole_torque" has the limits \[-9, 2\]/);
  assert.deepEqual(others, []);
  const json = await dryRun(`${robot}colour: red\nlimit: 3\n`, "--json");
  assert.equal(json.code, 2);
  const { robot: none, mistakes } = JSON.parse(json.out);
  assert.equal(none, null);
  assert.deepEqual(
    mistakes.map(({ line, column }: { line: number; column: number }) => [line, column]),
    [
      [4, 1],
      [5, 1],
    ],
  );
});

test("dry run: no policy, none that can be read, and one that was changed", async () => {
  const without = robot.split("policy")[0];
  const none = await dryRun(without);
  assert.equal(none.code, 2);
  assert.match(none.err, /^robot\.yaml:1:1: no policy: give --policy <path>/);
  assert.equal((await dryRun(without, "--policy", "policy.onnx")).code, 0);
  const missing = await dryRun(without, "--policy", "none.onnx");
  assert.deepEqual([missing.code, missing.err.split("\n").length], [2, 2]);
  assert.match(missing.err, /none\.onnx cannot be read.*\[policy-file\]/);
  const bytes = readFileSync(policy);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(join(folder, "changed.onnx"), bytes);
  const changed = await dryRun(without, "--policy", "changed.onnx");
  assert.deepEqual([changed.code, changed.out], [2, ""]);
  assert.match(changed.err, /\[(policy-file|proof)\]\n$/);
});
