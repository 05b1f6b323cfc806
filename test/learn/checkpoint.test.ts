import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readCheckpoint, writeCheckpoint } from "../../src/learn/checkpoint.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-checkpoint-"));
after(() => rmSync(folder, { recursive: true }));

const path = join(folder, "checkpoint");
const content = {
  facts: { step: 12, name: "pendulum", rates: [0.1, 1e-300] },
  arrays: {
    odd: Uint8Array.of(1, 2, 3),
    weights: Float32Array.of(1.5, -0, Number.NaN),
    words: Uint32Array.of(0xffffffff),
    precise: Float64Array.of(Math.PI),
  },
};

test("a checkpoint comes back to the bit", () => {
  writeCheckpoint(path, content);
  assert.deepEqual(readCheckpoint(path), content);
  assert.deepEqual(readdirSync(folder), ["checkpoint"]);
});

test("a checkpoint that is cut or has one flipped bit is refused", () => {
  writeCheckpoint(path, content);
  const whole = readFileSync(path);
  const bad = join(folder, "bad");
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(bad, whole.subarray(0, length));
    assert.throws(() => readCheckpoint(bad), { code: "checkpoint" }, `cut to ${length} bytes`);
  }
  for (let at = 0; at < whole.length; at++) {
    const flipped = Uint8Array.from(whole);
    flipped[at] ^= 1 << (at % 8);
    writeFileSync(bad, flipped);
    assert.throws(() => readCheckpoint(bad), { code: "checkpoint" }, `a bit of byte ${at}`);
  }
});

test("a checkpoint of another version says so, and a missing one too", () => {
  writeCheckpoint(path, content);
  const other = readFileSync(path);
  other[7] = "1".charCodeAt(0);
  writeFileSync(join(folder, "bad"), other);
  assert.throws(() => readCheckpoint(join(folder, "bad")), /another version/);
  assert.throws(() => readCheckpoint(join(folder, "none")), /no run was saved there/);
});
