import assert from "node:assert/strict";
import { test } from "node:test";
import { SinewError } from "../../src/core/errors.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Table } from "../../src/link/dynamixel-table.ts";
import { feetech, scsFamily } from "../../src/link/feetech-family.ts";
import { Register } from "../../src/link/feetech-registers.ts";
import type { ServoBus } from "../../src/link/servo-bus.ts";
import { calibrated, standingAt } from "../../src/link/servo-calibration.ts";
import { countsAt, type Servo, servoJoints } from "../../src/link/servo-joints.ts";
import { countWithin, keepsClear, type ServoScale, wholeTurn } from "../../src/link/servo-scale.ts";
import type { DeskFamily, DeskServo } from "./desk-servo.ts";
import { armServos, armSpec, servoTest, turnTest } from "./servo-bench.ts";

const { radPerCount } = wholeTurn;
const spec = armSpec(2, 1);
const servos = armServos(2);
const range = Math.round(1 / radPerCount);

test("servo calibration: the zero follows from the pose, by each servo's sign", () => {
  const pose = { pan_position: 100 * radPerCount, lift_position: 100 * radPerCount };
  const [pan, lift] = calibrated(spec, servos, wholeTurn, [2000, 2200], pose);
  assert.deepEqual([pan.servo.zeroCounts, lift.servo.zeroCounts], [1900, 2300]);
  assert.deepEqual([pan.low, pan.high], [1900 - range, 1900 + range]);
  assert.deepEqual([pan.fit, pan.turn, lift.fit, lift.turn], ["fits", 0, "fits", 0]);
  // What it gives the driver takes.
  servoJoints(
    spec,
    [pan, lift].map(({ servo }) => servo),
    feetech,
  );
});

test("servo calibration: an encoder that passes its end on the way is counted round", () => {
  const pose = { pan_position: 1, lift_position: 0 };
  const [pan] = calibrated(spec, servos, wholeTurn, [range - 600 - 1, 2048], pose);
  assert.equal(pan.servo.zeroCounts, 4096 - 601);
  // From there 1 rad goes over the end: the driver would refuse it, and so does this.
  assert.ok(pan.high > 4095);
  assert.equal(pan.fit, "turn");
  assert.ok(pan.turn < 0 && Math.abs(pan.turn / radPerCount + (4096 - 601 - 2048)) < 1);
  assert.throws(() => servoJoints(spec, [pan.servo, servos[1]], feetech), /stay within 64 to 4031/);
  const [mounted] = calibrated(
    spec,
    servos,
    wholeTurn,
    [range - 600 - 1 - (4096 - 601 - 2048) + 4096, 2048],
    pose,
  );
  assert.deepEqual([mounted.servo.zeroCounts, mounted.fit, mounted.turn], [2048, "fits", 0]);
});

test("servo calibration: what fits is what the driver takes, to the last count", () => {
  const pose = { pan_position: 0, lift_position: 0 };
  for (const rad of [1, 1.2, 2.5, 3.04, 3.05, 3.1, Math.PI]) {
    const contract = armSpec(2, rad);
    let fitting = 0;
    for (let counts = 0; counts < 4096; counts++) {
      const [{ servo, fit, turn }] = calibrated(contract, servos, wholeTurn, [counts, 2048], pose);
      let taken = true;
      try {
        servoJoints(contract, [servo, { ...servos[1], zeroCounts: 2048 }], feetech);
      } catch (error) {
        // The other servo is in the middle, so a range that is too wide is refused at either.
        assert.match((error as Error).message, /stay within 64 to 4031/);
        taken = false;
      }
      assert.equal(fit === "fits", taken, `${rad} rad at ${counts}`);
      if (fit !== "turn") assert.equal(turn, 0);
      if (taken) fitting++;
    }
    // Twice 1983.5 counts are as many as keep clear of both ends.
    const width = 4031 - 64 - (2 * rad) / radPerCount;
    assert.ok(Math.abs(fitting - Math.max(0, width)) <= 1, `${rad} rad: ${fitting}`);
    const [{ fit }] = calibrated(contract, servos, wholeTurn, [0, 2048], pose);
    assert.equal(fit, width < 0 ? "tooWide" : "turn", `${rad} rad`);
  }
});

/** One joint that goes from `low` to `high` rad. */
function rangeSpec(low: number, high: number): Spec {
  const one = armSpec(1);
  return { ...one, action: [{ ...one.action[0], low, high }] };
}

test("servo calibration: a range far from 0 rad has its zero where there is a count", () => {
  // 2 to 4 rad are 391.1 to 782.3 counts of 300 degrees, so the zero is at 0 to 220.
  const { scale } = scsFamily(300);
  const [servo] = armServos(1, scale);
  const told = (counts: number) => {
    return calibrated(rangeSpec(2, 4), [servo], scale, [counts], { pan_position: 0 })[0];
  };
  const { fit, turn } = told(512);
  assert.deepEqual([fit, Math.round(turn / scale.radPerCount)], ["turn", -512]);
  assert.deepEqual([told(0).fit, told(220).fit, told(221).fit], ["fits", "fits", "turn"]);
  // In the middle it would have no zero.
  const [centred] = calibrated(rangeSpec(2, 4), [servo], scale, [512], { pan_position: 3 });
  assert.equal(centred.fit, "turn");
  assert.equal(Math.round(centred.turn / scale.radPerCount), 587 - 512);
  // 5.2 rad are 1017 counts, and none is nearer to the end than 20.
  const [far] = calibrated(rangeSpec(5, 5.2), [servo], scale, [512], { pan_position: 5.1 });
  assert.equal(far.fit, "tooWide");
});

/** All zeros with which the driver would take that range, as `servoJoints` judges. */
function zerosFor(
  servo: Servo,
  scale: ServoScale,
  { low, high }: Spec["action"][number],
): number[] {
  return Array.from({ length: scale.counts }, (_, zeroCounts) => zeroCounts).filter(
    (zeroCounts) => {
      const ends = [low, high].map((rad) => countsAt({ ...servo, zeroCounts }, scale, rad));
      return keepsClear(scale, Math.min(...ends), Math.max(...ends));
    },
  );
}

test("servo calibration: who turns the horn as said fits, as near to the middle as can be", () => {
  const fits = { fits: 0, turn: 0, tooWide: 0 };
  for (let seed = 0; seed < 600; seed++) {
    const rng = new Rng(seed);
    const family = rng.below(3) === 0 ? feetech : scsFamily(rng.uniform(90, 360));
    const { scale } = family;
    const sign = rng.below(2) === 0 ? 1 : -1;
    const servo: Servo = { ...armServos(1)[0], sign };
    const low = rng.uniform(-5, 4);
    const contract = rangeSpec(low, low + rng.uniform(0.05, rng.below(2) === 0 ? 1 : 5));
    const [action] = contract.action;
    // Somebody puts the arm to 0 rad, which may be out of its range, or to a home.
    const rad = rng.below(2) === 0 ? 0 : rng.uniform(low, action.high);
    const counts = rng.below(scale.counts);
    const said = (at: number) =>
      calibrated(contract, [servo], scale, [at], { pan_position: rad })[0];
    const first = said(counts);
    fits[first.fit]++;
    const zeros = zerosFor(servo, scale, action);
    assert.equal(first.fit === "tooWide", zeros.length === 0, `seed ${seed}`);
    if (first.fit === "tooWide") continue;
    const turned = counts + first.turn / scale.radPerCount;
    assert.ok(Math.abs(turned - Math.round(turned)) < 1e-6, `seed ${seed}: ${turned}`);
    const place = countWithin(scale, Math.round(turned));
    assert.ok(scale.turns || place === Math.round(turned), `seed ${seed}: ${turned} is no count`);
    const second = said(place);
    assert.deepEqual([second.fit, second.turn], ["fits", 0], `seed ${seed}`);
    servoJoints(contract, [second.servo], family);
    if (first.fit === "fits") continue;
    const middle = (sign * (low + action.high)) / 2 / scale.radPerCount;
    const off = zeros.map((zero) => Math.abs(zero + middle - scale.counts / 2));
    const own = Math.abs(second.servo.zeroCounts + middle - scale.counts / 2);
    assert.ok(own <= Math.min(...off) + 1, `seed ${seed}: ${own} counts off`);
  }
  assert.ok(
    Object.values(fits).every((count) => count > 40),
    JSON.stringify(fits),
  );
});

test("servo calibration: a joint that policy or pose lacks is named", () => {
  for (const [contract, pose, line] of [
    [armSpec(1), { pan_position: 0, lift_position: 0 }, /"lift_position": the policy has none/],
    [spec, { pan_position: 0 }, /"lift_position": the pose has none/],
  ] as const) {
    assert.throws(
      () => calibrated(contract, servos, wholeTurn, [2048, 2048], pose),
      (error: unknown) => {
        assert.ok(error instanceof SinewError && error.code === "contract-mismatch");
        assert.match(error.message, line);
        return true;
      },
    );
  }
});

/** A bus whose servos tell these encoder numbers, look by look; null: no answer. */
function busOf(
  desk: DeskFamily,
  looks: readonly (readonly (number | null)[])[],
  change: (servo: DeskServo) => void = () => {},
): ServoBus {
  const told = [0, 0];
  const bus: Pick<ServoBus, "errors" | "readOne"> = {
    errors: new Uint8Array(2),
    readOne: (at: number, address: number, count: number, into: Uint8Array): boolean => {
      const look = address === desk.family.present.address;
      const counts = look ? looks[at][told[at]++ % looks[at].length] : 2048;
      if (counts === null) return false;
      const servo = desk.makeServo(at + 1);
      change(servo);
      servo.position = counts;
      servo.tell();
      into.set(servo.registers.subarray(address, address + count));
      return true;
    },
  };
  return bus as ServoBus;
}

turnTest("calibration: the mean of some looks, also about the end of the turn", (desk) => {
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

turnTest("calibration: a servo of another model or mode is named", (desk) => {
  const { family } = desk;
  const table = family.name === "feetech" ? Register : Table;
  for (const [register, line] of [
    [table.model, /servo 1 \(pan\) is model/],
    [table.operatingMode, /servo 1 \(pan\) is in operating mode/],
  ] as const) {
    const bus = busOf(desk, [[2048], [2048]], (servo) => {
      servo.registers[register] ^= 4;
    });
    assert.throws(() => standingAt(family, bus, servos), line);
  }
});
