// A device whose channels have other names and another order than the policy's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChannelChoice, ChannelMap } from "../../src/core/channel-map.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { contractBehind, noPosition, type StopRule } from "../../src/wire/device-contract.ts";
import { StopCategory } from "../../src/wire/messages.ts";
import { Line, ScriptedDevice } from "./scripted-device.ts";

const place = (name: string, high: number = 1): Channel => ({ name, unit: "rad", low: -1, high });
const spec: Spec = {
  observation: [place("pan_angle"), place("lift_angle", 2), place("tip_angle", 3)],
  action: [place("pan", 4), place("lift", 5), place("tip", 6)],
  periodUs: 20_000,
};
const choice: ChannelChoice = {
  observation: { s3: "tip_angle", s1: "pan_angle", s2: "lift_angle" },
  action: { m2: "lift", m3: "tip", m1: "pan" },
};
const hold = (position: number): StopRule => {
  return { category: StopCategory.rampAndHold, position };
};
const off: StopRule = { category: StopCategory.off, position: noPosition };
/** Of pan, lift and tip. */
const stops = [hold(0), off, hold(2)];
/** Of m2, m3 and m1: tip is told first and pan second. */
const deviceStops = [off, hold(0), hold(1)];
const device: Spec = {
  observation: [
    { ...spec.observation[2], name: "s3" },
    { ...spec.observation[0], name: "s1" },
    { ...spec.observation[1], name: "s2" },
  ],
  action: [
    { ...spec.action[1], name: "m2" },
    { ...spec.action[2], name: "m3" },
    { ...spec.action[0], name: "m1" },
  ],
  periodUs: 20_000,
};

function lineTo(
  there: Spec,
  map: ChannelChoice = choice,
  rules: readonly StopRule[] = deviceStops,
): Line {
  return new Line(spec, new ScriptedDevice(there, rules), stops, new ChannelMap(spec, map));
}

function refusalOf(line: Line): string {
  line.run(500_000);
  assert.equal(line.session.phase, "refused");
  return line.session.refusal!;
}

test("channels: what the device states is the policy's contract by its own names", () => {
  const contract = contractBehind(new ChannelMap(spec, choice), stops);
  assert.deepEqual(contract, { spec: device, stops: deviceStops });
  assert.ok(lineTo(device).ready());
});

test("channels: what is observed comes in the policy's order", () => {
  const line = lineTo(device);
  line.device.observation = [0.25, 0.5, 0.75];
  assert.ok(line.ready());
  line.run(20_000);
  const seen = new Float32Array(3);
  line.session.readObservation(seen);
  assert.deepEqual([...seen], [0.5, 0.75, 0.25]);
});

test("channels: an action goes out in the device's order, and what is applied comes back", () => {
  const line = lineTo(device);
  assert.ok(line.ready());
  // Each within its own limit, and beyond that of its neighbour.
  assert.ok(line.command([4, 5, 6], line.nowUs + 100_000) > 0);
  assert.equal(line.command([4.5, 5, 6], line.nowUs + 100_000), 0);
  line.device.applied = [5, 6, 4];
  line.run(20_000);
  assert.deepEqual(
    line.device.commands.map(({ values }) => values),
    [[5, 6, 4]],
  );
  assert.deepEqual([...line.session.deviceApplied], [4, 5, 6]);
});

test("channels: two joints that are swapped in the map are refused, by both names", () => {
  const swapped = { ...choice, action: { m3: "tip", m2: "lift", m1: "pan" } };
  assert.equal(
    refusalOf(lineTo(device, swapped)),
    `scripted: action[0] (the policy's tip): expected "m3", got "m2"`,
  );
  // By the names there is nothing to see, but these joints have limits of their own.
  const mistaken = { ...choice, action: { m2: "tip", m3: "lift", m1: "pan" } };
  assert.equal(
    refusalOf(lineTo(device, mistaken)),
    `scripted: action[0] (the policy's tip) "m2": expected [-1, 6], got [-1, 5]`,
  );
  const sensors = {
    ...choice,
    observation: { s1: "pan_angle", s3: "tip_angle", s2: "lift_angle" },
  };
  assert.match(
    refusalOf(lineTo(device, sensors)),
    /observation\[0\] \(the policy's pan_angle\): expected "s1", got "s3"/,
  );
});

test("channels: an actuator that stops otherwise is refused by the device's names", () => {
  assert.equal(
    refusalOf(lineTo(device, choice, [off, hold(1), hold(1)])),
    `scripted: action[1] (the policy's tip) "m3": expected to stop by ramp and hold at s3, ` +
      "got ramp and hold at s1",
  );
});

test("channels: a group that is left out has the policy's names, which are not said twice", () => {
  const half = { ...device, action: spec.action };
  const { observation } = choice;
  assert.ok(lineTo(half, { observation }, [hold(1), off, hold(0)]).ready());
  const other = { ...half, action: [spec.action[1], spec.action[0], spec.action[2]] };
  assert.match(
    refusalOf(lineTo(other, { observation })),
    /action\[0\]: expected "pan", got "lift"/,
  );
});
