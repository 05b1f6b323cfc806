import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { countsAt, feetechJoints, nearWay, radPerCount } from "../../src/link/feetech-joints.ts";
import { openDevice } from "../../src/link/link.ts";
import { armServos, armSpec } from "./feetech-bench.ts";

const spec = armSpec(2);
const servos = armServos(2);

function refuses(action: () => unknown, line: RegExp): void {
  assert.throws(action, (error: unknown) => {
    assert.ok(error instanceof SinewError, String(error));
    assert.equal(error.code, "contract-mismatch");
    assert.match(error.message, line);
    return true;
  });
}

function withAction(change: Partial<Spec["action"][number]>): Spec {
  const [first, second] = spec.action;
  return { ...spec, action: [first, { ...second, ...change }] };
}

test("feetech joints: channels are found by name, in whatever order", () => {
  const mixed = {
    ...spec,
    observation: [...spec.observation].reverse(),
    action: [...spec.action].reverse(),
  };
  const found = feetechJoints(mixed, servos);
  assert.deepEqual(
    found.map(({ actionAt, positionAt, velocityAt }) => [actionAt, positionAt, velocityAt]),
    [
      [1, 3, 1],
      [0, 2, 0],
    ],
  );
  // What the policy does not observe is nobody's place.
  const blind = { ...spec, observation: spec.observation.slice(0, 1) };
  assert.equal(feetechJoints(blind, servos)[1].positionAt, -1);
});

test("feetech joints: what does not fit is refused by the channel's name", () => {
  refuses(() => feetechJoints(spec, servos.slice(0, 1)), /observation "lift_position": no servo/);
  const deaf = { ...spec, observation: spec.observation.slice(0, 1) };
  refuses(() => feetechJoints(deaf, servos.slice(0, 1)), /action "lift_position": no servo/);
  refuses(
    () => feetechJoints(armSpec(1), servos),
    /action "lift_position": the policy has none, but servo 2 does it/,
  );
  refuses(
    () => feetechJoints(withAction({ unit: "deg" }), servos),
    /action "lift_position": a servo speaks rad, the policy deg/,
  );
  const [a, b, c, d] = spec.observation;
  const slow = { ...spec, observation: [a, b, c, { ...d, unit: "deg/s" }] };
  refuses(() => feetechJoints(slow, servos), /observation "lift_velocity": .*rad\/s.*deg\/s/);
  const angle = { ...spec, observation: [a, { ...b, unit: "deg" }, c, d] };
  refuses(() => feetechJoints(angle, servos), /observation "lift_position": .*rad.*deg/);
});

test("feetech joints: a range that comes near the end of the turn is refused", () => {
  refuses(
    () => feetechJoints(withAction({ high: 3.1 }), servos),
    /action "lift_position": .*is 27 to \d+ counts of servo 2: stay within 64 to 4031/,
  );
  const [pan, lift] = servos;
  refuses(() => feetechJoints(spec, [pan, { ...lift, zeroCounts: 3200 }]), /"lift_position"/);
  refuses(() => feetechJoints(spec, [{ ...pan, zeroCounts: 900 }, lift]), /"pan_position"/);
});

test("feetech joints: a speed below one count a cycle is refused", () => {
  const [pan, lift] = servos;
  refuses(
    () => feetechJoints(spec, [pan, { ...lift, maxSpeed: 0.05 }]),
    /"lift_position": maxSpeed 0.05 rad\/s is less than one count a cycle: give at least 0.077/,
  );
  assert.equal(feetechJoints(spec, [pan, { ...lift, maxSpeed: 0.078 }])[1].stepCounts, 1);
});

test("feetech joints: a line too slow for the period is refused unopened", () => {
  const door = { feetech: { path: "/dev/no-such-port", baud: 57_600, servos } };
  refuses(
    () => openDevice(spec, door, { now: () => 0 }, undefined),
    /2 servos at 57600 bits\/s need a period of \d+ us, the policy has 20000 us/,
  );
});

test("feetech joints: a device behind a bridge is opened as before", () => {
  const device = openDevice(spec, { rings: makeRingPair() }, { now: () => 0 }, undefined);
  assert.equal(device.phase, "greeting");
  assert.match(device.silence, /does not answer/);
  assert.equal(device.failedReads, 0);
});

test("feetech joints: the near way round is at most half a turn and ends where it should", () => {
  for (let seed = 0; seed < 20; seed++) {
    const rng = new Rng(seed);
    for (let turn = 0; turn < 1000; turn++) {
      const [from, to] = [rng.below(20_000) - 10_000, rng.below(4096)];
      const way = nearWay(to - from);
      assert.ok(way >= -2048 && way < 2048, `seed ${seed}`);
      assert.equal((((from + way) % 4096) + 4096) % 4096, to, `seed ${seed}`);
    }
  }
});

test("feetech joints: counts of rad by calibration", () => {
  const [pan, lift] = servos;
  assert.equal(countsAt(pan, 100 * radPerCount), 2148);
  assert.equal(countsAt(lift, 100 * radPerCount), 1948);
});
