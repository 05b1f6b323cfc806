// Worlds side by side leave in the replay what one world alone would.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report, Run } from "../../src/learn/ddpg.ts";
import { parallelDdpg } from "../../src/learn/ddpg-parallel.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { Rollouts } from "../../src/learn/rollouts.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { freshTraining } from "../../src/learn/training.ts";
import type { Env, Task } from "../../src/sim/env.ts";

/**
 * Worlds whose observation is [world, step, episode]; the reward is `reward` of the three, and an
 * episode ends after so many steps as `end` says. World 0 is the run's own, which stands still
 * while worlds are driven side by side.
 */
function counters(
  reward: (s: Float32Array) => number,
  episodeSteps: number,
  end: "terminated" | "truncated" = "truncated",
): Task {
  let worlds = 0;
  const spec = {
    observation: ["world", "step", "episode"].map((name) => {
      return { name, unit: "1", low: -100, high: 100 };
    }),
    action: [{ name: "force", unit: "N", low: -1, high: 1 }],
    periodUs: 1000,
  };
  const makeEnv = (): Env => {
    const own = worlds++;
    let [step, episode] = [0, 0];
    return {
      spec,
      reset(_, s) {
        step = 0;
        episode++;
        s.set([own, step, episode]);
      },
      step(_, s) {
        step++;
        s.set([own, step, episode]);
        const outcome = { reward: reward(s), terminated: false, truncated: false };
        return { ...outcome, [end]: step === episodeSteps };
      },
    };
  };
  return {
    ...{ name: "counters", spec, makeEnv, episodeStepsMax: episodeSteps },
    ...{ selectionStarts: 2, judgedStarts: 2, reward: () => 0 },
  };
}

async function drive(task: Task, changes: Partial<TrainSettings>) {
  const settings = settingsOf("td3", task.name, {
    ...{ steps: 48, randomSteps: 0, learnAfter: 1000, batch: 4, gamma: 0.5, lanes: 3 },
    ...{ collectSteps: 6, gradientSteps: 2, actorHidden: [4], criticHidden: [4] },
    ...{ replayRows: 300, checkpointEvery: 1000, ...changes },
  });
  const { run } = await freshTraining(settings, task);
  const rollouts = new Rollouts(task, settings);
  const reports: Report[] = [];
  try {
    for await (const report of parallelDdpg(run, settings, rollouts)) reports.push(report);
  } finally {
    await rollouts.close();
    await run.learner.engine.close();
  }
  return { run, reports };
}

/** Transitions that can be drawn: s, return, discount, s'. */
function transitionsOf({ replay }: Run) {
  const at = (row: number) => [
    ...replay.rows.subarray(row * replay.width, (row + 1) * replay.width),
  ];
  const found = [];
  for (let row = 0; row < replay.capacity; row++) {
    if (!replay.holds(row)) continue;
    const numbers = at(row);
    const next = at(replay.following(row)).slice(0, 3);
    found.push({ s: numbers.slice(0, 3), r: numbers[4], discount: numbers[5], next });
  }
  return found;
}

test("n-step returns go on where one turn of a world ends and its next begins", async () => {
  // Turns of two steps, returns of five, episodes of eleven.
  const { run } = await drive(
    counters((s) => s[1], 11),
    { nSteps: 5 },
  );
  const found = transitionsOf(run);
  assert.equal(found.length, 48, "each step is one transition");
  const seen = new Set<string>();
  for (const { s, r, discount, next } of found) {
    const [world, t, episode] = s;
    // 16 steps of each world: an episode of eleven, then five of another, cut off at the end.
    const last = episode === 1 ? 11 : 5;
    const span = Math.min(5, last - t);
    assert.deepEqual(next, [world, t + span, episode]);
    let expected = 0;
    for (let k = 0; k < span; k++) expected += 0.5 ** k * (t + k + 1);
    assert.equal(r, expected);
    assert.equal(discount, 0.5 ** span);
    seen.add(s.join());
  }
  assert.equal(seen.size, 48);
});

for (const end of ["terminated", "truncated"] as const) {
  for (const nSteps of [1, 3]) {
    test(`side by side, episodes that are ${end} leave their discounts, n ${nSteps}`, async () => {
      const { run } = await drive(
        counters(() => 1, 5, end),
        { nSteps },
      );
      const found = transitionsOf(run);
      assert.equal(found.length, 48);
      let over = 0;
      for (const { s, r, discount, next } of found) {
        const [world, t, episode] = s;
        // 16 steps of each world: three episodes of five, then one step, which is cut off.
        const last = episode === 4 ? 1 : 5;
        const span = Math.min(nSteps, last - t);
        assert.deepEqual(next, [world, t + span, episode]);
        assert.equal(r, 2 - 2 ** (1 - span));
        const ended = end === "terminated" && episode < 4 && t + span === last;
        assert.equal(discount, ended ? 0 : 0.5 ** span, `${s}`);
        if (ended) over++;
      }
      assert.equal(over, end === "terminated" ? 9 * nSteps : 0);
      assert.equal(run.episodes, 9, "what is cut off is no episode");
    });
  }
}

test("a replay of several worlds holds as many transitions as it has rows for", async () => {
  const { run } = await drive(
    counters(() => 0, 1000),
    { steps: 1200, nSteps: 3, lanes: 4, collectSteps: 4, checkpointEvery: 2000 },
  );
  // 75 rows of each world, of which the last holds where the world was cut off.
  assert.equal(transitionsOf(run).length, 4 * 74);
  assert.equal(run.replay.transitions, 4 * 74);
});

test("a run in epochs leaves nothing open at their ends", async () => {
  const { run } = await drive(
    counters(() => 1, 1000),
    { nSteps: 4, checkpointEvery: 12 },
  );
  assert.deepEqual([...run.replay.save().pending], [0, 0, 0]);
  const longest = transitionsOf(run).map(({ s }) => s[1]);
  assert.equal(Math.max(...longest), 3, "every epoch of four steps starts anew");
});

test("normalised returns are summed for each world by itself", async () => {
  const rewards = (s: Float32Array): number => (s[0] === 1 ? 1 : s[0] === 2 ? -1 : 0);
  const { run } = await drive(counters(rewards, 1000), { returnNorm: "running" });
  // Of each world the discounted return after k of 16 steps is its reward times 2 - 2^(1 - k).
  const sums = Array.from({ length: 16 }, (_, k) => 2 - 2 ** -k);
  const squares = 2 * sums.reduce((sum, one) => sum + one ** 2, 0);
  const deviation = Math.sqrt(squares / 48);
  assert.ok(Math.abs(run.rewardScale.value * deviation - 1) < 1e-12);
});

test("an observation that is not a number ends the run, also the first of an episode", async () => {
  const task = counters(() => 0, 1000);
  const broken: Task = {
    ...task,
    makeEnv() {
      const env = task.makeEnv();
      return {
        ...env,
        reset(seed, s) {
          env.reset(seed, s);
          s[2] = Number.NaN;
        },
      };
    },
  };
  await assert.rejects(drive(broken, {}), { code: "environment", message: /NaN .*"episode"/ });
});

test("learning waits for the first transition, however soon it is asked for", async () => {
  const { reports } = await drive(
    counters(() => 0, 1000),
    { learnAfter: 1, nSteps: 100, replayRows: 400 },
  );
  // No return of 100 steps is whole before the worlds are cut off at the end.
  assert.ok(!reports.some(({ kind }) => kind === "learned"));
  const soon = await drive(
    counters(() => 0, 1000),
    { learnAfter: 1, nSteps: 10 },
  );
  assert.ok(soon.reports.some(({ kind }) => kind === "learned"));
});
