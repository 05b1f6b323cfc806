// The driver of servos without firmware of ours, in simulated time.
import assert from "node:assert/strict";
import { StopReason } from "../../src/link/device.ts";
import { velocityCountsPerS } from "../../src/link/dynamixel-table.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { wholeCounts } from "../../src/link/servo-scale.ts";
import { countsOn, placeOn } from "./desk-servo.ts";
import { periodUs, ServoBench, servoTest } from "./servo-bench.ts";

/** 1 rad/s in a period of 20 ms. */
function stepOf({ radPerCount }: ServoBench): number {
  return Math.floor(0.02 / radPerCount);
}

/** Of the present, from some registers before it on. */
function isRead({ desk }: ServoBench, told: string): boolean {
  const { address } = desk.family.present;
  const [id, instruction, from] = told.split(" ").map(Number);
  const asks = desk.answersAll
    ? id === 254 && instruction === Instruction.syncRead
    : instruction === Instruction.read;
  return asks && from <= address && from > address - 16;
}

servoTest("greeted, it moves nothing, and before that it is not armed", (desk) => {
  const bench = new ServoBench(desk);
  bench.device.arm(bench.bus.nowUs);
  assert.deepEqual(bench.bus.told, []);
  bench.greet();
  assert.equal(bench.device.phase, "ready");
  bench.cycles(20, 0.5);
  assert.deepEqual(bench.bus.goals, []);
  assert.ok(bench.bus.servos.every(({ torque }) => !torque));
  assert.ok(bench.device.disarmed);
});

servoTest("radians and rad/s by calibration and sign", (desk) => {
  const zeroCounts = placeOn(desk, 1500);
  const bench = new ServoBench(desk, 2, { zeroCounts });
  const { radPerCount } = bench;
  bench.greet();
  bench.bus.servos[0].position = zeroCounts + 100;
  bench.bus.servos[1].position = zeroCounts + 100;
  bench.cycle();
  const near = (at: number, value: number): void => {
    assert.ok(Math.abs(bench.observation[at] - value) < 1e-6, `${at}: ${bench.observation[at]}`);
  };
  near(0, 100 * radPerCount);
  near(1, -100 * radPerCount);
  assert.equal(bench.ageUs, 0);
  bench.bus.servos[1].torque = true;
  bench.bus.servos[1].goal = placeOn(desk, 3072);
  bench.cycle();
  bench.cycle();
  // A unit of a Dynamixel's velocity is 0.229 rev/min.
  const told = Math.round(1000 * bench.bus.servos[1].slewPerMs);
  const speed = desk.family.name === "feetech" ? told : 217 * velocityCountsPerS;
  near(3, -speed * radPerCount);
});

servoTest("torque comes at the place where the servos are, and no sooner", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  const places = [placeOn(desk, 2500), placeOn(desk, 1700), bench.middle];
  bench.bus.servos[0].position = places[0];
  bench.bus.servos[1].position = places[1];
  bench.cycle();
  bench.ask();
  assert.ok(bench.device.armed);
  for (const goals of bench.bus.goals) assert.deepEqual(goals, places);
  assert.ok(bench.bus.servos.every(({ torque }) => torque));
  const { torque, goal } = desk.family;
  const torqueAt = bench.bus.told.indexOf(`254 ${Instruction.syncWrite} ${torque.address}`);
  const goalAt = bench.bus.told.indexOf(`254 ${Instruction.syncWrite} ${goal.address}`);
  assert.ok(goalAt >= 0 && goalAt < torqueAt);
  bench.cycles(5);
  assert.deepEqual(
    bench.bus.servos.map(({ position }) => position),
    places,
  );
});

servoTest("no torque where a servo did not get its goal", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  bench.bus.losesPacket = (instruction) => instruction === Instruction.syncWrite;
  bench.device.arm(bench.bus.nowUs);
  bench.bus.losesPacket = () => false;
  assert.ok(!bench.device.armed);
  assert.ok(bench.torques === 0);
});

servoTest("an arm that has no torque everywhere is not armed", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  const [, half] = bench.bus.servos;
  const set = half.set.bind(half);
  half.set = (address, data) => (address === desk.family.torque.address ? 0 : set(address, data));
  bench.device.arm(bench.bus.nowUs);
  assert.ok(bench.torques > 0);
  // The others are under torque now, and are not called disarmed.
  assert.ok(bench.device.stopping);
  assert.equal(bench.device.why, "servo 2 (lift) gets no torque");
  bench.cycles(5, 0.5);
  assert.ok(bench.device.stopping, "one cannot say that it holds");
});

servoTest("no torque at a place that was seen too long ago", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  const startUs = bench.bus.nowUs;
  bench.device.arm(startUs - 51_000);
  assert.ok(!bench.device.armed);
  assert.ok(bench.torques === 0);
});

servoTest("a goal moves by one step a cycle from the last one sent", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycles(100, [1.4, 1.4, -1.4]);
  const [first] = bench.bus.goals;
  const [a, b, c] = bench.bus.goals.at(-1)!;
  const { middle, radPerCount } = bench;
  const far = Math.round(Math.fround(1.4) / radPerCount);
  const step = stepOf(bench);
  assert.deepEqual([a, b, c], [middle + far, middle - far, middle - far]);
  let before = first;
  for (const goals of bench.bus.goals) {
    goals.forEach((goal, at) => {
      assert.ok(Math.abs(goal - before[at]) <= step, `${goal} after ${before[at]}`);
    });
    before = goals;
  }
  const start = bench.bus.goals.findIndex(([goal]) => goal !== middle);
  assert.equal(bench.bus.goals[start + 1][0], middle + 2 * step);
});

servoTest("a goal waits for a servo that is held back", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  const [jammed] = bench.bus.servos;
  const { move } = jammed;
  jammed.move = () => {};
  bench.cycles(60, 1.4);
  const lead = wholeCounts(desk.family.scale, Math.PI / 8);
  assert.equal(bench.bus.goals.at(-1)![0], bench.middle + lead);
  assert.notEqual(bench.bus.goals.at(-1)![1], bench.middle - lead);
  jammed.move = move;
  bench.cycles(60, 1.4);
  assert.ok(bench.bus.goals.at(-1)![0] > placeOn(desk, 2048 + 800));
});

servoTest("a command that took too long, or is beyond the contract, is not sent", (desk) => {
  const bench = new ServoBench(desk);
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
  assert.equal(bus.goals.at(-1)![0], bench.middle + stepOf(bench));
});

servoTest("an answer that was lost is asked for once more in the same cycle", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  let lost = 0;
  bench.bus.losesAnswer = (id) => id === 2 && lost++ === 0;
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  assert.equal(bench.device.failedReads, 0);
  assert.equal(bench.link.retries, 1);
  assert.equal(lost, 2);
});

servoTest("a wrong sum is no answer, and garbage around one does no harm", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  const way = countsOn(desk, 52);
  bench.bus.servos[0].position = bench.middle + way;
  let broken = 0;
  bench.bus.mangle = (answer) => {
    const mangled = Uint8Array.from(answer);
    if (broken++ < 3) mangled[answer.length - 4] ^= 1;
    return mangled;
  };
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  const told = bench.observation[0];
  assert.ok(Math.abs(told - way * bench.radPerCount) < 1e-6, `${told}`);
  bench.bus.mangle = (answer) => Uint8Array.of(0xff, 0xff, 3, ...answer, 0xff, 7);
  bench.cycle();
  assert.equal(bench.ageUs, 0);
  bench.bus.mangle = (answer) => answer.slice(1);
  bench.cycle();
  assert.equal(bench.ageUs, periodUs);
});

servoTest("an adapter that hears itself changes nothing", (desk) => {
  const bench = new ServoBench(desk);
  bench.bus.echoes = true;
  bench.arm();
  bench.bus.servos[1].position = placeOn(desk, 2100);
  bench.cycles(20, 0.3);
  assert.equal(bench.ageUs, 0);
  assert.equal(bench.device.failedReads + bench.link.retries, 0);
  bench.device.stop(StopReason.request);
  bench.cycles(10);
  assert.ok(bench.device.stopped);
});

servoTest("a failed read keeps the last observation and its age, in bounded time", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycles(3, 0.2);
  const kept = [...bench.observation];
  bench.bus.servos[1].plugged = false;
  const told = bench.bus.told.length;
  // Of those that are asked by themselves only the missing one is asked again.
  const questions = desk.answersAll ? 2 : 3 + 1;
  const startUs = bench.bus.nowUs;
  bench.ageUs = bench.device.read(bench.observation, startUs);
  assert.ok(bench.bus.nowUs - startUs <= periodUs / 2 + 200, `${bench.bus.nowUs - startUs} us`);
  assert.equal(bench.bus.told.slice(told).filter((told) => isRead(bench, told)).length, questions);
  assert.deepEqual([...bench.observation], kept);
  assert.equal(bench.ageUs, periodUs);
  assert.equal(bench.device.failedReads, 1);
  bench.bus.until(startUs + periodUs);
  bench.bus.servos[1].plugged = true;
  bench.cycle(0.2);
  assert.equal(bench.ageUs, 0);
});

servoTest("an answer that comes after its cycle is not taken for a new one", (desk) => {
  const bench = new ServoBench(desk);
  bench.greet();
  bench.cycle();
  // Slower than both attempts of a cycle, faster than the next one begins.
  bench.bus.answerUs = periodUs - 5000;
  bench.bus.servos[0].position = placeOn(desk, 2200);
  bench.cycle();
  bench.bus.answerUs = 200;
  const way = countsOn(desk, 252);
  bench.bus.servos[0].position = bench.middle + way;
  bench.cycle();
  const told = bench.observation[0];
  assert.ok(Math.abs(told - way * bench.radPerCount) < 1e-6, `${told}`);
});

servoTest("after many questions without an answer the line is left silent, then asked", (desk) => {
  const bench = new ServoBench(desk);
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

servoTest("a servo that stays away makes the observation endlessly old", (desk) => {
  const bench = new ServoBench(desk);
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

servoTest("goals that were lost do not add up to a wide step", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycles(3, 1);
  bench.bus.losesPacket = (instruction) => instruction === Instruction.syncWrite;
  bench.cycles(30, 1);
  bench.bus.losesPacket = () => false;
  const before = bench.bus.servos.map(({ goal }) => goal);
  bench.cycle(1);
  bench.bus.servos.forEach(({ goal }, at) => {
    // One of them was asked each cycle, so at most three went by.
    assert.ok(Math.abs(goal - before[at]) <= 4 * stepOf(bench), `${goal} after ${before[at]}`);
  });
  assert.ok(bench.device.lostGoals > 0);
});

servoTest("a servo that does not answer, or reports an error, is told by name", (desk) => {
  const missing = new ServoBench(desk);
  missing.bus.servos[1].plugged = false;
  missing.greet();
  assert.equal(missing.device.phase, "greeting");
  assert.match(missing.device.silence, /^servo 2 \(lift\) does not answer/);
  const ill = new ServoBench(desk);
  ill.bus.servos[0].error = 0x80;
  ill.greet();
  assert.match(ill.device.refusal!, /servo 1 \(pan\) reports the error 0x80/);
  assert.equal(ill.device.phase, "refused");
  const deaf = new ServoBench(desk);
  deaf.bus.servos[0].set = () => 0;
  deaf.greet();
  assert.match(deaf.device.refusal!, /servo 1 \(pan\) does not take a Return_Delay_Time of 0/);
});

servoTest("a lost port is a value", (desk) => {
  const bench = new ServoBench(desk);
  bench.arm();
  bench.cycle(0);
  bench.bus.close();
  bench.cycle(0.1);
  assert.ok(bench.device.lost);
  assert.equal(bench.ageUs, periodUs);
});
