import assert from "node:assert/strict";
import { test } from "node:test";
import { Alarms } from "../../src/learn/alarms.ts";
import { ddpg } from "../../src/learn/ddpg.ts";
import { metricNames, type StepMetrics } from "../../src/learn/losses.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { freshTraining } from "../../src/learn/training.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";

/** Q forgets in 1,000 rounds. */
const short = { gamma: 0.9, tau: 0.01, targetEvery: 1 };

function metrics(
  values: Partial<Record<(typeof metricNames)[number], number>>,
  count = 5000,
): StepMetrics {
  const entries = metricNames.map((name) => [
    name,
    new Float32Array(count).fill(values[name] ?? 0),
  ]);
  return Object.fromEntries(entries) as StepMetrics;
}

test("a Q that no rewards could add up to raises the alarm, once", () => {
  // Pendulum's rewards are never above 0, so +0.4 cannot be (a published tutorial shows it).
  const rewards = { lowest: -16.27, highest: 0 };
  const alarms = new Alarms(short);
  assert.equal(alarms.check(metrics({ q: -100 }), rewards, 1), null);
  assert.match(alarms.check(metrics({ q: 0.4 }), rewards, 1) ?? "", /Q is 0.40 .* -162.70 to 0.00/);
  assert.equal(alarms.check(metrics({ q: 0.4 }), rewards, 1), null);
  assert.match(new Alarms(short).check(metrics({ q: -17 }), rewards, 0.1) ?? "", /Q is -17.00/);
});

test("alarms go on from a checkpoint: what was counted, and what was said", () => {
  const rewards = { lowest: -1, highest: 0 };
  const one = new Alarms(short);
  one.check(metrics({ q: 5 }), rewards, 1);
  assert.equal(one.said.length, 1);
  const two = new Alarms(short);
  two.restore(JSON.parse(JSON.stringify(one.save())));
  assert.equal(two.check(metrics({ q: 5 }), rewards, 1), null, "it has been said");
  assert.deepEqual(two.said, one.said);
  assert.match(two.check(metrics({ saturation: 1 }), rewards, 1) ?? "", /actor's outputs/);
  assert.equal(two.said.length, 2);
});

test("an actor that is at its ends all the time raises the alarm", () => {
  const rewards = { lowest: -1, highest: 1 };
  assert.match(
    new Alarms(short).check(metrics({ saturation: 1 }), rewards, 1) ?? "",
    /100 % of the actor's outputs/,
  );
  assert.equal(new Alarms(short).check(metrics({ saturation: 0.9 }), rewards, 1), null);
});

test("an actor that comes back from its ends by itself, as young ones do, raises none", () => {
  const rewards = { lowest: -1, highest: 1 };
  const alarms = new Alarms(short);
  for (const [saturation, count] of [
    [1, 4999],
    [0.5, 1],
    [1, 4999],
  ]) {
    assert.equal(alarms.check(metrics({ saturation }, count), rewards, 1), null);
  }
  assert.match(alarms.check(metrics({ saturation: 1 }, 1), rewards, 1) ?? "", /actor's outputs/);
});

test("an alarm that has been raised is not raised again after things were fine for a while", () => {
  const rewards = { lowest: -1, highest: 1 };
  for (const [bad, fine] of [
    [{ saturation: 1 }, { saturation: 0 }],
    [{ q: 50 }, { q: 0 }],
  ]) {
    const alarms = new Alarms(short);
    assert.notEqual(alarms.check(metrics(bad), rewards, 1), null);
    for (const now of [fine, bad, fine, bad]) {
      assert.equal(alarms.check(metrics(now), rewards, 1), null);
    }
    assert.equal(alarms.said.length, 1);
  }
});

test("a Q that the untrained critic or an older scale of rewards has left raises no alarm", () => {
  const usual = { gamma: 0.99, tau: 0.005, targetEvery: 1 };
  const rewards = { lowest: -16, highest: 0 };
  // Rewards are scaled to some hundredths: what the first weights say of Q outlasts thousands.
  const young = new Alarms(usual);
  assert.equal(young.check(metrics({ q: 0.5 }, 4_000), rewards, 0.005), null);
  assert.equal(young.check(metrics({ q: -0.1 }, 1), rewards, 0.005), null);
  assert.equal(young.check(metrics({ q: 0.5 }, 19_999), rewards, 0.005), null);
  assert.match(young.check(metrics({ q: 0.5 }, 1), rewards, 0.005) ?? "", /Q is 0.50/);
  // The scale fell to a half, and Q follows as fast as its targets do.
  const lagging = new Alarms(usual);
  const both = { lowest: -1, highest: 1 };
  assert.equal(lagging.check(metrics({ q: 70 }, 30_000), both, 1), null);
  const { q, ...rest } = metrics({}, 60_000);
  q.forEach((_, k) => {
    q[k] = 35 + 35 * Math.exp(-5e-5 * k);
  });
  assert.equal(lagging.check({ q, ...rest }, both, 0.5), null);
});

test("how long Q forgets goes by the targets, within limits", () => {
  const rewards = { lowest: -1, highest: 0 };
  for (const [gamma, tau, targetEvery, patience] of [
    [0.9, 0.01, 1, 1_000],
    [0.9, 1, 300, 3_000],
    [0.5, 0.5, 1, 200],
    [0.99, 1e-4, 1, 20_000],
    [1, 0, 1, 20_000],
  ]) {
    const alarms = new Alarms({ gamma, tau, targetEvery });
    const q = rewards.lowest * 2e6;
    assert.equal(alarms.check(metrics({ q }, patience - 1), rewards, 1), null, `${patience}`);
    assert.notEqual(alarms.check(metrics({ q }, 1), rewards, 1), null, `${patience}`);
  }
});

test("normalised returns raise no alarm on the pendulum", async () => {
  const hidden = { actorHidden: [64, 64], criticHidden: [64, 64] };
  const first = { randomSteps: 200, learnAfter: 200, replayRows: 2_000, steps: 700 };
  const changes = { ...hidden, ...first, seed: 1, threads: 1, returnNorm: "running" } as const;
  const settings = settingsOf("pfrl", "pendulum", changes);
  const { run, alarms } = await freshTraining(settings, pendulumTask);
  try {
    let beyond = 0;
    for await (const report of ddpg(run, settings)) {
      if (report.kind !== "learned") continue;
      if (report.metrics.q[0] > 0.1) beyond++;
      const { rewards } = run.episode;
      assert.equal(alarms.check(report.metrics, rewards, run.rewardScale.value), null);
    }
    assert.ok(beyond > 300, `rewards are never above 0, and Q was for ${beyond} steps`);
  } finally {
    await run.learner.engine.close();
  }
});
