// The reacher with other goals: what hindsight stores is what would have happened.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { ddpg } from "../../src/learn/ddpg.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { freshTraining } from "../../src/learn/training.ts";
import { checkTask } from "../../src/sim/check.ts";
import type { MujocoEnv } from "../../src/sim/mujoco-env.ts";
import { openTask } from "../../src/sim/tasks.ts";

const task = await openTask("reacher");
const channels = task.spec.observation.length;

/** Where the fingertip is, m: the target and how far it is missed by. */
function tipOf(observation: ArrayLike<number>): [number, number] {
  return [observation[4] + observation[8], observation[5] + observation[9]];
}

/** Where the arm's joints put the fingertip, m: two links of 10 cm, the tip 1 cm on. */
function reachOf(observation: ArrayLike<number>): [number, number] {
  const shoulder = Math.atan2(observation[2], observation[0]);
  const both = shoulder + Math.atan2(observation[3], observation[1]);
  const [x, y] = [Math.cos, Math.sin].map((of) => 0.1 * of(shoulder) + 0.11 * of(both));
  return [x, y];
}

function assertNear(found: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(found[i] - expected[i]) < 1e-6, `${what}[${i}]: ${found}, ${expected}`);
  }
}

test("check-env finds nothing wrong", () => {
  const wrong = checkTask(task).filter(({ problem }) => problem !== null);
  assert.deepEqual(wrong, []);
});

test("another goal is what the same arm would have seen, had the target been there", () => {
  const env = task.makeEnv() as MujocoEnv;
  const rng = new Rng(3);
  const [s, reached, seen] = [0, 1, 2].map(() => new Float32Array(channels));
  const state = (x: number, y: number): [number[], number[]] => [
    [rng.uniform(-1, 1), rng.uniform(-2, 2), x, y],
    [rng.uniform(-1, 1), rng.uniform(-1, 1), 0, 0],
  ];
  for (let i = 0; i < 20; i++) {
    const [qpos, qvel] = state(0.12, -0.05);
    env.setState(...state(-0.1, 0.08));
    env.observe(reached);
    env.setState(qpos, qvel);
    env.observe(s);
    task.relabel!(s, reached);
    const goal = tipOf(reached);
    assertNear(goal, reachOf(reached), "the goal");
    env.setState([qpos[0], qpos[1], ...goal], qvel);
    env.observe(seen);
    assertNear(s, seen, "observation");
  }
});

test("hindsight: both ends have a goal reached later, the reward is of its distance", async () => {
  const steps = task.episodeStepsMax;
  const settings = settingsOf("ours", "reacher", {
    ...{ steps, randomSteps: steps, learnAfter: steps + 1, hindsight: 4, replayRows: 1_000 },
    ...{ actorHidden: [4], criticHidden: [4], batch: 4 },
  });
  const { run } = await freshTraining(settings, task);
  try {
    for await (const _ of ddpg(run, settings));
  } finally {
    await run.learner.engine.close();
  }
  const { replay } = run;
  const { width } = replay;
  const own = Array.from({ length: steps + 1 }, (_, t) => replay.rows.slice(t * width));
  const tips = own.map(tipOf);
  const goals = new Set<string>();
  let [stored, touched] = [0, 0];
  for (let row = steps + 1; row < replay.head; row++) {
    if (!replay.holds(row)) continue;
    const t = stored++ % steps;
    const at = (of: number, from: number, to: number): Float32Array =>
      replay.rows.slice(of * width + from, of * width + to);
    const [s, next] = [at(row, 0, channels), at(replay.following(row), 0, channels)];
    const [a, reward] = [at(row, channels, channels + 2), replay.rows[row * width + channels + 2]];
    assertNear(tipOf(s), tips[t], "the fingertip before");
    assertNear(tipOf(next), tips[t + 1], "the fingertip after");
    assert.deepEqual(s.slice(4, 6), next.slice(4, 6), "one goal");
    const later = tips.findIndex(([x, y], i) => i > t && Math.hypot(x - s[4], y - s[5]) < 1e-6);
    assert.ok(later > t, `step ${t} has a goal that no later step reached`);
    const distance = Math.hypot(tips[t + 1][0] - s[4], tips[t + 1][1] - s[5]);
    assert.ok(Math.abs(reward + distance + a[0] ** 2 + a[1] ** 2) < 1e-5, `reward ${reward}`);
    if (distance < 1e-6) touched++;
    goals.add(`${s[4]}`);
  }
  assert.equal(stored, 4 * steps);
  assert.ok(goals.size > steps / 2 && touched >= 4, `${goals.size} goals, ${touched} touched`);
});
