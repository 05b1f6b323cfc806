import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { checkTask } from "../../src/sim/check.ts";
import { type Reflection, reflect } from "../../src/sim/env.ts";
import { MujocoEnv } from "../../src/sim/mujoco-env.ts";
import { openTask } from "../../src/sim/tasks.ts";

const task = await openTask("muscle-leg");
const { observation: seen, action: set } = task.mirror!;
const channels = task.spec.observation.map(({ name }) => name);
const fibres = task.spec.action.map(({ name }) => name);
const still = new Float32Array(fibres.length);
const stretched = [0, 0.92, 0, 0.2, -0.4, 0, 0.2, -0.4, 0];
const resting = new Array<number>(9).fill(0);

function makeEnv(): MujocoEnv {
  const env = task.makeEnv();
  assert(env instanceof MujocoEnv);
  return env;
}

function noise(rng: Rng): Float32Array {
  return Float32Array.from(still, () => rng.uniform(0, 1));
}

function exact(env: MujocoEnv): Float64Array {
  const observation = new Float64Array(channels.length);
  env.observe(observation);
  return observation;
}

/** Steps `env` and gives what it then observes, undisturbed by float32. */
function stepped(env: MujocoEnv, action: Float32Array): Float64Array {
  env.step(action, new Float32Array(channels.length));
  return exact(env);
}

/** The state that `save` gave, seen in the mirror: it swaps the legs in every part of it. */
function mirroredState(state: Float64Array): Float64Array {
  const trunkAndLegs = [0, 1, 2, 6, 7, 8, 3, 4, 5];
  const muscles = set.from;
  const other = state.slice();
  // Steps, 5 factors, the time; then positions, velocities, activations, accelerations, commands.
  let start = 7;
  for (const from of [trunkAndLegs, trunkAndLegs, muscles, trunkAndLegs, muscles]) {
    for (const [i, source] of from.entries()) other[start + i] = state[start + source];
    start += from.length;
  }
  assert(start < state.length && state.subarray(start).every((value) => value === 0));
  return other;
}

test("check-env finds nothing wrong", () => {
  const problems = checkTask(task).filter(({ problem }) => problem !== null);
  assert.deepEqual(problems, []);
});

test("the mirror is an involution that swaps each right channel with its left one", () => {
  const sides: readonly [Reflection, readonly string[]][] = [
    [seen, channels],
    [set, fibres],
  ];
  for (const [reflection, names] of sides) {
    const values = Float32Array.from(names, (_, i) => i + 1);
    const [once, twice] = [values.slice(), values.slice()];
    reflect(reflection, values, once);
    reflect(reflection, once, twice);
    assert.deepEqual(twice, values);
    for (const [i, name] of names.entries()) {
      const other = names[once[i] - 1];
      const sided = /^(right|left)_/.test(name);
      assert.equal(other !== name, sided, name);
      assert.equal(other.replace(/^(right|left)_/, ""), name.replace(/^(right|left)_/, ""));
    }
  }
});

test("a step of the mirrored state is the mirror of the step, to 1e-9, contacts included", () => {
  const [one, two] = [makeEnv(), makeEnv()];
  const scratch = new Float32Array(channels.length);
  const rng = new Rng(21);
  let [worst, count, apart] = [0, 0, 0];
  for (let seed = 0; seed < 20; seed++) {
    one.reset(seed, scratch);
    two.reset(seed, scratch);
    for (let step = 0; step < 30; step++) {
      const action = noise(rng);
      const mirrored = new Float32Array(action.length);
      reflect(set, action, mirrored);
      two.restore(mirroredState(one.save()));
      const a = stepped(one, action);
      const b = stepped(two, mirrored);
      for (let i = 0; i < a.length; i++) {
        worst = Math.max(worst, Math.abs(b[i] - seen.sign[i] * a[seen.from[i]]));
        apart = Math.max(apart, Math.abs(b[i] - a[i]));
      }
      count++;
    }
  }
  assert.ok(worst < 1e-9, `${count} steps, off by ${worst}`);
  // Legs that do the same would make this test prove nothing.
  assert.ok(apart > 1, `the legs differ by ${apart} at most`);
});

/** How much of each column of a 3 by 3 matrix makes `sum`: Cramer's rule. */
function shares(columns: readonly number[][], sum: readonly number[]): number[] {
  const volume = ([a, b, c]: readonly number[][]): number =>
    a[0] * (b[1] * c[2] - b[2] * c[1]) -
    a[1] * (b[0] * c[2] - b[2] * c[0]) +
    a[2] * (b[0] * c[1] - b[1] * c[0]);
  const whole = volume(columns);
  return columns.map(
    (_, i) => volume(columns.map((column, j) => (i === j ? [...sum] : column))) / whole,
  );
}

test("each muscle pulls the joints that it crosses, the way that it should, and no other", () => {
  // Ways at hip, knee and ankle; 1 flexes the hip, stretches the knee, lifts the toes.
  const pulls: Readonly<Record<string, readonly [number, number, number]>> = {
    hamstrings: [-1, -1, 0],
    short_biceps: [0, -1, 0],
    gluteus: [-1, 0, 0],
    iliopsoas: [1, 0, 0],
    rectus: [1, 1, 0],
    vasti: [0, 1, 0],
    gastrocnemius: [0, -1, -1],
    soleus: [0, 0, -1],
    tibialis: [0, 0, 1],
  };
  const names = Object.keys(pulls);
  assert.deepEqual(
    fibres,
    ["right", "left"].flatMap((side) => names.map((name) => `${side}_${name}`)),
  );
  // In the air, where nothing holds the feet, and so weakly that what is gained is linear.
  const env = makeEnv();
  const speeds = (action: Float32Array): Float64Array => {
    env.setState(stretched.with(1, 50), resting);
    return stepped(env, action);
  };
  const free = speeds(still);
  for (const side of ["right", "left"]) {
    const own = ["hip", "knee", "ankle"].map((each) => channels.indexOf(`${side}_${each}_speed`));
    const gained = (name: string): number[] => {
      const told = speeds(still.with(fibres.indexOf(`${side}_${name}`), 0.01));
      return own.map((channel) => told[channel] - free[channel]);
    };
    // A pull at one joint moves all; muscles of one joint tell what each joint's pull does.
    const single = ["gluteus", "short_biceps", "soleus"].map(gained);
    for (const [joint, way] of single.entries()) assert.ok(way[joint] < 0, `joint ${joint}`);
    for (const name of names) {
      const ways = shares(single, gained(name)).map((share) =>
        Math.abs(share) < 0.02 ? 0 : -share,
      );
      assert.deepEqual(
        ways.map((way) => Math.sign(way) + 0),
        pulls[name],
        `${side}_${name}: ${ways}`,
      );
    }
  }
});

test("excitations saturate at 0 and 1, and activations stay within", () => {
  const [one, two] = [makeEnv(), makeEnv()];
  const rng = new Rng(22);
  one.setState(stretched, resting);
  two.setState(stretched, resting);
  for (let step = 0; step < 15; step++) {
    const wild = Float32Array.from(still, () => rng.uniform(-4, 5));
    const tame = wild.map((value) => Math.min(1, Math.max(0, value)));
    const a = stepped(one, wild);
    assert.deepEqual(a, stepped(two, tame), `step ${step}`);
    const acts = a.subarray(17);
    assert.equal(acts.length, 18);
    assert.ok(acts.every((act) => act >= 0 && act <= 1));
  }
  // All of 0 to 1 is to be had.
  one.setState(stretched, resting);
  for (let step = 0; step < 15; step++)
    stepped(
      one,
      still.map(() => 9),
    );
  assert.ok(
    exact(one)
      .subarray(17)
      .every((act) => act > 0.999),
  );
});

test("activation rises and falls by the first-order law that the task states", () => {
  const env = makeEnv();
  env.setState(stretched.with(1, 50), resting);
  let act = 0;
  for (let step = 0; step < 12; step++) {
    const excitation = step < 5 ? 0.75 : 0.125;
    const told = stepped(env, still.with(4, excitation));
    for (let i = 0; i < 10; i++) {
      const share = 0.5 + 1.5 * act;
      act += (0.0025 * (excitation - act)) / (excitation > act ? 0.01 * share : 0.04 / share);
    }
    const seenAct = told[channels.indexOf(`${fibres[4]}_act`)];
    assert.ok(Math.abs(seenAct - act) < 1e-12, `step ${step}: ${seenAct}, not ${act}`);
  }
});

test("hips below 0.65 m are a fall, which terminates and does not truncate", () => {
  const env = makeEnv();
  const observation = new Float32Array(channels.length);
  let falls = 0;
  for (let seed = 0; seed < 20; seed++) {
    env.reset(seed, observation);
    assert.ok(observation[0] >= 0.9, `seed ${seed} starts ${observation[0]} m high`);
    for (let step = 1; ; step++) {
      const { terminated, truncated } = env.step(still, observation);
      assert.equal(terminated, exact(env)[0] < 0.65, `seed ${seed} step ${step}`);
      assert.equal(truncated, false);
      if (!terminated) continue;
      falls++;
      assert.ok(step > 10 && step < 100, `it falls within ${step} steps`);
      break;
    }
  }
  assert.equal(falls, 20);
});

test("an episode that stays up is truncated at 400 steps of 10 times 2.5 ms", () => {
  const env = makeEnv();
  const observation = new Float32Array(channels.length);
  // So high that 10 s of falling end above the floor.
  env.setState(stretched.with(1, 1000), resting);
  for (let step = 1; step <= 400; step++) {
    const { terminated, truncated } = env.step(still, observation);
    assert.deepEqual([terminated, truncated], [false, step === 400], `step ${step}`);
    // Where the state has its time: ten steps of the model have gone by.
    assert.ok(Math.abs(env.save()[6] - 0.025 * step) < 1e-9, `step ${step}`);
  }
  assert.equal(task.spec.periodUs, 25_000);
  const fallen = 1000 - observation[0];
  assert.ok(Math.abs(fallen / (0.5 * 9.81 * 10 ** 2) - 1) < 1e-3, `it fell ${fallen} m`);
});

test("reward is the way that the hips go; of a logged step, the mean speed's", () => {
  const env = makeEnv();
  const [before, after] = [0, 0].map(() => new Float32Array(channels.length));
  const rng = new Rng(23);
  let [earned, judged] = [0, 0];
  // Thrown forward at 2 m/s, aloft: nothing but the legs' own swing changes the speed.
  env.setState(stretched.with(1, 50), resting.with(0, 2));
  const from = env.save()[7];
  for (let step = 0; step < 40; step++) {
    before.set(after);
    const action = noise(rng);
    earned += env.step(action, after).reward;
    if (step > 0) judged += task.reward(before, action, after);
  }
  const gone = env.save()[7] - from;
  assert.ok(Math.abs(earned - gone) < 1e-12 && gone > 1.5, `${earned} of ${gone} m`);
  assert.ok(Math.abs(judged / gone - 39 / 40) < 0.05, `judged ${judged} of ${gone} m`);
});

test("the same seed is the same episode, to the bit, and another is another", () => {
  const run = (seed: number): string => {
    const env = makeEnv();
    const observation = new Float32Array(channels.length);
    const rng = new Rng(24);
    env.reset(seed, observation);
    const told = [observation.join()];
    for (let step = 0; step < 15; step++) {
      told.push(String(env.step(noise(rng), observation).reward), observation.join());
    }
    return told.join("\n");
  };
  assert.equal(run(1), run(1));
  assert.notEqual(run(1), run(2));
});
