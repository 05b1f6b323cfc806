import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { ActorForward } from "../../src/learn/actor-forward.ts";
import { Explorer } from "../../src/learn/explorer.ts";
import { initialState, type Learner } from "../../src/learn/learner.ts";
import { Normaliser, RewardScale } from "../../src/learn/normaliser.ts";
import { distanceOf, ParameterNoise } from "../../src/learn/parameter-noise.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { Replay } from "../../src/learn/replay.ts";
import { lossesOf, type TrainSettings } from "../../src/learn/settings.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

function explorer(changes: Partial<TrainSettings>) {
  const settings = settingsOf("ours", "pendulum", { steps: 1000, randomSteps: 10, ...changes });
  const losses = lossesOf(settings, pendulumSpec);
  const { carried } = initialState(losses, 3e-3, new Rng(4));
  const scale = new Normaliser(pendulumSpec, "spec", 0);
  const actor = carried["actor.online"];
  const learner = { actor, actorStatistics: new Float32Array(0) } as unknown as Learner;
  const s = Float32Array.of(1, 0, 0.5);
  const forward = new ActorForward(losses.shape);
  const actionAt = (observation: Float32Array): number => {
    const a = new Float32Array(1);
    forward.act(actor, new Float32Array(0), scale, observation, a);
    return a[0];
  };
  const made = new Explorer(settings, losses.shape, scale);
  const at = (step: number): number => {
    const a = new Float32Array(1);
    made.act(learner, s, step, a);
    return a[0];
  };
  return { made, learner, at, actionAt, own: actionAt(s) };
}

/** Root-mean-square of what a step's actions differ from the actor's own. */
function spread(at: (step: number) => number, own: number, step: number): number {
  const squares = Array.from({ length: 4000 }, () => (at(step) - own) ** 2);
  return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / squares.length);
}

test("noise has the stated deviation and falls as stated: linearly, exponentially", () => {
  for (const [noiseDecay, middle] of [
    ["linear", 0.1 * (0.5 + 0.125)],
    ["exponential", 0.1 * Math.sqrt(0.25)],
  ] as const) {
    const { at, own } = explorer({
      noiseSigma: 0.1,
      finalNoiseShare: 0.25,
      noiseDecay,
      randomSteps: 0,
    });
    for (const [step, expected] of [
      [0, 0.1],
      [500, middle],
      [1000, 0.025],
    ]) {
      const found = spread(at, own, step);
      assert.ok(Math.abs(found / expected - 1) < 0.05, `${noiseDecay} at ${step}: ${found}`);
    }
  }
});

test("first actions are uniform, and later ones now and then where asked", () => {
  const { at, own } = explorer({ noise: "none", randomShare: 0.5, finalNoiseShare: 1 });
  const early = Array.from({ length: 2000 }, () => at(9));
  assert.ok(Math.abs(spread(at, 0, 9) - 1 / Math.sqrt(3)) < 0.02, "uniform in [-1, 1]");
  assert.ok(early.every((a) => a >= -1 && a <= 1 && a !== own));
  const random = Array.from({ length: 4000 }, () => at(500)).filter((a) => a !== own).length;
  assert.ok(random > 1850 && random < 2150, `${random} of 4000`);
});

test("noisy actions stay in the box", () => {
  const { at } = explorer({ noiseSigma: 5, randomSteps: 0 });
  const actions = Array.from({ length: 500 }, () => at(500));
  assert.ok(actions.every((a) => a >= -1 && a <= 1));
  assert.ok(actions.includes(-1) && actions.includes(1));
});

test("parameter noise: another actor each episode, the same within one", () => {
  const { made, learner, at, own } = explorer({
    noise: "none",
    parameterNoise: 0.3,
    randomSteps: 0,
  });
  made.begin(learner);
  const first = at(500);
  assert.equal(at(501), first);
  assert.notEqual(first, own);
  made.begin(learner);
  assert.notEqual(at(502), first);
  const twin = explorer({ noise: "none", parameterNoise: 0.3, randomSteps: 0 });
  twin.made.restore(made.save());
  twin.made.begin(learner);
  made.begin(learner);
  assert.equal(twin.at(503), at(503), "a restored explorer goes on alike");
});

/** A replay of one long episode of the pendulum's observations, drawn at random. */
function seen(count: number): Replay {
  const rng = new Rng(20260301);
  const replay = new Replay(3, 1, count + 1, 0.99);
  const draw = (): Float32Array => {
    const angle = rng.uniform(-Math.PI, Math.PI);
    return Float32Array.of(Math.cos(angle), Math.sin(angle), rng.uniform(-8, 8));
  };
  for (let i = 0; i < count; i++) replay.add(draw(), new Float32Array(1), 0, false);
  replay.endEpisode(draw());
  return replay;
}

test("parameter noise converges to where actions are as far off as asked, in one episode", () => {
  const goal = 0.2;
  const { made, learner, actionAt } = explorer({
    parameterNoise: goal,
    noise: "none",
    randomSteps: 0,
  });
  const replay = seen(500);
  made.begin(learner);
  // One long episode: what drives it stays, the noise of the next one is found meanwhile.
  for (let step = 0; step < 60_000; step += 50) made.adapt(learner, replay, step, step + 50);
  const settled = made.save().parameterNoise[4];
  // What comes out at the next episodes, on the very observations: their actions and the actor's.
  const { rows, width } = replay;
  const spreads = Array.from({ length: 200 }, (_, episode) => {
    const s = rows.subarray(episode * width, episode * width + 3);
    const a = new Float32Array(1);
    made.begin(learner);
    made.act(learner, s, 500, a);
    return (a[0] - actionAt(s)) ** 2;
  });
  const found = Math.sqrt(spreads.reduce((sum, one) => sum + one, 0) / spreads.length);
  assert.ok(Math.abs(found / goal - 1) < 0.25, `actions are ${found} off, not ${goal}`);
  for (let step = 60_000; step < 70_000; step += 50) {
    made.adapt(learner, replay, step, step + 50);
    const now = made.save().parameterNoise[4];
    assert.ok(Math.abs(now / settled - 1) < 0.2, `the noise went from ${settled} to ${now}`);
  }
});

test("parameter noise adapts at each fiftieth gradient step, whatever a call takes at once", () => {
  const replay = seen(100);
  for (const [each, total] of [
    [1, 200],
    [7, 210],
    [50, 500],
    [64, 640],
    [200, 1000],
  ]) {
    // Actions are never so far off: each adaption makes the noise larger.
    const { made, learner } = explorer({ parameterNoise: 5, noise: "none" });
    for (let step = 0; step < total; step += each) made.adapt(learner, replay, step, step + each);
    const grown = Math.log(made.save().parameterNoise[4] / 5) / Math.log(1.01);
    assert.equal(Math.round(grown), Math.ceil(total / 50), `${each} at once`);
  }
});

test("parameter noise grows while actions are too near and shrinks while they are too far", () => {
  const { shape } = lossesOf(settingsOf("ours", "pendulum"), pendulumSpec);
  const noise = new ParameterNoise(shape, 0.2, 1);
  noise.adapt(0.1);
  assert.equal(noise.deviation, 0.2 * 1.01);
  noise.adapt(0.3);
  noise.adapt(0.3);
  assert.ok(Math.abs(noise.deviation - 0.2 / 1.01) < 1e-12);
  assert.equal(distanceOf(Float32Array.of(0, 1), Float32Array.of(3, 5)), Math.sqrt(12.5));
});

test("running scales are mean and deviation of what was seen, and survive a checkpoint", () => {
  const one = new Normaliser(pendulumSpec, "running", 5);
  const seen = [1, 2, 4, 9].map((x) => Float32Array.of(x, 10 * x, 3));
  for (const s of seen) one.see(s);
  assert.deepEqual([...one.mean], [4, 40, 3]);
  const deviation = Math.sqrt((9 + 4 + 0 + 25) / 4);
  assert.ok(Math.abs(one.scale[0] * deviation - 1) < 1e-6);
  assert.ok(Math.abs(one.scale[1] * deviation * 10 - 1) < 1e-6);
  assert.ok(one.scale[2] <= 1e4 * 1.001, "a channel that never moves is not blown up without end");
  const two = new Normaliser(pendulumSpec, "running", 5);
  two.restore(one.save());
  assert.deepEqual([two.mean, two.scale], [one.mean, one.scale]);
  two.see(Float32Array.of(7, 7, 7));
  one.see(Float32Array.of(7, 7, 7));
  assert.deepEqual([two.mean, two.scale], [one.mean, one.scale]);
  const fixed = new Normaliser(pendulumSpec, "spec", 0);
  fixed.see(Float32Array.of(100, 100, 100));
  assert.deepEqual([...fixed.mean], [0, 0, 0]);
  assert.deepEqual([...fixed.scale], [1, 1, 1 / 8]);
});

test("the running reward scale is one over the deviation of the discounted return", () => {
  const scale = new RewardScale(2, 0.5, true);
  const rewards = [1, 3, -2, 5];
  const returns: number[] = [];
  let now = 0;
  rewards.forEach((reward, i) => {
    now = now * 0.5 + reward;
    returns.push(now);
    scale.see(reward, i === 1);
    if (i === 1) now = 0;
  });
  const mean = returns.reduce((sum, one) => sum + one, 0) / 4;
  const variance = returns.reduce((sum, one) => sum + (one - mean) ** 2, 0) / 4;
  assert.ok(Math.abs(scale.value - 2 / Math.sqrt(variance)) < 1e-12);
  assert.equal(new RewardScale(0.1, 0.9, false).value, 0.1);
});
