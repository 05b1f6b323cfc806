// `sinew run --dash` and `sinew failsafe` as they are used.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Dash } from "../../src/dash/dash.ts";
import type { RunReport } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Watcher } from "../dash/bench-page.ts";
import { ownFolder, patientRobot, pendulumImage, until } from "../edge/board-run.ts";
import { wordsOf } from "../edge/run-words.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("cli-dash");
const robot = join(folder, "robot.yaml");
const policy = join(folder, "policy.onnx");
const env = { ...process.env, XDG_RUNTIME_DIR: folder, TMPDIR: folder };

async function prepare(): Promise<Board> {
  const board = await startEmulated({ image: pendulumImage });
  writeFileSync(policy, await exportPolicy(randomPolicy(1)));
  writeFileSync(robot, patientRobot(board, folder));
  return board;
}
const ready = prepare();

interface Program {
  readonly child: ChildProcess;
  out: string;
  err: string;
  code: number | null | undefined;
}

function start(...words: readonly string[]): Program {
  const child = spawn(process.execPath, [main, ...words], { env });
  const program: Program = { child, out: "", err: "", code: undefined };
  child.stdout.on("data", (text: Buffer) => (program.out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (program.err += text.toString()));
  child.on("close", (code) => (program.code = code));
  return program;
}

async function addressOf(program: Program): Promise<string> {
  const line = /^page {2}(http:\/\/127\.0\.0\.1:\d+\/\S*)$/m;
  const told = (): boolean => line.test(program.out + program.err);
  await until("the address", () => told() || program.code === 2);
  const found = line.exec(program.out + program.err);
  assert.ok(found !== null, program.err);
  return found[1];
}

async function end(program: Program): Promise<void> {
  program.child.kill("SIGTERM");
  await until("its end", () => program.code !== undefined);
}

test("dash: a page arms and stops a run; who does not read it holds up nothing", async () => {
  await ready;
  const run = start("run", robot, "--policy", policy, "--dash", "0", "--json");
  const url = await addressOf(run);
  assert.match(url, /\/[\w-]{24}\/$/, "18 bytes of chance");
  const watcher = new Watcher({ url } as Dash);
  const sleeper = new Watcher({ url } as Dash);
  await until("a state", () => watcher.states.length > 0 && sleeper.states.length > 0);
  sleeper.socket.pause();
  const order = async (command: string): Promise<string> => {
    const { nowUs } = watcher.states.at(-1)!;
    const body = JSON.stringify({ command, shownUs: nowUs, viewer: 1 });
    const answer = await fetch(new URL("order", url), { method: "POST", body });
    return ((await answer.json()) as { line: string }).line;
  };
  await until("a device", () => watcher.states.at(-1)!.status.device === "disarmed");
  assert.equal(await order("arm"), "armed");
  await until("it to be seen", () => watcher.states.at(-1)!.status.mode === "armed");
  const metrics = await (await fetch(new URL("metrics", url))).text();
  assert.match(metrics, /^sinew_device_mode\{mode="armed"\} 1$/m);
  assert.equal(await order("stop"), "stopped");
  const farewell = watcher.closed();
  await end(run);
  assert.deepEqual(await farewell, [1001, "The run has ended."]);
  assert.equal(run.code, 0, run.err);
  const report = JSON.parse(run.out) as RunReport;
  assert.equal(report.deviceAtRest, true);
  const words = wordsOf(readLog(report.logPath).events());
  assert.ok(words.includes("arm by page 1") && words.includes("stop by page 1"), words.join("\n"));
  assert.match(run.err, /^stop \(page 1\): stopped$/m);
  sleeper.socket.terminate();
});

test("dash: a port that is taken ends the run before anything is opened", async () => {
  await ready;
  const other = start("failsafe", "--port", "0");
  const { port } = new URL(await addressOf(other));
  const run = start("run", robot, "--policy", policy, "--dash", port);
  await until("its end", () => run.code !== undefined);
  assert.equal(run.code, 2);
  const line = new RegExp(
    `^sinew: no page on port ${port}: it is taken; give another, or 0 for any \\[page\\]\\n$`,
  );
  assert.match(run.err, line);
  await end(other);
});

test("dash: what is no port is told", () => {
  for (const word of ["70000", "x", "-1", "1.5"]) {
    const words = [main, "run", robot, `--dash=${word}`];
    const run = (): Buffer => execFileSync(process.execPath, words, { env, stdio: "pipe" });
    assert.throws(run, /give a whole number from 0 to 65535/);
  }
});

test("failsafe: it is served until it is ended", async () => {
  const served = start("failsafe", "--port", "0");
  const url = await addressOf(served);
  const page = await fetch(url);
  assert.match(await page.text(), /The supervisor's table/);
  assert.match(page.headers.get("content-security-policy")!, /default-src 'none'/);
  const guard = await (await fetch(new URL("safety/guard.js", url))).text();
  assert.match(guard, /class Guard/);
  await end(served);
  assert.equal(served.code, 0, served.err);
});

// Not behind all files of the whole run: an idle board takes a fifth of a core.
test("dash: its board ends", async () => (await ready).close());
