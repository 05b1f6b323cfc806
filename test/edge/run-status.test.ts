import assert from "node:assert/strict";
import { test } from "node:test";
import type { Run } from "../../src/edge/run.ts";
import { statusLine, statusOf } from "../../src/edge/run-status.ts";
import { Status } from "../../src/edge/status.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { defaultTerms } from "./staged-run.ts";

/** A run that has just begun, of which so many steps are lost and joints are described. */
function runWith(dropped: number, unwritten: number, jointsWithEnds: number | null): Run {
  const driver = { id: "x", path: "policy.onnx" };
  const members = { driver, second: null, events: () => [] };
  const logCounts = { appended: 90, dropped, drained: 90, written: 80, durable: 80, unwritten };
  const run = { status: new Status(pendulumSpec), members, logPath: "a.mcap", logCounts };
  return { ...defaultTerms, ...run, startUs: 0, jointsWithEnds } as unknown as Run;
}

test("status: steps that the log lacks are told, whether dropped or not written", () => {
  for (const [dropped, unwritten, lost] of [
    [2, 0, 2],
    [0, 5, 5],
    [2, 5, 7],
  ]) {
    const status = statusOf(runWith(dropped, unwritten, 1));
    assert.equal(status.logLost, lost);
    assert.match(statusLine(status), new RegExp(`; ${lost} steps are lost to the log$`));
  }
  const whole = statusOf(runWith(0, 0, 1));
  assert.equal(whole.logLost, 0);
  assert.doesNotMatch(statusLine(whole), /lost/);
});

test("status: that no joints are described is told", () => {
  assert.match(statusLine(statusOf(runWith(0, 0, null))), /; joints are not described$/);
  assert.doesNotMatch(statusLine(statusOf(runWith(0, 0, 0))), /joints/);
});
