import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { calibrated, standingAt } from "../../src/link/servo-calibration.ts";
import { radPerCount, servoJoints } from "../../src/link/servo-joints.ts";
import type { DeskFamily } from "./desk-servo.ts";
import { armServos, armSpec, servoTest } from "./servo-bench.ts";

const spec = armSpec(2, 1);
const servos = armServos(2);
const range = Math.round(1 / radPerCount);

test("servo calibration: the zero follows from the pose, by each servo's sign", () => {
  const pose = { pan_position: 100 * radPerCount, lift_position: 100 * radPerCount };
  const [pan, lift] = calibrated(spec, servos, [2000, 2200], pose);
  assert.deepEqual([pan.servo.zeroCounts, lift.servo.zeroCounts], [1900, 2300]);
  assert.deepEqual([pan.low, pan.high], [1900 - range, 1900 + range]);
  assert.deepEqual([pan.turn, lift.turn], [0, 0]);
  // What it gives the driver takes.
  servoJoints(
    spec,
    [pan, lift].map(({ servo }) => servo),
    "feetech",
  );
});

test("servo calibration: an encoder that passes its end on the way is counted round", () => {
  const pose = { pan_position: 1, lift_position: 0 };
  const [pan] = calibrated(spec, servos, [range - 600 - 1, 2048], pose);
  assert.equal(pan.servo.zeroCounts, 4096 - 601);
  // From there 1 rad goes over the end: the driver would refuse it, and so does this.
  assert.ok(pan.high > 4095);
  assert.ok(pan.turn < 0 && Math.abs(pan.turn / radPerCount + (4096 - 601 - 2048)) < 1);
  assert.throws(
    () => servoJoints(spec, [pan.servo, servos[1]], "feetech"),
    /stay within 64 to 4031/,
  );
  const [mounted] = calibrated(
    spec,
    servos,
    [range - 600 - 1 - (4096 - 601 - 2048) + 4096, 2048],
    pose,
  );
  assert.deepEqual([mounted.servo.zeroCounts, mounted.turn], [2048, 0]);
});

test("servo calibration: a range that only comes near the end does not fit either", () => {
  const pose = { pan_position: 0, lift_position: 0 };
  for (const [counts, fits] of [
    [64 + range + 1, true],
    [64 + range - 2, false],
    [4031 - range - 1, true],
    [4031 - range + 2, false],
  ] as const) {
    assert.equal(calibrated(spec, servos, [counts, 2048], pose)[0].turn === 0, fits, `${counts}`);
  }
});

test("servo calibration: a joint that policy or pose lacks is named", () => {
  for (const [contract, pose, line] of [
    [armSpec(1), { pan_position: 0, lift_position: 0 }, /"lift_position": the policy has none/],
    [spec, { pan_position: 0 }, /"lift_position": the pose has none/],
  ] as const) {
    assert.throws(
      () => calibrated(contract, servos, [2048, 2048], pose),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "contract-mismatch");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});

/** A bus whose servos tell these encoder numbers, look by look; null: no answer. */
function busOf(desk: DeskFamily, looks: readonly (readonly (number | null)[])[]) {
  const told = [0, 0];
  return {
    readOne: (at: number, address: number, count: number, into: Uint8Array): boolean => {
      const counts = looks[at][told[at]++ % looks[at].length];
      if (counts === null) return false;
      const servo = desk.makeServo(at + 1);
      servo.position = counts;
      servo.tell();
      into.set(servo.registers.subarray(address, address + count));
      return true;
    },
  };
}

servoTest("calibration: the mean of some looks, also about the end of the turn", (desk) => {
  const mean = (...looks: readonly number[][]): number[] =>
    standingAt(desk.family, busOf(desk, looks), servos);
  assert.deepEqual(mean([2048], [4095, 1]), [2048, 0]);
  assert.deepEqual(mean([2046, 2050], [3, 4093]), [2048, 0]);
});

servoTest("calibration: a servo that moves or does not answer is named", (desk) => {
  for (const [looks, line] of [
    [[[2048], [100, 109]], /servo 2 \(lift\) moves/],
    [[[2048, 2048, null], [100]], /servo 1 \(pan\) does not answer/],
  ] as const) {
    assert.throws(
      () => standingAt(desk.family, busOf(desk, looks), servos),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "handshake");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});
