// The second layer of Dynamixel servos: each watches the line by its own clock. In simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { nameOfDeviceMode, StopReason } from "../../src/link/device.ts";
import { putLong, Table } from "../../src/link/dynamixel-table.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { DeviceReason } from "../../src/wire/messages.ts";
import { DeskX, deskDynamixel } from "./desk-servo.ts";
import { periodUs, ServoBench, watchdogUs } from "./servo-bench.ts";

const units = watchdogUs / 20_000;

function servosOf(bench: ServoBench): DeskX[] {
  return bench.bus.servos.map((servo) => {
    assert.ok(servo instanceof DeskX);
    return servo;
  });
}

/** A bench whose servos are armed and on their way, slower than their goals. */
function driving(): ServoBench {
  const bench = new ServoBench(deskDynamixel);
  for (const servo of bench.bus.servos) servo.slewPerMs = 0.4;
  bench.arm();
  bench.cycles(20, 1.4);
  return bench;
}

/** Lets the host say nothing for a while, as if it were dead. */
function silence(bench: ServoBench, us: number): void {
  bench.bus.until(bench.bus.nowUs + us);
}

test("dynamixel: armed, every servo bears the silence that was asked for and no longer", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.arm();
  for (const { registers } of servosOf(bench)) assert.equal(registers[Table.busWatchdog], units);
  for (const servo of servosOf(bench)) assert.ok(!Number.isNaN(servo.trippedUs), "it was tried");
});

test("dynamixel: the trial moves nothing, and no policy drives before it is over", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.greet();
  bench.bus.servos[0].position = 2500;
  bench.cycle();
  bench.device.arm(bench.bus.nowUs);
  const told = bench.bus.told.length;
  const startUs = bench.bus.nowUs;
  bench.cycles(4, 1.4);
  assert.equal(bench.bus.told.length, told, "nothing is said");
  assert.ok(!bench.device.armed && bench.bus.nowUs - startUs < watchdogUs);
  assert.ok(bench.device.arming && !bench.device.disarmed, "there is torque");
  assert.equal(nameOfDeviceMode(bench.device.mode), "arming");
  bench.cycles(8, 1.4);
  assert.ok(bench.device.armed);
  for (const [goal] of bench.bus.goals.slice(0, 2)) assert.equal(goal, 2500);
  const quiet = new ServoBench(deskDynamixel);
  quiet.arm();
  for (const { position } of quiet.bus.servos) assert.equal(position, 2048);
});

test("dynamixel: a host that dies leaves every servo where it is, within its time", () => {
  const bench = driving();
  const lastUs = bench.bus.nowUs;
  silence(bench, 2_000_000);
  for (const servo of servosOf(bench)) {
    assert.ok(servo.tripped && servo.torque);
    // A cycle ends up to a period after its last word.
    const afterUs = servo.trippedUs - lastUs;
    assert.ok(afterUs <= watchdogUs + 1000 && afterUs > watchdogUs - 2 * periodUs, `${afterUs} us`);
    const left = Math.abs(servo.goal - servo.position);
    assert.ok(left > 20, `it does not go on to its goal, ${left} counts away`);
  }
});

test("dynamixel: a host that comes back too late drives nothing until it is reset", () => {
  const bench = driving();
  silence(bench, 500_000);
  const places = bench.bus.servos.map(({ position }) => position);
  bench.cycles(3, 1.4);
  assert.ok(!bench.device.armed);
  assert.equal(bench.device.reason, DeviceReason.expired);
  bench.cycles(5, 1.4);
  assert.ok(bench.device.stopped, "every servo holds by itself");
  bench.device.arm(bench.bus.nowUs);
  bench.cycles(3, 1.4);
  assert.deepEqual(
    bench.bus.servos.map(({ position }) => position),
    places,
  );
  assert.ok(
    servosOf(bench).every(({ tripped }) => tripped),
    "and is not cleared unasked",
  );
  bench.device.reset();
  bench.cycles(3);
  assert.ok(bench.device.disarmed && !servosOf(bench).some(({ tripped }) => tripped));
  bench.bus.servos.forEach(({ position, goal, torque }, at) => {
    // What it still had to go it would begin to go while the next word is on its way.
    assert.ok(Math.abs(position - places[at]) <= 4, `${position} of ${places[at]}`);
    assert.ok(torque && Math.abs(goal - position) <= 4, `${goal} of ${position}`);
  });
  bench.ask();
  assert.ok(bench.device.armed);
});

test("dynamixel: one servo that heard nothing stops the arm", () => {
  const bench = driving();
  const [, second] = servosOf(bench);
  second.trip(bench.bus.nowUs);
  bench.cycles(4, 1.4);
  assert.equal(bench.device.reason, DeviceReason.expired);
  bench.cycles(10);
  assert.ok(bench.device.stopped);
});

test("dynamixel: a watchdog that is not as it was set stops the arm", () => {
  const bench = driving();
  // As in a servo that started anew and was given torque by somebody else.
  servosOf(bench)[2].registers[Table.busWatchdog] = 0;
  bench.cycles(4, 1.4);
  assert.ok(!bench.device.armed);
  assert.equal(bench.device.reason, DeviceReason.fault);
});

test("dynamixel: a servo whose watchdog does not trip is not driven", () => {
  for (const refusesGoals of [false, true]) {
    const bench = new ServoBench(deskDynamixel);
    bench.greet();
    bench.cycle();
    const [, broken] = servosOf(bench);
    broken.neverTrips = true;
    broken.refusesGoals = refusesGoals;
    bench.ask();
    assert.ok(!bench.device.armed && !bench.device.disarmed);
    assert.equal(bench.device.reason, DeviceReason.fault);
    bench.cycles(10, 1);
    assert.ok(!bench.device.armed);
    assert.match(bench.device.why, /^servo 2 \(lift\) did not stop .* watchdog does not work/);
    for (const { position } of bench.bus.servos) {
      assert.ok(Math.abs(position - 2048) <= 1, "by the bait at most");
    }
  }
});

test("dynamixel: a servo that takes goals after it tripped is not driven", () => {
  for (const atLimit of [false, true]) {
    const bench = new ServoBench(deskDynamixel);
    bench.greet();
    bench.cycle();
    const [, , broken] = servosOf(bench);
    broken.takesGoalsTripped = true;
    // That it refuses the bait for being beyond its limit shows nothing.
    if (atLimit) putLong(broken.registers, Table.positionMax, 2048);
    bench.ask();
    assert.equal(bench.device.reason, DeviceReason.fault);
    bench.cycles(10, 1);
    assert.ok(!bench.device.armed);
    assert.match(bench.device.why, /^servo 3 \(elbow\) does not refuse goals/);
  }
});

test("dynamixel: a servo that does not take its watchdog gets no torque", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.greet();
  bench.cycle();
  const [servo] = servosOf(bench);
  const set = servo.set.bind(servo);
  servo.set = (address, data) => (address === Table.busWatchdog ? 7 : set(address, data));
  bench.ask();
  assert.ok(!bench.device.armed);
  assert.equal(bench.torques, 0);
});

test("dynamixel: what tripped after an earlier run is a stop that must be left first", () => {
  const bench = new ServoBench(deskDynamixel);
  for (const servo of servosOf(bench)) {
    servo.registers[Table.returnDelay] = 0;
    servo.goal = 2048;
    servo.torque = true;
    servo.trip(bench.bus.nowUs);
  }
  bench.greet();
  bench.cycle();
  assert.ok(bench.device.stopped);
  assert.equal(bench.device.reason, DeviceReason.expired);
  bench.device.reset();
  bench.cycles(2);
  assert.ok(bench.device.disarmed);
  bench.ask();
  assert.ok(bench.device.armed);
});

test("dynamixel: a reset before the first cycle leaves tripped servos where they are", () => {
  const bench = new ServoBench(deskDynamixel);
  for (const servo of servosOf(bench)) {
    servo.registers[Table.returnDelay] = 0;
    servo.position = 2100;
    servo.goal = 2148;
    servo.torque = true;
    servo.trip(bench.bus.nowUs);
  }
  bench.greet();
  bench.device.reset();
  bench.device.poll(bench.bus.nowUs);
  bench.cycles(5);
  assert.ok(bench.device.disarmed);
  // What it still had to go it would begin to go while the next word is on its way.
  for (const { goal, position } of servosOf(bench)) {
    assert.ok(Math.abs(position - 2100) <= 8 && Math.abs(goal - 2100) <= 8, `${position}, ${goal}`);
  }
});

test("dynamixel: a line that was silent before arming is a stop, and no torque comes", () => {
  const bench = driving();
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  bench.device.reset();
  bench.cycles(2);
  assert.ok(bench.device.disarmed);
  // Somebody else set it.
  servosOf(bench)[0].trip(bench.bus.nowUs);
  bench.device.arm(bench.bus.nowUs);
  bench.cycles(10);
  assert.ok(bench.device.stopped);
  assert.equal(bench.device.reason, DeviceReason.expired);
});

test("dynamixel: a stop during the trial ends it", () => {
  const bench = new ServoBench(deskDynamixel);
  bench.greet();
  bench.cycle();
  bench.device.arm(bench.bus.nowUs);
  bench.cycles(3);
  bench.device.stop(StopReason.request);
  bench.cycles(20, 1);
  assert.ok(bench.device.stopped);
  assert.equal(bench.ageUs, 0, "it is read again");
  assert.equal(bench.device.reason, DeviceReason.host);
  for (const { position } of bench.bus.servos) assert.equal(position, 2048);
});

test("dynamixel: a loop that goes on never lets a watchdog trip, armed or stopped", () => {
  const bench = driving();
  const armedAtUs = bench.bus.nowUs;
  bench.cycles(100, -1);
  bench.device.stop(StopReason.request);
  bench.cycles(100);
  assert.ok(bench.device.stopped);
  for (const { trippedUs } of servosOf(bench)) assert.ok(trippedUs < armedAtUs, "since the trial");
});

test("dynamixel: a line that loses packets still shows a trial (seeds 0 to 39)", () => {
  let armed = 0;
  let strayed = 0;
  for (let seed = 0; seed < 40; seed++) {
    const rng = new Rng(seed);
    const bench = new ServoBench(deskDynamixel);
    bench.greet();
    bench.cycle();
    bench.device.arm(bench.bus.nowUs);
    // As of one that is held off its goal: cleared, it goes on to it.
    for (const servo of servosOf(bench)) {
      servo.goal = 2148;
      servo.slewPerMs = 0;
      servo.trip = function (nowUs): void {
        DeskX.prototype.trip.call(this, nowUs);
        this.slewPerMs = 3.4;
      };
    }
    bench.bus.losesAnswer = () => rng.below(12) === 0;
    bench.bus.losesPacket = (instruction) => instruction !== Instruction.ping && rng.below(8) === 0;
    bench.cycles(12);
    if (bench.device.armed) armed++;
    // Armed or not, nothing has moved but where both goals behind a clearing were lost.
    for (const { position } of bench.bus.servos) {
      if (position !== 2048) strayed++;
      assert.ok(Math.abs(position - 2048) <= 100, `seed ${seed}`);
    }
  }
  assert.ok(strayed <= 6, `${strayed} of 120 servos`);
  assert.ok(armed > 20, `${armed} of 40`);
});
