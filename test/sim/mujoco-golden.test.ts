import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MujocoEnv } from "../../src/sim/mujoco-env.ts";
import { openTask } from "../../src/sim/tasks.ts";

interface Golden {
  readonly env: string;
  readonly mujoco: string;
  readonly episodes: readonly {
    readonly qpos: number[];
    readonly qvel: number[];
    readonly observation0: number[];
    readonly steps: readonly {
      readonly action: number[];
      readonly observation: number[];
      readonly reward: number;
      readonly terminated: boolean;
      readonly truncated: boolean;
    }[];
  }[];
}

const files = {
  "half-cheetah": "halfcheetah-v5",
  "inverted-pendulum": "invertedpendulum-v5",
  reacher: "reacher-v5",
  hopper: "hopper-v5",
  walker2d: "walker2d-v5",
};

/** Contacts magnify the last bit of another maths library by about ten a few steps. */
function toleranceAt(step: number): number {
  if (step <= 1) return 0;
  return step <= 10 ? 1e-9 : 1e-6;
}

for (const [name, file] of Object.entries(files)) {
  test(`${name}: golden episodes of ${file}, the first step bit-equal`, async (context) => {
    const golden: Golden = JSON.parse(readFileSync(`test/golden/${file}.json`, "utf8"));
    const told = await follow(name, golden);
    // Uniform actions end three of them early: hopper after 11 and 10 steps, walker2d after 12 and
    // 10, the inverted pendulum after 4 and 7. What is below goes to step 40 for those.
    assert(told.count >= 10, `${told.count} steps`);
    context.diagnostic(`${told.count} steps, off by at most ${told.worst.toExponential(1)}`);
  });
}

// Gently driven, so that nothing ends: tools/golden/upright.py.
const upright: readonly Golden[] = JSON.parse(readFileSync("test/golden/upright-v5.json", "utf8"));
for (const golden of upright) {
  const [name] = Object.entries(files).find(([, file]) => file === golden.env.toLowerCase())!;
  test(`${name}: 40 steps of Gymnasium's without a fall`, async (context) => {
    const { count, worst } = await follow(name, golden);
    assert.equal(count, 40 * golden.episodes.length);
    context.diagnostic(`off by at most ${worst.toExponential(1)}`);
  });
}

/** Drives the task as the golden episodes were driven, and compares all that it tells. */
async function follow(name: string, golden: Golden): Promise<{ count: number; worst: number }> {
  const task = await openTask(name);
  const env = task.makeEnv();
  assert(env instanceof MujocoEnv);
  const exact = new Float64Array(task.spec.observation.length);
  const observation = new Float32Array(exact.length);
  let worst = 0;
  let count = 0;
  for (const episode of golden.episodes) {
    env.setState(episode.qpos, episode.qvel);
    env.observe(exact);
    assert.deepEqual(Array.from(exact), episode.observation0);
    for (const [at, step] of episode.steps.entries()) {
      const outcome = env.step(Float32Array.from(step.action), observation);
      env.observe(exact);
      const error = exact.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - step.observation[i])),
        Math.abs(outcome.reward - step.reward),
      );
      assert(error <= toleranceAt(at + 1), `step ${at + 1} is off by ${error}`);
      assert.deepEqual(observation, Float32Array.from(exact));
      assert.equal(outcome.terminated, step.terminated, `step ${at + 1}`);
      assert.equal(outcome.truncated, step.truncated, `step ${at + 1}`);
      worst = Math.max(worst, error);
      count++;
    }
  }
  return { count, worst };
}
