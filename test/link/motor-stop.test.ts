// How motor drives with firmware of their own stop, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { armed, benches, near } from "./motor-bench.ts";

for (const [name, make] of benches) {
  test(`${name}: a stop holds a position under power, and it goes on being told`, () => {
    const bench = armed(make());
    const { desk, device } = bench;
    bench.cycles(20, 1);
    device.stop(StopReason.fault);
    const place = desk.motors[0].turns;
    assert.ok(device.stopping || device.stopped);
    bench.cycles(50, 1);
    assert.ok(device.stopped && desk.motors[0].driven, "longer than the watchdog waits");
    near(desk.motors[0].turns, place, 0.03);
    assert.equal(device.reason, DeviceReason.gate);
    device.arm(desk.nowUs);
    assert.ok(!device.armed, "it takes reset");
    device.reset();
    bench.cycles(10);
    assert.ok(device.disarmed && desk.motors[0].driven, "and it is not let go");
    device.arm(desk.nowUs);
    assert.ok(device.armed && desk.motors[0].driven);
    bench.cycles(3, 1);
    assert.ok(desk.motors[0].turns > place);
  });

  test(`${name}: a stop holds where the motor is, not where it was sent`, () => {
    const bench = armed(make());
    bench.desk.motors[0].jammed = true;
    bench.cycles(30, 1);
    near(bench.desk.motors[0].value, 0.4);
    bench.device.stop(StopReason.request);
    bench.cycles(2);
    near(bench.desk.motors[0].value, bench.desk.motors[0].turns);
  });

  test(`${name}: a stop lets go of what has no place to hold, or is said to`, () => {
    for (const options of [
      { kinds: ["velocity"], stops: {} },
      { kinds: ["torque"], stops: {} },
      { kinds: ["position"], stops: { a_position: "off" } },
    ] as const) {
      const bench = armed(make(options));
      bench.cycles(3, 0.5);
      bench.device.stop(StopReason.request);
      bench.cycles(3, 0.5);
      assert.ok(bench.device.stopped, options.kinds[0]);
      assert.ok(!bench.desk.motors[0].driven, options.kinds[0]);
    }
  });

  test(`${name}: a stop is said again until each motor has it`, () => {
    const bench = armed(make({ kinds: ["torque"], watchdogMs: 1000 }));
    bench.cycles(3, 0.5);
    bench.desk.losesLine = () => true;
    bench.device.stop(StopReason.request);
    bench.cycles(5);
    assert.ok(bench.device.stopping && bench.desk.motors[0].driven);
    bench.desk.losesLine = () => false;
    bench.cycles(3);
    assert.ok(bench.device.stopped && !bench.desk.motors[0].driven);
  });

  test(`${name}: a stop is not over while a held motor moves`, () => {
    const bench = armed(make());
    bench.cycles(3, 0.5);
    bench.desk.motors[0].tick = function (): void {
      this.speed = 2;
    };
    bench.cycle();
    bench.device.stop(StopReason.request);
    bench.cycles(5);
    assert.ok(bench.device.stopping);
  });

  test(`${name}: a stop gives no motor power`, () => {
    const bench = make();
    bench.greet();
    bench.cycle();
    bench.device.stop(StopReason.request);
    bench.cycles(3);
    assert.ok(bench.device.stopped && !bench.desk.motors[0].driven);
  });

  test(`${name}: a drive without orders stops by itself, which is told and latches`, () => {
    const bench = armed(make({ kinds: ["torque", "position"] }));
    bench.cycles(3, 0.2);
    const { desk, device } = bench;
    desk.until(desk.nowUs + 150_000);
    assert.ok(desk.motors.every(({ driven }) => !driven));
    bench.cycle(0.2);
    assert.ok(device.stopped);
    assert.equal(device.reason, DeviceReason.expired);
    bench.cycles(5, 0.2);
    assert.ok(
      desk.motors.every(({ driven }) => !driven),
      "and is not driven on",
    );
    device.reset();
    bench.cycle();
    device.arm(desk.nowUs);
    assert.ok(device.armed);
  });

  test(`${name}: a reset that came before a stop does not leave it`, () => {
    const bench = armed(make());
    bench.device.reset();
    bench.cycles(3, 0.5);
    bench.fail(0);
    bench.cycles(5, 0.5);
    assert.ok(bench.device.stopped && !bench.device.resetting);
  });

  test(`${name}: a drive that reports an error stops the others, and is not armed`, () => {
    const bench = armed(make({ kinds: ["torque", "torque"] }));
    bench.cycles(3, 0.2);
    bench.fail(1);
    bench.cycles(3, 0.2);
    assert.ok(bench.device.stopped);
    assert.equal(bench.device.reason, DeviceReason.fault);
    assert.ok(bench.desk.motors.every(({ driven }) => !driven));
    bench.device.reset();
    bench.cycle();
    bench.fail(1);
    bench.device.arm(bench.desk.nowUs);
    assert.ok(!bench.device.armed && !bench.desk.motors[0].driven);
  });

  test(`${name}: a drive that started anew is not driven on`, () => {
    const bench = armed(make());
    bench.cycles(10, 1);
    bench.restart(0);
    bench.desk.motors[0].turns = -3;
    bench.cycles(10, 1);
    assert.ok(!bench.device.armed && !bench.desk.motors[0].driven);
    assert.equal(bench.device.reason, DeviceReason.fault);
    near(bench.desk.motors[0].turns, -3);
  });

  test(`${name}: a held motor that lost its power is not held again by another program's`, () => {
    const bench = armed(make());
    bench.cycles(10, 1);
    bench.device.stop(StopReason.request);
    bench.cycles(5);
    assert.ok(bench.device.stopped && bench.desk.motors[0].driven);
    bench.restart(0);
    bench.desk.motors[0].turns = -3;
    bench.cycles(2);
    bench.driveFromElsewhere(0);
    bench.desk.motors[0].value = -3;
    bench.cycles(3);
    assert.ok(!bench.desk.motors[0].driven);
    near(bench.desk.motors[0].turns, -3, 0.2);
  });

  test(`${name}: what somebody else gave power is let go`, () => {
    const bench = make();
    bench.greet();
    bench.cycle();
    bench.driveFromElsewhere(0);
    bench.cycles(5);
    assert.ok(bench.device.disarmed && !bench.desk.motors[0].driven);
  });
}
