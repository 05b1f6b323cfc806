import assert from "node:assert/strict";
import { test } from "node:test";
import { GaussianNoise, type Noise, OrnsteinUhlenbeckNoise } from "../../src/learn/noise.ts";
import { noiseMoments, noiseText } from "../../src/learn/noise-moments.ts";
import { settingsOf } from "../../src/learn/presets.ts";

/** Root mean square and lag-20 correlation over 200-step episodes, each started afresh. */
function moments(noise: Noise, episodes: number): { rms: number; correlation: number } {
  const x = new Float32Array(1);
  let [squares, products, count, pairs] = [0, 0, 0, 0];
  for (let e = 0; e < episodes; e++) {
    noise.reset();
    const path: number[] = [];
    for (let t = 0; t < 200; t++) {
      noise.sample(1, x);
      path.push(x[0]);
    }
    for (let t = 0; t < 200; t++) {
      squares += path[t] ** 2;
      count++;
      if (t >= 20) {
        products += path[t] * path[t - 20];
        pairs++;
      }
    }
  }
  return { rms: Math.sqrt(squares / count), correlation: products / pairs / (squares / count) };
}

// The measured moments of the two conventions that both go by "theta 0.15, sigma 0.2".
test("Ornstein-Uhlenbeck with dt 0.01 wanders slowly", () => {
  const { rms, correlation } = moments(new OrnsteinUhlenbeckNoise(1, 0.15, 0.2, 0.01, 1), 2000);
  assert.ok(Math.abs(rms - 0.183) < 0.01, `rms ${rms}`);
  assert.ok(Math.abs(correlation - 0.891) < 0.03, `correlation ${correlation}`);
});

test("Ornstein-Uhlenbeck with dt 1 forgets within 20 steps", () => {
  const { rms, correlation } = moments(new OrnsteinUhlenbeckNoise(1, 0.15, 0.2, 1, 1), 2000);
  assert.ok(Math.abs(rms - 0.378) < 0.01, `rms ${rms}`);
  assert.ok(Math.abs(correlation - 0.038) < 0.03, `correlation ${correlation}`);
});

test("what a run says of its noise is what the noise does, in both conventions", () => {
  const ou = { noise: "ou", noiseTheta: 0.15, noiseSigma: 0.2 } as const;
  const settings = settingsOf("lillicrap", "pendulum", ou);
  for (const [noiseDt, rms, next, later] of [
    [0.01, 0.183, 0.99, 0.891],
    [1, 0.378, 0.85, 0.038],
  ]) {
    const found = noiseMoments({ ...settings, noiseDt });
    assert.ok(Math.abs(found.rms - rms) < 0.01, `rms ${found.rms}`);
    assert.ok(Math.abs(found.correlation1 - next) < 0.015, `next ${found.correlation1}`);
    assert.ok(Math.abs(found.correlation20 - later) < 0.03, `later ${found.correlation20}`);
  }
  const said = noiseText({ ...settings, noiseDt: 1, finalNoiseShare: 0.25 });
  assert.match(said, /^ou theta 0\.15 sigma 0\.2 dt 1: rms 0\.38, correlation 0\.8\d to the next/);
  assert.match(said, /, 0\.0[3-5] after 20; falls linearly to 25 %$/);
  const silent = { ...settings, noise: "none" } as const;
  assert.deepEqual(noiseMoments(silent), { rms: 0, correlation1: 0, correlation20: 0 });
  assert.match(noiseText(silent), /^none: /);
  assert.deepEqual(
    noiseText({ ...silent, randomShare: 0.5, finalNoiseShare: 0.1, parameterNoise: 0.3 }).split(
      "; ",
    ),
    [
      "50 % of the actions uniform",
      "falls linearly to 10 %",
      "on the actor's weights, a distance of 0.3",
    ],
  );
  assert.match(noiseText({ ...settings, noise: "gaussian" }), /^gaussian sigma 0\.2: rms 0\.20, /);
});

test("Gaussian noise has its deviation and no memory", () => {
  const { rms, correlation } = moments(new GaussianNoise(0.3, 4), 1000);
  assert.ok(Math.abs(rms - 0.3) < 0.003, `rms ${rms}`);
  assert.ok(Math.abs(correlation) < 0.02, `correlation ${correlation}`);
});

const makers: Readonly<Record<string, () => Noise>> = {
  gaussian: () => new GaussianNoise(0.3, 4),
  ou: () => new OrnsteinUhlenbeckNoise(2, 0.15, 0.2, 0.1, 4),
};

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: dimensions are independent, the scale scales, and a saved state goes on`, () => {
    const [one, two] = [make(), make()];
    const [x, y] = [new Float32Array(2), new Float32Array(2)];
    one.sample(1, x);
    two.sample(0.5, y);
    assert.notEqual(x[0], x[1]);
    assert.deepEqual(
      [...y],
      [...x].map((value) => Math.fround(value * 0.5)),
    );
    two.restore(one.save());
    one.sample(1, x);
    two.sample(1, y);
    assert.deepEqual(x, y);
  });
}
