import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { checkTask } from "../../src/sim/check.ts";
import { reflect } from "../../src/sim/env.ts";
import { benchNominal, ServoBench } from "../../src/sim/servo-bench.ts";
import { ServoPendulum, servoPendulumTask } from "../../src/sim/servo-pendulum.ts";
import { countsOf, radPerCount } from "../../src/sim/sts3215.ts";

const { observation: seen, action: set } = servoPendulumTask.mirror!;

/** The speed, rad/s, of a bench whose goal runs ahead by `error` counts, after so many periods. */
function speedAfter(bench: ServoBench, periods: number, error: number): number {
  let before = 0;
  for (let period = 0; period < periods; period++) {
    before = bench.bar;
    bench.run(bench.barCounts + error, bench.barCounts + error);
  }
  return (bench.bar - before) / 0.02;
}

test("check-env finds nothing wrong", () => {
  const problems = checkTask(servoPendulumTask).filter(({ problem }) => problem !== null);
  assert.deepEqual(problems, []);
});

test("without friction, motor and drag the energy stays, and more so at lower speeds", () => {
  const free = { coulomb: 0, viscous: 0, bearing: 0, torqueConstant: 0 };
  const bench = new ServoBench({ ...benchNominal, ...free });
  for (const [rod, share] of [
    [0.3, 2e-3],
    [2.5, 1e-2],
  ]) {
    bench.place(0.4, rod, 0, 0);
    const start = bench.energy;
    let worst = 0;
    for (let period = 0; period < 250; period++) {
      bench.run(0, 0);
      worst = Math.max(worst, Math.abs(bench.energy / start - 1));
    }
    assert.ok(worst > 0 && worst < share, `from ${rod} rad: energy off by ${worst}`);
  }
});

test("small swings with the bar held have the period of a physical pendulum", () => {
  // A heavy, stiff servo: the bar stands, so the rod is a pendulum of its own.
  const held = { ...benchNominal, armature: 1e6, bearing: 0 };
  const bench = new ServoBench(held);
  bench.place(0, 0.02, 0, 0);
  const inertia = (0.02 / 3 + 0.1) * 0.2 ** 2;
  const period = 2 * Math.PI * Math.sqrt(inertia / ((0.01 + 0.1) * 9.81 * 0.2));
  const crossings: number[] = [];
  for (let step = 1, before = bench.rod; step < 250; step++, before = bench.rod) {
    bench.run(0, 0);
    if (before > 0 && bench.rod <= 0) {
      crossings.push(0.02 * (step - bench.rod / (bench.rod - before)));
    }
  }
  const measured = (crossings.at(-1)! - crossings[0]) / (crossings.length - 1);
  assert.equal(crossings.length, 6);
  assert.ok(Math.abs(measured / period - 1) < 1e-3, `${measured} s, not ${period} s`);
});

test("a free servo runs where push, brake and friction are even", () => {
  // No weight and no gravity: (kt V duty / R - coulomb) / (kt^2 / R + viscous), all from the table.
  const bench = new ServoBench({ ...benchNominal, gravity: 0, weight: 1e-9, rodMass: 1e-9 });
  const full = (1.21164 * 7.4 * 0.97) / 2.67617;
  const drag = 1.21164 ** 2 / 2.67617 + 0.059085;
  const speed = speedAfter(bench, 100, 1000);
  assert.ok(Math.abs(speed - (full - 0.052393) / drag) < 1e-9, `${speed} rad/s`);
});

test("what the weight pulls at rest, the servo gives up within its dry friction", () => {
  const bench = new ServoBench(benchNominal);
  const goal = countsOf(1);
  let at = 0;
  for (; at < goal; at += Math.min(68, goal - at)) bench.run(at, Math.min(goal, at + 68));
  for (let period = 0; period < 1500; period++) bench.run(goal, goal);
  // The bar droops until duty carries bar, rod and weight: moments about the shaft.
  const pull = (0.05 / 2 + 0.02 + 0.1) * 9.81 * 0.15 * Math.sin(bench.bar);
  const push = ((1.21164 * 7.4) / 2.67617) * bench.duty;
  assert.ok(Math.abs(push - pull) <= 0.052393, `${push} N m against ${pull} N m`);
  assert.ok(push > 0 && bench.bar < 1, `it stands at ${bench.bar}`);
  // Dry friction holds for good: to the bit, the bar no longer moves.
  const stood = bench.bar;
  for (let period = 0; period < 50; period++) bench.run(goal, goal);
  assert.equal(bench.bar, stood);
});

test("dry friction holds the bar near hanging and lets go beyond", () => {
  // With the rod and weight all but gone: coulomb = (barMass / 2) g barLength sin(angle) = 0.0368.
  const light = { ...benchNominal, rodMass: 1e-9, weight: 1e-9, supply: 0 };
  const heavy = { ...light, barMass: 0.5 };
  const limit = Math.asin(0.052393 / ((0.5 / 2) * 9.81 * 0.15));
  for (const [numbers, angle, moves] of [
    [light, Math.PI / 2, false],
    [heavy, 0.99 * limit, false],
    [heavy, 1.01 * limit, true],
  ] as const) {
    const bench = new ServoBench(numbers);
    bench.place(angle, 0, 0, 0);
    for (let period = 0; period < 5; period++) bench.run(0, 0);
    assert.equal(bench.bar !== angle, moves, `${angle} rad: now ${bench.bar}`);
  }
});

test("positions are whole counts, speeds counts of a period, load in thousandths", () => {
  const env = new ServoPendulum();
  const observation = new Float32Array(7);
  const rng = new Rng(3);
  env.reset(3, observation);
  const whole = (value: number, of: number) => {
    const off = value / of - Math.round(value / of);
    assert.ok(Math.abs(off) < 1e-3, `${value} is not a multiple of ${of}`);
    return Math.round(value / of);
  };
  let before = whole(observation[0], radPerCount);
  let turned = 0;
  for (let step = 0; step < 250; step++) {
    env.step(Float32Array.of(rng.uniform(-0.2, 0.2)), observation);
    const counts = whole(observation[0], radPerCount);
    assert.equal(whole(observation[1], radPerCount / 0.02), counts - before);
    before = counts;
    whole(observation[2], radPerCount);
    whole(observation[3], 0.001);
    whole(Math.atan2(observation[5], observation[4]), radPerCount);
    turned += Math.abs(whole(observation[6], radPerCount / 0.02));
  }
  assert.ok(turned > 4096, `the rod went ${turned} counts`);
});

test("the goal goes 68 counts a period, a quarter turn at most, and the bar follows", () => {
  const env = new ServoPendulum();
  const observation = new Float32Array(7);
  env.setState(0, 0, 0, 0);
  for (let step = 1; step <= 40; step++) {
    env.step(Float32Array.of(9), observation);
    const goal = Math.round((observation[0] + observation[2]) / radPerCount);
    assert.equal(goal, Math.min(1024, 68 * step));
  }
  assert.ok(Math.abs(observation[0] - Math.PI / 2) < 0.1, `the bar is at ${observation[0]}`);
});

test("a mirrored episode is the mirror of the episode, bit for bit", () => {
  const [one, two] = [new ServoPendulum(), new ServoPendulum()];
  const [a, b, mirrored] = [0, 1, 2].map(() => new Float32Array(7));
  const rng = new Rng(8);
  one.setState(0.1, -0.2, 0.3, 2);
  two.setState(-0.1, 0.2, -0.3, -2);
  for (let step = 0; step < 250; step++) {
    const action = Float32Array.of(rng.uniform(-0.11, 0.11));
    const other = new Float32Array(1);
    reflect(set, action, other);
    const outcome = one.step(action, a);
    assert.deepEqual(two.step(other, b), outcome, `step ${step}`);
    reflect(seen, a, mirrored);
    // A mirrored 0 is -0, which is as good.
    for (let i = 0; i < 7; i++) assert.ok(b[i] === mirrored[i], `step ${step}, channel ${i}`);
  }
});

test("a state goes on to the bit elsewhere, with the bench that its episode began with", () => {
  const [one, two] = [new ServoPendulum(), new ServoPendulum()];
  const [a, b] = [new Float32Array(7), new Float32Array(7)];
  one.parameters["weight"] = 0.15;
  one.reset(5, a);
  one.parameters["weight"] = 0.05;
  two.reset(6, b);
  const rng = new Rng(9);
  for (let step = 0; step < 249; step++) {
    if (step % 50 === 20) two.restore(one.save());
    const action = Float32Array.of(rng.uniform(-0.1, 0.1));
    const outcome = one.step(action, a);
    const other = two.step(action, b);
    if (step < 20) continue;
    assert.deepEqual(other, outcome, `step ${step}`);
    assert.deepEqual(b, a, `step ${step}`);
  }
  // The weight counts: a bench with another one ends elsewhere.
  two.reset(5, b);
  for (let step = 0; step < 20; step++) two.step(Float32Array.of(0.1), b);
  one.reset(5, a);
  assert.deepEqual(one.save().length, two.save().length);
  two.parameters["weight"] = 0.15;
  two.reset(5, b);
  let apart = false;
  for (let step = 0; step < 50; step++) {
    one.step(Float32Array.of(0.1), a);
    two.step(Float32Array.of(0.1), b);
    apart ||= a[4] !== b[4];
  }
  assert.ok(apart);
});

test("a logged step is judged as the world judged it", () => {
  const env = new ServoPendulum();
  const [before, after] = [new Float32Array(7), new Float32Array(7)];
  const rng = new Rng(10);
  env.reset(10, after);
  for (let step = 0; step < 250; step++) {
    before.set(after);
    const action = Float32Array.of(rng.uniform(-0.1, 0.1));
    const { reward, truncated } = env.step(action, after);
    assert.equal(servoPendulumTask.reward(before, action, after), reward);
    assert.equal(truncated, step === 249);
  }
});
