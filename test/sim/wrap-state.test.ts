// State of wrapped worlds: saved, restored, begun anew, and none of it shared.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { checkTask } from "../../src/sim/check.ts";
import type { Env, Task } from "../../src/sim/env.ts";
import { type Hardware, ideal } from "../../src/sim/hardware.ts";
import { withHardware } from "../../src/sim/hardware-task.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";
import { openTask } from "../../src/sim/tasks.ts";
import { counterTask } from "./counter.ts";

const flaws: Readonly<Record<string, Partial<Hardware>>> = {
  "action latency": { actionLatency: 3 },
  "action latency from a range": { actionLatency: "0..4" },
  "observation latency": { observationLatency: "1..5" },
  noise: { observationNoise: 0.02 },
  "steps of readings": { observationStep: 0.01 },
  "steps of commands": { actionStep: "pole_torque=0.5" },
  "lost observations": { dropObservation: 0.3 },
  "lost commands": { dropAction: 0.3 },
  variation: { randomise: "mass=0.3,length=0.2,gravity=0.01" },
  history: { actionHistory: 3 },
  "history of observations": { observationHistory: 2 },
  "frame skip": { frameSkip: 3 },
};
const stack: Hardware = Object.assign({}, ideal, ...Object.values(flaws), {
  actionLatency: "0..2",
});
const cases = Object.entries({ ...flaws, "all of them": stack }).map(
  ([name, some]) => [name, withHardware(pendulumTask, { ...ideal, ...some })] as const,
);

/** Takes the same actions as ever, from step `first` on; what each step told. */
function drive(task: Task, env: Env, actionSeed: number, first: number, count: number): string[] {
  const rng = new Rng(actionSeed);
  const observation = new Float32Array(task.spec.observation.length);
  const told: string[] = [];
  for (let t = 0; t < first + count; t++) {
    const action = Float32Array.from(task.spec.action, ({ low, high }) => rng.uniform(low, high));
    if (t < first) continue;
    const { reward, terminated, truncated } = env.step(action, observation);
    told.push([...observation, reward, terminated, truncated].join());
  }
  return told;
}

function reset(task: Task, env: Env, seed: number): string {
  const observation = new Float32Array(task.spec.observation.length).fill(Number.NaN);
  env.reset(seed, observation);
  return [...observation].join();
}

for (const [name, task] of cases) {
  test(`${name}: what was saved goes on bit for bit, in another world too`, () => {
    const chance = new Rng(31);
    for (let trial = 0; trial < 40; trial++) {
      const seed = chance.word();
      const at = chance.below(30);
      const why = `Rng(31), trial ${trial}, seed ${seed}, step ${at}`;
      const env = task.makeEnv();
      reset(task, env, seed);
      drive(task, env, trial, 0, at);
      const state = env.save!();
      const kept = state.slice();
      const went = drive(task, env, trial, at, 20);
      assert.deepEqual(state, kept, `${why}: the state is the caller's own`);
      const other = task.makeEnv();
      reset(task, other, chance.word());
      drive(task, other, trial + 1, 0, chance.below(30));
      other.restore!(state);
      assert.deepEqual(drive(task, other, trial, at, 20), went, why);
      other.restore!(state);
      assert.deepEqual(other.save!(), state, `${why}: a state survives`);
    }
  });

  test(`${name}: reset clears everything, and the seed is all the chance there is`, () => {
    const hash = (env: Env, seed: number): string => {
      const told = [reset(task, env, seed), ...drive(task, env, 1, 0, 40)];
      return createHash("sha256").update(told.join("\n")).digest("hex");
    };
    const used = task.makeEnv();
    for (let seed = 0; seed < 20; seed++) {
      assert.equal(hash(used, seed), hash(task.makeEnv(), seed), `seed ${seed}`);
    }
    assert.notEqual(hash(used, 1), hash(used, 2));
  });

  test(`${name}: check-env finds nothing wrong`, () => {
    const wrong = checkTask(task).filter(({ problem }) => problem !== null);
    assert.deepEqual(wrong, []);
  });
}

test("MuJoCo's worlds too: all flaws around half-cheetah, two worlds in turn", async () => {
  const hardware: Hardware = {
    ...stack,
    observationNoise: "height=0.01,pitch_speed=0.1",
    observationStep: "height=0.001",
    actionStep: 0.01,
    randomise: "mass=0.2,friction=0.3",
    // 64 channels are all that there may be.
    actionHistory: 2,
    frameSkip: 2,
  };
  const task = withHardware(await openTask("half-cheetah"), hardware);
  assert.equal(task.spec.observation.length, 3 * 17 + 2 * 6);
  assert.equal(task.episodeStepsMax, 500);
  const [one, two] = [task.makeEnv(), task.makeEnv()];
  reset(task, one, 1);
  drive(task, one, 1, 0, 10);
  const state = one.save!();
  const went = drive(task, one, 1, 10, 10);
  reset(task, two, 2);
  drive(task, two, 2, 0, 3);
  two.restore!(state);
  const first = drive(task, two, 1, 10, 5);
  drive(task, one, 5, 0, 3);
  assert.deepEqual([...first, ...drive(task, two, 1, 15, 5)], went);
});

test("a world of one's own has all of them too, its mass varied", async () => {
  const history = { actionHistory: 1, observationHistory: 2 };
  const some = { randomise: "mass=0.1", actionLatency: "0..2", dropAction: 0.1, ...history };
  const plain = await openTask("test/sim/worlds/cart.js");
  const task = withHardware(plain, { ...ideal, ...some });
  assert.deepEqual(
    checkTask(task).filter(({ problem }) => problem !== null),
    [],
  );
  const heavier = withHardware(plain, { ...ideal, randomise: "mass=0.1" });
  const [one, two] = [plain.makeEnv(), heavier.makeEnv()];
  assert.equal(reset(plain, one, 6), reset(plain, two, 6), "the start has its own chance");
  assert.notDeepEqual(drive(plain, one, 6, 0, 5), drive(plain, two, 6, 0, 5));
  assert.throws(
    () => withHardware(plain, { ...ideal, randomise: "weight=0.1" }),
    /"weight": test\/sim\/worlds\/cart\.js has mass/,
  );
});

test("scene and parameters are those of the world inside; so is what it lacks", () => {
  const hardware = { ...ideal, actionLatency: 1, actionHistory: 1, observationHistory: 1 };
  const task = withHardware(pendulumTask, hardware);
  const env = task.makeEnv();
  assert.deepEqual(env.parameters, { gravity: 10, mass: 1, length: 1 });
  env.parameters!["length"] = 2;
  reset(task, env, 1);
  const pole = env.scene!().find(({ role }) => role === "body");
  assert.ok(pole !== undefined && "to" in pole);
  assert.ok(Math.abs(Math.hypot(...pole.to) - 2) < 1e-9);
  const bare = counterTask({ stepsMax: 5 });
  const makeEnv = (): Env => {
    const { spec, reset, step } = bare.makeEnv();
    return { spec, reset, step };
  };
  const lacking = withHardware({ ...bare, makeEnv }, hardware).makeEnv();
  for (const name of ["parameters", "scene", "save", "restore"] as const) {
    assert.equal(lacking[name], undefined, name);
  }
});
