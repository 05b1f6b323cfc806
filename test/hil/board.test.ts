import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SinewError } from "../../src/core/errors.ts";
import { BoardClock, cycleNs } from "../../src/hil/board-clock.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { UartInput } from "../../src/hil/uart-input.ts";
import { openSerialPort } from "../../src/link/serial.ts";
import { image } from "./bench.ts";

const bootStage = readFileSync(image).subarray(0, 256);

/** A flash image: our second stage, stack pointer, reset vector, `code` behind the vectors. */
function makeImage(stack: number, entry: number, code: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(448 + 2 * code.length);
  const view = new DataView(bytes.buffer);
  bytes.set(bootStage);
  view.setUint32(256, stack, true);
  view.setUint32(260, entry, true);
  code.forEach((word, at) => {
    view.setUint16(448 + 2 * at, word, true);
  });
  return bytes;
}

const stack = 0x20040000;
const entry = 0x100001c1;
const breakpoint = 0xbe05;
const refused: readonly [line: RegExp, bytes: Uint8Array][] = [
  [/it has 3 bytes/, Uint8Array.of(1, 2, 3)],
  [/it has 2097153 bytes/, new Uint8Array(2 ** 21 + 1)],
  [/its stack would start at 0x10000000, outside the RAM/, makeImage(0x10000000, entry, [])],
  [/have a wrong checksum, so the boot ROM would not start it/, new Uint8Array(1000)],
  [/it would start at 0x200000c1, which is not code/, makeImage(stack, 0x200000c1, [])],
  [/it would start at 0x100001c0, which is not code/, makeImage(stack, 0x100001c0, [0])],
  [/did not start: breakpoint 5 at 0x100001c/, makeImage(stack, entry, [breakpoint])],
];

async function refusesImage(path: string, line: RegExp): Promise<void> {
  await assert.rejects(startEmulated({ image: path }), (error: unknown) => {
    assert.ok(error instanceof SinewError);
    assert.equal(error.code, "board");
    assert.match(error.message, line);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

test("an image that is missing, is none or crashes is refused in one line", async () => {
  await refusesImage("no-such-image.bin", /cannot read the firmware image: .*no-such-image\.bin/);
  const folder = mkdtempSync(join(tmpdir(), "sinew-image-"));
  try {
    for (const [at, [line, bytes]] of refused.entries()) {
      const path = join(folder, `${at}.bin`);
      writeFileSync(path, bytes);
      await refusesImage(path, line);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Waits until the far end of a port has gone. */
async function lossOf(path: string, cause: () => void): Promise<void> {
  const port = openSerialPort(path);
  const bytes = new Uint8Array(4096);
  try {
    cause();
    for (let left = 5000; port.read(bytes) >= 0; left--) {
      assert.ok(left > 0, "the board is still there");
      await sleep(1);
    }
  } finally {
    port.close();
  }
}

test("a board ends when the process that started it is killed", async () => {
  const program = fileURLToPath(new URL("./orphan.js", import.meta.url));
  const owner = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(owner.stdout, "data");
  await lossOf(String(line).trim(), () => owner.kill("SIGKILL"));
});

test("a board that hangs can be closed, twice", async () => {
  const board = await startEmulated({ image });
  board.pause();
  await lossOf(board.path, () => {
    board.close().catch(() => {});
  });
  await board.close();
  assert.deepEqual(await board.exited, { code: null, signal: "SIGKILL", why: null });
});

test("bytes come out after they arrived, and no closer than on the wire", () => {
  const input = new UartInput();
  assert.equal(input.dueNs, Number.POSITIVE_INFINITY);
  input.push(Uint8Array.of(1, 2), 1_000_000);
  input.push(new Uint8Array(0), 1_000_000);
  input.push(Uint8Array.of(3), 1_005_000);
  assert.equal(input.dueNs, 1_010_000);
  assert.equal(input.take(1_010_000), 1);
  assert.equal(input.dueNs, 1_020_000);
  // Late, as after a stall: what waits still keeps its distance.
  assert.equal(input.take(5_000_000), 2);
  assert.equal(input.length, 1);
  assert.equal(input.dueNs, 5_010_000);
  assert.equal(input.take(5_010_000), 3);
  assert.equal(input.dueNs, Number.POSITIVE_INFINITY);
});

test("alarms fire in order, each at its own time", () => {
  const clock = new BoardClock();
  const fired: [name: string, atNs: number][] = [];
  const periodic = clock.createAlarm(() => {
    fired.push(["periodic", clock.nanos]);
    periodic.schedule(1000);
  });
  const single = clock.createAlarm(() => fired.push(["single", clock.nanos]));
  const dropped = clock.createAlarm(() => fired.push(["dropped", clock.nanos]));
  clock.core = { cycles: 10 };
  periodic.schedule(1000);
  single.schedule(1500);
  dropped.schedule(10);
  dropped.cancel();
  const startNs = 10 * cycleNs;
  clock.fire();
  assert.deepEqual(fired, []);
  clock.sleep(2999);
  clock.fire();
  assert.deepEqual(fired, [
    ["periodic", startNs + 1000],
    ["single", startNs + 1500],
    ["periodic", startNs + 2000],
  ]);
  assert.equal(clock.nanos, startNs + 2999);
  assert.equal(clock.dueNs, startNs + 3000);
});
