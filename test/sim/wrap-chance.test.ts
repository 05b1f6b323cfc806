// The chance of each flaw: its distribution, and that nothing else is drawn from.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dropActions, dropObservations } from "../../src/sim/dropout.ts";
import type { Env } from "../../src/sim/env.ts";
import { delayActions } from "../../src/sim/latency.ts";
import { randomiseParameters } from "../../src/sim/randomisation.ts";
import { disturbObservations } from "../../src/sim/sensor-noise.ts";
import { Counter, readings } from "./counter.ts";

const seed = 20261124;
const many = 20_000;

/** The noise on each channel, over so many steps. */
function noiseOf(make: (env: Env) => Env, count: number): number[][] {
  const [noisy, still] = [make(new Counter({ range: 1e6 })), new Counter()];
  const [seen, real] = [new Float32Array(3), new Float32Array(3)];
  noisy.reset(seed, seen);
  still.reset(seed, real);
  const noise: number[][] = [[], [], []];
  for (let t = 0; t < count; t++) {
    noise.forEach((each, channel) => void each.push(seen[channel] - real[channel]));
    // What reads near zero keeps most of its bits.
    const again = t % 100 === 99;
    if (again) noisy.reset(seed + t, seen);
    if (again) still.reset(seed + t, real);
    const action = Float32Array.of(0);
    if (!again) noisy.step(action, seen);
    if (!again) still.step(action, real);
  }
  return noise;
}

const moment = (values: readonly number[], power: number): number =>
  values.reduce((sum, value) => sum + value ** power, 0) / values.length;

test("noise has the moments of a normal of its deviation, each channel its own", () => {
  const [first, second, third] = noiseOf(
    (env) => disturbObservations(env, Float64Array.of(0.5, 2, 0)),
    many,
  );
  assert.ok(third.every((value) => value === 0));
  for (const [noise, sigma] of [
    [first, 0.5],
    [second, 2],
  ] as const) {
    const scaled = noise.map((value) => value / sigma);
    // Five standard errors of each moment: of 1, x^2 (variance 2), x^3 (15), x^4 (96).
    for (const [power, want, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ]) {
      const error = Math.abs(moment(scaled, power) - want);
      const why = `seed ${seed}: moment ${power} is off by ${error}`;
      assert.ok(error < 5 * Math.sqrt(variance / many), why);
    }
    const lagged = scaled.slice(1).map((value, t) => value * scaled[t]);
    assert.ok(Math.abs(moment(lagged, 1)) < 5 / Math.sqrt(many), `seed ${seed}: it remembers`);
  }
  const products = first.map((value, t) => value * second[t]);
  assert.ok(Math.abs(moment(products, 1)) < 5 / Math.sqrt(many), `seed ${seed}: channels agree`);
});

test("noise around noise adds up as squares do: each draws its own", () => {
  const one = (env: Env): Env => disturbObservations(env, Float64Array.of(3, 0, 0));
  const [noise] = noiseOf((env) => one(one(env)), many);
  const deviation = Math.sqrt(moment(noise, 2));
  // 3 sqrt 2; drawn alike they would make 6.
  assert.ok(Math.abs(deviation - 4.243) < 0.12, `seed ${seed}: ${deviation}`);
});

test("the first observation is noisy too, and a reading saturates at its channel's limit", () => {
  const env = disturbObservations(new Counter({ range: 5 }), Float64Array.of(10, 10, 10));
  const observation = new Float32Array(3);
  let saturated = 0;
  for (let episode = 0; episode < 200; episode++) {
    env.reset(seed + episode, observation);
    assert.ok(
      observation.every((value) => Math.abs(value) <= 5),
      `seed ${seed + episode}`,
    );
    if (observation.every((value) => value !== 0)) saturated++;
  }
  assert.equal(saturated, 200);
});

for (const [name, drop, channel] of [
  ["observations", dropObservations, 0],
  ["commands", dropActions, 1],
] as const) {
  test(`${name} are lost with their probability, one as the other`, () => {
    const share = 0.3;
    const commands = Array.from({ length: many }, (_, t) => (t + 1) / many);
    const told = readings(drop(new Counter({ range: 1e6 }), share), commands, channel, seed);
    const lost = told.slice(1).map((value, t) => value === told[t]);
    // Pairs of neighbours in four cells, 3 degrees of freedom: above 16.3 once in a thousand.
    const counts = [0, 0, 0, 0];
    for (let t = 0; t + 1 < many; t += 2) counts[2 * Number(lost[t]) + Number(lost[t + 1])]++;
    const want = [0.49, 0.21, 0.21, 0.09].map((p) => (p * many) / 2);
    const chi2 = counts.reduce((sum, n, cell) => sum + (n - want[cell]) ** 2 / want[cell], 0);
    assert.ok(chi2 < 16.3, `seed ${seed}: chi-squared ${chi2}, cells ${counts}`);
  });
}

test("parameters vary uniformly within their share, and stay what they were", () => {
  const inner = new Counter();
  const env = randomiseParameters(inner, { mass: 0.2 });
  const [bins, episodes] = [new Array<number>(10).fill(0), 4000];
  for (let episode = 0; episode < episodes; episode++) {
    const [mass] = readings(env, [], 2, seed + episode);
    assert.ok(mass >= 1.6 && mass <= 2.4, `seed ${seed + episode}: ${mass} kg`);
    bins[Math.min(9, Math.floor((mass - 1.6) / 0.08))]++;
    assert.equal(inner.parameters["length"], 3);
    assert.deepEqual(env.parameters, { mass: 2, length: 3 });
  }
  const want = episodes / 10;
  const chi2 = bins.reduce((sum, n) => sum + (n - want) ** 2 / want, 0);
  // 9 degrees of freedom: above 27.9 once in a thousand.
  assert.ok(chi2 < 27.9, `seed ${seed}: chi-squared ${chi2}, bins ${bins}`);
});

test("parameters set from outside are what the factors apply to", () => {
  const inner = new Counter();
  const env = randomiseParameters(inner, { mass: 0.2 });
  const [nominal] = readings(env, [], 2, seed);
  env.parameters!["mass"] = 20;
  const [heavy] = readings(env, [], 2, seed);
  assert.ok(Math.abs(heavy / nominal - 10) < 1e-6, `seed ${seed}: ${heavy} kg`);
  env.parameters!["length"] = 7;
  readings(env, [], 2, seed);
  assert.equal(inner.parameters["length"], 7);
});

test("one flaw more changes no other's chance", () => {
  const noisy = (env: Env): number[] =>
    readings(disturbObservations(env, Float64Array.of(1, 1, 1)), [0, 0, 0, 0], 0, seed);
  const alone = noisy(new Counter());
  const shares = { mass: 0.1 };
  const late = delayActions(randomiseParameters(new Counter(), shares), { low: 0, high: 3 });
  assert.deepEqual(noisy(dropActions(late, 0.5)), alone);
});
