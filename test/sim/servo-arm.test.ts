import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { ArmBody, armNominal } from "../../src/sim/arm-body.ts";
import { tipOf } from "../../src/sim/arm-chain.ts";
import { checkTask } from "../../src/sim/check.ts";
import { reflect } from "../../src/sim/env.ts";
import { distanceOf, ServoArm, servoArmTask } from "../../src/sim/servo-arm.ts";
import { countsOf, radPerCount } from "../../src/sim/sts3215.ts";

const zero = [0, 0, 0, 0, 0, 0];

function tipAt(joints: readonly number[]): number[] {
  const tip = [0, 0, 0];
  tipOf(joints, tip, 0);
  return tip.map((place) => Number(place.toFixed(9)));
}

test("servo-arm: check-env finds nothing wrong", () => {
  const problems = checkTask(servoArmTask).filter(({ problem }) => problem !== null);
  assert.deepEqual(problems, []);
});

test("servo-arm: the tip is where links and angles put it", () => {
  const right = Math.PI / 2;
  assert.deepEqual(tipAt(zero), [0.235, 0, 0.235]);
  assert.deepEqual(tipAt([right, 0, 0, 0, 0, 0]), [0, 0.235, 0.235]);
  // Upper arm forward, forearm and hand down, and back up by the elbow.
  assert.deepEqual(tipAt([0, right, 0, 0, 0, 0]), [0.115, 0, -0.115]);
  assert.deepEqual(tipAt([0, right, -right, 0, 0, 0]), [0.35, 0, 0.12]);
  assert.deepEqual(tipAt([0, 0, 0, right, 0, 0]), [0.135, 0, 0.135]);
  assert.deepEqual(tipAt([0.3, 0.2, 0.1, 0.4, 0, 0]), tipAt([0.3, 0.2, 0.1, 0.4, 1, -1]));
});

test("servo-arm: a goal is gone to by the driver's step, then the servo's own slew", () => {
  const body = new ArmBody({ ...armNominal, gravity: 0 });
  body.place(zero);
  const wanted = [1, 0, 0, 0, 0, 0];
  const step = Math.floor((2 * 0.04) / radPerCount);
  for (let period = 1; period <= 5; period++) {
    body.run(wanted);
    assert.ok(body.counts(0) < period * step, "never before its goal");
  }
  // It follows 2 rad/s with a lag, and comes to rest within what dry friction holds.
  assert.ok(body.counts(0) > 3 * step, `${body.counts(0)} of ${5 * step}`);
  for (let period = 0; period < 60; period++) body.run(wanted);
  const off = Math.abs(body.counts(0) - countsOf(1));
  assert.ok(off <= 3, `${off} counts from its goal`);
  assert.equal(body.speeds[0], 0);
  assert.deepEqual([...body.joints.subarray(1)], [0, 0, 0, 0, 0]);
});

test("servo-arm: what the bus and the policy take, a servo starts later", () => {
  const [prompt, late] = [0, 0.004].map((delay) => {
    const body = new ArmBody({ ...armNominal, gravity: 0, delay });
    body.place(zero);
    body.run([0.05, 0, 0, 0, 0, 0]);
    return body.joints[0];
  });
  assert.ok(late > 0 && late < prompt, `${late} rad, ${prompt} rad`);
});

test("servo-arm: a delay of more than a period is refused", () => {
  for (const delay of [0.041, -0.001, Number.NaN]) {
    assert.throws(() => new ArmBody({ ...armNominal, delay }), /delay is .* give 0 to its period/);
  }
  new ArmBody({ ...armNominal, delay: 0.04 });
});

test("servo-arm: a place that no target can have is no goal", () => {
  const task = servoArmTask;
  const observation = new Float32Array(task.spec.observation.length).fill(0.25);
  const reached = new Float32Array(observation.length);
  const relabelled = (joints: readonly number[]): number[] => {
    reached.set(joints);
    const copy = observation.slice();
    task.relabel!(copy, reached);
    return [...copy.subarray(12)];
  };
  assert.deepEqual(relabelled([0, 0.7, 0.8, 0, 0, 0]), [0.25, 0.25, 0.25], "under the table");
  assert.deepEqual(relabelled(zero), [...Float32Array.of(0.235, 0, 0.235)]);
});

test("servo-arm: a goal waits for a joint that is held back", () => {
  const body = new ArmBody({ ...armNominal, gravity: 0, supply: 0 });
  body.place(zero);
  for (let period = 0; period < 30; period++) body.run([1, 0, 0, 0, 0, 0]);
  assert.equal(body.save()[12], 256);
});

test("servo-arm: what the arm weighs, the servos give up within their dry friction", () => {
  const body = new ArmBody(armNominal);
  body.place(zero);
  for (let period = 0; period < 200; period++) body.run(zero);
  const [, lift, elbow, wrist] = body.joints;
  const { elbowMass, wristMass, handMass, gravity, coulomb } = armNominal;
  // Levers about the elbow: the forearm's end, and the middle of the hand.
  const down = lift + elbow;
  const out = 0.135 * Math.cos(down);
  const middle = out + 0.05 * Math.cos(down + wrist);
  const about = {
    elbow: gravity * (wristMass * out + handMass * middle),
    wrist: gravity * handMass * (middle - out),
  };
  const stiffness = (0.166 * 32 * 1.21164 * 7.4) / 2.67617;
  assert.ok(elbowMass > 0 && elbow > 0.005, `the elbow droops by ${elbow}`);
  const [pushed, held] = [body.counts(2), body.counts(3)].map((count) => {
    return count * radPerCount * stiffness;
  });
  assert.ok(Math.abs(pushed - about.elbow) <= coulomb, `${pushed} against ${about.elbow} N m`);
  assert.ok(Math.abs(held - about.wrist) <= coulomb, `${held} against ${about.wrist} N m`);
  assert.equal(body.joints[0], 0);
  assert.equal(body.joints[4], 0);
});

test("servo-arm: a stretched arm is slower than a folded one", () => {
  const [far, near] = [-1.2, 1.2].map((elbow) => {
    const body = new ArmBody({ ...armNominal, gravity: 0, maxSpeed: 5.2 });
    body.place([0, 1.2, elbow, 0, 0, 0]);
    body.run([1, 1.2, elbow, 0, 0, 0]);
    return body.joints[0];
  });
  assert.ok(far > 0 && far < near, `${far} rad, ${near} rad`);
});

test("servo-arm: positions are whole counts, speeds whole counts a second", () => {
  const env = new ServoArm();
  const observation = new Float32Array(15);
  const rng = new Rng(3);
  env.reset(3, observation);
  const target = observation.slice(12);
  for (let step = 0; step < 75; step++) {
    env.step(
      Float32Array.from({ length: 6 }, () => rng.uniform(-1, 1)),
      observation,
    );
    for (const value of observation.subarray(0, 12)) {
      const counts = value / radPerCount;
      assert.ok(Math.abs(counts - Math.round(counts)) < 2e-3, `${value} is no whole count`);
    }
    assert.deepEqual(observation.slice(12), target, "the target stays");
  }
});

test("servo-arm: starts and targets are above the table and within reach", () => {
  const env = new ServoArm();
  const observation = new Float32Array(15);
  const tip = [0, 0, 0];
  for (let seed = 0; seed < 300; seed++) {
    env.reset(seed, observation);
    tipOf(observation, tip, 0);
    for (const [x, y, z] of [tip, [...observation.subarray(12)]]) {
      assert.ok(z > 0.035 && Math.hypot(x, y) > 0.095 && Math.hypot(x, y) < 0.35, `seed ${seed}`);
    }
    servoArmTask.spec.observation.forEach(({ name, low, high }, at) => {
      assert.ok(observation[at] >= low && observation[at] <= high, `seed ${seed}: ${name}`);
    });
  }
});

test("servo-arm: a mirrored episode is the mirror of the episode, bit for bit", () => {
  const { observation: seen, action: set } = servoArmTask.mirror!;
  const [one, two] = [new ServoArm(), new ServoArm()];
  const [a, b, mirrored] = [0, 1, 2].map(() => new Float32Array(15));
  const rng = new Rng(8);
  one.setState([0.3, 0.1, -0.2, 0.4, 0.5, 0.1], [0.2, 0.1, 0.2]);
  two.setState([-0.3, 0.1, -0.2, 0.4, -0.5, 0.1], [0.2, -0.1, 0.2]);
  const other = new Float32Array(6);
  for (let step = 0; step < 75; step++) {
    const action = Float32Array.from({ length: 6 }, () => rng.uniform(-1, 1));
    reflect(set, action, other);
    assert.deepEqual(two.step(other, b), one.step(action, a), `step ${step}`);
    reflect(seen, a, mirrored);
    for (let i = 0; i < 15; i++) assert.ok(b[i] === mirrored[i], `step ${step}, channel ${i}`);
  }
});

test("servo-arm: a state goes on to the bit elsewhere, with the arm it began with", () => {
  const [one, two] = [new ServoArm(), new ServoArm()];
  const [a, b] = [new Float32Array(15), new Float32Array(15)];
  one.parameters["handMass"] = 0.3;
  one.reset(5, a);
  two.reset(6, b);
  const rng = new Rng(9);
  for (let step = 0; step < 74; step++) {
    if (step === 20) two.restore(one.save());
    const action = Float32Array.from({ length: 6 }, () => rng.uniform(-1, 1));
    const outcome = one.step(action, a);
    const also = two.step(action, b);
    if (step < 20) continue;
    assert.deepEqual(also, outcome, `step ${step}`);
    assert.deepEqual(b, a, `step ${step}`);
  }
});

test("servo-arm: a logged step is judged as the world judged it, and a goal can be moved", () => {
  const env = new ServoArm();
  const [before, after] = [new Float32Array(15), new Float32Array(15)];
  const rng = new Rng(10);
  env.reset(10, after);
  for (let step = 0; step < 75; step++) {
    before.set(after);
    const action = Float32Array.from({ length: 6 }, () => rng.uniform(-1, 1));
    const { reward, terminated, truncated } = env.step(action, after);
    assert.equal(servoArmTask.reward(before, action, after), reward);
    assert.deepEqual([terminated, truncated], [false, step === 74]);
    const squares = after.subarray(6, 12).reduce((sum, speed) => sum + speed * speed, 0);
    assert.ok(Math.abs(reward + distanceOf(after) + 0.002 * squares) < 1e-12);
  }
  const moved = before.slice();
  servoArmTask.relabel!(moved, after);
  assert.deepEqual(moved.slice(0, 12), before.slice(0, 12));
  assert.deepEqual(moved.slice(12), Float32Array.from(tipAt([...after])));
});
