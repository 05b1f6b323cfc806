// A plain serial port in a program that waits for nothing else.
import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { openPty } from "../../src/hil/pty.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { carrySerial } from "../../src/link/event-line.ts";

/** A device that writes a byte each 5 ms, and counts how often something came meanwhile. */
const device = `
const { parentPort, workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
import(workerData.module).then(({ ByteRing }) => {
  const ring = new ByteRing(workerData.fromDevice);
  const pillow = new Int32Array(new SharedArrayBuffer(4));
  const into = new Uint8Array(64);
  let came = 0;
  for (let sent = 0; sent < 100; sent++) {
    writeSync(workerData.master, Uint8Array.of(sent));
    Atomics.wait(pillow, 0, 0, 5);
    if (ring.read(into) > 0) came++;
  }
  parentPort.postMessage(came);
});`;

// Node 26.4 and later leave them where they are until the line is looked after, ten times a second;
// .ci/run has this file run by one.
test("a plain serial port receives while nothing else wakes the event loop", async () => {
  const { master, slave, pty } = openPty();
  const rings = makeRingPair();
  const carrier = await carrySerial(pty, 1_000_000, rings);
  const module = new URL("../../src/link/byte-ring.js", import.meta.url).href;
  const workerData = { module, master, fromDevice: rings.fromDevice };
  const worker = new Worker(device, { eval: true, workerData });
  try {
    const came = await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    assert.ok(came >= 25, `something came ${came} times, of 100`);
  } finally {
    await worker.terminate();
    await carrier.close();
    closeSync(master);
    closeSync(slave);
  }
});
