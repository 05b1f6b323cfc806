// A program as a board: what it says comes through the port as it is, and it ends as told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startProgram } from "../../src/hil/program-board.ts";
import { openSerialPort } from "../../src/link/serial.ts";

const echo = "process.stdout.write('!'); process.stdin.on('data', (b) => process.stdout.write(b));";

test("a program is a board: every byte goes both ways unchanged, and close ends it", async () => {
  const board = await startProgram(process.execPath, ["-e", echo]);
  const port = openSerialPort(board.path);
  try {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    assert.ok(port.write(bytes, bytes.length));
    const came: number[] = [];
    const into = new Uint8Array(512);
    for (let waits = 0; waits < 500 && came.length < 256; waits++) {
      const length = port.read(into);
      assert.ok(length >= 0, "the port is there");
      came.push(...into.subarray(0, length));
      await sleep(10);
    }
    assert.deepEqual(came, [...bytes]);
  } finally {
    port.close();
    await board.close();
  }
  assert.equal((await board.exited).signal, "SIGKILL");
});

test("a program that ends, or is not there, is refused with its last words", async () => {
  const dying = "console.error('a'); console.error('no such machine'); process.exit(3);";
  await assert.rejects(
    startProgram(process.execPath, ["-e", dying]),
    /did not start: no such machine/,
  );
  await assert.rejects(startProgram("sinew-no-such-program", []), /did not start: .*no.such/i);
});
