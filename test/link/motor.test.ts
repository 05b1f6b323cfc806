// What holds for every driver of motor drives with firmware of their own, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { armed, benches, near, periodUs } from "./motor-bench.ts";

/** 1 rad/s in a period of 20 ms; a turn is a radian here. */
const step = 0.02;

for (const [name, make] of benches) {
  test(`${name}: the greeting gives no motor power, nor does a loop that runs`, () => {
    const bench = make({ kinds: ["position", "torque"] });
    bench.desk.motors[0].turns = 3;
    bench.greet();
    assert.equal(bench.device.phase, "ready", bench.device.silence);
    bench.cycles(20, 0.5);
    assert.ok(
      bench.desk.motors.every(
        ({ driven, turns, speed }) => !driven && turns % 3 === 0 && speed === 0,
      ),
    );
    assert.ok(bench.device.disarmed && bench.ageUs === 0);
  });

  test(`${name}: radians, rad/s and N*m by gear, sign and zero`, () => {
    const bench = make({ kinds: ["position", "torque"], change: { zeroTurns: 2, gear: 10 } });
    bench.greet();
    const [a, b] = bench.desk.motors;
    [a.turns, b.turns] = [2 + 10 / 4, 2 + 10 / 4];
    [a.speed, b.speed] = [5, 5];
    bench.device.read(bench.observation, bench.desk.nowUs);
    near(bench.observation[0], Math.PI / 2, 1e-2);
    near(bench.observation[1], -Math.PI / 2, 1e-2);
    near(bench.observation[2], Math.PI, 0.1);
    near(bench.observation[3], -Math.PI, 0.1);
    [a.speed, b.speed] = [0, 0];
    bench.cycle();
    bench.device.arm(bench.desk.nowUs);
    assert.ok(bench.device.armed);
    bench.cycles(2, [0, 0.5]);
    near(b.value, -0.05, 1e-4);
  });

  test(`${name}: power comes at the place where the motors are`, () => {
    const bench = make({ kinds: ["position", "velocity"] });
    bench.greet();
    const [a, b] = bench.desk.motors;
    [a.turns, b.turns] = [2.5, -1.25];
    bench.cycle();
    bench.device.arm(bench.desk.nowUs);
    assert.ok(bench.device.armed);
    assert.ok(a.driven && b.driven);
    bench.desk.until(bench.desk.nowUs + 30_000);
    near(a.turns, 2.5);
    near(b.turns, -1.25);
    assert.equal(b.value, 0);
  });

  test(`${name}: a goal moves by one step a cycle from the last one sent`, () => {
    const bench = armed(make({ kinds: ["position", "position"] }));
    const [a, b] = bench.desk.motors;
    for (let cycle = 1; cycle <= 30; cycle++) {
      bench.cycle([1.4, -1.4]);
      near(a.value, step * cycle);
      near(b.value, step * cycle);
    }
    bench.cycles(60, [1.4, -1.4]);
    near(a.value, 1.4);
    near(b.value, 1.4);
  });

  test(`${name}: a goal waits for a motor that is held back`, () => {
    const bench = armed(make());
    bench.desk.motors[0].jammed = true;
    bench.cycles(60, 1.4);
    near(bench.desk.motors[0].value, 0.4);
    bench.desk.motors[0].jammed = false;
    bench.cycles(60, 1.4);
    assert.ok(bench.desk.motors[0].value > 1.3);
  });

  test(`${name}: velocity and effort reach the motor as they are`, () => {
    const bench = armed(make({ kinds: ["velocity", "torque"] }));
    bench.cycle([1.25, -0.75]);
    near(bench.desk.motors[0].value, 1.25);
    near(bench.desk.motors[1].value, 0.75 / (2 * Math.PI));
  });

  test(`${name}: what is beyond the contract, too late or without a place is not sent`, () => {
    const bench = armed(make({ kinds: ["torque"] }));
    const { desk, device } = bench;
    bench.cycle(0.5);
    const told = desk.told.length;
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 1.51, -1.51]) {
      assert.equal(device.write(Float32Array.of(wrong), desk.nowUs + periodUs), false);
    }
    assert.equal(device.write(Float32Array.of(0.1), desk.nowUs - 1), false);
    assert.equal(desk.told.length, told);
    // The drive did not answer in this cycle: it may have started anew.
    desk.losesAnswer = () => true;
    device.read(bench.observation, desk.nowUs);
    assert.equal(device.write(Float32Array.of(0.1), desk.nowUs + periodUs), false);
    desk.losesAnswer = () => false;
    device.read(bench.observation, desk.nowUs);
    desk.full = true;
    assert.equal(device.write(Float32Array.of(0.1), desk.nowUs + periodUs), false);
    desk.full = false;
    assert.equal(device.droppedCount, 7);
    assert.ok(device.write(Float32Array.of(0.1), desk.nowUs + periodUs));
  });

  test(`${name}: a goal that the port did not take is not where the next step begins`, () => {
    const bench = armed(make());
    bench.cycles(3, 1);
    bench.desk.full = true;
    bench.device.write(Float32Array.of(1), bench.desk.nowUs + periodUs);
    bench.desk.full = false;
    bench.cycle(1);
    near(bench.desk.motors[0].value, 4 * step);
  });

  test(`${name}: a motor that moves by itself is not armed`, () => {
    const bench = make();
    bench.greet();
    bench.desk.motors[0].tick = function (): void {
      this.turns += 0.05;
      this.speed = 50;
    };
    bench.cycle();
    bench.desk.answerUs = 2000;
    bench.device.arm(bench.desk.nowUs);
    assert.ok(!bench.device.armed && !bench.desk.motors[0].driven);
    assert.match(bench.device.why, /^(axis 0|moteus 1) moved while it was armed$/);
  });

  test(`${name}: what is in the way of arming is told, with the drive`, () => {
    const bench = make({ kinds: ["torque", "torque"] });
    const [, second] = bench.line.names;
    bench.greet();
    bench.cycle();
    const arm = (): string => {
      bench.device.arm(bench.desk.nowUs);
      assert.ok(!bench.device.armed);
      return bench.device.why;
    };
    assert.equal(bench.device.why, "");
    bench.desk.dead = true;
    assert.match(arm(), / does not answer$/);
    bench.desk.dead = false;
    bench.slow(1);
    assert.equal(arm(), `${second} did not follow its orders in time after it was given power`);
    bench.cycle();
    bench.fail(1);
    assert.match(arm(), new RegExp(`^${second} reports the error 0x(40|21)$`));
  });

  test(`${name}: no power at a place that was seen too long ago, or too far away`, () => {
    const bench = make();
    bench.greet();
    bench.cycle();
    bench.device.arm(bench.desk.nowUs - 61_000);
    assert.ok(!bench.device.armed && !bench.desk.motors[0].driven);
    bench.desk.motors[0].turns = 1001;
    bench.device.arm(bench.desk.nowUs);
    assert.ok(!bench.device.armed && !bench.desk.motors[0].driven);
  });

  test(`${name}: a failed read keeps the last observation and its age, in bounded time`, () => {
    const bench = armed(make());
    bench.cycles(3, 0.2);
    const kept = [...bench.observation];
    const { desk, device } = bench;
    desk.losesAnswer = () => true;
    const startUs = desk.nowUs;
    bench.ageUs = device.read(bench.observation, startUs);
    assert.ok(desk.nowUs - startUs <= periodUs / 2 + 200, `${desk.nowUs - startUs} us`);
    assert.deepEqual([...bench.observation], kept);
    assert.equal(bench.ageUs, periodUs);
    assert.equal(device.failedReads, 1);
    desk.until(startUs + periodUs);
    for (let failed = 2; failed <= 5; failed++) {
      bench.cycle();
      assert.equal(bench.ageUs, failed * periodUs);
    }
    bench.cycle();
    assert.equal(bench.ageUs, Number.POSITIVE_INFINITY);
  });

  test(`${name}: an answer that was lost is asked for once more in the same cycle`, () => {
    const bench = make();
    bench.greet();
    let lost = 0;
    bench.desk.losesAnswer = () => lost++ === 0;
    bench.cycle();
    assert.equal(bench.ageUs, 0);
    assert.equal(bench.device.failedReads, 0);
  });

  test(`${name}: an answer that comes after its cycle is not taken for a new one`, () => {
    const bench = make();
    bench.greet();
    bench.cycle();
    bench.desk.answerUs = periodUs + 3000;
    bench.desk.motors[0].turns = 1;
    bench.cycle();
    bench.desk.motors[0].turns = 2;
    bench.desk.answerUs = 200;
    // It is on its way while the next question is asked, and comes before the answer to that.
    bench.cycle();
    near(bench.observation[0], 2);
    assert.equal(bench.ageUs, 0);
  });

  test(`${name}: garbage around an answer does no harm, and a wrong sum is no answer`, () => {
    const bench = make();
    bench.greet();
    bench.cycle();
    bench.desk.say(Uint8Array.from({ length: 90 }, (_, at) => (at * 37) % 256));
    bench.cycle();
    assert.equal(bench.ageUs, 0);
    bench.desk.motors[0].turns = 5;
    bench.desk.mangle = (answer) => answer.map((byte, at) => (at === 2 ? byte ^ 1 : byte));
    bench.cycle();
    assert.equal(bench.ageUs, periodUs);
    near(bench.observation[0], 0);
  });

  test(`${name}: a drive that does not answer is waited for, and told`, () => {
    const bench = make();
    bench.desk.dead = true;
    bench.greet();
    assert.equal(bench.device.phase, "greeting");
    assert.match(bench.device.silence, /does not answer/);
    bench.device.arm(bench.desk.nowUs);
    bench.cycle(0.5);
    assert.ok(bench.device.disarmed);
  });

  test(`${name}: a lost port is a value`, () => {
    const bench = armed(make());
    bench.cycle(0);
    bench.desk.close();
    bench.cycle(0.1);
    assert.ok(bench.device.lost);
    assert.equal(bench.ageUs, periodUs);
  });
}
