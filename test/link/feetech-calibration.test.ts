import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { calibrated, standingAt } from "../../src/link/feetech-calibration.ts";
import { feetechJoints, radPerCount } from "../../src/link/feetech-joints.ts";
import { putWord, sts } from "../../src/link/feetech-registers.ts";
import { armServos, armSpec } from "./feetech-bench.ts";

const spec = armSpec(2, 1);
const servos = armServos(2);
const range = Math.round(1 / radPerCount);

test("feetech calibration: the zero follows from the pose, by each servo's sign", () => {
  const pose = { pan_position: 100 * radPerCount, lift_position: 100 * radPerCount };
  const [pan, lift] = calibrated(spec, servos, [2000, 2200], pose);
  assert.deepEqual([pan.servo.zeroCounts, lift.servo.zeroCounts], [1900, 2300]);
  assert.deepEqual([pan.low, pan.high], [1900 - range, 1900 + range]);
  assert.deepEqual([pan.turn, lift.turn], [0, 0]);
  // What it gives the driver takes.
  feetechJoints(
    spec,
    [pan, lift].map(({ servo }) => servo),
  );
});

test("feetech calibration: an encoder that passes its end on the way is counted round", () => {
  const pose = { pan_position: 1, lift_position: 0 };
  const [pan] = calibrated(spec, servos, [range - 600 - 1, 2048], pose);
  assert.equal(pan.servo.zeroCounts, 4096 - 601);
  // From there 1 rad goes over the end: the driver would refuse it, and so does this.
  assert.ok(pan.high > 4095);
  assert.ok(pan.turn < 0 && Math.abs(pan.turn / radPerCount + (4096 - 601 - 2048)) < 1);
  assert.throws(() => feetechJoints(spec, [pan.servo, servos[1]]), /stay within 64 to 4031/);
  const [mounted] = calibrated(
    spec,
    servos,
    [range - 600 - 1 - (4096 - 601 - 2048) + 4096, 2048],
    pose,
  );
  assert.deepEqual([mounted.servo.zeroCounts, mounted.turn], [2048, 0]);
});

test("feetech calibration: a range that only comes near the end does not fit either", () => {
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

test("feetech calibration: a joint that policy or pose lacks is named", () => {
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
function busOf(looks: readonly (number | null)[][]) {
  const told = [0, 0];
  return {
    readOne: (at: number, _address: number, _count: number, into: Uint8Array): boolean => {
      const counts = looks[at][told[at]++ % looks[at].length];
      if (counts !== null) putWord(into, 0, counts, sts);
      return counts !== null;
    },
  };
}

test("feetech calibration: the mean of some looks, also about the end of the turn", () => {
  assert.deepEqual(standingAt(busOf([[2048], [4095, 1]]), servos), [2048, 0]);
  assert.deepEqual(
    standingAt(
      busOf([
        [2046, 2050],
        [3, 4093],
      ]),
      servos,
    ),
    [2048, 0],
  );
});

test("feetech calibration: a servo that moves or does not answer is named", () => {
  for (const [looks, line] of [
    [[[2048], [100, 109]], /servo 2 \(lift\) moves/],
    [[[2048, 2048, null], [100]], /servo 1 \(pan\) does not answer/],
  ] as const) {
    assert.throws(
      () => standingAt(busOf(looks as unknown as number[][]), servos),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "handshake");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});
