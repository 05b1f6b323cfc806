import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { askRealTime } from "../../src/edge/real-time.ts";
import { openPty } from "../../src/hil/pty.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import type { Asked } from "./real-time-asker.ts";

const onLinux = { skip: process.platform === "linux" ? false : "SCHED_FIFO is Linux's" };
const compiled = fileURLToPath(new URL("../../src/edge/real-time.js", import.meta.url));
const cli = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const asker = fileURLToPath(new URL("./real-time-asker.js", import.meta.url));
/** SCHED_FIFO, sched(7). */
const fifo = 1;

/** What a process is granted that asks in its first thread. */
function asked(before: readonly string[], module: string = compiled): Asked {
  const words = [...before, process.execPath, asker, module];
  const { stdout, stderr } = spawnSync(words[0], words.slice(1), { encoding: "utf8" });
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Asked;
}

/** Runs what follows as one who may not have it. */
const forbidden: readonly string[] = [
  ...["sh", "-c", 'ulimit -r 0; exec "$@"', "sh"],
  ...(process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-sys_nice"] : []),
];

test("real time: the thread runs as is told, and no thread that it starts does", onLinux, () => {
  const { realTime, policies } = asked(["env"]);
  assert.deepEqual(policies, [realTime.granted ? fifo : 0, 0]);
  assert.match(realTime.line, realTime.granted ? /^SCHED_FIFO 50$/ : /^no, not permitted/);
});

test("real time: who may not have it is told how to get it, and sleeps on time", onLinux, () => {
  const { realTime, policies, slackNs } = asked(forbidden);
  assert.deepEqual(policies, [0, 0]);
  assert.equal(realTime.granted, false);
  assert.match(realTime.line, /^no, not permitted: allow it with "ulimit -r 50"/);
  if (slackNs !== null) assert.equal(slackNs, 1);
});

test("real time: who has one processor only does not ask", onLinux, () => {
  const { realTime, policies } = asked(["taskset", "-c", "0"]);
  assert.deepEqual(realTime, { granted: false, line: "no, this program has one processor" });
  assert.equal(policies[0], 0);
});

test("real time: without the optional package it is told which", onLinux, () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-real-time-"));
  try {
    for (const part of ["edge/real-time.js", "core/errors.js"]) {
      mkdirSync(join(folder, part, ".."), { recursive: true });
      copyFileSync(new URL(`../../src/${part}`, import.meta.url), join(folder, part));
    }
    const { realTime } = asked(["env"], join(folder, "edge/real-time.js"));
    assert.deepEqual(realTime, {
      granted: false,
      line: "no, npm install koffi, an optional package",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("real time: nothing is asked where robot.yaml says off", async () => {
  assert.deepEqual(await askRealTime("off"), { granted: false, line: "no, realTime is off" });
});

test("real time: a run that requires it does not start without", onLinux, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-real-time-"));
  const { master, slave, pty } = openPty();
  try {
    writeFileSync(join(folder, "policy.onnx"), await exportPolicy(randomPolicy(1)));
    const lines = ["robot: bench", `link: { serial: { path: ${pty} } }`, "realTime: required"];
    writeFileSync(join(folder, "robot.yaml"), lines.join("\n"));
    const words = [...forbidden, process.execPath, cli, "run", "robot.yaml"];
    const { status, stderr } = spawnSync(
      words[0],
      [...words.slice(1), "--policy", "policy.onnx", "--seconds", "1"],
      { cwd: folder, encoding: "utf8", timeout: 60_000 },
    );
    assert.match(stderr, /requires real time: no, not permitted: allow it with/);
    assert.equal(status, 2);
  } finally {
    closeSync(master);
    closeSync(slave);
    rmSync(folder, { recursive: true });
  }
});
