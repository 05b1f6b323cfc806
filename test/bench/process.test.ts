// A contender that dies ends the benchmark with a message, and no process stays behind.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import { closeAll, jsonOf, Peer } from "../../tools/bench/peers/process.ts";

const skip =
  process.platform !== "linux" && "benchmarks hold their contenders to a core by taskset";
const share = { cores: "0", threads: 1 };

function peer(program: string): Peer {
  return new Peer(process.execPath, ["-e", program], share);
}

/** Tells its own id, and then neither listens nor ends. */
const endless = 'console.log(process.pid); process.on("SIGTERM", () => {}); for (;;);';

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("a contender that dies over a question is named with its end", { skip }, async () => {
  const dying = peer('process.stdin.once("data", () => process.exit(7))');
  await assert.rejects(dying.ask(8), /ended with exit code 7, without an answer to 8/);
  await assert.rejects(dying.ask(9), /ended with exit code 7, without an answer to 9/);
  await dying.close();
});

test("so is one that was killed, and one that was never there", { skip }, async () => {
  const killed = peer('process.kill(process.pid, "SIGKILL")');
  await assert.rejects(killed.ask(1), /ended with SIGKILL/);
  const absent = new Peer("/nowhere/program", [], share);
  await assert.rejects(absent.ask(1), /program ended with exit code 127/);
  await closeAll([killed, absent]);
});

test("closing ends a contender that is idle, and one that never would", { skip }, async () => {
  const idle = peer('process.stdin.on("data", () => console.log(process.pid))');
  const busy = peer(endless);
  const pids = [Number(await idle.ask(1)), Number(await busy.ask(1))];
  assert.ok(pids.every(lives));
  await closeAll([idle, busy]);
  assert.ok(!pids.some(lives));
});

test("a training run that fails is told with the end of its errors", { skip }, async () => {
  const program = 'console.error("no such task"); process.exit(2)';
  const run = jsonOf(process.execPath, ["-e", program], share);
  await assert.rejects(run, /ended with exit code 2\nno such task/);
  const good = ["-e", 'console.log("first"); console.log("[1]")'];
  assert.deepEqual(await jsonOf(process.execPath, good, share), [1]);
});

test("a benchmark that has failed leaves no contender running", { skip }, () => {
  const module = JSON.stringify(resolve(import.meta.dirname, "../../tools/bench/peers/process.js"));
  const words = JSON.stringify([process.execPath, ["-e", endless], share]).slice(1, -1);
  const program = `import(${module}).then(async ({ Peer, endProcesses }) => {
    process.once("exit", endProcesses);
    await new Peer(${words}).ask(1);
    process.exit(1);
  })`;
  // A contender shares this pipe of errors: as long as one lives, this call does not return.
  const { status } = spawnSync(process.execPath, ["-e", program], { timeout: 20_000 });
  assert.equal(status, 1);
});
