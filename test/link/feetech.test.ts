// The driver of servos without firmware of ours, in simulated time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { StopReason } from "../../src/link/device.ts";
import { radPerCount } from "../../src/link/feetech-joints.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { Register } from "../../src/link/feetech-registers.ts";
import { FeetechBench, isTorque, periodUs } from "./feetech-bench.ts";

/** 1 rad/s in a period of 20 ms. */
const step = Math.floor(0.02 / radPerCount);

/** Of the present position, from some registers before it on. */
const isRead = (told: string): boolean => /^254 130 (4[1-9]|5[0-6])$/.test(told);

test("feetech: greets every servo, has it answer at once, and moves nothing", () => {
  const { bus, device } = new FeetechBench();
  const bench = new FeetechBench();
  bench.greet();
  assert.equal(bench.device.phase, "ready");
  for (const { registers } of bench.bus.servos) {
    assert.equal(registers[Register.returnDelay], 0);
    assert.equal(registers[Register.lock], 1);
  }
  bench.cycles(20, 0.5);
  assert.deepEqual(bench.bus.goals, []);
  assert.ok(bench.bus.servos.every(({ torque }) => !torque));
  assert.ok(bench.device.disarmed);
  // Before the greeting it is not armed either.
  device.arm(bus.nowUs);
  assert.deepEqual(bus.told, []);
});

test("feetech: radians and rad/s by calibration and sign", () => {
  const bench = new FeetechBench(2, { zeroCounts: 1500 });
  bench.greet();
  bench.bus.servos[0].position = 1500 + 100;
  bench.bus.servos[1].position = 1500 + 100;
  bench.cycle();
  const near = (at: number, value: number): void => {
    assert.ok(Math.abs(bench.observation[at] - value) < 1e-6, `${at}: ${bench.observation[at]}`);
  };
  near(0, 100 * radPerCount);
  near(1, -100 * radPerCount);
  assert.equal(bench.ageUs, 0);
  bench.bus.servos[1].registers.set([1], Register.torqueEnable);
  bench.bus.servos[1].set(Register.goalPosition, Uint8Array.of(0, 12));
  bench.cycle();
  bench.cycle();
  near(3, -3400 * radPerCount);
});

test("feetech: torque comes at the place where the servos are, and no sooner", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.bus.servos[0].position = 2500;
  bench.bus.servos[1].position = 1700;
  bench.cycle();
  bench.device.arm(bench.bus.nowUs);
  assert.ok(bench.device.armed);
  assert.deepEqual(bench.bus.goals, [[2500, 1700, 2048]]);
  assert.ok(bench.bus.servos.every(({ torque }) => torque));
  const torqueAt = bench.bus.told.findIndex(isTorque);
  const goalAt = bench.bus.told.indexOf(`254 ${Instruction.syncWrite} 42`);
  assert.ok(goalAt >= 0 && goalAt < torqueAt);
  bench.cycles(5);
  assert.deepEqual(
    bench.bus.servos.map(({ position }) => position),
    [2500, 1700, 2048],
  );
});

test("feetech: no torque where a servo did not get its goal", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  bench.bus.losesPacket = (instruction) => instruction === Instruction.syncWrite;
  bench.device.arm(bench.bus.nowUs);
  bench.bus.losesPacket = () => false;
  assert.ok(!bench.device.armed);
  assert.ok(!bench.bus.told.some(isTorque));
});

test("feetech: an arm that has no torque everywhere is not armed", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  bench.bus.servos[1].set = () => {};
  bench.bus.servos[1].registers.set([0, 8], Register.goalPosition);
  bench.device.arm(bench.bus.nowUs);
  assert.ok(bench.bus.told.some(isTorque));
  assert.ok(!bench.device.armed);
  // The others are under torque now, and a stop holds them.
  bench.device.stop(StopReason.request);
  bench.cycles(5, 0.5);
  assert.ok(bench.device.stopping, "one cannot say that it holds");
});

test("feetech: no torque at a place that was seen too long ago", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  const startUs = bench.bus.nowUs;
  bench.device.arm(startUs - 51_000);
  assert.ok(!bench.device.armed);
  assert.ok(!bench.bus.told.some(isTorque));
});

test("feetech: a goal moves by one step a cycle from the last one sent", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(100, [1.4, 1.4, -1.4]);
  const [first] = bench.bus.goals;
  const [a, b, c] = bench.bus.goals.at(-1)!;
  const far = Math.round(Math.fround(1.4) / radPerCount);
  assert.deepEqual([a, b, c], [2048 + far, 2048 - far, 2048 - far]);
  let before = first;
  for (const goals of bench.bus.goals) {
    goals.forEach((goal, at) => {
      assert.ok(Math.abs(goal - before[at]) <= step, `${goal} after ${before[at]}`);
    });
    before = goals;
  }
  assert.equal(bench.bus.goals[2][0], 2048 + 2 * step);
});

test("feetech: a goal waits for a servo that is held back", () => {
  const bench = new FeetechBench();
  bench.arm();
  const [jammed] = bench.bus.servos;
  const { tick } = jammed;
  jammed.tick = () => {};
  bench.cycles(60, 1.4);
  assert.equal(bench.bus.goals.at(-1)![0], 2048 + 256);
  assert.notEqual(bench.bus.goals.at(-1)![1], 2048 - 256);
  jammed.tick = tick;
  bench.cycles(60, 1.4);
  assert.ok(bench.bus.goals.at(-1)![0] > 2048 + 800);
});

test("feetech: a command that took too long, or is beyond the contract, is not sent", () => {
  const bench = new FeetechBench();
  bench.arm();
  const goals = bench.bus.goals.length;
  const { device, bus } = bench;
  assert.equal(device.write(Float32Array.of(0.1, 0.1, 0.1), bus.nowUs - 1), false);
  assert.equal(device.write(Float32Array.of(0.1, Number.NaN, 0.1), bus.nowUs + periodUs), false);
  assert.equal(device.write(Float32Array.of(0.1, 0.1, 1.6), bus.nowUs + periodUs), false);
  assert.equal(bus.goals.length, goals);
  assert.equal(device.droppedCount, 3);
  bus.full = true;
  assert.equal(device.write(Float32Array.of(0.1, 0.1, 0.1), bus.nowUs + periodUs), false);
  bus.full = false;
  // The goal that was not taken does not count as sent.
  bench.cycle(1);
  assert.equal(bus.goals.at(-1)![0], 2048 + step);
});

test("feetech: an answer that was lost is asked for once more in the same cycle", () => {
  const bench = new FeetechBench();
  bench.greet();
  let lost = 0;
  bench.bus.losesAnswer = (id) => id === 2 && lost++ === 0;
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  assert.equal(bench.device.failedReads, 0);
  assert.equal(bench.link.retries, 1);
  assert.equal(lost, 2);
});

test("feetech: a wrong sum is no answer, and garbage around one does no harm", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  bench.bus.servos[0].position = 2100;
  let broken = 0;
  bench.bus.mangle = (answer) => {
    const mangled = Uint8Array.from(answer);
    if (broken++ < 3) mangled[5] ^= 1;
    return mangled;
  };
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  assert.ok(Math.abs(bench.observation[0] - 52 * radPerCount) < 1e-6, `${bench.observation[0]}`);
  bench.bus.mangle = (answer) => Uint8Array.of(0xff, 0xff, 3, ...answer, 0xff, 7);
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  bench.bus.mangle = (answer) => answer.slice(1);
  bench.cycle();
  assert.equal(bench.ageUs, periodUs);
});

test("feetech: an adapter that hears itself changes nothing", () => {
  const bench = new FeetechBench();
  bench.bus.echoes = true;
  bench.arm();
  bench.bus.servos[1].position = 2100;
  bench.cycles(20, 0.3);
  assert.equal(bench.ageUs, 0);
  assert.equal(bench.device.failedReads + bench.link.retries, 0);
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(bench.device.stopped);
});

test("feetech: a failed read keeps the last observation and its age, in bounded time", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(3, 0.2);
  const kept = [...bench.observation];
  bench.bus.servos[1].plugged = false;
  const told = bench.bus.told.length;
  const startUs = bench.bus.nowUs;
  bench.ageUs = bench.device.read(bench.observation, startUs);
  assert.ok(bench.bus.nowUs - startUs <= periodUs / 2 + 200, `${bench.bus.nowUs - startUs} us`);
  assert.equal(bench.bus.told.slice(told).filter(isRead).length, 2);
  assert.deepEqual([...bench.observation], kept);
  assert.equal(bench.ageUs, periodUs);
  assert.equal(bench.device.failedReads, 1);
  bench.bus.until(startUs + periodUs);
  bench.bus.servos[1].plugged = true;
  bench.cycle(0.2);
  assert.equal(bench.ageUs, 0);
});

test("feetech: an answer that comes after its cycle is not taken for a new one", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  // Slower than both attempts of a cycle, faster than the next one begins.
  bench.bus.answerUs = periodUs - 5000;
  bench.bus.servos[0].position = 2200;
  bench.cycle();
  bench.bus.answerUs = 200;
  bench.bus.servos[0].position = 2300;
  bench.cycle();
  assert.ok(Math.abs(bench.observation[0] - 252 * radPerCount) < 1e-6, `${bench.observation[0]}`);
});

test("feetech: after many questions without an answer the line is left silent, then asked", () => {
  const bench = new FeetechBench();
  bench.greet();
  bench.cycle();
  bench.bus.servos[0].plugged = false;
  bench.cycles(20);
  const told = bench.bus.told.length;
  bench.cycles(20);
  assert.equal(bench.bus.told.length, told);
  bench.bus.servos[0].plugged = true;
  bench.cycles(20);
  assert.equal(bench.ageUs, 0);
});

test("feetech: a servo that stays away makes the observation endlessly old", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycle(0);
  bench.bus.servos[2].plugged = false;
  for (let failed = 1; failed <= 5; failed++) {
    bench.cycle(0);
    assert.equal(bench.ageUs, failed * periodUs);
  }
  bench.cycle(0);
  assert.equal(bench.ageUs, Number.POSITIVE_INFINITY);
  assert.equal(bench.device.failedReads, 6);
  assert.ok(!bench.device.lost);
});

test("feetech: goals that were lost do not add up to a wide step", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycles(3, 1);
  bench.bus.losesPacket = (instruction) => instruction === Instruction.syncWrite;
  bench.cycles(30, 1);
  bench.bus.losesPacket = () => false;
  const before = bench.bus.servos.map(({ goal }) => goal);
  bench.cycle(1);
  bench.bus.servos.forEach(({ goal }, at) => {
    // One of them was asked each cycle, so at most three went by.
    assert.ok(Math.abs(goal - before[at]) <= 4 * step, `${goal} after ${before[at]}`);
  });
  assert.ok(bench.device.lostGoals > 0);
});

test("feetech: a servo that is missing, another, or set otherwise is told by name", () => {
  const missing = new FeetechBench();
  missing.bus.servos[1].plugged = false;
  missing.greet();
  assert.equal(missing.device.phase, "greeting");
  assert.match(missing.device.silence, /^servo 2 \(lift\) does not answer/);
  const set: readonly [address: number, value: number, refusal: RegExp][] = [
    [Register.model, 1, /servo 3 \(elbow\) is model 769, not an STS3215/],
    [Register.operatingMode, 1, /servo 3 \(elbow\) is in operating mode 1/],
  ];
  for (const [address, value, refusal] of set) {
    const bench = new FeetechBench();
    bench.bus.servos[2].registers[address] = value;
    bench.greet();
    assert.equal(bench.device.phase, "refused");
    assert.match(bench.device.refusal!, refusal);
    bench.device.arm(bench.bus.nowUs);
    assert.deepEqual(bench.bus.goals, []);
  }
  const ill = new FeetechBench();
  ill.bus.servos[0].error = 1;
  ill.greet();
  assert.match(ill.device.refusal!, /servo 1 \(pan\) reports the error 0x1/);
  const deaf = new FeetechBench();
  deaf.bus.servos[0].set = () => {};
  deaf.greet();
  assert.match(deaf.device.refusal!, /servo 1 \(pan\) does not take a Return_Delay_Time of 0/);
});

test("feetech: a lost port is a value", () => {
  const bench = new FeetechBench();
  bench.arm();
  bench.cycle(0);
  bench.bus.close();
  bench.cycle(0.1);
  assert.ok(bench.device.lost);
  assert.equal(bench.ageUs, periodUs);
});
