import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkTask } from "../../src/sim/check.ts";
import type { Env, Outcome, Task } from "../../src/sim/env.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import { openTask } from "../../src/sim/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-env-"));
after(() => rmSync(folder, { recursive: true }));

const cart = "test/sim/worlds/cart.js";

function problems(task: Task): string[] {
  return checkTask(task).flatMap(({ name, problem }) =>
    problem === null ? [] : [`${name}: ${problem}`],
  );
}

/** The pendulum, broken: `step` may change what a step gave. */
function broken(changes: {
  task?: Partial<Task>;
  reset?: (env: Env, seed: number, observation: Float32Array) => void;
  step?: (outcome: Outcome, observation: Float32Array, action: Float32Array) => void;
  env?: (env: Env) => Partial<Env>;
}): Task {
  return {
    ...pendulumTask,
    ...changes.task,
    makeEnv() {
      const env = pendulumTask.makeEnv();
      const reset = changes.reset ?? ((inner, seed, observation) => inner.reset(seed, observation));
      return {
        spec: pendulumTask.spec,
        reset: (seed, observation) => reset(env, seed, observation),
        step(action, observation) {
          const outcome = env.step(action, observation);
          changes.step?.(outcome, observation, action);
          return outcome;
        },
        save: () => env.save!(),
        restore: (state) => env.restore!(state),
        ...changes.env?.(env),
      };
    },
  };
}

test("the pendulum, and a cart of one's own, have nothing wrong", async () => {
  assert.deepEqual(problems(pendulumTask), []);
  assert.deepEqual(problems(await openTask(cart)), []);
});

let shared = 0;
let last: Float32Array | undefined;
const cases: readonly [name: string, task: Task, told: RegExp][] = [
  [
    "a spec that cannot be",
    broken({ task: { spec: { ...pendulumTask.spec, periodUs: 1 } } }),
    /^spec: .*periodUs/,
  ],
  [
    "an episode without an end",
    broken({ step: (outcome) => Object.assign(outcome, { truncated: false }) }),
    /goes on past 200 steps/,
  ],
  [
    "a step that throws",
    broken({ step: () => assert.fail("no such joint") }),
    /throws: no such joint/,
  ],
  [
    "a channel that is not written",
    broken({ step: (_, observation) => observation.fill(Number.NaN, 2) }),
    /"pole_velocity" is NaN after step 1 \(seed 1\)/,
  ],
  [
    "a start that is not written",
    broken({ reset: (env, seed) => env.reset(seed, new Float32Array(3)) }),
    /"pole_cos" is NaN after reset/,
  ],
  [
    "an observation beyond its limits",
    broken({ step: (_, observation) => observation.set([1.5]) }),
    /"pole_cos" is 1.5, outside \[-1, 1\]/,
  ],
  [
    "a reward that is not a number",
    broken({ step: (outcome) => Object.assign(outcome, { reward: Number.NaN }) }),
    /reward of step 1 is NaN/,
  ],
  [
    "rewards out of all size",
    broken({ step: (outcome) => Object.assign(outcome, { reward: outcome.reward * 1e6 }) }),
    /--reward-scale/,
  ],
  [
    "a step that changes its action",
    broken({ step: (_o, _s, action) => action.fill(0) }),
    /writes to action\[0\]/,
  ],
  [
    "chance that is not the seed's",
    broken({
      step(_, observation) {
        shared = (shared * 7 + 1) % 1000;
        observation[2] = shared / 1000;
      },
    }),
    /differs at step 1 \(seed 1\)/,
  ],
  [
    "a seed that is not used",
    broken({ reset: (env, _, observation) => env.reset(1, observation) }),
    /seeds change nothing/,
  ],
  [
    "state in the file, not in the world",
    (() => {
      const env = pendulumTask.makeEnv();
      return { ...pendulumTask, makeEnv: () => env };
    })(),
    /a second world changes the first/,
  ],
  [
    "an array that is kept",
    broken({
      reset(env, seed, observation) {
        env.reset(seed, observation);
        last = observation;
      },
      step: (_, observation) => last?.set(observation),
    }),
    /an array that an earlier call was given/,
  ],
  [
    "a restore that forgets",
    broken({ env: () => ({ save: () => new Float64Array(3) }) }),
    /after restore differs/,
  ],
];

for (const [name, task, told] of cases) {
  test(`the checker names ${name}`, () => {
    assert.match(problems(task).join("\n"), told);
  });
}

const files: readonly [name: string, text: string | null, told: RegExp][] = [
  ["a file that is not there", null, /is not there/],
  ["a file that is no program", "export const = 1;", /does not load/],
  ["a file without a spec", "export const episodeStepsMax = 5;", /"spec"/],
  [
    "a spec with a wrong channel",
    "export const spec = { observation: [{ name: 'A b' }], action: [], periodUs: 1000 };",
    /channel name "A b"/,
  ],
];

for (const [name, text, told] of files) {
  test(`one line says so: ${name}`, async () => {
    const path = join(folder, `${name.replaceAll(" ", "-")}.js`);
    if (text !== null) writeFileSync(path, text);
    await assert.rejects(openTask(path), told);
  });
}

test("TypeScript is taken where this Node strips types, else one line says so", async () => {
  const path = join(folder, "typed.ts");
  writeFileSync(path, "export const spec: object = {};");
  const strips = "typescript" in process.features && Boolean(process.features.typescript);
  await assert.rejects(openTask(path), strips ? /"spec"/ : /is TypeScript, which Node .* use \.js/);
});

test("the time limit is kept for the user, and a termination goes before it", async () => {
  const env = (await openTask(cart)).makeEnv();
  const observation = new Float32Array(2);
  env.reset(1, observation);
  let outcome = { terminated: false, truncated: false };
  let steps = 0;
  for (; !outcome.truncated && !outcome.terminated; steps++) {
    const action = Float32Array.of(-observation[0] - observation[1]);
    outcome = env.step(action, observation);
  }
  assert.deepEqual([steps, outcome.terminated], [100, false]);
  env.reset(1, observation);
  for (steps = 0; steps < 200; steps++) {
    outcome = env.step(Float32Array.of(5), observation);
    if (outcome.terminated) break;
  }
  assert.deepEqual([outcome.terminated, outcome.truncated], [true, false]);
});
