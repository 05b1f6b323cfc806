import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { checkSpec } from "../../src/core/spec.ts";
import { Pendulum, pendulumSpec, pendulumTask } from "../../src/sim/pendulum.ts";

interface Golden {
  episodes: {
    theta: number;
    thetaDot: number;
    observation0: number[];
    steps: {
      action: number[];
      observation: number[];
      reward: number;
      terminated: boolean;
      truncated: boolean;
    }[];
  }[];
}

const golden: Golden = JSON.parse(readFileSync("test/golden/pendulum-v1.json", "utf8"));

test("golden episodes of Pendulum-v1: observations bit-equal, rewards within 1e-14", () => {
  const pendulum = new Pendulum();
  const observation = new Float32Array(3);
  let steps = 0;
  for (const episode of golden.episodes) {
    pendulum.setState(episode.theta, episode.thetaDot);
    pendulum.observe(observation);
    assert.deepEqual(observation, Float32Array.from(episode.observation0));
    for (const step of episode.steps) {
      const outcome = pendulum.step(Float32Array.from(step.action), observation);
      assert.deepEqual(observation, Float32Array.from(step.observation), `step ${steps}`);
      const error = Math.abs(outcome.reward - step.reward);
      assert(error <= 1e-14, `step ${steps}: reward off by ${error}`);
      assert.equal(outcome.terminated, step.terminated);
      assert.equal(outcome.truncated, step.truncated);
      steps++;
    }
  }
  assert.equal(steps, 80);
});

test("the task judges a logged step as the world did, to float32 of the observation", () => {
  const rng = new Rng(11);
  const pendulum = new Pendulum();
  const before = new Float32Array(3);
  const after = new Float32Array(3);
  for (let episode = 0; episode < 20; episode++) {
    pendulum.reset(episode, after);
    for (let step = 0; step < 200; step++) {
      before.set(after);
      // Beyond the limits too: the motor clips, and so does the judge.
      const action = Float32Array.of(rng.uniform(-3, 3));
      const { reward } = pendulum.step(action, after);
      const judged = pendulumTask.reward(before, action, after);
      assert(Math.abs(judged - reward) < 1e-5, `episode ${episode} step ${step}: ${judged}`);
    }
  }
});

test("the angle is not wrapped by the state but by the cost", () => {
  const pendulum = new Pendulum();
  const observation = new Float32Array(3);
  const still = new Float32Array(1);
  for (const turns of [-7, -1, 0, 1, 1000]) {
    pendulum.setState(0.5 + turns * 2 * Math.PI, 1);
    const { reward } = pendulum.step(still, observation);
    assert(Math.abs(reward + 0.25 + 0.1) < 1e-10, `${turns} turns: ${reward}`);
  }
});

test("an episode is truncated at 200 steps, never terminated, and begins anew at reset", () => {
  const pendulum = pendulumTask.makeEnv();
  const observation = new Float32Array(3);
  for (let episode = 0; episode < 2; episode++) {
    pendulum.reset(episode, observation);
    for (let step = 1; step <= pendulumTask.episodeStepsMax; step++) {
      const { terminated, truncated } = pendulum.step(new Float32Array(1), observation);
      assert.equal(terminated, false);
      assert.equal(truncated, step === 200);
    }
  }
});

test("a start is fixed by its seed and spreads over all angles and speeds", () => {
  const pendulum = new Pendulum();
  const again = new Pendulum();
  const observation = new Float32Array(3);
  const repeated = new Float32Array(3);
  let up = 0;
  let speedMax = 0;
  for (let seed = 0; seed < 1000; seed++) {
    pendulum.reset(seed, observation);
    again.reset(seed, repeated);
    assert.deepEqual(observation, repeated, `seed ${seed}`);
    if (observation[0] > 0) up++;
    speedMax = Math.max(speedMax, Math.abs(observation[2]));
  }
  assert(up > 430 && up < 570, `${up} of 1000 starts are in the upper half`);
  assert(speedMax > 0.98 && speedMax <= 1, `fastest start ${speedMax} rad/s`);
});

test("hanging is straight down at rest, and the spec is a valid one", () => {
  checkSpec(pendulumSpec);
  const pendulum = new Pendulum();
  const observation = new Float32Array(3);
  pendulum.hang();
  pendulum.observe(observation);
  assert.deepEqual(observation, Float32Array.of(-1, Math.sin(Math.PI), 0));
});
