// What the driver asks of Feetech servos before it drives them, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Register } from "../../src/link/feetech-registers.ts";
import { deskFeetech } from "./desk-servo.ts";
import { ServoBench } from "./servo-bench.ts";

test("feetech: every servo answers at once, and keeps it", () => {
  const bench = new ServoBench(deskFeetech);
  bench.greet();
  assert.equal(bench.device.phase, "ready");
  for (const { registers } of bench.bus.servos) {
    assert.equal(registers[Register.returnDelay], 0);
    assert.equal(registers[Register.lock], 1);
  }
});

test("feetech: a servo of another model, or set otherwise, is told by name", () => {
  const set: readonly [address: number, value: number, refusal: RegExp][] = [
    [Register.model, 1, /servo 3 \(elbow\) is model 769, not an STS3215/],
    [Register.operatingMode, 1, /servo 3 \(elbow\) is in operating mode 1/],
  ];
  for (const [address, value, refusal] of set) {
    const bench = new ServoBench(deskFeetech);
    bench.bus.servos[2].registers[address] = value;
    bench.greet();
    assert.equal(bench.device.phase, "refused");
    assert.match(bench.device.refusal!, refusal);
    bench.device.arm(bench.bus.nowUs);
    assert.deepEqual(bench.bus.goals, []);
  }
});
