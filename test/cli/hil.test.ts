// The verb from its files to its reports, on a board of its own.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { hostPolicy } from "../../src/hil/host-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sinew-hil-cli-"));
after(() => rmSync(folder, { recursive: true }));

function hil(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const all = [main, "hil", ...words, "--out", folder];
    execFile(process.execPath, all, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const scenario = (name: string): string => `test/hil/scenarios/${name}.yaml`;

test("hil: a killed host's board stops in time; one line of JSON each, a page, JUnit", async () => {
  const { code, out, err } = await hil(scenario("sigkill"), scenario("wrong-contract"), "--json");
  assert.equal(code, 0, err);
  const [killed, refused] = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(Object.keys(killed), [
    "scenario",
    "target",
    "ok",
    "timeToSafeMs",
    "reason",
    "faults",
  ]);
  assert.deepEqual([killed.target, killed.ok, killed.reason], ["rp2040", true, "expired"]);
  assert.ok(killed.timeToSafeMs >= 0 && killed.timeToSafeMs <= 100);
  assert.deepEqual([refused.ok, refused.timeToSafeMs, refused.reason], [true, null, "none"]);
  assert.match(readFileSync(join(folder, "junit.xml"), "utf8"), /tests="2" failures="0"/);
  assert.match(readFileSync(join(folder, "report.html"), "utf8"), /2 passed.*polyline/s);
});

test("hil: what is not as a scenario expects is exit code 1, and says why", async () => {
  const path = join(folder, "hopeful.yaml");
  const fault = "fault: { kind: nan, on: to_device, from: 0.3 }";
  writeFileSync(path, `about: a\nseconds: 1.5\n${fault}\nexpect: { end: drives }\n`);
  const { code, out } = await hil(path);
  assert.equal(code, 1);
  assert.match(out, /NOT OK rp2040 +hopeful.*it stopped early: expired/);
  assert.match(readFileSync(join(folder, "junit.xml"), "utf8"), /<failure message=/);
});

test("hil: where no board can play any of it nothing has passed", async () => {
  const { code, out, err } = await hil(scenario("ramp-and-hold"), "--target", "atmega328p");
  assert.equal(code, 2);
  assert.match(out, /without ramp-and-hold on atmega328p: /);
  assert.match(err, /no board of these can play any of it/);
  assert.doesNotMatch(out, /0 passed/);
  assert.ok(!existsSync(join(folder, "junit.xml")), "nor is there what an older run found");
});

test("hil: an image of one's own is tried with one's own policy", async () => {
  copyFileSync("firmware-bridge/images/rp2040-pd-servo.bin", join(folder, "mine.bin"));
  writeFileSync(join(folder, "mine.onnx"), await hostPolicy("sound", "pd-servo", ""));
  const path = join(folder, "own.yaml");
  writeFileSync(
    path,
    "about: a\ndrives: mine.bin\npolicy: mine.onnx\nseconds: 1.5\n" +
      "robot:\n  joints: { joint_target: { unlimited: true } }\n" +
      "  stops: { joint_target: { hold: joint_angle } }\n" +
      "fault: { kind: sigkill, from: 0.5 }\nexpect: { end: stopped, reason: expired }\n",
  );
  const { code, out } = await hil(path);
  assert.equal(code, 0, out);
  assert.match(out, /ok +rp2040 +own .*expired/);
});

test("hil: the scenarios that came with it are found from anywhere, unless one's own are", () => {
  const tell = (name: string): string => {
    const words = [main, "hil", name, "--target", "nowhere"];
    return spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" }).stderr;
  };
  assert.match(tell("test/hil/scenarios"), /no target "nowhere"/);
  assert.match(tell("./test/hil/scenarios/sigkill.yaml"), /no target "nowhere"/);
  assert.match(tell("sigkill.yaml"), /sigkill.yaml cannot be read/);
  assert.match(tell("test/hil/scenarios/none.yaml"), /none.yaml cannot be read|no such file/);
  mkdirSync(join(folder, "test/hil/scenarios"), { recursive: true });
  assert.match(tell("test/hil/scenarios"), /holds no scenario/);
  rmSync(join(folder, "test"), { recursive: true });
});

test("hil: a target or a path that is not there is one clear line", async () => {
  const unknown = await hil(scenario("sigkill"), "--target", "pico");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /no target "pico" here: there is rp2040, atmega328p, /);
  const missing = await hil(join(folder, "nothing"));
  assert.equal(missing.code, 2);
  assert.match(missing.err, /cannot be read: give a YAML file or a folder/);
});
