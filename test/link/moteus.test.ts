// What is a moteus' own of its driver, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { Order } from "../../src/link/motor-line.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { type BenchOptions, MoteusBench, near, watchdogMs } from "./motor-bench.ts";

function refusalOf(change: (bench: MoteusBench) => void, options: BenchOptions = {}): string {
  const bench = new MoteusBench(options);
  change(bench);
  bench.greet();
  bench.device.arm(bench.desk.nowUs);
  assert.equal(bench.device.phase, "refused", bench.device.silence);
  assert.ok(!bench.device.armed);
  return bench.device.refusal!;
}

test("moteus: another register map, a fault or another timeout is refused by the id", () => {
  const other = refusalOf(
    ({ desk }) => {
      desk.drives[1].mapVersion = 6;
    },
    { kinds: ["torque", "torque"] },
  );
  assert.equal(other, "moteus 2 has register map 6, not 5");
  const ill = refusalOf((bench) => bench.fail(0));
  assert.equal(ill, "moteus 1 reports the fault 33");
  const slow = refusalOf(({ desk }) => {
    Object.defineProperty(desk.drives[0], "timeoutS", { get: () => 2, set: () => {} });
  });
  assert.equal(slow, "moteus 1 has a timeout of 2 s, and was told 0.1 s");
});

test("moteus: each drive is seen to time out, pushing with 0 N*m, before it is relied on", () => {
  const bench = new MoteusBench({ kinds: ["torque", "position"] });
  const startUs = bench.desk.nowUs;
  let driven = 0;
  for (const motor of bench.desk.motors) {
    const { tick } = motor;
    motor.tick = function (): void {
      if (this.driven) driven++;
      assert.ok(!this.driven || (this.order === "effort" && this.value === 0));
      tick.call(this);
    };
  }
  bench.greet();
  assert.equal(bench.device.phase, "ready", bench.device.silence);
  assert.ok(bench.desk.nowUs - startUs > watchdogMs * 1000 && driven > watchdogMs);
  assert.ok(bench.desk.drives.every(({ mode }) => mode === 0));
  const asleep = refusalOf(
    ({ desk }) => {
      desk.drives[1].counts = false;
    },
    { kinds: ["torque", "torque"] },
  );
  assert.match(asleep, /^moteus 2 has not timed out after 30\d ms: mode 10$/);
});

test("moteus: a drive that had timed out before is a stop that must be left first", () => {
  const bench = new MoteusBench({ kinds: ["torque", "torque"] });
  const { desk, device } = bench;
  desk.drives[1].mode = 11;
  bench.greet();
  bench.cycles(20);
  assert.ok(device.stopped);
  assert.equal(device.reason, DeviceReason.expired);
  device.arm(desk.nowUs);
  assert.ok(!device.armed);
  device.reset();
  bench.cycles(20);
  assert.ok(device.disarmed);
  assert.equal(desk.drives[1].mode, 11, "it brakes until it is armed");
  device.arm(desk.nowUs);
  assert.ok(!device.armed, "and is not driven before its timeout was seen");
  assert.equal(device.why, "the watchdogs of what had stopped are tried first");
  for (let cycle = 0; cycle < 12 && !device.armed; cycle++) {
    bench.cycle();
    device.arm(desk.nowUs);
  }
  assert.ok(device.armed);
  assert.equal(device.why, "");
  bench.cycles(3, 0.5);
  assert.ok(device.armed);
});

test("moteus: a run that does not arm leaves a timeout latched for the next", () => {
  const first = new MoteusBench();
  first.arm();
  first.cycles(3, 0.5);
  first.desk.until(first.desk.nowUs + 150_000);
  for (let run = 0; run < 2; run++) {
    const next = new MoteusBench();
    next.desk.drives[0].mode = first.desk.drives[0].mode;
    next.desk.drives[0].timeoutS = first.desk.drives[0].timeoutS;
    next.greet();
    next.cycles(20);
    assert.ok(next.device.stopped && next.desk.drives[0].mode === 11, `run ${run}`);
  }
});

test("moteus: a program that ended within its own trial is no stop", () => {
  const first = new MoteusBench();
  for (let turn = 0; turn < 20; turn++) {
    first.device.poll(first.desk.nowUs);
    first.desk.wait(1000);
  }
  assert.ok(first.desk.motors[0].driven, "in its trial");
  first.desk.until(first.desk.nowUs + 300_000);
  assert.equal(first.desk.drives[0].mode, 11);
  const next = new MoteusBench();
  next.desk.drives[0].mode = 11;
  next.desk.drives[0].timeoutS = Math.fround(first.desk.drives[0].timeoutS);
  next.arm();
});

test("moteus: a stop ends the trial of what was latched", () => {
  const bench = new MoteusBench();
  const { desk, device } = bench;
  desk.drives[0].mode = 11;
  bench.greet();
  device.reset();
  bench.cycle();
  device.arm(desk.nowUs);
  bench.cycles(2);
  assert.ok(desk.motors[0].driven, "in its trial");
  device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(device.stopped && desk.drives[0].mode === 0);
  device.reset();
  bench.cycle();
  device.arm(desk.nowUs);
  assert.ok(!device.armed);
  bench.cycles(10);
  device.arm(desk.nowUs);
  assert.ok(device.armed);
});

test("moteus: a trial that one drive did not hear is told again", () => {
  const bench = new MoteusBench({ kinds: ["torque", "torque"] });
  let lost = 0;
  bench.desk.losesLine = (line) => line.includes(" 01000a") && lost++ === 1;
  bench.arm();
  assert.ok(lost > 3);
});

test("moteus: a place that changes with each start of the drive is refused", () => {
  for (const home of [0, 1]) {
    const refusal = refusalOf(({ desk }) => {
      desk.drives[0].home = home;
    });
    assert.match(refusal, new RegExp(`^moteus 1 has home state ${home}, below 2: `));
  }
  const direct = new MoteusBench({ change: { gear: 1 } });
  direct.desk.drives[0].home = 1;
  direct.greet();
  assert.equal(direct.device.phase, "ready");
});

test("moteus: a joint that was held back under a velocity does not catch up", () => {
  const bench = new MoteusBench({ kinds: ["velocity"] });
  bench.arm();
  const [motor] = bench.desk.motors;
  motor.jammed = true;
  bench.cycles(50, 1);
  motor.jammed = false;
  bench.cycle(1);
  near(motor.speed, 1);
});

test("moteus: what drives it already is waited for, and told", () => {
  const bench = new MoteusBench();
  bench.desk.drives[0].counts = false;
  bench.desk.drives[0].mode = 10;
  bench.greet();
  assert.equal(bench.device.phase, "greeting");
  assert.equal(bench.device.silence, "moteus 1 is in mode 10: stop it first");
});

test("moteus: a timeout keeps its latch and its braking until there is an arming", () => {
  const bench = new MoteusBench({ kinds: ["torque", "position"] });
  bench.arm();
  bench.cycles(3, 0.2);
  const { desk, device } = bench;
  desk.until(desk.nowUs + 150_000);
  bench.cycles(3, 0.2);
  assert.ok(device.stopped && desk.drives.every(({ mode }) => mode === 11));
  device.stop(StopReason.request);
  device.reset();
  bench.cycles(3, 0.2);
  assert.ok(device.disarmed && desk.drives.every(({ mode }) => mode === 11));
  device.arm(desk.nowUs);
  assert.ok(device.armed);
});

test("moteus: an order gives no power to what lost it, within the same cycle", () => {
  const bench = new MoteusBench({ kinds: ["torque", "torque"] });
  bench.arm();
  bench.cycles(3, 0.2);
  const { desk, device } = bench;
  device.read(bench.observation, desk.nowUs);
  bench.restart(0);
  device.read(bench.observation, desk.nowUs);
  assert.ok(!device.armed);
  device.write(Float32Array.of(1, 1), desk.nowUs + 100_000);
  bench.cycles(5, 1);
  assert.ok(desk.motors.every(({ driven }) => !driven));
});

test("moteus: an order that comes to an idle drive is not sent", () => {
  const bench = new MoteusBench();
  bench.greet();
  assert.ok(bench.line.look());
  const told = bench.desk.told.length;
  assert.ok(bench.line.command(Uint8Array.of(Order.position), Float64Array.of(1)));
  assert.equal(bench.desk.told.length, told);
});

test("moteus: a drive that does not leave its timeout gets no order", () => {
  const bench = new MoteusBench();
  bench.arm();
  bench.desk.until(bench.desk.nowUs + 150_000);
  bench.cycles(2, 0.2);
  bench.device.reset();
  bench.cycle();
  assert.ok(bench.device.disarmed && bench.desk.drives[0].mode === 11);
  bench.desk.losesLine = (line) => line.includes(" 010000");
  const told = bench.desk.told.length;
  bench.device.arm(bench.desk.nowUs);
  assert.ok(!bench.device.armed);
  assert.ok(!bench.desk.told.slice(told).some((line) => line.includes(" 01000a")));
});

test("moteus: an fdcanusb has no sums, and flags behind its frames", () => {
  const bench = new MoteusBench({ kinds: ["position", "torque"] }, false);
  bench.arm();
  bench.cycles(10, 0.5);
  assert.equal(bench.device.failedReads, 0);
  assert.ok(bench.device.armed && Math.abs(bench.desk.motors[0].turns - 0.2) < 0.03);
});

test("moteus: after many questions without an answer the line is left silent, then asked", () => {
  const bench = new MoteusBench();
  bench.greet();
  bench.cycle();
  let asked = 0;
  bench.desk.losesAnswer = () => {
    asked++;
    return true;
  };
  bench.cycles(120);
  const before = asked;
  bench.cycles(20);
  assert.equal(asked, before);
  bench.desk.losesAnswer = () => false;
  bench.cycles(40);
  assert.equal(bench.ageUs, 0);
});

test("moteus: a place that is no number is no answer", () => {
  const bench = new MoteusBench();
  bench.arm();
  bench.cycle(0);
  const kept = [...bench.observation];
  bench.desk.motors[0].turns = Number.NaN;
  bench.cycle();
  assert.equal(bench.device.failedReads, 1);
  assert.deepEqual([...bench.observation], kept);
});
