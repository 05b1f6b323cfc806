// What motor drives hold in a stop, and what ends it, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import {
  armed,
  benches,
  MoteusBench,
  type MotorBench,
  near,
  OdriveBench,
  periodUs,
} from "./motor-bench.ts";

/** A bench whose motor is held at 1.4 turns, or still driven there. */
function reached(bench: MotorBench, stops: boolean): MotorBench {
  armed(bench).cycles(80, 1.4);
  if (stops) bench.device.stop(StopReason.request);
  bench.cycles(5, 1.4);
  near(bench.desk.motors[0].turns, 1.4, 0.01);
  return bench;
}

/** As a drive that comes back by itself with power, no watchdog and other turns. */
function comesBack(bench: OdriveBench): void {
  const [axis] = bench.desk.axes;
  bench.restart(0);
  bench.desk.motors[0].turns = 0;
  axis.enter(8);
}

/** Cycles in which nothing answers; as the loop, it stops what is not seen for two periods. */
function silentCycles(bench: MotorBench, count: number): void {
  bench.desk.dead = true;
  for (let cycle = 0; cycle < count; cycle++) {
    bench.cycle(1.4);
    if (bench.device.armed && bench.ageUs > 2 * periodUs) bench.device.stop(StopReason.fault);
  }
  bench.desk.dead = false;
}

for (const stops of [true, false]) {
  const name = stops ? "held" : "driven";
  test(`odrive: one that starts anew under power is let go, as it was ${name}`, () => {
    for (const watches of [0, 1]) {
      const bench = new OdriveBench();
      reached(bench, stops);
      silentCycles(bench, 60);
      comesBack(bench);
      // As if somebody else had told it to watch.
      bench.desk.axes[0].properties["config.enable_watchdog"] = watches;
      bench.desk.axes[0].properties["config.watchdog_timeout"] = 10;
      bench.desk.axes[0].feed();
      let wide = 0;
      for (let cycle = 0; cycle < 5; cycle++) {
        bench.cycle(1.4);
        const { driven, turns, value } = bench.desk.motors[0];
        if (driven) wide = Math.max(wide, Math.abs(value - turns));
      }
      near(wide, 0);
      assert.ok(!bench.desk.motors[0].driven && !bench.device.armed);
    }
  });

  test(`odrive: without a watchdog, ${name} far from its place it is let go`, () => {
    const bench = new OdriveBench({ watchdogMs: null });
    reached(bench, stops);
    bench.desk.motors[0].turns = 0;
    bench.desk.axes[0].properties["controller.input_pos"] = 0;
    bench.cycle(1.4);
    bench.cycle(1.4);
    assert.ok(!bench.desk.motors[0].driven && !bench.device.armed);
    near(bench.desk.motors[0].turns, 0, 0.03);
  });
}

test("odrive: an axis that watches no more is let go", () => {
  for (const stops of [true, false]) {
    const bench = reached(new OdriveBench(), stops) as OdriveBench;
    const { desk, device } = bench;
    desk.axes[0].properties["config.enable_watchdog"] = 0;
    bench.cycles(3, 1.4);
    assert.ok(!desk.motors[0].driven && device.stopped);
    device.reset();
    bench.cycle();
    desk.told.length = 0;
    device.arm(desk.nowUs);
    assert.match(device.why, /^axis 0 started anew and does not watch/);
    assert.ok(!desk.told.includes("w axis0.requested_state 8"));
  }
});

for (const [name, make] of benches) {
  test(`${name}: to let go is said again while no drive answers`, () => {
    const bench = armed(make({ kinds: ["torque"], watchdogMs: 1000 }));
    bench.cycles(3, 0.5);
    bench.desk.losesAnswer = () => true;
    bench.cycles(3, 0.5);
    bench.desk.losesLine = () => true;
    bench.device.stop(StopReason.fault);
    bench.desk.losesLine = () => false;
    bench.cycles(2);
    assert.ok(!bench.desk.motors[0].driven);
  });

  test(`${name}: a held place is let go that was silent for longer than its watchdog`, () => {
    const bench = reached(make(), true);
    const { desk } = bench;
    desk.losesAnswer = () => true;
    // It is fed by somebody else meanwhile.
    for (let cycle = 0; cycle < 8; cycle++) {
      bench.cycle();
      keepAlive(bench);
    }
    assert.ok(desk.motors[0].driven);
    desk.losesAnswer = () => false;
    bench.cycles(3);
    assert.ok(!desk.motors[0].driven);
  });

  test(`${name}: one place that is wrong does not let go, and is not published`, () => {
    for (const stops of [true, false]) {
      const bench = reached(make(), stops);
      const { desk } = bench;
      const [motor] = desk.motors;
      const { turns } = motor;
      let lies = 1;
      let lying = false;
      motor.tick = () => {};
      desk.losesLine = (line) => {
        const asked = /^(f 0|can send [89a-f]...)/.test(line);
        lying = asked && lies-- > 0;
        return false;
      };
      Object.defineProperty(motor, "turns", { get: () => (lying ? turns + 3 : turns) });
      bench.cycles(3, 1.4);
      assert.ok(lies < 0 && motor.driven && bench.device.armed === !stops);
      near(bench.observation[0], 1.4, 0.01);
      lies = 9;
      bench.cycles(3, 1.4);
      assert.ok(!motor.driven && !bench.device.armed);
    }
  });

  test(`${name}: what holds is fed three times within a short watchdog`, () => {
    for (const [heldPeriodUs, ms] of [
      [5000, 15],
      [8000, 24],
      [9000, 27],
      [20_000, 60],
    ]) {
      const bench = make({ periodUs: heldPeriodUs, watchdogMs: ms });
      bench.arm();
      bench.cycles(10, 0.2);
      bench.device.stop(StopReason.request);
      for (let cycle = 0; cycle < 100; cycle++) {
        bench.cycle();
        assert.ok(bench.desk.motors[0].driven, `${ms} ms, cycle ${cycle}`);
      }
      assert.ok(bench.device.stopped);
    }
  });

  test(`${name}: what a failed drive tells of its motor is not published`, () => {
    const bench = armed(make());
    bench.cycles(10, 0.5);
    const [place] = bench.observation;
    bench.fail(0);
    bench.desk.motors[0].turns = 0;
    bench.cycles(3, 0.5);
    near(bench.observation[0], place);
    assert.equal(bench.ageUs, 3 * periodUs);
  });
}

/** Feeds the watchdog of motor 0 as another program would. */
function keepAlive(bench: MotorBench): void {
  if (bench instanceof OdriveBench) bench.desk.axes[0].feed();
  else if (bench instanceof MoteusBench) bench.desk.drives[0].feed();
}

test("moteus: a drive that is silent does not make another let go", () => {
  const bench = new MoteusBench({ kinds: ["position", "position"] });
  bench.arm();
  bench.cycles(10, [0.5, 0.5]);
  bench.desk.losesLine = (line) => /can send [0-9a-f]{0,2}02 /.test(line);
  for (let cycle = 0; cycle < 300; cycle++) {
    bench.cycle([0.5, 0.5]);
    const late = bench.device.armed && bench.ageUs > 2 * periodUs;
    if (late) bench.device.stop(StopReason.fault);
    assert.ok(bench.desk.motors[0].driven, `cycle ${cycle}`);
  }
  assert.ok(!bench.desk.motors[1].driven && bench.device.stopping);
});

test("moteus: a stop sends no place to a drive that was not seen", () => {
  const bench = new MoteusBench();
  bench.arm();
  bench.cycles(10, 0.5);
  bench.desk.losesAnswer = () => true;
  bench.cycle(0.5);
  bench.restart(0);
  bench.device.stop(StopReason.fault);
  bench.cycles(5);
  assert.ok(!bench.desk.motors[0].driven);
});
