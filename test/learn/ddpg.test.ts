import assert from "node:assert/strict";
import { test } from "node:test";
import { ddpg, learn, type Run } from "../../src/learn/ddpg.ts";
import { parallelDdpg } from "../../src/learn/ddpg-parallel.ts";
import type { Learner, Minibatches } from "../../src/learn/learner.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { Rollouts } from "../../src/learn/rollouts.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { freshTraining } from "../../src/learn/training.ts";
import type { Env, Outcome, Task } from "../../src/sim/env.ts";

const low = [-1, 3];
const high = [5, 4];

/** What the probe saw, episode by episode. */
interface Probe extends Task {
  readonly commands: Float32Array[];
  readonly seeds: number[];
}

/**
 * A world that counts: its observation is [episode, step, -step], its reward the step's number. Two
 * unlike, lopsided actions. `end` says how an episode of four steps is over.
 */
function probe(
  end: "terminated" | "truncated",
  change: (outcome: Outcome) => void = () => {},
): Probe {
  const commands: Float32Array[] = [];
  const seeds: number[] = [];
  const spec = {
    observation: ["episode", "step", "minus_step"].map((name) => {
      return { name, unit: "1", low: -100, high: 100 };
    }),
    action: ["first", "second"].map((name, i) => ({ name, unit: "1", low: low[i], high: high[i] })),
    periodUs: 1000,
  };
  const makeEnv = (): Env => {
    let step = 0;
    const observe = (into: Float32Array) => into.set([seeds.length, step, 0 - step]);
    return {
      spec,
      reset(seed, observation) {
        step = 0;
        seeds.push(seed);
        observe(observation);
      },
      step(action, observation) {
        commands.push(action.slice());
        step++;
        observe(observation);
        const over = step === 4;
        const outcome = { reward: step, terminated: false, truncated: false };
        if (over) outcome[end] = true;
        change(outcome);
        return outcome;
      },
    };
  };
  return {
    ...{ name: "probe", spec, makeEnv, commands, seeds },
    ...{ episodeStepsMax: 4, selectionStarts: 2, judgedStarts: 2 },
    reward: (_o, _a, next) => next[1],
    mirror: {
      observation: { from: [0, 2, 1], sign: [1, 1, 1] },
      action: { from: [1, 0], sign: [1, -1] },
    },
    // The goal is in `episode`; what was reached is a hundred times the step.
    relabel: (observation, reached) => {
      observation[0] = 100 * reached[1];
    },
  };
}

function settingsFor(task: Task, changes: Partial<TrainSettings>): TrainSettings {
  return settingsOf("ours", "pendulum", {
    ...{ task: task.name, steps: 12, randomSteps: 0, learnAfter: 4, batch: 4, noiseSigma: 0.5 },
    ...{ collectSteps: 4, gradientSteps: 2, gamma: 0.5, actorHidden: [4], criticHidden: [4] },
    mirror: false,
    ...changes,
  });
}

async function drive(task: Task, changes: Partial<TrainSettings>): Promise<Run> {
  const settings = settingsFor(task, changes);
  const { run } = await freshTraining(settings, task);
  try {
    for await (const _ of ddpg(run, settings));
  } finally {
    await run.learner.engine.close();
  }
  return run;
}

/** Rows of the replay that hold transitions: s, a, return, discount, s'. */
function transitionsOf({ replay }: Run) {
  const rows = [];
  for (let row = 0; row < replay.head; row++) {
    if (!replay.holds(row)) continue;
    const numbers = [...replay.rows.subarray(row * replay.width, (row + 1) * replay.width)];
    const next = replay.following(row) * replay.width;
    const [s, a] = [numbers.slice(0, 3), numbers.slice(3, 5)];
    rows.push({
      s,
      a,
      r: numbers[5],
      discount: numbers[6],
      next: [...replay.rows.slice(next, next + 3)],
    });
  }
  return rows;
}

for (const end of ["terminated", "truncated"] as const) {
  test(`an episode that is ${end} leaves what happened`, async () => {
    const run = await drive(probe(end), {});
    const rows = transitionsOf(run);
    assert.equal(rows.length, 12);
    rows.forEach(({ s, r, discount, next }, i) => {
      const [episode, t] = [Math.floor(i / 4) + 1, i % 4];
      assert.deepEqual(
        s,
        [episode, t, t === 0 ? 0 : -t].map((x) => x + 0),
      );
      assert.deepEqual(next, [episode, t + 1, -t - 1]);
      assert.equal(r, t + 1);
      assert.equal(discount, end === "terminated" && t === 3 ? 0 : 0.5);
    });
    assert.equal(run.episodes, 3);
  });
}

test("an episode cut short for training bootstraps, and the next begins", async () => {
  const run = await drive(probe("terminated"), { episodeSteps: 3 });
  const rows = transitionsOf(run);
  assert.deepEqual(
    rows.map(({ s, discount }) => [s[1], discount]),
    Array.from({ length: 12 }, (_, i) => [i % 3, 0.5]),
  );
  assert.equal(run.episodes, 4);
});

test("commands are the stored actions in each channel's own range, noise included", async () => {
  const task = probe("truncated");
  const rows = transitionsOf(await drive(task, {}));
  const firsts = new Set<number>();
  rows.forEach(({ a }, i) => {
    a.forEach((scaled, j) => {
      assert.ok(scaled >= -1 && scaled <= 1, `${scaled}`);
      const expected = (low[j] + high[j]) / 2 + ((high[j] - low[j]) / 2) * scaled;
      assert.ok(Math.abs(task.commands[i][j] - expected) < 1e-6);
    });
    assert.notEqual(a[0], a[1], "each channel has noise of its own");
    firsts.add(a[0]);
  });
  assert.ok(firsts.size > 8, "exploration is on");
});

test("noise is a share of half of each channel's range, in the world's own units", async () => {
  const task = probe("truncated");
  // An actor that says 0 whatever it sees, so that all of the command is noise.
  const still = { finalBound: 1e-9, learnAfter: 4_001, finalNoiseShare: 1 };
  await drive(task, { ...still, steps: 4_000, noise: "gaussian", noiseSigma: 0.2 });
  for (const j of [0, 1]) {
    const squares = task.commands.map((command) => (command[j] - (low[j] + high[j]) / 2) ** 2);
    const found = Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / squares.length);
    const expected = (0.2 * (high[j] - low[j])) / 2;
    assert.ok(Math.abs(found / expected - 1) < 0.05, `channel ${j}: ${found}, not ${expected}`);
  }
});

/** The steps after which a run learnt. */
async function learnedAt(changes: Partial<TrainSettings>): Promise<number[]> {
  const task = probe("truncated");
  const settings = settingsFor(task, { steps: 24, ...changes });
  const { run } = await freshTraining(settings, task);
  const rollouts = settings.lanes > 1 ? new Rollouts(task, settings) : null;
  const steps: number[] = [];
  try {
    const reports = rollouts === null ? ddpg(run, settings) : parallelDdpg(run, settings, rollouts);
    for await (const { kind } of reports) if (kind === "learned") steps.push(run.step);
  } finally {
    await rollouts?.close();
    await run.learner.engine.close();
  }
  return steps;
}

test("learning begins when it is told to, and goes on from there", async () => {
  const every = Array.from({ length: 24 }, (_, i) => i + 1);
  for (const learnAfter of [2, 7, 24]) {
    const at = await learnedAt({ learnAfter, collectSteps: 1 });
    assert.deepEqual(at, every.slice(learnAfter - 1), `after ${learnAfter}`);
  }
  const waiting = await learnedAt({ learnAfter: 1, collectSteps: 1, nSteps: 3 });
  assert.deepEqual(waiting, every.slice(3), "not before there is anything to learn from");
  assert.deepEqual(await learnedAt({ learnAfter: 10, collectSteps: 4 }), [12, 16, 20, 24]);
  assert.deepEqual(await learnedAt({ learnAfter: 25, collectSteps: 4 }), []);
  assert.deepEqual(await learnedAt({ learnAfter: 10, lanes: 2 }), [12, 16, 20, 24]);
  assert.deepEqual(await learnedAt({ learnAfter: 25, lanes: 2 }), []);
});

test("each episode has a seed of its own, the same in every run", async () => {
  const [one, two] = [probe("truncated"), probe("truncated")];
  await drive(one, {});
  await drive(two, {});
  assert.equal(new Set(one.seeds).size, 3);
  assert.deepEqual(one.seeds, two.seeds);
  assert.deepEqual(one.commands, two.commands);
});

test("a mirror image is stored beside each episode", async () => {
  const rows = transitionsOf(await drive(probe("terminated"), { mirror: true }));
  assert.equal(rows.length, 24);
  for (let i = 0; i < 4; i++) {
    const [own, image] = [rows[i], rows[i + 4]];
    assert.deepEqual(image.s, [own.s[0], own.s[2], own.s[1]]);
    assert.deepEqual(image.next, [own.next[0], own.next[2], own.next[1]]);
    assert.deepEqual(image.a, [own.a[1], -own.a[0]]);
    assert.deepEqual([image.r, image.discount], [own.r, own.discount]);
  }
});

test("hindsight stores each step again towards goals that were reached later", async () => {
  const rows = transitionsOf(await drive(probe("truncated"), { hindsight: 3, steps: 4 }));
  assert.equal(rows.length, 4 * 4);
  const goals = new Set<number>();
  rows.slice(4).forEach(({ s, r, next }, i) => {
    const t = i % 4;
    assert.equal(s[1], t);
    assert.equal(s[0], next[0], "both ends have the same goal");
    const reachedAt = s[0] / 100;
    assert.ok(reachedAt > t && reachedAt <= 4, `step ${t} towards what step ${reachedAt} reached`);
    assert.equal(r, t + 1, "judged by the task's own reward");
    goals.add(s[0]);
  });
  assert.ok(goals.size >= 3);
});

test("a goal whose reward is not a number ends the run, by name", async () => {
  const task: Task = { ...probe("truncated"), reward: () => Number.NaN };
  const told = { code: "environment", message: /reward NaN/ };
  await assert.rejects(drive(task, { hindsight: 1 }), told);
});

test("what is not a number ends the run, by name", async () => {
  const nan = probe("truncated", (outcome) => {
    outcome.reward = Number.NaN;
  });
  await assert.rejects(drive(nan, {}), { code: "environment", message: /reward NaN/ });
  const task = probe("truncated");
  const broken: Task = {
    ...task,
    makeEnv() {
      const env = task.makeEnv();
      return {
        ...env,
        step(action, observation) {
          const outcome = env.step(action, observation);
          observation[1] = Number.POSITIVE_INFINITY;
          return outcome;
        },
      };
    },
  };
  await assert.rejects(drive(broken, {}), { code: "environment", message: /Infinity .*"step"/ });
});

test("what a task does not have cannot be asked for", async () => {
  const { mirror: _, relabel: __, ...plain } = probe("truncated");
  await assert.rejects(drive(plain, { mirror: true }), { code: "usage", message: /mirror image/ });
  await assert.rejects(drive(plain, { hindsight: 1 }), { code: "usage", message: /goals/ });
});

test("importance weights are divided by the largest of their own minibatch", async () => {
  const changes = { replay: "prioritised", collectSteps: 12, priorityExponent: 1 } as const;
  const run = await drive(probe("truncated"), changes);
  for (const row of [0, 1, 2, 3]) run.priorities!.update(row, 10 ** row);
  const seen: Minibatches[] = [];
  const learner = {
    async learn(data: Minibatches) {
      seen.push(data);
      return { metrics: {}, tdError: new Float32Array(0) };
    },
  } as unknown as Learner;
  const settings = settingsOf("ours", "pendulum", { gradientSteps: 20, batch: 4 });
  await learn({ ...run, learner }, settings);
  const weight = seen[0].weight!;
  const largest = Array.from({ length: 20 }, (_, k) =>
    Math.max(...weight.subarray(4 * k, 4 * k + 4)),
  );
  assert.deepEqual(new Set(largest), new Set([1]));
});

test("learning waits for the first transition, however soon it is asked for", async () => {
  for (const replay of ["uniform", "prioritised"] as const) {
    const changes = { replay, policyDelay: 1, gradientSteps: 1, collectSteps: 1, learnAfter: 1 };
    const task = probe("truncated");
    assert.equal((await drive(task, { ...changes, parameterNoise: 0.1 })).step, 12);
    assert.equal((await drive(task, { ...changes, nSteps: 100 })).step, 12);
  }
});

test("rewards towards other goals count among those seen, and are numbers", async () => {
  const generous: Task = { ...probe("truncated"), reward: () => 50 };
  const run = await drive(generous, { hindsight: 1 });
  assert.deepEqual(run.episode.rewards, { lowest: 0, highest: 50 });
  const broken: Task = { ...probe("truncated"), reward: () => Number.NaN };
  await assert.rejects(drive(broken, { hindsight: 1 }), { code: "environment" });
});
