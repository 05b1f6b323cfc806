// Each clause of the judge, by a record that breaks it and nothing else: a judge that lets one pass
// is worth nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRecord } from "../../src/hil/device-record.ts";
import { driven } from "../../src/hil/driven.ts";
import type { HostWord } from "../../src/hil/host-process.ts";
import {
  type Evidence,
  judge,
  outputFaults,
  stopFaults,
  type Verdict,
} from "../../src/hil/judge.ts";
import { parseScenario } from "../../src/hil/scenario.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { rampingToZero } from "../../src/wire/device-contract.ts";
import { DeviceMode, DeviceReason, Layout, MessageType } from "../../src/wire/messages.ts";
import { type StopChoice, stopRulesOf } from "../../src/wire/stop-choice.ts";

/** The device's clock wraps 0.5 s after a story begins. */
const startRaw = 2 ** 32 - 500_000;
const expiryMs = 1000;

/** One STATE: ms since the story's beginning, and what it says. */
interface Told {
  readonly ms: number;
  readonly mode: number;
  readonly reason?: number;
  readonly torque?: number;
  /** Its first observation. */
  readonly place?: number;
  readonly sequence?: number;
  /** How many actuators it drives; left out: as it must be. */
  readonly driven?: number;
  /** How much later than by the device's clock it came, ms. */
  readonly lateMs?: number;
  /** How long after it was sampled it was said, ms. */
  readonly saidMs?: number;
}

const hostUsOf = (ms: number): number => 5_000_000 + ms * 1000;

function recordOf(story: readonly Told[]): DeviceRecord {
  const record = new DeviceRecord();
  const frame = new DataView(new ArrayBuffer(64));
  const at = Layout.state;
  frame.setUint8(0, MessageType.command);
  frame.setUint16(1, 7, true);
  frame.setUint32(Layout.command.expiresUs, (startRaw + expiryMs * 1000) % 2 ** 32, true);
  frame.setUint8(Layout.command.count, 1);
  frame.setFloat32(Layout.command.action, 2, true);
  record.takeToDevice(frame, hostUsOf(950));
  frame.setUint8(0, MessageType.arm);
  frame.setUint16(1, 6, true);
  record.takeToDevice(frame, hostUsOf(80));
  for (const { ms, mode, reason = 0, torque = 0, sequence = 7, ...more } of story) {
    const { lateMs = 0, saidMs = 0.3, place = 0 } = more;
    const drives = sequence === 7 && (mode === armed || mode === stopping);
    const { driven = drives ? 1 : 0 } = more;
    const raw = (startRaw + ms * 1000) % 2 ** 32;
    frame.setUint8(0, MessageType.state);
    frame.setUint8(at.mode, mode);
    frame.setUint8(at.reason, reason);
    frame.setUint16(at.acknowledged, sequence, true);
    frame.setUint8(at.driven, driven);
    frame.setUint8(at.observationCount, 3);
    frame.setUint8(at.actionCount, 1);
    frame.setUint32(at.sampleUs, raw, true);
    frame.setUint32(at.txUs, (raw + saidMs * 1000) % 2 ** 32, true);
    frame.setFloat32(at.observation, place, true);
    frame.setFloat32(at.observation + 12, torque, true);
    record.takeFromDevice(frame, at.size + 16, hostUsOf(ms + lateMs));
  }
  return record;
}

const { disarmed, armed, stopping, stopped, trial } = DeviceMode;
const { expired, host: byHost, gate } = DeviceReason;

/** What a host sees before it arms. */
const tried: readonly Told[] = [
  { ms: 0, mode: trial, sequence: 5 },
  { ms: 0, mode: stopped, reason: expired, sequence: 5 },
];

/** Armed at 100 ms, torque 2 until its command expires at 1,000 ms, at rest 100 ms later. */
const expiring: readonly Told[] = [
  { ms: 0, mode: disarmed },
  { ms: 100, mode: armed, sequence: 6 },
  { ms: 996, mode: armed, torque: 2 },
  { ms: 1001, mode: stopping, reason: expired, torque: 1.98 },
  { ms: 1051, mode: stopping, reason: expired, torque: 0.98 },
  { ms: 1101, mode: stopped, reason: expired },
  { ms: 1500, mode: stopped, reason: expired },
];

const quiet: HostWord = {
  ...{ stops: ["deviceStopped"], failure: null, holds: [], logFailure: null },
  ...{ missed: 0, policies: [], collections: 0, collectingMs: 0, longestMs: 0 },
};

function verdictOn(
  story: readonly Told[],
  expect: string,
  evidence: Partial<Evidence> = {},
): Verdict {
  const source = `about: a test\n${expect}\n`;
  const record = recordOf(story.length === 0 ? [] : [...tried, ...story]);
  const scenario = parseScenario("test", source, "test.yaml");
  const times = { faultUs: hostUsOf(900), endUs: hostUsOf(1600) };
  const { spec, stops: rules } = rampingToZero(pendulumSpec);
  const whole = { spec, permitted: spec.action, rules, record, ...times };
  return judge(scenario, { ...whole, host: quiet, again: null, answers: [], ...evidence });
}

const toStop = "expect: { end: stopped, reason: expired }";

test("judge: a stop in time, by its profile, that stays is good", () => {
  assert.deepEqual(verdictOn(expiring, toStop), {
    ok: true,
    timeToSafeMs: 1.3,
    reason: "expired",
    faults: [],
  });
});

test("judge: what drives stays within the gate's limits; a stop has the contract's", () => {
  const [torque] = pendulumSpec.action;
  const within = (high: number): string => {
    return verdictOn(expiring, toStop, { permitted: [{ ...torque, high }] }).faults.join();
  };
  assert.match(within(1.99), /^pole_torque was told 2 at/);
  // Not a word of a stop that ramps, or holds, beyond them.
  const record = recordOf([...tried, ...expiring.slice(0, 2), ...expiring.slice(3)]);
  const permitted = [{ ...torque, high: 1 }];
  assert.deepEqual([...outputFaults(record.seen, { spec: pendulumSpec, permitted, record })], []);
});

test("judge: a device that is armed was seen to stop by itself before", () => {
  const untried = /its watchdog was not tried before/;
  const stories = [[], tried.slice(0, 1), [tried[0], { ...tried[1], reason: byHost }]];
  for (const before of stories) {
    const record = recordOf([...before, ...expiring]);
    assert.match(verdictOn(expiring, toStop, { record }).faults.join(), untried);
  }
});

test("judge: a turn that came late is judged by the time that it came", () => {
  const late = but(3, { torque: 1.9, saidMs: 4 });
  assert.deepEqual(verdictOn(late, toStop).faults, []);
});

/** The story with one STATE changed. */
function but(index: number, change: Partial<Told>): readonly Told[] {
  return expiring.map((told, i) => (i === index ? { ...told, ...change } : told));
}

const toRefuse = "expect: { end: refused, says: . }";
const early = expiring.map((told, i) => (i < 3 ? told : { ...told, ms: told.ms - 4 }));
const late = expiring.map((told, i) => (i < 3 ? told : { ...told, ms: told.ms + 150 }));
const wrong: readonly [string, readonly Told[], string, RegExp][] = [
  ["an output that is not a number", but(2, { torque: Number.NaN }), toStop, /was told NaN/],
  ["an output that is infinite", but(2, { torque: -Infinity }), toStop, /was told -Infinity/],
  ["an output beyond its limit", but(2, { torque: 2.1 }), toStop, /pole_torque was told 2\.0/],
  ["an output that no host asked for", but(2, { torque: 1.5 }), toStop, /does 1\.5.*host said 2/],
  ["a command that no host sent", but(2, { sequence: 9 }), toStop, /host said nothing/],
  ["motion before it is armed", but(0, { torque: 2 }), toStop, /does 2 .*host said nothing/],
  ["motion before the first command", but(1, { torque: -2 }), toStop, /does -2 .*said nothing/],
  ["motion of a refused device", but(0, { torque: 2 }).slice(0, 1), toRefuse, /does 2 at/],
  ["a stop that turns round", but(3, { torque: -1.98 }), toStop, /off the ramp at 1001000/],
  ["a stop without a ramp", but(3, { torque: 0 }), toStop, /off the ramp at 1001000/],
  ["a stop ahead of its ramp", but(3, { torque: 1.9 }), toStop, /off the ramp at 1001000/],
  ["a clock that stands still", but(3, { lateMs: 500 }), toStop, /551 ms after the last command/],
  ["a device that falls silent", expiring.slice(0, 6), toStop, /fell silent/],
  ["an early watchdog", early, toStop, /safe after -\d+.*ms: 0 to 100/],
  ["a short drive", expiring, "expect: { end: drives }", /it drove for 0\.9\d* s only/],
  ["a device that was never armed", expiring.slice(0, 1), toStop, /never armed/],
  ["a device that did not stop", expiring.slice(0, 3), toStop, /did not stop/],
  ["a stop that came late", late, toStop, /safe after 151\.3 ms/],
  ["another reason", but(3, { reason: byHost }), toStop, /reason is host, not expired/],
  ["an output that stays in the ramp", but(4, { torque: 1.9 }), toStop, /off the ramp at 1051000/],
  ["an output after the ramp", but(5, { torque: 0.1 }), toStop, /off the ramp at 1101000/],
  ["a stop that is not over", but(6, { mode: stopping }), toStop, /not over at the end/],
  ["a device armed again by itself", but(6, { mode: armed }), toStop, /left its stop by itself/],
  ["a device disarmed by itself", but(6, { mode: disarmed }), toStop, /left its stop by itself/],
  ["an early stop", expiring, "expect: { end: drives }", /stopped early: expired/],
  ["armed though refused", expiring, "expect: { end: refused, says: . }", /the device was armed/],
  ["no word from the device", [], "expect: { end: refused, says: . }", /said nothing/],
  ["a host that does not say why", expiring, `${toStop.slice(0, -2)}, says: gate }`, /host said/],
];
for (const [name, story, expect, fault] of wrong) {
  test(`judge: sees ${name}`, () => {
    const { ok, faults } = verdictOn(story, expect);
    assert.ok(!ok);
    assert.match(faults.join("; "), fault);
  });
}

test("judge: sees a command that jumps after the fault, and none before", () => {
  const steps = (stepMax: number) =>
    `expect: { end: stopped, reason: expired, stepMax: ${stepMax} }`;
  const story = [
    ...expiring.slice(0, 3),
    { ms: 998, mode: armed, torque: 2 },
    ...expiring.slice(3),
  ];
  const from = (s: number) => `fault: { kind: drop, from: ${s} }\n`;
  assert.deepEqual(verdictOn(story, from(0.898) + steps(1.9)).faults, []);
  const jumped = /pole_torque jumped from 0 to 2 at 996000 us/;
  assert.match(verdictOn(story, from(0.5) + steps(1.9)).faults.join(), jumped);
  assert.deepEqual(verdictOn(story, from(0.5) + steps(2)).faults, []);
});

test("judge: an order that is answered otherwise than it is to be is a fault", () => {
  const faultsOf = (no: string | null, ok: boolean, orNo: string | null = null): string => {
    const order = { at: 1, order: "swap", policy: null, no, orNo };
    const answers = [{ order, ok, line: "no policy is in the shadow" }];
    return verdictOn(expiring, toStop, { answers }).faults.join();
  };
  assert.equal(faultsOf(null, true) + faultsOf("in the shadow", false), "");
  assert.match(faultsOf(null, false), /swap at 1 s was answered no: no policy is in the shadow/);
  assert.match(faultsOf("no policy", true), /was answered yes/);
  assert.match(faultsOf("mode", false), /was answered no/);
  assert.equal(faultsOf(null, true, "in the shadow") + faultsOf(null, false, "in the shadow"), "");
  assert.match(faultsOf(null, false, "mode"), /was answered no/);
});

test("judge: cycles that are caught up are seen by the expiries of their commands", () => {
  const faultsOf = (...atMs: readonly number[]): string => {
    const record = recordOf([...tried, ...expiring]);
    record.promises.length = 0;
    record.promises.push(...atMs.map((ms) => ms * 1000));
    return verdictOn(expiring, toStop, { record }).faults.join();
  };
  // A late cycle, one that a machine stalled at its beginning, and one on time.
  assert.equal(faultsOf(0, 50, 148, 149, 150, 200), "");
  assert.match(faultsOf(0, 50, 148, 149, 150, 151, 200), /four commands within 3000 us/);
});

/** Where a servo was on its way, and what it was told: a stop after a command to 1 rad. */
interface Place {
  readonly ms: number;
  readonly mode: number;
  readonly angle: number;
  readonly target: number;
}

const servoStops: readonly Place[] = [
  { ms: 0, mode: armed, angle: 0.18, target: 1 },
  { ms: 2, mode: stopping, angle: 0.2, target: 0.984 },
  { ms: 52, mode: stopping, angle: 0.2, target: 0.584 },
  { ms: 102, mode: stopped, angle: 0.4, target: 0.2 },
  { ms: 500, mode: stopped, angle: 0.2, target: 0.2 },
];

function faultsOfStop(story: readonly Place[], choice: StopChoice): string {
  const spec = driven["pd-servo"];
  const seen = story.map(({ ms, mode, angle, target }) => ({
    ...{ hostUs: ms * 1000, deviceUs: ms * 1000, saidUs: ms * 1000, acknowledged: 7 },
    ...{ mode, reason: byHost, observation: [angle, 0], applied: [target], driven: 1 },
  }));
  const record = new DeviceRecord();
  record.sentFor = () => [1];
  const rules = stopRulesOf(spec, { joint_target: choice });
  return [...stopFaults(seen, 1, { spec, rules, record })].join();
}

/** The story with one place changed. */
function moved(index: number, change: Partial<Place>): readonly Place[] {
  return servoStops.map((place, i) => (i === index ? { ...place, ...change } : place));
}

const hold: StopChoice = { hold: "joint_angle" };

test("judge: who is to hold is brought to where it was seen, and stays there", () => {
  assert.equal(faultsOfStop(servoStops, hold), "");
  // Somebody pushed it beyond its limits, to which it comes back.
  const beyond = servoStops.map((place) => ({ ...place, angle: 1.6 }));
  const back = beyond.map((place, i) => (i === 0 ? place : { ...place, target: 1.5 }));
  const late = [1.01, 1.3].map((target, i) => ({ ...beyond[i + 1], target }));
  assert.equal(faultsOfStop([beyond[0], ...late, ...back.slice(3)], hold), "");
  for (const [index, change] of [
    [3, { target: 0 }],
    [3, { target: 1 }],
    [2, { target: 0.2 }],
    [2, { target: 1 }],
    [1, { target: 0.2 }],
    [3, { target: 0.25 }],
  ] as const) {
    assert.match(faultsOfStop(moved(index, change), hold), /off the ramp .*: joint_target is told/);
  }
  assert.match(faultsOfStop(moved(4, { target: 0.21 }), hold), /over at 0\.2, and at 500000 us/);
});

test("judge: who is to be off is off at once", () => {
  const off = servoStops.map((place, i) => (i === 0 ? place : { ...place, target: 0 }));
  assert.equal(faultsOfStop(off, "off"), "");
  assert.match(faultsOfStop(servoStops, "off"), /off the ramp at 2000 us/);
  assert.match(faultsOfStop(servoStops, "ramp_to_zero"), /off the ramp at 52000 us/);
});

test("judge: a stop before its fault says nothing of the fault", () => {
  const { faults } = verdictOn(expiring, toStop, { faultUs: hostUsOf(1200) });
  assert.match(faults.join(), /stopped before the fault began/);
});

test("judge: a host that failed, fell or was not refused is a fault", () => {
  const drives = "seconds: 1\nexpect: { end: drives }";
  const failed: HostWord = { ...quiet, failure: "it did not arm" };
  assert.match(verdictOn(expiring, drives, { host: failed }).faults.join(), /the host failed: it/);
  assert.match(verdictOn(expiring, toStop, { host: null }).faults.join(), /no last word/);
  const killed = `fault: { kind: sigkill }\n${toStop}`;
  assert.ok(verdictOn(expiring, killed, { host: null }).ok);
  const still = expiring.slice(0, 1).map((told) => ({ ...told, ms: 1500 }));
  assert.match(verdictOn(still, toRefuse).faults.join(), /the host was not refused/);
  assert.ok(verdictOn(still, toRefuse, { host: failed }).ok);
});

test("judge: a second host that was not refused is a fault", () => {
  const twice = `again: true\n${toStop}`;
  const refused: HostWord = { ...quiet, failure: "the device is stopped; reset it first" };
  assert.ok(verdictOn(expiring, twice, { again: refused }).ok);
  assert.match(verdictOn(expiring, twice, { again: quiet }).faults.join(), /was not refused/);
  assert.match(verdictOn(expiring, twice).faults.join(), /was not refused/);
});

test("judge: where the host stops it, time runs from the fault, or from the last command", () => {
  const story = expiring.map((told) =>
    told.reason === expired ? { ...told, reason: gate } : told,
  );
  const gated = "expect: { end: stopped, reason: gate, withinMs: 900 }";
  assert.equal(verdictOn(story, gated).timeToSafeMs, 101);
  const { ok, timeToSafeMs } = verdictOn(story, gated, { faultUs: Number.NaN });
  assert.ok(!ok);
  assert.equal(timeToSafeMs, 1001.3);
  const counted = story.map((told, i) => ({ ...told, sequence: i < 2 ? 6 : 7 }));
  assert.equal(verdictOn(counted, gated, { faultUs: Number.NaN }).timeToSafeMs, 5.3);
});

test("judge: an actuator that is to be let go is let go, by the device's own count", () => {
  const story = expiring.map((told, i) => (i === 5 ? { ...told, driven: 1 } : told));
  assert.match(verdictOn(story, toStop).faults.join(), /^stopped, it drives 1 .* not 0 to 0$/);
});

test("judge: what is driven for a purpose is there in its last seconds", () => {
  const driving = (...places: readonly number[]): string => {
    const held: Told[] = places.map((place, i) => {
      return { ms: 300 + 100 * i, mode: armed, torque: 2, place };
    });
    const stop = expiring.slice(3).map((told) => ({ ...told, reason: byHost }));
    const settles = "settles: { channel: pole_cos, low: 0.9, high: 1.1, seconds: 0.25 }";
    const expect = `seconds: 0.5\nexpect: { end: drives, reason: host, ${settles} }`;
    return verdictOn([...expiring.slice(0, 2), ...held, ...stop], expect).faults.join("; ");
  };
  assert.doesNotMatch(driving(0, -1, 0.95, 1, 1), /pole_cos/);
  assert.match(driving(0, 1, 1, 0.8, 1), /pole_cos is 0\.8\d* 0\.1 s before the end, not 0\.9/);
  assert.match(driving(0, 1, 1, 1, Number.NaN), /pole_cos is NaN 0 s before the end/);
});

test("judge: who is held is brought back to its place, as often as is said, and goes on", () => {
  const expect = `${toStop.slice(0, -2)}, holds: { times: 1, brings: pole_cos } }`;
  const hold = { fromUs: hostUsOf(290), toUs: hostUsOf(750) };
  const faultsOf = (places: readonly number[], change: Partial<Told>, holds = [hold]): string => {
    const held: Told[] = places.map((place, i) => ({
      ms: 300 + 100 * i,
      mode: armed,
      torque: 2,
      place,
    }));
    held.splice(1, 1, { ...held[1], ...change });
    const story = [...expiring.slice(0, 2), ...held, ...expiring.slice(2)];
    return verdictOn(story, expect, { host: { ...quiet, holds } }).faults.join("; ");
  };
  const back = [0.5, 0.75, 0.25, 0.45];
  assert.equal(faultsOf(back, {}), "");
  assert.match(
    faultsOf([0.5, 0.75, 0.25, 0.27], {}),
    /^held, pole_cos was 0\.25 away, and is 0\.22/,
  );
  assert.match(faultsOf([0.5, 0.5, 0.5, 0.5], {}), /^held, pole_cos was 0 away/);
  assert.match(faultsOf(back, { place: Number.NaN }), /^held, pole_cos was NaN away/);
  assert.match(
    faultsOf(back, { mode: disarmed, torque: 0 }),
    /while it was held the device was no/,
  );
  assert.match(faultsOf(back, {}, [hold, hold]), /^it was held 2 times, not 1$/);
  assert.match(faultsOf(back, {}, []), /^it was held 0 times, not 1$/);
});
