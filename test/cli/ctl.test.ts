// `sinew run` as it is used: commanded by `sinew ctl`, by keys in a real terminal, and by signals.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { spawn as spawnInPty } from "@lydell/node-pty";
import type { RunReport } from "../../src/edge/run.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import type { LogEvent } from "../../src/log/event.ts";
import { readLog } from "../../src/log/reader.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { ownFolder, patientRobot, pendulumImage, until } from "../edge/board-run.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));
const folder = ownFolder("cli-ctl");
const logs = join(folder, "logs");
const runtime = join(folder, "runtime");
const policy = join(folder, "policy.onnx");
const robot = join(folder, "robot.yaml");
const socket = join(runtime, "sinew", "bench.sock");
const env = { ...process.env, XDG_RUNTIME_DIR: runtime, TMPDIR: folder };
mkdirSync(runtime);

/** The board, and the files of a robot on it. */
async function prepare(): Promise<Board> {
  const board = await startEmulated({ image: pendulumImage });
  writeFileSync(policy, await exportPolicy(randomPolicy(1)));
  writeFileSync(robot, patientRobot(board, logs));
  return board;
}
const ready = prepare();

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function ctl(...words: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, "ctl", ...words], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const runWords = [main, "run", robot, "--policy", policy];

/** A `sinew run` without a terminal. */
function startRun(...words: readonly string[]) {
  const child = spawn(process.execPath, [...runWords, ...words], { env });
  const run = { child, out: "", err: "", code: undefined as number | null | undefined };
  child.stdout.on("data", (text: Buffer) => (run.out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (run.err += text.toString()));
  child.on("close", (code) => (run.code = code));
  return run;
}

async function answersWith(line: RegExp): Promise<void> {
  for (let look = 0; look < 100; look++) {
    const { out } = await ctl("status", "bench");
    if (line.test(out)) return;
    await delay(50);
  }
  assert.fail(`no status ever was ${line}`);
}

function newestLog(): string {
  const names = readdirSync(logs).sort();
  return join(logs, names.at(-1)!);
}

function commandsIn(events: readonly LogEvent[]): string[] {
  return events.flatMap((event) => {
    return event.kind === "command" && event.command !== "status"
      ? [`${event.command} ${event.source.replace(/ pid.*/, "")}`]
      : [];
  });
}

test("ctl: a run starts disarmed, is armed and stopped from elsewhere, and goes on", async () => {
  await ready;
  const run = startRun("--json");
  await until("the socket", () => existsSync(socket) || run.code !== undefined);
  await answersWith(/^bench {2}disarmed/);
  const second = startRun();
  await until("the second run's end", () => second.code !== undefined);
  assert.equal(second.code, 2);
  assert.match(second.err, /^sinew: a run of bench is alive at .*bench\.sock.* \[ctl\]\n$/);
  const armed = await ctl("arm", "--json");
  assert.equal(armed.code, 0, armed.err);
  const { ok, line, status } = JSON.parse(armed.out);
  assert.deepEqual([ok, line, status.mode], [true, "armed", "armed"]);
  const again = await ctl("arm", "bench");
  assert.deepEqual([again.code, again.err], [1, ""]);
  assert.match(
    again.out,
    /^bench {2}arm is not permitted while armed; permitted: stop, hold, shadow, status\n$/,
  );
  assert.equal((await ctl("stop", robot)).out, "bench  stopped\n");
  assert.equal((await ctl("reset")).code, 0);
  await answersWith(/^bench {2}disarmed/);
  assert.equal(run.code, undefined, "a stop does not end it");
  run.child.kill("SIGTERM");
  await until("its end", () => run.code !== undefined);
  assert.equal(run.code, 0, run.err);
  const report = JSON.parse(run.out) as RunReport;
  const expected = ["arm ctl", "arm ctl", "stop ctl", "reset ctl", "end signal SIGTERM"];
  assert.deepEqual(commandsIn(report.commands), expected);
  assert.deepEqual(commandsIn(readLog(report.logPath).events()), expected);
  assert.match(run.err, /^stop \(ctl pid \d+ uid \d+\): stopped$/m);
  assert.match(run.err, /\d\.\d\d s {2}disarmed -> armed \(arm\)$/m);
  assert.equal(existsSync(socket), false);
});

test("ctl: what cannot be asked is one clear line and exit code 2", async () => {
  const bad: [words: string[], told: RegExp][] = [
    [["stop"], /no run is alive: start one with npx sinew run \[ctl\]/],
    [["stop", "bench"], /no run of bench is alive here/],
    [["fly", "bench"], /no such command: give one of arm, .*, status \[usage\]/],
    [["stop", join(folder, "none.yaml")], /none\.yaml cannot be read: give the robot's name/],
    [["stop", policy], /policy\.onnx/],
    [["stop", "bench", "arm-1"], /arm-1: one word too many/],
    [["shadow"], /say which: shadow <policy\.onnx>/],
    [[], /missing required argument 'command'/],
  ];
  for (const [words, told] of bad) {
    const { code, out, err } = await ctl(...words);
    assert.deepEqual([code, out, err.trim().split("\n").length], [2, "", 1], err);
    assert.match(err, told);
  }
});

test("ctl: kill -9 leaves the commands in the log, and a socket for the next run", async () => {
  const run = startRun("--reset");
  await answersWith(/^bench {2}disarmed, the device is disarmed/);
  assert.equal((await ctl("arm")).code, 0);
  await delay(150);
  run.child.kill("SIGKILL");
  await until("its end", () => run.code !== undefined);
  const log = readLog(newestLog());
  assert.equal(log.closed, false);
  const events = log.events();
  assert.deepEqual(commandsIn(events), ["reset command line", "arm ctl"]);
  assert.ok(events.some((event) => event.kind === "transition" && event.to === "armed"));
  assert.ok(events.some((event) => event.kind === "answer" && event.line === "armed"));
  assert.ok(existsSync(socket));
  assert.match((await ctl("status")).err, /no run is alive/);
  const next = startRun("--reset", "--arm", "--seconds", "0.5");
  await until("its end", () => next.code !== undefined);
  assert.equal(next.code, 0, next.err);
  assert.deepEqual(commandsIn(readLog(newestLog()).events()), [
    ...["reset command line", "arm command line", "end command line"],
  ]);
});

/** A `sinew run` in a terminal of its own. */
function runInTerminal(...words: readonly string[]) {
  const pty = spawnInPty(process.execPath, [...runWords, ...words], { cols: 160, rows: 40, env });
  const run = { pty, told: "", code: undefined as number | undefined };
  pty.onData((text) => (run.told += text));
  pty.onExit(({ exitCode }) => (run.code = exitCode));
  return run;
}

test("keys: in a terminal single keys command, an arrow key and a paste do not", async () => {
  const run = runInTerminal();
  await until("the keys' line", () => run.told.includes("keys  a arm  space stop"));
  await until("cycles", () => /\rdisarmed|\[2Kdisarmed/.test(run.told));
  run.pty.write("r");
  await until("the reset", () => run.told.includes("reset (keyboard): disarmed"));
  for (const typed of ["\x1b[A", "\x1b[a", "aa", "ar", "A", "x"]) {
    run.pty.write(typed);
    await delay(60);
  }
  run.pty.write("s");
  await until("the status", () => /status \(keyboard\): disarmed/.test(run.told));
  run.pty.write("a");
  await until("the arm", () => run.told.includes("arm (keyboard): armed"));
  // A stop is heeded also among others.
  run.pty.write("xx xx");
  await until("the stop", () => run.told.includes("stop (keyboard): stopped"));
  run.pty.write("\x03");
  await until("its end", () => run.code !== undefined);
  assert.equal(run.code, 0, run.told);
  assert.deepEqual(commandsIn(readLog(newestLog()).events()), [
    ...["reset keyboard", "arm keyboard", "stop keyboard", "end signal SIGINT"],
  ]);
});

test("keys: what was typed before there was a run is not taken, but for a stop", async () => {
  const board = await ready;
  // It does not begin before the board answers.
  board.pause();
  const run = runInTerminal("--reset", "--arm");
  run.pty.write("a");
  await until("the keys' line", () => run.told.includes("keys  a arm"));
  await until("what was typed to be refused", () => run.told.includes("the run is starting"));
  run.pty.write(" ");
  await until("the stop", () => run.told.includes("stopped before anything was armed"));
  board.resume();
  await until("its end", () => run.code !== undefined);
  assert.equal(run.code, 2, run.told);
  assert.match(run.told, /stopped before it began/);
  const log = readLog(newestLog());
  for (const step of log.steps()) assert.equal(step.validUntilUs, 0);
});

test("keys: a terminal that goes away stops the robot and completes the log", async () => {
  const run = runInTerminal("--reset", "--arm");
  await until("it to drive", () => /\[2Karmed/.test(run.told));
  run.pty.kill("SIGHUP");
  await until("its end", () => run.code !== undefined);
  const log = readLog(newestLog());
  assert.ok(log.closed);
  const events = log.events();
  assert.equal(commandsIn(events).at(-1), "end signal SIGHUP");
  assert.ok(events.some((event) => event.kind === "transition" && event.to === "stopped"));
});

test("keys: a run in the background of a terminal takes none, and is not suspended", async (t) => {
  if (process.platform !== "linux") return t.skip("only Linux tells who is in front");
  const words = [process.execPath, ...runWords, "--seconds", "0.2"].map((word) => `'${word}'`);
  // With job control a background job has a process group of its own.
  const script = `set -m; ${words.join(" ")} & wait $!; echo "over: $?"`;
  const pty = spawnInPty("/bin/sh", ["-c", script], { cols: 160, rows: 40, env });
  let told = "";
  pty.onData((text) => (told += text));
  await until("its end", () => told.includes("over: "));
  assert.match(told, /over: 0/);
  assert.doesNotMatch(told, /keys/);
});

test("keys: never in a pipe", async () => {
  const run = startRun("--reset");
  await answersWith(/^bench {2}disarmed, the device is disarmed/);
  run.child.stdin.write("a");
  run.child.stdin.write(" ");
  await delay(200);
  await answersWith(/^bench {2}disarmed/);
  run.child.kill("SIGINT");
  await until("its end", () => run.code !== undefined);
  assert.equal(run.code, 0, run.err);
  assert.doesNotMatch(run.out, /keys/);
  assert.deepEqual(commandsIn(readLog(newestLog()).events()), [
    ...["reset command line", "end signal SIGINT"],
  ]);
});

// Not behind all files of the whole run: an idle board takes a fifth of a core.
test("ctl: its board ends", async () => (await ready).close());
