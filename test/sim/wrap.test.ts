// What each flaw of hardware does, step by step, against what was worked out by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { appendActionHistory } from "../../src/sim/action-history.ts";
import { dropActions, dropObservations } from "../../src/sim/dropout.ts";
import { skipFrames } from "../../src/sim/frame-skip.ts";
import { delayActions, delayObservations } from "../../src/sim/latency.ts";
import { appendObservationHistory } from "../../src/sim/observation-history.ts";
import { quantiseActions, quantiseObservations } from "../../src/sim/quantisation.ts";
import { Counter, readings } from "./counter.ts";

const [steps, applied] = [0, 1];

test("action latency: what is given is applied so many steps later, and rest before", () => {
  const late = (count: number) => delayActions(new Counter(), { low: count, high: count });
  assert.deepEqual(readings(late(0), [1, 2, 3, 4], applied), [0, 1, 2, 3, 4]);
  assert.deepEqual(readings(late(1), [1, 2, 3, 4], applied), [0, 0, 1, 2, 3]);
  assert.deepEqual(readings(late(3), [1, 2, 3, 4, 5], applied), [0, 0, 0, 0, 1, 2]);
});

test("action latency: the reward is of what was applied, and the given array is left alone", () => {
  const env = delayActions(new Counter(), { low: 2, high: 2 });
  const observation = new Float32Array(3);
  env.reset(1, observation);
  const rewards = [5, 6, 7, 8].map((command) => {
    const action = Float32Array.of(command);
    const { reward } = env.step(action, observation);
    assert.equal(action[0], command);
    return reward;
  });
  assert.deepEqual(rewards, [0, 0, 5, 6]);
});

test("rest is 0, or the limit nearest to it", () => {
  const first = (low: number, high: number): number =>
    readings(delayActions(new Counter({ low, high }), { low: 1, high: 1 }), [3], applied)[1];
  assert.equal(first(-10, 10), 0);
  assert.equal(first(2, 10), 2);
  assert.equal(first(-10, -4), -4);
  assert.equal(first(0, 1), 0);
});

test("observation latency: readings are so many steps old, and the first stands in before", () => {
  const late = (count: number) => delayObservations(new Counter(), { low: count, high: count });
  assert.deepEqual(readings(late(0), [0, 0, 0], steps), [0, 1, 2, 3]);
  assert.deepEqual(readings(late(1), [0, 0, 0], steps), [0, 0, 1, 2]);
  assert.deepEqual(readings(late(2), [0, 0, 0, 0, 0], steps), [0, 0, 0, 1, 2, 3]);
  // All channels are of one moment.
  assert.deepEqual(readings(late(2), [5, 6, 7, 8], applied), [0, 0, 0, 5, 6]);
});

test("both latencies add up on the way round", () => {
  const env = delayObservations(delayActions(new Counter(), { low: 1, high: 1 }), {
    low: 2,
    high: 2,
  });
  assert.deepEqual(readings(env, [5, 6, 7, 8, 9], applied), [0, 0, 0, 0, 5, 6]);
});

test("a latency from a range is drawn for each episode, each as likely, and stays for it", () => {
  const env = delayObservations(new Counter(), { low: 1, high: 3 });
  const counts = new Map<number, number>();
  const episodes = 900;
  for (let seed = 0; seed < episodes; seed++) {
    const told = readings(env, new Array(10).fill(0), steps, seed);
    const latency = 10 - told[10];
    for (let t = 0; t <= 10; t++) assert.equal(told[t], Math.max(0, t - latency), `seed ${seed}`);
    counts.set(latency, (counts.get(latency) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), [1, 2, 3]);
  const fair = episodes / 3;
  const chi2 = [...counts.values()].reduce((sum, n) => sum + (n - fair) ** 2 / fair, 0);
  // 2 degrees of freedom: above 13.8 once in a thousand sets of seeds, and these are 0 to 899.
  assert.ok(chi2 < 13.8, `seeds 0 to 899: chi-squared ${chi2}`);
});

test("quantisation rounds to the nearest step, halves away from zero, within the limits", () => {
  const env = quantiseActions(new Counter(), Float64Array.of(0.25));
  const given = [0.1, 0.13, 0.375, -0.375, -0.1, 0.3, -0.3, 9.99];
  const want = [0, 0.25, 0.5, -0.5, 0, 0.25, -0.25, 10];
  assert.deepEqual(readings(env, given, applied), [0, ...want]);
  const coarse = quantiseActions(new Counter(), Float64Array.of(4));
  assert.deepEqual(readings(coarse, [10, 9.9, -10, 5.9], applied), [0, 10, 8, -10, 4]);
});

test("quantised readings: each channel by its own step, 0 leaves it as it is", () => {
  const observation = (channel: number) =>
    readings(
      quantiseObservations(new Counter(), Float64Array.of(2, 0, 0.3)),
      [0.123, 0.456, 0.789],
      channel,
    );
  assert.deepEqual(observation(0), [0, 2, 2, 4]);
  assert.deepEqual(observation(1), [0, 0.123, 0.456, 0.789].map(Math.fround));
  // 2 kg are 6.67 steps of 0.3.
  assert.deepEqual(observation(2), new Array(4).fill(Math.fround(7 * 0.3)));
});

test("a command that is always lost leaves the actuator at rest; one never lost, driven", () => {
  const rest = new Counter({ low: 2, high: 9 });
  assert.deepEqual(readings(dropActions(rest, 1), [5, 6], applied), [0, 2, 2]);
  assert.deepEqual(readings(dropActions(new Counter(), 0), [5, 6], applied), [0, 5, 6]);
});

test("an observation that is always lost is the first one; one never lost, the newest", () => {
  assert.deepEqual(readings(dropObservations(new Counter(), 1), [5, 6], steps), [0, 0, 0]);
  assert.deepEqual(readings(dropObservations(new Counter(), 0), [5, 6], steps), [0, 1, 2]);
});

test("what gets lost is the whole sample, and the last that came through is held", () => {
  const env = dropObservations(new Counter(), 0.5);
  const observation = new Float32Array(3);
  let held = 0;
  let losses = 0;
  env.reset(7, observation);
  for (let t = 1; t <= 200; t++) {
    env.step(Float32Array.of(t / 100), observation);
    const [seen, command] = observation;
    assert.ok(seen === t || seen === held, `seed 7, step ${t}: ${seen}`);
    assert.equal(command, Math.fround(seen / 100), `seed 7, step ${t}: of another moment`);
    if (seen === held) losses++;
    held = seen;
  }
  assert.ok(losses > 60 && losses < 140, `seed 7: ${losses}`);
  const commands = Array.from({ length: 200 }, (_, t) => (t + 1) / 100);
  const told = readings(dropActions(new Counter(), 0.5), commands, applied, 7);
  for (let t = 1; t <= 200; t++) {
    const fresh = Math.fround(commands[t - 1]);
    assert.ok(told[t] === fresh || told[t] === told[t - 1], `seed 7, step ${t}: ${told[t]}`);
  }
});

test("history: the last actions as given, newest first, within limits, rest before", () => {
  const env = appendActionHistory(new Counter(), 2);
  const names = env.spec.observation.map(({ name }) => name);
  assert.deepEqual(names, ["steps", "applied", "mass", "force_ago_1", "force_ago_2"]);
  assert.deepEqual(env.spec.observation[4], { name: "force_ago_2", unit: "N", low: -10, high: 10 });
  assert.deepEqual(readings(env, [1, 2, 3], 3), [0, 1, 2, 3]);
  assert.deepEqual(readings(env, [1, 2, 3], 4), [0, 0, 1, 2]);
  assert.deepEqual(readings(env, [99, -99], 3), [0, 10, -10]);
  const lifted = appendActionHistory(new Counter({ low: 2, high: 9 }), 2);
  assert.deepEqual(readings(lifted, [5, 6], 4), [2, 2, 5]);
});

test("history holds what was given, not what was applied, and has no flaw itself", () => {
  const flawed = dropObservations(delayActions(new Counter(), { low: 2, high: 2 }), 1);
  const env = appendActionHistory(flawed, 1);
  assert.deepEqual(readings(env, [1, 2, 3], 3), [0, 1, 2, 3]);
  assert.deepEqual(readings(env, [1, 2, 3], steps), [0, 0, 0, 0]);
});

test("observation history: whole observations, newest first, the first one before", () => {
  const env = appendObservationHistory(new Counter(), 2);
  const names = env.spec.observation.map(({ name }) => name);
  const own = ["steps", "applied", "mass"];
  const past = [1, 2].flatMap((ago) => own.map((name) => `${name}_ago_${ago}`));
  assert.deepEqual(names, [...own, ...past]);
  const { low, high } = env.spec.observation[1];
  assert.deepEqual(env.spec.observation[7], { name: "applied_ago_2", unit: "N", low, high });
  const observation = new Float32Array(9).fill(Number.NaN);
  const seen: number[][] = [];
  for (const _ of [1, 2]) {
    env.reset(1, observation);
    seen.push([...observation]);
    for (const command of [5, 6, 7]) {
      env.step(Float32Array.of(command), observation);
      seen.push([...observation]);
    }
  }
  const episode = [
    [0, 0, 2, 0, 0, 2, 0, 0, 2],
    [1, 5, 2, 0, 0, 2, 0, 0, 2],
    [2, 6, 2, 1, 5, 2, 0, 0, 2],
    [3, 7, 2, 2, 6, 2, 1, 5, 2],
  ];
  assert.deepEqual(seen, [...episode, ...episode]);
});

test("observation history holds what was seen, flaws of the sensors and all", () => {
  const late = delayObservations(new Counter(), { low: 2, high: 2 });
  const env = appendObservationHistory(late, 1);
  assert.deepEqual(readings(env, [0, 0, 0, 0], steps), [0, 0, 0, 1, 2]);
  assert.deepEqual(readings(env, [0, 0, 0, 0], 3), [0, 0, 0, 0, 1]);
});

test("both histories: past observations stand in front of past actions", () => {
  const env = appendActionHistory(appendObservationHistory(new Counter(), 1), 2);
  const names = env.spec.observation.slice(3).map(({ name }) => name);
  const past = ["steps_ago_1", "applied_ago_1", "mass_ago_1", "force_ago_1", "force_ago_2"];
  assert.deepEqual(names, past);
  const observation = new Float32Array(8);
  env.reset(1, observation);
  for (const command of [5, 6]) env.step(Float32Array.of(command), observation);
  assert.deepEqual([...observation], [2, 6, 2, 1, 5, 2, 6, 5]);
});

test("history: a long name is written short", () => {
  const counter = new Counter();
  const force = { ...counter.spec.action[0], name: "the_longest_of_all_nam" };
  const long = Object.assign(counter, { spec: { ...counter.spec, action: [force] } });
  const { observation } = appendActionHistory(long, 1).spec;
  assert.equal(observation[3].name, "action0_ago_1");
  const name = "the_longest_of_all_two";
  const named = counter.spec.observation.with(1, { ...counter.spec.observation[1], name });
  const both = { ...counter.spec, observation: named };
  const seen = appendObservationHistory(Object.assign(counter, { spec: both }), 1).spec;
  assert.equal(seen.observation[4].name, "observation1_ago_1");
});

test("history: what is told and commanded by one name has two in the past", () => {
  const counter = new Counter();
  const { observation, action } = counter.spec;
  const joint = observation.with(1, { ...observation[1], name: "force" });
  const spec = { ...counter.spec, observation: joint, action };
  const env = appendObservationHistory(Object.assign(counter, { spec }), 1);
  const names = appendActionHistory(env, 1).spec.observation.map(({ name }) => name);
  assert.deepEqual(names.slice(3), [
    ...["steps_ago_1", "observation1_ago_1", "mass_ago_1", "force_ago_1"],
  ]);
});

test("frame skip: the action is held, rewards are summed, the period grows", () => {
  const env = skipFrames(new Counter({ stepsMax: 10 }), 4);
  assert.equal(env.spec.periodUs, 40_000);
  const observation = new Float32Array(3);
  env.reset(1, observation);
  const step = (command: number) => ({
    ...env.step(Float32Array.of(command), observation),
    seen: observation[steps],
  });
  assert.deepEqual(step(2), { reward: 8, terminated: false, truncated: false, seen: 4 });
  assert.deepEqual(step(3), { reward: 12, terminated: false, truncated: false, seen: 8 });
  // Two steps are left, and the time limit is no end of the world.
  assert.deepEqual(step(5), { reward: 10, terminated: false, truncated: true, seen: 10 });
});

test("frame skip: an end of the world stops early", () => {
  const env = skipFrames(new Counter({ endsAt: 3 }), 4);
  const observation = new Float32Array(3);
  env.reset(1, observation);
  const outcome = env.step(Float32Array.of(2), observation);
  assert.deepEqual(outcome, { reward: 6, terminated: true, truncated: false });
  assert.equal(observation[steps], 3);
});
