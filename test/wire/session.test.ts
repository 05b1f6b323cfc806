import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { hashContract, rampingToZero } from "../../src/wire/device-contract.ts";
import { DeviceMode, DeviceReason, MessageType } from "../../src/wire/messages.ts";
import { Session } from "../../src/wire/session.ts";
import { connect, connected, spec, torque } from "./pendulum-line.ts";
import { Line, ScriptedDevice } from "./scripted-device.ts";

const u32 = 2 ** 32;

for (const [where, offsetUs] of [
  ["ahead", 3_000_000_000],
  ["behind", -900_000_000],
  ["about to wrap", u32 - 1e9 - 400_000],
] as const) {
  test(`the offset is within its stated error: device clock ${where}, seed 31`, () => {
    const rng = new Rng(31);
    const line = connect((device) => {
      device.offsetUs = offsetUs;
    });
    line.toDeviceUs = () => 200 + rng.below(3000);
    line.toHostUs = () => 200 + rng.below(3000);
    assert.ok(line.ready());
    for (let round = 0; round < 40; round++) {
      line.run(100_000);
      const error = Math.abs(line.session.offsetUs - line.trueOffsetUs);
      assert.ok(error <= line.session.offsetErrorUs + 1, `round ${round}: off by ${error}`);
    }
    assert.ok(line.session.offsetErrorUs < 1500, `${line.session.offsetErrorUs}`);
  });
}

test("the offset follows a clock that drifts by 100 ppm for ten minutes, seed 32", () => {
  const rng = new Rng(32);
  for (const drift of [100e-6, -100e-6]) {
    const line = connected((device) => {
      device.drift = drift;
    });
    line.device.statePeriodUs = 0;
    line.toDeviceUs = () => 200 + rng.below(2000);
    line.toHostUs = () => 200 + rng.below(2000);
    for (let round = 0; round < 60; round++) {
      line.run(10_000_000);
      const error = Math.abs(line.session.offsetUs - line.trueOffsetUs);
      const bound = line.session.offsetErrorUs + 60;
      assert.ok(error <= bound, `drift ${drift}, round ${round}: ${error} > ${bound}`);
    }
    assert.equal(line.session.counts.restarts, 0);
  }
});

test("a command's expiry is never later than asked, and not much earlier, seed 33", () => {
  const rng = new Rng(33);
  const line = connect((device) => {
    // The device's clock wraps in the middle of the run.
    device.offsetUs = u32 - 1e9 - 3_000_000;
  });
  line.toDeviceUs = () => 200 + rng.below(2000);
  line.toHostUs = () => 200 + rng.below(2000);
  assert.ok(line.ready());
  for (let round = 0; round < 100; round++) {
    const validUntilUs = line.nowUs + 100_000;
    const asked = line.device.clockUs(validUntilUs);
    const before = line.device.commands.length;
    assert.ok(line.command([1], validUntilUs) > 0);
    line.run(50_000);
    assert.equal(line.device.commands.length, before + 1);
    const early = (asked - line.device.commands.at(-1)!.expiresUs) | 0;
    assert.ok(early >= 0 && early < 4500, `round ${round}: early by ${early} us`);
  }
});

test("a command is no later than asked where the clock was not heard for a minute", () => {
  const line = connected((device) => {
    device.drift = -150e-6;
  });
  line.loses = (toDevice, bytes) => toDevice && bytes[1] === MessageType.sync;
  line.run(60_000_000);
  const validUntilUs = line.nowUs + 100_000;
  const asked = line.device.clockUs(validUntilUs);
  line.command([1], validUntilUs);
  line.run(10_000);
  const seen = line.device.commands.at(-1);
  // Refusing to send one would be right too.
  if (seen === undefined) return;
  const late = (seen.expiresUs - asked) | 0;
  assert.ok(late <= 0, `later than asked by ${late} us`);
});

test("values arrive bit for bit, and each frame has a newer sequence", () => {
  const line = connected();
  line.run(100_000);
  const values = [0, -0, 2, -2, 1e-45, Math.fround(0.1)];
  for (const value of values) {
    line.command([value], line.nowUs + 100_000);
    line.run(1000);
  }
  const seen = line.device.commands.map((command) => command.values[0]);
  assert.equal(seen.length, values.length);
  seen.forEach((value, i) => {
    assert.ok(Object.is(value, Math.fround(values[i])), `${values[i]} came as ${value}`);
  });
  line.device.sequences.forEach((sequence, i, all) => {
    if (i > 0) assert.equal(sequence, (all[i - 1] + 1) & 0xffff);
  });
});

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2.0001]) {
  test(`an action of ${value} is never encoded`, () => {
    const line = connected();
    assert.equal(line.command([value], line.nowUs + 100_000), 0);
    assert.equal(line.command([1], line.nowUs + 100_000) > 0, true);
  });
}

test("a number that is no time, and an action of another length, are never encoded", () => {
  const line = connected();
  for (const validUntilUs of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.equal(line.command([1], validUntilUs), 0);
  }
  assert.equal(line.command([], line.nowUs + 100_000), 0);
  assert.equal(line.command([1, 1], line.nowUs + 100_000), 0);
  assert.equal(line.device.commands.length, 0);
});

test("the sequence goes on over its wrap", () => {
  const line = connected();
  const out = new Uint8Array(Session.outBytesMin);
  for (let i = 0; i < 65_530; i++) line.session.encodeReset(out);
  for (let i = 0; i < 100; i++) {
    line.command([1], line.nowUs + 100_000);
    line.run(1000);
  }
  const sequences = line.device.commands.map(({ sequence }) => sequence);
  assert.ok(sequences.some((sequence) => sequence < 100));
  sequences.forEach((sequence, i) => {
    if (i > 0) assert.ok(((sequence - sequences[i - 1]) << 16) >> 16 > 0);
  });
});

test("observation, mode, reason and what is applied are those of the newest STATE", () => {
  const line = connected((device) => {
    device.observation = [0.5, -0.25, 7.5];
    device.applied = [1.25];
  });
  line.device.mode = DeviceMode.stopped;
  line.device.reason = DeviceReason.expired;
  line.run(20_000);
  const observation = new Float32Array(3);
  line.session.readObservation(observation);
  assert.deepEqual([...observation], [0.5, -0.25, 7.5]);
  assert.deepEqual([...line.session.deviceApplied], [1.25]);
  assert.equal(line.session.deviceMode, DeviceMode.stopped);
  assert.equal(line.session.deviceReason, DeviceReason.expired);
});

test("sampledUs is the device's sample time on the host's clock, over the wrap too", () => {
  const line = connect((device) => {
    device.offsetUs = u32 - 1e9 - 1_000_000;
  });
  assert.equal(line.session.sampledUs, Number.NEGATIVE_INFINITY);
  assert.ok(line.ready());
  for (let round = 0; round < 100; round++) {
    line.run(20_000);
    const ageUs = line.nowUs - line.session.sampledUs;
    assert.ok(ageUs > -500 && ageUs < 7000, `round ${round}: age ${ageUs}`);
  }
});

test("a STATE that comes after a newer one changes nothing", () => {
  const line = connected();
  line.device.statePeriodUs = 0;
  line.run(20_000);
  line.device.observation = [0.1, 0.1, 0.1];
  const older = line.device.state(line.nowUs);
  line.device.observation = [0.9, 0.9, 0.9];
  const newer = line.device.state(line.nowUs);
  line.session.receive(newer, newer.length, line.nowUs);
  const sampledUs = line.session.sampledUs;
  line.session.receive(older, older.length, line.nowUs + 10);
  const observation = new Float32Array(3);
  line.session.readObservation(observation);
  assert.equal(observation[0], Math.fround(0.9));
  assert.equal(line.session.sampledUs, sampledUs);
});

test("a STATE of another shape changes nothing", () => {
  const line = connected();
  line.device.statePeriodUs = 0;
  line.run(20_000);
  const sampledUs = line.session.sampledUs;
  line.device.observation = [1, 1];
  const state = line.device.state(line.nowUs);
  line.session.receive(state, state.length, line.nowUs);
  assert.equal(line.session.sampledUs, sampledUs);
});

test("the round trip of a command is measured from its acknowledgement", () => {
  const line = connected();
  line.toDeviceUs = () => 4000;
  line.toHostUs = () => 6000;
  line.run(500_000);
  line.command([1], line.nowUs + 200_000);
  line.run(30_000);
  assert.ok(Math.abs(line.session.roundTripUs - 10_000) <= 1000, `${line.session.roundTripUs}`);
});

test("a device that starts anew must shake hands again before anything moves", () => {
  const line = connected();
  line.run(300_000);
  const phases = line.phases.length;
  line.device.reboot(line.nowUs);
  while (line.phases.length === phases) line.run(500);
  assert.equal(line.session.phase, "greeting");
  const out = new Uint8Array(Session.outBytesMin);
  assert.equal(line.session.encodeCommand(new Float32Array(1), line.nowUs + 1e5, out), 0);
  assert.equal(line.session.sampledUs, Number.NEGATIVE_INFINITY);
  assert.ok(line.ready());
  assert.ok(Math.abs(line.session.offsetUs - line.trueOffsetUs) <= line.session.offsetErrorUs + 1);
  assert.equal(line.session.counts.restarts, 1);
});

test("a device that starts anew and tells nothing is known by what it says of its clock", () => {
  const line = connected();
  line.run(300_000);
  line.device.statePeriodUs = 0;
  line.device.stateDueUs = Number.POSITIVE_INFINITY;
  line.run(100_000);
  assert.equal(line.session.phase, "ready");
  line.device.reboot(line.nowUs);
  line.run(1_500_000);
  assert.equal(line.session.counts.restarts, 1);
  assert.equal(line.session.bootId, line.device.bootId);
});

test("a device that starts anew with another contract is refused", () => {
  const line = connected();
  line.device.spec = { ...spec, action: [{ ...torque, high: 9 }] };
  line.device.contractHash = hashContract(rampingToZero(line.device.spec));
  line.device.reboot(line.nowUs);
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
  assert.match(line.session.refusal!, /pole_torque/);
});

test("a refused device that comes back with the right contract is taken", () => {
  const line = new Line(spec, new ScriptedDevice({ ...spec, periodUs: 20_000 }));
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
  line.device.spec = spec;
  line.device.contractHash = hashContract(rampingToZero(spec));
  line.device.reboot(line.nowUs);
  assert.ok(line.ready());
  assert.equal(line.session.refusal, null);
});

test("a device clock that steps without a restart is found, and the offset is right again", () => {
  const line = connected();
  line.run(500_000);
  line.device.offsetUs -= 5_000_000;
  line.run(1_000_000);
  assert.ok(line.ready());
  assert.ok(Math.abs(line.session.offsetUs - line.trueOffsetUs) <= line.session.offsetErrorUs + 1);
});

test("the device's counters come when asked for, unsigned, and go with a restart", () => {
  const line = connected();
  assert.equal(line.session.stats, null);
  assert.equal(line.session.bootId, line.device.bootId);
  line.askStats();
  line.run(5000);
  assert.equal(line.session.stats!.frames, 0xffff_ff00);
  assert.equal(line.session.stats!.badFrame, 0xffff_ff01);
  line.device.reboot(line.nowUs);
  line.run(50_000);
  assert.equal(line.session.stats, null);
  assert.ok(line.ready());
  assert.equal(line.session.bootId, line.device.bootId);
});

test("on a slow line, exchanges under way together are all told apart", () => {
  const line = connect();
  line.toDeviceUs = () => 400_000;
  line.toHostUs = () => 200_000;
  assert.ok(line.ready(20e6), `still ${line.session.phase}`);
  for (let round = 0; round < 20; round++) {
    line.run(300_000);
    const error = Math.abs(line.session.offsetUs - line.trueOffsetUs);
    assert.ok(error <= line.session.offsetErrorUs + 1);
    assert.ok(Math.abs(line.session.syncRoundTripUs - 600_000) < 2000);
  }
});

test("garbage between frames is counted and harms nothing, seed 34", () => {
  const rng = new Rng(34);
  const line = connected();
  for (let round = 0; round < 500; round++) {
    const garbage = Uint8Array.from({ length: rng.below(200) }, () => rng.below(256));
    line.session.receive(new Uint8Array([...garbage, 0]), garbage.length + 1, line.nowUs);
    line.run(1000);
  }
  assert.equal(line.session.phase, "ready");
  assert.ok(line.session.counts.framesBad > 100);
  assert.equal(line.session.counts.restarts, 0);
});

test("the session tells how many actuators the device drives", () => {
  const line = connected();
  assert.equal(line.session.deviceDriven, 0);
  line.device.mode = DeviceMode.armed;
  line.run(20_000);
  assert.equal(line.session.deviceDriven, 1);
});
