// What may be said of hardware, and what becomes of a task on it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { reflect, type Task } from "../../src/sim/env.ts";
import {
  faultOfHardware,
  type Hardware,
  hardwareOfText,
  ideal,
  sharesOf,
  sizesFor,
  sizesOf,
  stepsOf,
  textOfHardware,
} from "../../src/sim/hardware.ts";
import { withHardware } from "../../src/sim/hardware-task.ts";
import { Pendulum, pendulumTask } from "../../src/sim/pendulum.ts";
import { openTask } from "../../src/sim/tasks.ts";
import { counterTask } from "./counter.ts";

const on = (some: Partial<Hardware>, task: Task = pendulumTask): Task =>
  withHardware(task, { ...ideal, ...some });

test("a latency is a whole number of steps, or a range of them", () => {
  assert.deepEqual(stepsOf(2), { low: 2, high: 2 });
  assert.deepEqual(stepsOf("0..2"), { low: 0, high: 2 });
  for (const bad of [-1, 1.5, Number.NaN, 256, "2..1", "0..256", "1..", "..2", "one", "", [1, 2]]) {
    assert.equal(stepsOf(bad), null, String(bad));
  }
});

test("sizes are a share of the range, one for each channel, or by name", () => {
  assert.deepEqual(sizesOf(0.01), { share: 0.01 });
  assert.deepEqual(sizesOf("5e-3"), { share: 0.005 });
  assert.deepEqual(sizesOf("0.1, 0,2"), { list: [0.1, 0, 2] });
  assert.deepEqual(sizesOf([0.1, 0]), { list: [0.1, 0] });
  assert.deepEqual(sizesOf("pole_velocity = 3"), { named: { pole_velocity: 3 } });
  for (const bad of [-1, 1.1, Number.NaN, "", "a", "a=", "a=-1", "a=1,a=2", "1,,2", "a=1,2", {}]) {
    assert.equal(sizesOf(bad), null, String(bad));
  }
  const { observation } = pendulumTask.spec;
  assert.deepEqual([...sizesFor(observation, { share: 0.01 }, "noise")], [0.02, 0.02, 0.16]);
  assert.deepEqual([...sizesFor(observation, { list: [1, 2, 3] }, "noise")], [1, 2, 3]);
  assert.deepEqual([...sizesFor(observation, { named: { pole_sin: 2 } }, "noise")], [0, 2, 0]);
});

test("shares are by name, below 1, in an order of their own", () => {
  assert.deepEqual(sharesOf("none"), {});
  assert.equal(JSON.stringify(sharesOf("mass=0.2,length=.1")), '{"length":0.1,"mass":0.2}');
  for (const bad of ["mass=1", "mass=-0.1", "mass", "0.2", "", "mass=NaN", 0.2, null]) {
    assert.equal(sharesOf(bad), null, String(bad));
  }
});

test("probabilities and counts have their limits", () => {
  for (const bad of [-0.1, 1.1, Number.NaN, "0.5", null]) {
    assert.match(faultOfHardware("dropAction", bad)!, /from 0 to 1$/);
    assert.match(faultOfHardware("dropObservation", bad)!, /from 0 to 1$/);
  }
  for (const bad of [-1, 1.5, 64, Number.NaN]) {
    assert.ok(faultOfHardware("actionHistory", bad));
    assert.ok(faultOfHardware("observationHistory", bad));
  }
  for (const bad of [0, 1.5, 1001, Number.NaN]) assert.ok(faultOfHardware("frameSkip", bad));
  for (const name of Object.keys(ideal) as (keyof Hardware)[]) {
    assert.equal(faultOfHardware(name, ideal[name]), null, name);
  }
});

const refused: readonly [name: string, some: Partial<Hardware>, told: RegExp, task?: string][] = [
  ["an unknown parameter", { randomise: "weight=0.1" }, /"weight": pendulum has gravity, length/],
  ["an unknown reading", { observationNoise: "angle=1" }, /"angle": there is pole_cos, pole_sin/],
  ["an unknown command", { actionStep: "pole_cos=1" }, /actionStep names "pole_cos"/],
  ["too few sizes", { observationStep: "1,2" }, /gives 2 sizes, and there are 3 channels/],
  ["too long a history", { actionHistory: 62 }, /65 channels: give 1 to 64/],
  ["too many observations", { observationHistory: 21 }, /^observationHistory 21, .* 66 channels/],
  ["too much of both", { observationHistory: 20, actionHistory: 2 }, /65 channels: give 1 to 64/],
  ["too slow a policy", { frameSkip: 300 }, /periodUs is 15000000/],
  ["a share of no range", { observationNoise: 0.1 }, /"height" has no range/, "half-cheetah"],
  ["a loss beyond certain", { dropAction: 2 }, /^dropAction is 2: give a number from 0 to 1$/],
  ["a latency of the past", { actionLatency: -1 }, /^actionLatency is -1: give whole steps/],
  ["noise that is no number", { observationNoise: Number.NaN }, /^observationNoise is NaN/],
  ["an inherited name", { randomise: "constructor=0.1" }, /"constructor": pendulum has/],
];

for (const [name, some, told, task = "pendulum"] of refused) {
  test(`hardware is refused in one line: ${name}`, async () => {
    const plain = await openTask(task);
    assert.throws(
      () => on(some, plain),
      (thrown: Error & { code?: string }) => {
        assert.equal(thrown.code, "usage");
        assert.match(thrown.message, told);
        assert.doesNotMatch(thrown.message, /\n/);
        return true;
      },
    );
  });
}

test("a task without parameters has nothing to vary", () => {
  const { parameters: _, ...bare } = counterTask({ stepsMax: 3 }).makeEnv();
  const task = { ...counterTask({ stepsMax: 3 }), makeEnv: () => bare as never };
  assert.throws(() => on({ randomise: "mass=0.1" }, task), /no parameters .*: leave randomise off/);
});

test("ideal hardware is the very task, however it is said", () => {
  assert.equal(withHardware(pendulumTask, ideal), pendulumTask);
  assert.equal(on({ actionLatency: "0..0", observationNoise: "0,0,0" }), pendulumTask);
});

test("hardware survives its text, which is empty where all is ideal", () => {
  assert.equal(textOfHardware(ideal), "");
  assert.deepEqual(hardwareOfText(""), ideal);
  const hardware: Hardware = {
    actionLatency: "0..2",
    observationLatency: 3,
    observationNoise: "pole_cos=0.1, pole_sin=0.2",
    observationStep: 1e-7,
    actionStep: "0.1,0.2",
    dropObservation: 0.25,
    dropAction: 1 / 3,
    randomise: "mass=0.2,length=0.1",
    observationHistory: 5,
    actionHistory: 2,
    frameSkip: 4,
  };
  const text = textOfHardware(hardware);
  assert.match(
    text,
    /^action-latency=0\.\.2 observation-latency=3 observation-noise=pole_cos=0\.1,/,
  );
  assert.deepEqual(hardwareOfText(text), {
    ...hardware,
    observationNoise: "pole_cos=0.1,pole_sin=0.2",
  });
  for (const bad of ["gusts=1", "action-latency", "action-latency=-1", "frame-skip=x"]) {
    assert.throws(() => hardwareOfText(bad), { code: "policy-file" }, bad);
  }
});

/** The pendulum whose every start is the mirror image of the pendulum's. */
class Mirrored extends Pendulum {
  override reset(seed: number, observation: Float32Array): void {
    const rng = new Rng(seed);
    const theta = rng.uniform(-Math.PI, Math.PI);
    this.setState(-theta, -rng.uniform(-1, 1));
    this.observe(observation);
  }
}

test("the mirror image of a step is a step, with all that draws nothing, history too", () => {
  const some = {
    ...{ actionLatency: 2, observationLatency: 1, observationStep: 0.013, actionStep: 0.07 },
    ...{ actionHistory: 3, frameSkip: 2, randomise: "mass=0.2", dropObservation: 0.2 },
    observationHistory: 2,
  };
  const task = on(some);
  const [one, two] = [
    task.makeEnv(),
    on(some, { ...pendulumTask, makeEnv: () => new Mirrored() }).makeEnv(),
  ];
  const width = task.spec.observation.length;
  assert.equal(width, 12);
  const [seen, image, shown] = Array.from({ length: 3 }, () => new Float32Array(width));
  const turned = new Float32Array(1);
  const rng = new Rng(8);
  for (let seed = 0; seed < 20; seed++) {
    one.reset(seed, seen);
    two.reset(seed, image);
    for (let t = 0; t < 60; t++) {
      reflect(task.mirror!.observation, seen, shown);
      shown.forEach((value, i) => {
        assert.ok(value === image[i], `seed ${seed}, step ${t}, channel ${i}: ${image}, ${shown}`);
      });
      const action = Float32Array.of(rng.uniform(-2.5, 2.5));
      reflect(task.mirror!.action, action, turned);
      const [is, mirrored] = [one.step(action, seen), two.step(turned, image)];
      // Turning an angle into (-pi, pi] rounds the last bit either way.
      const apart = Math.abs(is.reward - mirrored.reward);
      assert.ok(apart < 1e-12, `seed ${seed}, step ${t}: rewards ${apart} apart`);
      assert.equal(is.truncated, mirrored.truncated);
    }
  }
});

test("a mirror that shows other hardware is no mirror", () => {
  const { observation, action } = pendulumTask.mirror!;
  const swapping: Task = {
    ...pendulumTask,
    mirror: { observation: { ...observation, from: [1, 0, 2] }, action },
  };
  assert.deepEqual(on({ observationNoise: 0.1 }, swapping).mirror, swapping.mirror);
  assert.equal(on({ observationNoise: "pole_cos=0.1" }, swapping).mirror, undefined);
  assert.equal(on({ observationStep: "pole_sin=0.1" }, swapping).mirror, undefined);
  // Rest is 1 there, and its mirror image -1.
  const [torque] = pendulumTask.spec.action;
  const spec = { ...pendulumTask.spec, action: [{ ...torque, low: 1 }] };
  assert.equal(on({ actionLatency: 1 }, { ...pendulumTask, spec }).mirror, undefined);
});

test("goals are kept with what leaves readings and commands alone, and never touch history", () => {
  const reaching: Task = {
    ...pendulumTask,
    relabel: (observation, reached) => observation.set(reached.slice(-1), observation.length - 1),
  };
  const task = on({ actionHistory: 2, randomise: "mass=0.1" }, reaching);
  const observation = Float32Array.of(1, 2, 3, 4, 5);
  task.relabel!(observation, Float32Array.of(6, 7, 8, 9, 10));
  assert.deepEqual([...observation], [1, 2, 8, 4, 5]);
  // A goal is that of a whole episode: who observes the past observes it there, too.
  const seen = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  const past = on({ observationHistory: 2, actionHistory: 1 }, reaching);
  past.relabel!(
    seen,
    Float32Array.from({ length: 10 }, (_, at) => 20 + at),
  );
  assert.deepEqual([...seen], [1, 2, 22, 4, 5, 22, 7, 8, 22, 10]);
  for (const some of [
    { actionLatency: 1 },
    { observationLatency: "0..1" },
    { observationNoise: 0.1 },
    { observationStep: 0.1 },
    { actionStep: 0.1 },
    { dropObservation: 0.1 },
    { dropAction: 0.1 },
    { frameSkip: 2 },
  ]) {
    assert.equal(on(some, reaching).relabel, undefined, JSON.stringify(some));
  }
});

test("logged steps are judged by the task's own channels, and not across skipped frames", () => {
  const [before, after] = [Float32Array.of(0, 1, 2), Float32Array.of(0, 1, 1)];
  const action = Float32Array.of(1.5);
  const want = pendulumTask.reward(before, action, after);
  const past = [0.5, -0.5];
  const [o, next] = [Float32Array.of(...before, ...past), Float32Array.of(...after, ...past)];
  assert.equal(on({ actionHistory: 2 }).reward(o, action, next), want);
  const [seen, then] = [before, after].map((one) => Float32Array.of(...one, 0.9, 0.8, 0.7));
  assert.equal(on({ observationHistory: 1 }).reward(seen, action, then), want);
  assert.equal(on({ actionLatency: 2 }).reward(before, action, after), want);
  assert.throws(() => on({ frameSkip: 2 }).reward(before, action, after), /frameSkip 2 sums/);
});

test("an episode of 200 steps is one of 67, three by three", () => {
  const task = on({ frameSkip: 3 });
  assert.equal(task.episodeStepsMax, 67);
  assert.equal(task.spec.periodUs, 150_000);
  const env = task.makeEnv();
  const observation = new Float32Array(3);
  env.reset(1, observation);
  let steps = 1;
  while (!env.step(Float32Array.of(0), observation).truncated) steps++;
  assert.equal(steps, 67);
});
