import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseRobot } from "../../src/edge/robot.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { ownFolder } from "../edge/board-run.ts";
import { issue } from "../link/certificate.ts";
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

function dryRun(text: string, ...words: readonly string[]): Promise<Answer> {
  return run(text, "--dry-run", ...words);
}

async function run(text: string, ...words: readonly string[]): Promise<Answer> {
  await ready;
  writeFileSync(join(folder, "robot.yaml"), text);
  const all = [main, "run", "robot.yaml", ...words];
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

const warned = /^(# )?warning: robot\.yaml describes no joints: nothing brakes before their ends/m;

test("run: that no joints are described is said before anything is opened", async () => {
  assert.match((await dryRun(robot)).out, warned);
  const bare = await run(robot, "--arm", "--seconds", "1");
  assert.match(bare.out, warned);
  assert.match(bare.err, /there is no such port/);
  const endless = `${robot}joints: { pole_torque: { unlimited: true } }\n`;
  assert.doesNotMatch((await dryRun(endless)).out, warned);
  assert.doesNotMatch((await run(endless, "--arm", "--seconds", "1")).out, /warning/);
});

test("dry run: the rates are told, and what is no multiple is refused", async () => {
  const faster = await dryRun(`${robot}control: { rateHz: 100, between: interpolate }\n`);
  assert.deepEqual([faster.code, faster.err], [0, ""]);
  const [rates] = faster.out.split("\n");
  assert.equal(
    rates,
    "# control 100 Hz, policy 20 Hz: asked in one cycle of 5, interpolate between",
  );
  assert.deepEqual(await dryRun(faster.out), faster);
  const { out } = await dryRun(robot);
  assert.equal(out.split("\n")[0], "# control 20 Hz, policy 20 Hz: asked in each cycle");
  const json = JSON.parse((await dryRun(faster.out, "--json")).out);
  assert.deepEqual([json.rateHz, json.policyRateHz], [100, 20]);
  const wrong = await dryRun(`${robot}control: { rateHz: 110 }\n`);
  assert.deepEqual([wrong.code, wrong.out], [2, ""]);
  const line =
    /^robot\.yaml:4:20: control\.rateHz: 110 is no whole multiple .* 20: give 100 or 120$/;
  assert.match(wrong.err.trim(), line);
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

test("run: tells what a dry run tells of a file that is wrong, and opens nothing", async () => {
  const wrong: readonly string[] = [
    `${robot}limits: { pole_torqe: {}, pole_torque: { low: -9 } }\nonMiss: coast\n`,
    `${robot}colour: red\nlimit: 3\n`,
    `${robot}control: { rateHz: 110 }\nstops: { nobody: off }\n`,
    robot.split("policy")[0],
    overMqtt,
  ];
  for (const text of wrong) {
    const dry = await dryRun(text);
    assert.equal(dry.code, 2);
    assert.match(dry.err, /^(robot\.yaml:\d+:\d+: .+\n)+$/);
    assert.deepEqual(await run(text, "--arm", "--seconds", "1"), dry);
    const [json, same] = await Promise.all([run(text, "--json"), dryRun(text, "--json")]);
    assert.deepEqual(json, same);
    assert.equal(JSON.parse(json.out).mistakes.length, dry.err.trim().split("\n").length);
  }
  const none = await run(robot, "--seconds", "1");
  assert.deepEqual([none.code, none.err.split("\n").length], [2, 2]);
  assert.match(none.err, /there is no such port/, "the port is looked for where nothing is wrong");
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

const overMqtt = `robot: arm-1
policy: policy.onnx
link:
  mqtt:
    url: mqtts://nobody.invalid
    tls:
      ca: ca.pem
      cert: arm.pem
      key: arm.key
    credentials: user
`;

function place(name: string, text: string, mode: number = 0o600): void {
  rmSync(join(folder, name), { force: true });
  writeFileSync(join(folder, name), text, { mode });
}

/** All that `overMqtt` names, as it must be. */
function placeAll(): { readonly key: string } {
  const lab = issue({ name: "lab", ca: true });
  const { cert, key } = issue({ name: "arm-1", by: lab });
  place("ca.pem", lab.cert);
  place("arm.pem", cert);
  place("arm.key", key);
  place("user", "arm-1\nhunter2-s3cret\n");
  return { key };
}

test("dry run: a broker's files are looked at, and what they hold is not printed", async () => {
  const { key } = placeAll();
  const first = await dryRun(overMqtt);
  assert.deepEqual([first.code, first.err], [0, ""]);
  const { link } = parseRobot(first.out, "robot.yaml");
  assert.deepEqual(link, parseRobot(overMqtt, "robot.yaml").link);
  assert.deepEqual(await dryRun(first.out), first, "it is the same robot again");
  const json = await dryRun(overMqtt, "--json");
  assert.equal(json.code, 0);
  const secrets = ["hunter2-s3cret", ...key.split("\n").filter((line) => /^[^-]/.test(line))];
  assert.ok(secrets.length > 2);
  for (const secret of secrets) assert.ok(!`${first.out}${json.out}`.includes(secret));
});

test("dry run: every broken file of a broker is a line with its place", async () => {
  placeAll();
  place("ca.pem", issue({ name: "old", ca: true, to: 2021 }).cert);
  place("arm.key", issue({ name: "another" }).key);
  place("user", "hunter2-s3cret\n");
  // That there is no policy is told beside it.
  const { code, out, err } = await dryRun(overMqtt.replace("policy: policy.onnx\n", ""));
  assert.deepEqual([code, out], [2, ""]);
  const [policyLine, ca, key, credentials, ...others] = err.trim().split("\n");
  assert.match(policyLine, /^robot\.yaml:1:1: no policy/);
  assert.match(ca, /^robot\.yaml:6:11: ca ca\.pem: it expired on Jan {2}1 .*2021 GMT: renew it$/);
  assert.match(key, /^robot\.yaml:8:12: key arm\.key: it does not belong to .* arm\.pem$/);
  assert.match(credentials, /^robot\.yaml:9:18: credentials user: it must be two lines: /);
  assert.deepEqual(others, []);
  assert.ok(!err.includes("hunter2"));
  placeAll();
  rmSync(join(folder, "arm.pem"));
  place("arm.key", "no key");
  place("user", "arm-1\nhunter2-s3cret\n", 0o644);
  const again = await dryRun(overMqtt);
  assert.equal(again.code, 2);
  const [cert, noKey, open, ...more] = again.err.trim().split("\n");
  assert.match(cert, /^robot\.yaml:8:13: cert arm\.pem: it cannot be read: there is no such/);
  assert.match(noKey, /^robot\.yaml:9:12: key arm\.key: there is no PEM private key in it$/);
  assert.match(open, /^robot\.yaml:10:18: credentials user: everyone can read or change it: /);
  assert.deepEqual(more, []);
});
