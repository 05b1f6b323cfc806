// Hosts that are killed while they drive, on a board that does not answer, then on one that does.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import type { Board } from "../../src/hil/board.ts";
import { startEmulated } from "../../src/hil/emulated-board.ts";
import { type Kill, killTrials } from "../../src/hil/kill-trials.ts";
import { image } from "./bench.ts";

test("kill trials: a bad kill is one of them, and the next board is a new one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sinew-kills-"));
  let started = 0;
  const start = async (): Promise<Board> => {
    const board = await startEmulated({ image });
    // Nobody can arm it.
    if (++started === 1) board.pause();
    return board;
  };
  const bench = {
    ...{ clock: monotonicClock(), startedAt: "2026-01-01T00:00:00.000Z", folder, seed: 1 },
    policy: "models/pendulum/policy.onnx",
  };
  const kills: Kill[] = [];
  const target = { name: "rp2040", start };
  for await (const kill of killTrials(target, 3, bench, 8000)) kills.push(kill);
  assert.equal(started, 2);
  assert.deepEqual(
    kills.map(({ faults }) => faults),
    [["waited for the device for 8 s in vain"], [], []],
  );
  assert.ok(Number.isNaN(kills[0].lateMs));
  for (const { lateMs } of kills.slice(1)) assert.ok(lateMs >= 0 && lateMs < 100, `${lateMs}`);
  rmSync(folder, { recursive: true });
});
