import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import {
  hashContract,
  rampingToZero,
  rampToZero,
  type StopRule,
} from "../../src/wire/device-contract.ts";
import { DeviceReason, MessageType, protocolHash, StopCategory } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { connect, connected, cosine, sine, spec, torque, velocity } from "./pendulum-line.ts";
import { Line, ScriptedDevice } from "./scripted-device.ts";

function refusalOf(deviceSpec: Spec): string {
  const line = new Line(spec, new ScriptedDevice(deviceSpec));
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
  return line.session.refusal!;
}

test("the handshake goes through its phases in order and ends ready", () => {
  const line = connected();
  assert.deepEqual(line.phases, ["greeting", "checking", "syncing", "ready"]);
  assert.equal(line.session.refusal, null);
  assert.deepEqual(line.session.deviceContract?.spec, spec);
  const syncs = line.device.heard.filter((type) => type === MessageType.sync).length;
  assert.ok(syncs >= 8, `${syncs} exchanges before ready`);
});

test("HELLO is said every 20 ms until it is answered, and then no more", () => {
  const line = connect();
  line.loses = (toDevice) => !toDevice;
  line.run(200_000);
  const hellos = line.device.heard.length;
  assert.ok(hellos >= 9 && hellos <= 11, `${hellos} in 200 ms`);
  line.loses = () => false;
  assert.ok(line.ready());
  line.device.heard.length = 0;
  line.run(1_000_000);
  assert.ok(!line.device.heard.includes(MessageType.hello));
});

test("once ready, the clock is asked for four times a second", () => {
  const line = connected();
  line.device.heard.length = 0;
  line.run(2_000_000);
  const syncs = line.device.heard.filter((type) => type === MessageType.sync).length;
  assert.ok(syncs >= 7 && syncs <= 9, `${syncs} in 2 s`);
});

test("another protocol is refused, with both versions", () => {
  const line = connect((device) => {
    device.protocolHash = 0xdeadbeef;
  });
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
  assert.match(line.session.refusal!, /protocol/);
  assert.match(line.session.refusal!, /deadbeef/);
  assert.match(line.session.refusal!, new RegExp(protocolHash.toString(16)));
  assert.match(line.session.refusal!, /does not fit the hash/);
});

const rewordings: readonly [what: string, ours: string, theirs: string, says: RegExp][] = [
  [
    "a field's type",
    '"mode":"u8"',
    '"mode":"u16"',
    /messages\.state\.2\.mode is "u8" here and "u16"/,
  ],
  [
    "a number",
    '"stop_ramp_us":100000',
    '"stop_ramp_us":250000',
    /stop_ramp_us is 100000 .* 250000/,
  ],
  [
    "a field more",
    '"ticks":"u16"}',
    '"ticks":"u16","hz":"u8"}',
    /step\.2\.hz is none here and "u8"/,
  ],
  ["a field less", '"request":"u8",', "", /answer\.2\.request is "u8" here and none/],
  [
    "fields in another order",
    '"rx_us":"u32","tx_us":"u32"',
    '"tx_us":"u32","rx_us":"u32"',
    /order/,
  ],
  ["a code less", 'step","stop_line"]', 'step"]', /codes\.result\.10 is "stop_line" here and none/],
  ["no JSON", '{"format"', '"format"', /cannot be read/],
];

for (const [what, ours, theirs, says] of rewordings) {
  test(`a protocol with ${what} is refused by naming it`, () => {
    const line = connect((device) => device.speakOtherwise(ours, theirs));
    line.run(900_000);
    assert.equal(line.session.phase, "refused");
    assert.match(line.session.refusal!, says);
  });
}

test("a device that does not tell its dictionary is refused after a second", () => {
  const line = connect((device) => {
    device.protocolHash = 0xdeadbeef;
    device.dictionary = null;
  });
  line.run(900_000);
  assert.equal(line.session.phase, "reading");
  line.run(400_000);
  assert.match(line.session.refusal!, /does not tell its dictionary/);
});

test("what a device of another protocol sends is not taken for STATE", () => {
  const line = connect((device) => device.speakOtherwise('"mode":"u8"', '"mode":"u16"'));
  line.run(900_000);
  line.device.bootId ^= 0xffff;
  line.run(100_000);
  assert.equal(line.session.counts.restarts, 0);
  assert.equal(line.session.phase, "refused");
});

test("the dictionary comes whole where half of all frames are lost, seeds 1 to 10", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const rng = new Rng(seed);
    const line = connect((device) => device.speakOtherwise('"mode":"u8"', '"mode":"u16"'));
    line.loses = (_, bytes) => bytes[1] !== MessageType.info && rng.below(4) === 0;
    line.run(2_000_000);
    assert.match(line.session.refusal!, /state\.2\.mode/, `seed ${seed}`);
  }
});

const hold: StopRule = { category: StopCategory.rampAndHold, position: 2 };
const stopMismatches: readonly [StopRule, StopRule, RegExp][] = [
  [hold, rampToZero, /"pole_torque".*ramp and hold at pole_velocity, got ramp to zero/],
  [rampToZero, hold, /"pole_torque".*ramp to zero, got ramp and hold at pole_velocity/],
  [hold, { ...hold, position: 1 }, /hold at pole_velocity, got ramp and hold at pole_sin/],
  [rampToZero, { category: StopCategory.off, position: 255 }, /ramp to zero, got off/],
  [rampToZero, { category: 9, position: 255 }, /got category 9/],
];

test("an actuator that stops in another way than is expected is refused by name", () => {
  for (const [expected, actual, says] of stopMismatches) {
    const line = new Line(spec, new ScriptedDevice(spec, [actual]), [expected]);
    line.run(500_000);
    assert.match(line.session.refusal ?? "", says);
  }
});

test("without an expectation the device's own stops hold, and are told", () => {
  const line = new Line(spec, new ScriptedDevice(spec, [hold]));
  assert.ok(line.ready());
  assert.deepEqual(line.session.deviceContract?.stops, [hold]);
});

const mismatches: readonly [what: string, change: Partial<Spec>, says: RegExp][] = [
  ["swapped", { observation: [sine, cosine, velocity] }, /observation\[0\].*pole_cos.*pole_sin/],
  [
    "of another unit",
    { observation: [cosine, sine, { ...velocity, unit: "deg/s" }] },
    /observation\[2\] "pole_velocity".*rad\/s.*deg\/s/,
  ],
  [
    "of another upper limit",
    { action: [{ ...torque, high: 1.5 }] },
    /action\[0\] "pole_torque".*\[-2, 2\].*\[-2, 1.5\]/,
  ],
  [
    "of another lower limit",
    { observation: [{ ...cosine, low: 0 }, sine, velocity] },
    /observation\[0\] "pole_cos"/,
  ],
  ["missing", { observation: [cosine, sine] }, /observation\[2\].*"pole_velocity" is missing/],
  [
    "too many",
    { action: [torque, { ...torque, name: "wheel_torque" }] },
    /action\[1\].*unexpected.*"wheel_torque"/,
  ],
  ["of another name", { action: [{ ...torque, name: "pole_force" }] }, /pole_torque.*pole_force/],
];

for (const [what, change, says] of mismatches) {
  test(`a channel that is ${what} is refused by name`, () => {
    assert.match(refusalOf({ ...spec, ...change }), says);
  });
}

test("two actions that are swapped are refused by name, as nothing else tells them apart", () => {
  const joint = (name: string) => ({ ...torque, name });
  const [shoulder, elbow] = [joint("shoulder_torque"), joint("elbow_torque")];
  const wanted = { ...spec, action: [shoulder, elbow] };
  for (const lies of [false, true]) {
    const device = new ScriptedDevice({ ...spec, action: [elbow, shoulder] });
    if (lies) device.contractHash = hashContract(rampingToZero(wanted));
    const line = new Line(wanted, device);
    line.run(500_000);
    const { session } = line;
    assert.equal(session.phase, "refused");
    assert.match(session.refusal!, /action\[0\]: expected "shoulder_torque", got "elbow_torque"/);
    const out = new Uint8Array(Session.outBytesMin);
    assert.equal(session.encodeArm(line.nowUs, out), 0);
    assert.equal(session.encodeCommand(Float32Array.of(1, 1), line.nowUs, out), 0);
  }
  const right = new Line(wanted, new ScriptedDevice(wanted));
  assert.ok(right.ready());
});

test("another period is refused", () => {
  assert.match(refusalOf({ ...spec, periodUs: 20_000 }), /period.*50000.*20000/);
});

test("a contract hash that does not fit the channels is refused", () => {
  const line = connect((device) => {
    device.contractHash ^= 1;
  });
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
});

test("a refused session lets nothing move, but may still say stop", () => {
  const line = new Line(spec, new ScriptedDevice({ ...spec, periodUs: 20_000 }));
  line.run(500_000);
  const out = new Uint8Array(Session.outBytesMin);
  const until = line.nowUs + 100_000;
  assert.equal(line.session.encodeCommand(new Float32Array(1), until, out), 0);
  assert.equal(line.session.encodeArm(line.nowUs, out), 0);
  assert.ok(line.session.encodeStop(DeviceReason.host, out) > 0);
});

test("nothing may move before the clock is known", () => {
  const line = connect();
  const out = new Uint8Array(Session.outBytesMin);
  while (line.session.phase !== "ready") {
    assert.equal(line.session.encodeCommand(new Float32Array(1), line.nowUs + 1e5, out), 0);
    assert.equal(line.session.encodeArm(line.nowUs, out), 0);
    line.run(500);
  }
  assert.ok(line.session.encodeArm(line.nowUs, out) > 0);
  assert.ok(line.session.encodeCommand(new Float32Array(1), line.nowUs + 1e5, out) > 0);
});

test("the handshake ends where half of all frames are lost, seeds 1 to 20", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const rng = new Rng(seed);
    const line = connect();
    line.loses = () => rng.below(2) === 0;
    assert.ok(line.ready(10e6), `seed ${seed}: ${line.session.phase}`);
    assert.deepEqual(line.session.deviceContract?.spec, spec);
  }
});

for (const [kind, type] of [
  ["INFO", MessageType.info],
  ["CHANNEL", MessageType.channel],
  ["SYNCED", MessageType.synced],
] as const) {
  test(`a lost ${kind} is asked for again`, () => {
    const line = connect();
    let lost = 0;
    // COBS: the byte after the first block length is the type, as no type is 0.
    line.loses = (toDevice, bytes) => !toDevice && bytes[1] === type && lost++ < 3;
    assert.ok(line.ready());
    assert.ok(lost >= 3);
  });
}

test("a line slower than 100 ms each way still becomes ready", () => {
  const line = connect();
  line.toDeviceUs = () => 110_000;
  line.toHostUs = () => 110_000;
  assert.ok(line.ready(10e6), `still ${line.session.phase}`);
});

test("a device without channels is refused", () => {
  assert.match(refusalOf({ ...spec, observation: [], action: [] }), /observation\[0\]/);
});
