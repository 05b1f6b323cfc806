import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { makeRingPair } from "../../src/link/byte-ring.ts";
import { feetech } from "../../src/link/feetech-family.ts";
import { openDevice } from "../../src/link/link.ts";
import { countsAt, servoJoints } from "../../src/link/servo-joints.ts";
import { nearWay, wholeTurn } from "../../src/link/servo-scale.ts";
import { armServos, armSpec } from "./servo-bench.ts";

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

test("servo joints: channels are found by name, in whatever order", () => {
  const mixed = {
    ...spec,
    observation: [...spec.observation].reverse(),
    action: [...spec.action].reverse(),
  };
  const found = servoJoints(mixed, servos, feetech);
  assert.deepEqual(
    found.map(({ actionAt, positionAt, velocityAt }) => [actionAt, positionAt, velocityAt]),
    [
      [1, 3, 1],
      [0, 2, 0],
    ],
  );
  // What the policy does not observe is nobody's place.
  const blind = { ...spec, observation: spec.observation.slice(0, 1) };
  assert.equal(servoJoints(blind, servos, feetech)[1].positionAt, -1);
});

test("servo joints: what does not fit is refused by the channel's name", () => {
  refuses(
    () => servoJoints(spec, servos.slice(0, 1), feetech),
    /observation "lift_position": no servo/,
  );
  const deaf = { ...spec, observation: spec.observation.slice(0, 1) };
  refuses(() => servoJoints(deaf, servos.slice(0, 1), feetech), /action "lift_position": no servo/);
  refuses(
    () => servoJoints(armSpec(1), servos, feetech),
    /action "lift_position": the policy has none, but servo 2 does it/,
  );
  refuses(
    () => servoJoints(withAction({ unit: "deg" }), servos, feetech),
    /action "lift_position": a servo speaks rad, the policy deg/,
  );
  const [a, b, c, d] = spec.observation;
  const slow = { ...spec, observation: [a, b, c, { ...d, unit: "deg/s" }] };
  refuses(
    () => servoJoints(slow, servos, feetech),
    /observation "lift_velocity": .*rad\/s.*deg\/s/,
  );
  const angle = { ...spec, observation: [a, { ...b, unit: "deg" }, c, d] };
  refuses(() => servoJoints(angle, servos, feetech), /observation "lift_position": .*rad.*deg/);
});

test("servo joints: a range that comes near the end of the turn is refused", () => {
  refuses(
    () => servoJoints(withAction({ high: 3.1 }), servos, feetech),
    /action "lift_position": .*is 27 to \d+ counts of servo 2: stay within 64 to 4031/,
  );
  const [pan, lift] = servos;
  refuses(
    () => servoJoints(spec, [pan, { ...lift, zeroCounts: 3200 }], feetech),
    /"lift_position"/,
  );
  refuses(() => servoJoints(spec, [{ ...pan, zeroCounts: 900 }, lift], feetech), /"pan_position"/);
});

test("servo joints: a speed below one count a cycle is refused", () => {
  const [pan, lift] = servos;
  refuses(
    () => servoJoints(spec, [pan, { ...lift, maxSpeed: 0.05 }], feetech),
    /"lift_position": maxSpeed 0.05 rad\/s is less than one count a cycle: give at least 0.077/,
  );
  assert.equal(servoJoints(spec, [pan, { ...lift, maxSpeed: 0.078 }], feetech)[1].stepCounts, 1);
});

test("servo joints: a line too slow for the period is refused unopened", () => {
  const door = { feetech: { path: "/dev/no-such-port", baud: 57_600, servos } };
  refuses(
    () => openDevice(spec, door, { now: () => 0 }, undefined),
    /2 servos at 57600 bits\/s need a period of \d+ us, a cycle has 20000 us/,
  );
});

test("servo joints: a device behind a bridge is opened as before", () => {
  const device = openDevice(spec, { rings: makeRingPair() }, { now: () => 0 }, undefined);
  assert.equal(device.phase, "greeting");
  assert.match(device.silence, /does not answer/);
  assert.equal(device.failedReads, 0);
});

test("servo joints: the near way round is at most half a turn and ends where it should", () => {
  for (let seed = 0; seed < 20; seed++) {
    const rng = new Rng(seed);
    for (let turn = 0; turn < 1000; turn++) {
      const [from, to] = [rng.below(20_000) - 10_000, rng.below(4096)];
      const way = nearWay(wholeTurn, to - from);
      assert.ok(way >= -2048 && way < 2048, `seed ${seed}`);
      assert.equal((((from + way) % 4096) + 4096) % 4096, to, `seed ${seed}`);
    }
  }
});

test("servo joints: counts of rad by calibration", () => {
  const [pan, lift] = servos;
  assert.equal(countsAt(pan, wholeTurn, 100 * wholeTurn.radPerCount), 2148);
  assert.equal(countsAt(lift, wholeTurn, 100 * wholeTurn.radPerCount), 1948);
});
