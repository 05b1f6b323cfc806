// Boots the firmware of every target on every board, QEMU's and those that npm brings, and as a
// native program, and drives each through one trajectory in lockstep over a serial port: the hash
// must be the target's committed one. The pendulum's images are the committed ones, the others are
// built here.
//   node dist/tools/test-boards.js [board or target ...]
// Needs qemu-system-arm and the compilers of build-firmware. Ends with "N passed, N failed"; exit 1
// on a failure.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicClock } from "../src/core/clock.ts";
import { messageOf } from "../src/core/errors.ts";
import type { Board } from "../src/hil/board.ts";
import { lockstepHash } from "../src/hil/lockstep.ts";
import { startQemu } from "../src/hil/qemu-board.ts";
import { openSerialPort } from "../src/link/serial.ts";
import { startersOf } from "./board-starters.ts";
import { targets } from "./firmware-image.ts";

/** What became of one board, in a line; null where its hash is the committed one. */
async function fault(start: () => Promise<Board>, expected: string): Promise<string | null> {
  let board: Board | null = null;
  try {
    board = await start();
    const port = openSerialPort(board.path);
    const hash = await lockstepHash(port);
    port.close();
    return hash === expected ? null : `the hash is ${hash}`;
  } catch (error) {
    return messageOf(error);
  } finally {
    await board?.close();
  }
}

function runs(pid: number): boolean {
  try {
    // Z: it has ended, and nobody has asked how.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Between two CPUs the threads of a QEMU are slow to hand over a byte. */
async function spreadFault(): Promise<string | null> {
  const board = await startQemu("microbit", "firmware-bridge/images/microbit-pendulum.bin");
  try {
    const status = readFileSync(`/proc/${board.pid}/status`, "utf8");
    const [, cpus] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)!;
    return /^\d+$/.test(cpus) ? null : `it runs on the CPUs ${cpus}`;
  } finally {
    await board.close();
  }
}

/** A QEMU whose owner is killed must not run on. */
async function orphanFault(): Promise<string | null> {
  const script = [
    'import { startQemu } from "./dist/src/hil/qemu-board.js";',
    `const board = await startQemu("microbit", "firmware-bridge/images/microbit-pendulum.bin");`,
    "console.log(board.pid);",
    "setInterval(() => {}, 1000);",
  ].join("\n");
  const words = ["--input-type=module", "-e", script];
  const owner = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(owner.stdout, "data");
  owner.kill("SIGKILL");
  const pid = Number(line);
  for (let waitedMs = 0; waitedMs < 2000; waitedMs += 20) {
    if (!runs(pid)) return null;
    await sleep(20);
  }
  process.kill(pid, "SIGKILL");
  return `process ${pid} runs on`;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sinew-boards-"));
  const clock = monotonicClock();
  const wanted = process.argv.slice(2);
  const count = { passed: 0, failed: 0 };
  try {
    for (const target of targets) {
      const expected = readFileSync(`test/vectors/lockstep-${target}.sha256`, "utf8").trim();
      for (const [name, start] of startersOf(target, folder)) {
        if (wanted.length > 0 && !wanted.includes(name) && !wanted.includes(target)) continue;
        const beganUs = clock.now();
        const why = await fault(start, expected);
        count[why === null ? "passed" : "failed"]++;
        const seconds = ((clock.now() - beganUs) / 1e6).toFixed(1);
        const word = why === null ? "ok    " : "NOT OK";
        process.stdout.write(`${word} ${target} ${name} ${seconds} s ${why ?? ""}\n`);
      }
    }
    const others = [
      ["an orphan ends", orphanFault],
      ["QEMU keeps to one CPU", spreadFault],
    ] as const;
    for (const [name, look] of wanted.length === 0 ? others : []) {
      const why = await look();
      count[why === null ? "passed" : "failed"]++;
      process.stdout.write(`${why === null ? "ok    " : "NOT OK"} ${name} ${why ?? ""}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
  process.exitCode = count.failed > 0 ? 1 : 0;
}

await main();
