// A learner that leaves the numbers is told from a world that does, and costs nothing of the run.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { ddpg } from "../../src/learn/ddpg.ts";
import { parallelDdpg } from "../../src/learn/ddpg-parallel.ts";
import { evaluate } from "../../src/learn/evaluate.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { Rollouts } from "../../src/learn/rollouts.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { type TrainResult, train } from "../../src/learn/train.ts";
import { freshTraining, policyOf, saveTraining } from "../../src/learn/training.ts";
import type { Env, Task } from "../../src/sim/env.ts";
import { openTask } from "../../src/sim/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-divergence-"));
after(() => rmSync(folder, { recursive: true }));

/** A cart of episodes of 100 steps; what it gives at its n-th step, or what `odd` makes of that. */
function cart(odd: (given: { reward: number; v: number }, n: number) => void = () => {}): Task {
  const channel = (name: string, high: number) => ({ name, unit: "1", low: -high, high });
  const spec = {
    observation: [channel("x", 9), channel("v", 9)],
    action: [channel("f", 1)],
    periodUs: 50_000,
  };
  let n = 0;
  const makeEnv = (): Env => {
    let [x, v, steps] = [0, 0, 0];
    return {
      spec,
      reset(seed, s) {
        [x, v, steps] = [(seed % 100) / 100, 0, 0];
        s.set([x, v]);
      },
      step([f], s) {
        assert.ok(Number.isFinite(f), "a world is told numbers alone");
        [x, v, steps] = [x + v * 0.05, v + f * 0.05, steps + 1];
        const given = { reward: -x * x, v };
        odd(given, ++n);
        s.set([x, given.v]);
        return { reward: given.reward, terminated: false, truncated: steps === 100 };
      },
    };
  };
  return {
    ...{ name: "cart", spec, makeEnv, episodeStepsMax: 100, selectionStarts: 2, judgedStarts: 2 },
    reward: (_, __, [x]) => -x * x,
  };
}

const small = {
  ...{ steps: 1_000, randomSteps: 100, learnAfter: 100, batch: 16, replayRows: 2_000 },
  ...{ actorHidden: [8], criticHidden: [8], evaluateEvery: 100, checkpointEvery: 200 },
} satisfies Partial<TrainSettings>;

function run(task: Task, name: string, changes: Partial<TrainSettings>, resume = false) {
  return train(settingsOf("pfrl", task.name, { ...small, ...changes }), {
    ...{ task, folder: join(folder, name), clock: monotonicClock(), wallSeconds: () => 1 },
    ...{ listener: {}, resume },
  });
}

/** Rewards that float32 holds and the square of an error does not: the first loss overflows. */
const huge = (given: { reward: number }, n: number): void => {
  if (n > 2_500) given.reward = -1e30;
};

for (const [kind, changes] of Object.entries({
  alone: {},
  prioritised: { replay: "prioritised" },
  "side by side": { lanes: 2, collectSteps: 4, gradientSteps: 4 },
} as const)) {
  test(`a diverged learner leaves the last good checkpoint: ${kind}`, async () => {
    const task = cart(huge);
    const told = new RegExp(
      "^the learner diverged in gradient step \\d+: \\w+ is (Infinity|NaN), at step \\d+ of the " +
        "run; [^;]+ keeps its best policy and the checkpoint of step \\d00: .*--resume " +
        ".*--actor-rate .*--reward-scale .*--gradient-clip 1$",
    );
    const failed = run(task, kind, changes);
    await assert.rejects(failed, { code: "diverged", message: told });
    const [checkpoint, policy] = ["checkpoint", "policy.onnx"].map((name) => {
      return readFileSync(join(folder, kind, name));
    });
    assert.ok(checkpoint.length > 0 && policy.length > 0);
    // The world is whole again: the run goes on from before.
    const resumed: TrainResult = await run(cart(), kind, changes, true);
    assert.equal(resumed.finalStep, 1_000);
    assert.ok(resumed.final.returns.every(Number.isFinite));
  });
}

test("a learner that diverges before its first checkpoint leaves none", async () => {
  const atOnce = run(
    cart((given) => {
      given.reward = -1e30;
    }),
    "at-once",
    { checkpointEvery: 100_000, evaluateEvery: 100_000 },
  );
  await assert.rejects(atOnce, { code: "diverged", message: /keeps nothing of it: begin again/ });
  assert.ok(!existsSync(join(folder, "at-once", "checkpoint")));
});

test("a world that gives a reward beyond float32 has failed, not the learner", async () => {
  // While it learns, and while it is judged.
  for (const changes of [
    { evaluateEvery: 100_000 },
    { lanes: 2, collectSteps: 4, evaluateEvery: 100_000 },
    { evaluateEvery: 600 },
  ]) {
    const beyond = cart((given, n) => {
      if (n > 650) given.reward = 1e39;
    });
    await assert.rejects(run(beyond, "beyond", changes), {
      code: "environment",
      message: /^cart gave the reward 1e\+39, too large for float32: .*--resume goes on$/,
    });
    const nan = cart((given, n) => {
      if (n > 650) given.v = Number.NaN;
    });
    await assert.rejects(run(nan, "nan", changes), {
      code: "environment",
      message: /^cart gave NaN as the observation "v"/,
    });
  }
});

/** A run of any world whose actor is NaN, as after a last gradient step that no loss has told. */
async function broken(task: Task, changes: Partial<TrainSettings>) {
  const settings = settingsOf("pfrl", task.name, { ...small, randomSteps: 0, ...changes });
  const training = await freshTraining({ ...settings, learnAfter: 1_000 }, task);
  training.run.learner.engine.carried("actor.online").fill(Number.NaN);
  return training;
}

test("no world is told what is no number, alone or side by side", async () => {
  const worlds = [cart(), await openTask("half-cheetah")];
  const lone = worlds.map((task) => [task, {}] as const);
  const several = worlds.map((task) => [task, { lanes: 2, collectSteps: 4 }] as const);
  for (const [task, changes] of [...lone, ...several]) {
    const { run: state, settings } = await broken(task, changes);
    const rollouts = new Rollouts(task, settings);
    const reports =
      settings.lanes > 1 ? parallelDdpg(state, settings, rollouts) : ddpg(state, settings);
    await assert.rejects(reports.next(), {
      code: "diverged",
      message: /^the learner diverged by step 0: its action is NaN$/,
    });
    await rollouts.close();
    await state.learner.engine.close();
  }
});

test("weights that are no numbers are neither saved nor exported", async () => {
  const training = await broken(cart(), {});
  const path = join(folder, "unsaved");
  const told = { code: "diverged", message: /^the learner diverged by step 0: actor\.online/ };
  assert.throws(() => saveTraining(path, training), told);
  assert.ok(!existsSync(path));
  await assert.rejects(policyOf(training), told);
  await training.run.learner.engine.close();
});

test("an evaluation tells no world what is no number either", async () => {
  const nan = async (_: Float32Array, count: number) => new Float32Array(count).fill(Number.NaN);
  await assert.rejects(evaluate(nan, cart(), { first: 0, count: 2 }), {
    code: "policy-file",
    message: /NaN as "f"/,
  });
});
