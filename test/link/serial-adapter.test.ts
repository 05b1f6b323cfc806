// What a person is told of an adapter that holds answers back.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { silenceAdviceOf } from "../../src/link/link.ts";
import { slowAdapterOf } from "../../src/link/serial.ts";

test("a slow USB adapter is told, and how to make it fast", () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-adapter-"));
  const [adapters, port, alias] = ["adapters", "ttyUSB0", "arm"].map((name) => join(folder, name));
  const timer = join(adapters, "ttyUSB0", "latency_timer");
  mkdirSync(join(adapters, "ttyUSB0"), { recursive: true });
  writeFileSync(port, "");
  symlinkSync(port, alias);
  for (const path of [port, alias]) {
    writeFileSync(timer, "16\n");
    const advice = `its USB adapter holds answers back for 16 ms: echo 1 | sudo tee ${timer}`;
    assert.equal(slowAdapterOf(path, adapters), advice);
    writeFileSync(timer, "1\n");
    assert.equal(slowAdapterOf(path, adapters), "");
    writeFileSync(timer, "what\n");
    assert.equal(slowAdapterOf(path, adapters), "");
  }
  assert.equal(slowAdapterOf(join(folder, "none"), adapters), "");
  rmSync(folder, { recursive: true });
});

test("a robot behind a broker has no adapter", () => {
  assert.equal(silenceAdviceOf({ rings: makeRingPair() }), "");
  assert.equal(silenceAdviceOf({ serialPath: "/dev/no-such-port" }), "");
});
