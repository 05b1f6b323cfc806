import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonsOfStops, reportRows } from "../../src/cli/drive.ts";
import { StopWatch } from "../../src/cli/history.ts";
import { Mode, Reason } from "../../src/core/step.ts";
import type { Run, RunReport } from "../../src/edge/run.ts";
import { Measure } from "../../src/edge/status.ts";
import type { PolicyEvent } from "../../src/log/event.ts";
import { Happening } from "../../src/safety/supervisor.ts";

const spread = { p50: 1, p99: 2, p999: 3, max: 4 };
const report = {
  ...{ cycles: 9, policyCalls: 3, late: 1, missed: 2 },
  limited: 7,
  limitedBy: { range: 0, rate: 3, acceleration: 0, barrier: 5 },
  refused: 1,
  jointsWithEnds: 2,
  cannotHold: null,
  signer: null,
  protection: { gates: ["a", "b"], silence: "c" },
  realTime: { granted: false, line: "no, not on cp/m" },
  times: Object.fromEntries(Object.keys(Measure).map((name) => [name, spread])),
  commands: [],
  policyChanges: [],
  notices: [],
  transitions: [
    {
      ...{ timeUs: 1, from: Mode.armed, happening: Happening.fault, to: Mode.stopped },
      reason: Reason.jointVelocity | Reason.lateCycle,
    },
  ],
  furthest: "lift_velocity by 0.500 rad/s",
  linkLost: false,
} as unknown as RunReport;

function row(name: string, changed: Partial<RunReport> = {}): string | undefined {
  return reportRows({ ...report, ...changed }).find(([first]) => first === name)?.[1];
}

test("report: what the gate bounded is told by its checks, and what it knows of joints", () => {
  assert.equal(row("gate"), "limited 7 (rate 3, barrier 5), refused 1");
  const limitedBy = { range: 0, rate: 0, acceleration: 0, barrier: 0 };
  assert.equal(row("gate", { limited: 0, limitedBy }), "limited 0, refused 1");
  assert.equal(row("joints"), "braked before their ends: 2");
  const none = "not described: nothing brakes before their ends";
  assert.equal(row("joints", { jointsWithEnds: null }), none);
  assert.match(row("joints", { jointsWithEnds: 0 })!, /^all unlimited: nothing brakes/);
});

test("report: whether the robot can be held, or why it cannot", () => {
  assert.match(row("hold")!, /by a place/);
  assert.equal(row("hold", { cannotHold: "cannot be held: why" }), "cannot be held: why");
});

test("report: the cycles that asked the policy are told apart", () => {
  assert.equal(row("cycles"), "9, missed 2, late 1");
  assert.equal(row("policy"), "asked in 3 of them");
});

test("report: whether there is a stop switch is told, and how it stands", () => {
  assert.equal(row("stop switch", { stopLine: "none" }), "none: this device has no stop line");
  assert.match(row("stop switch", { stopLine: "closed" })!, /stop line, which is closed/);
  assert.match(row("stop switch", { stopLine: "open" })!, /stop line is open/);
});

test("report: each part of a cycle has its times, and what the machine granted is told", () => {
  assert.equal(row("  decide"), "p50 1 us, p99 2 us, p99.9 3 us, max 4 us");
  assert.equal(reportRows(report).filter(([, line]) => line?.startsWith("p50 1 us")).length, 9);
  assert.match(row("real time")!, /^no, not on cp\/m; memory is not locked/);
});

test("report: a stop for what was seen names the observation", () => {
  assert.deepEqual(reasonsOfStops(report), [
    "lateCycle, jointVelocity: lift_velocity by 0.500 rad/s",
  ]);
});

test("history: a hold that begins or ends by itself is told as it happens, once", () => {
  const one = { timeUs: 1, reason: 0 };
  const { armed, holding, stopped } = Mode;
  const all = [
    { ...one, from: armed, happening: Happening.hold, to: holding },
    { ...one, from: holding, happening: Happening.resume, to: armed },
    {
      ...{ timeUs: 2, from: armed, happening: Happening.fallBack, to: holding },
      reason: Reason.nonFiniteAction,
    },
    { ...one, timeUs: 3, from: holding, happening: Happening.recover, to: armed },
    { ...one, timeUs: 4, from: armed, happening: Happening.stop, to: stopped },
    { ...one, timeUs: 5, from: armed, happening: Happening.fault, to: stopped },
  ];
  const status = { transitions: () => all, why: "" };
  const watch = new StopWatch();
  const run = { status, members: { events: () => [] } } as unknown as Run;
  assert.deepEqual(watch.look(run), [
    "armed -> holding (fallBack: nonFiniteAction)",
    "holding -> armed (recover)",
    "armed -> stopped (fault): reset, then arm",
  ]);
  assert.deepEqual(watch.look(run), []);
});

test("history: a roll-back is told as it happens, once, with its cause; a swap is not", () => {
  const one = { kind: "policy", fromSeq: 3, drives: "0123456789", beside: "abcdefghij" } as const;
  const events: PolicyEvent[] = [{ ...one, timeUs: 1, what: "swap" }];
  const members = { events: () => events };
  const run = { status: { transitions: () => [], why: "" }, members } as unknown as Run;
  const watch = new StopWatch();
  assert.deepEqual(watch.look(run), []);
  events.push({ ...one, timeUs: 2, what: "rollback", why: "unfit" });
  const told = "rollback: it failed, or answered what is no number: 01234567 drives";
  assert.deepEqual(watch.look(run), [`${told}, beside it abcdefgh`]);
  assert.deepEqual(watch.look(run), []);
});
