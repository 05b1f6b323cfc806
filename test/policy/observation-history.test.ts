// What a policy is shown of its past: on a robot as in the simulator, and as worked out by hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { restOf, specWithHistory } from "../../src/core/history.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { HistoryPolicy } from "../../src/policy/history-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { appendActionHistory } from "../../src/sim/action-history.ts";
import type { Env, Outcome } from "../../src/sim/env.ts";
import { ideal } from "../../src/sim/hardware.ts";
import { appendObservationHistory } from "../../src/sim/observation-history.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { drivesAsInItsWorld } from "./deployed-trial.ts";
import { unevenSpec } from "./random-policy.ts";

/** Keeps what it is shown, and answers with what it is given. */
class Watching implements Policy {
  readonly id: string = "watching";
  readonly spec: Spec;
  readonly seen: number[][] = [];
  answer: Float32Array;
  fails: boolean = false;

  constructor(spec: Spec) {
    this.spec = spec;
    this.answer = new Float32Array(spec.action.length);
  }

  act(observation: Float32Array, action: Float32Array): void {
    this.seen.push([...observation]);
    if (this.fails) throw new Error("it failed");
    action.set(this.answer);
  }
}

/** A policy that observes `observations` past observations of the pendulum, and no action. */
function watching(observations: number): { inner: Watching; show: (first: number) => number[] } {
  const inner = new Watching(specWithHistory(pendulumSpec, 0, observations));
  const policy = new HistoryPolicy(inner, 0, restOf(pendulumSpec), observations);
  const action = new Float32Array(1);
  const show = (first: number): number[] => {
    void policy.act(Float32Array.of(first, 0.5, -1), action);
    // The first channel of each moment.
    return inner.seen.at(-1)!.filter((_, at) => at % 3 === 0);
  };
  return { inner, show };
}

test("past observations: a golden sequence, with past actions behind them", () => {
  const inner = new Watching(specWithHistory(unevenSpec, 1, 2));
  const policy = new HistoryPolicy(inner, 1, Float32Array.of(0.5, -0.25), 2);
  assert.deepEqual(policy.spec, unevenSpec);
  const action = new Float32Array(2);
  const moment = (t: number): number[] => [1, 2, 3, 4, 5, 6].map((value) => 10 * t + value);
  const drive = (t: number, answer: readonly number[]): void => {
    inner.answer.set(answer);
    void policy.act(Float32Array.from(moment(t)), action);
  };
  drive(0, [0.25, -0.5]);
  drive(1, [9, -9]);
  drive(2, [0, 0.0625]);
  drive(3, [0, 0]);
  policy.rest();
  drive(7, [0.125, 0]);
  drive(8, [0, 0]);
  const [high, low] = [Math.fround(0.7), Math.fround(-0.7)];
  assert.deepEqual(inner.seen, [
    [...moment(0), ...moment(0), ...moment(0), 0.5, -0.25],
    [...moment(1), ...moment(0), ...moment(0), 0.25, -0.5],
    [...moment(2), ...moment(1), ...moment(0), high, low],
    [...moment(3), ...moment(2), ...moment(1), 0, 0.0625],
    [...moment(7), ...moment(7), ...moment(7), 0.5, -0.25],
    [...moment(8), ...moment(7), ...moment(7), 0.125, 0],
  ]);
});

test("past observations: one that is no number is shown, and not remembered", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const { show } = watching(2);
    show(1);
    show(2);
    assert.deepEqual(show(bad), [bad, 2, 1], "it is not hidden from who looks at the answer");
    assert.deepEqual(show(bad), [bad, 2, 1]);
    assert.deepEqual(show(3), [3, 2, 1], "nor carried on");
    assert.deepEqual(show(4), [4, 3, 2]);
  }
});

test("past observations: a first one that is no number is no past to begin with", () => {
  const { show } = watching(2);
  assert.deepEqual(show(Number.NaN), [Number.NaN, Number.NaN, Number.NaN]);
  assert.deepEqual(show(Number.NaN), [Number.NaN, Number.NaN, Number.NaN]);
  assert.deepEqual(show(5), [5, 5, 5]);
  assert.deepEqual(show(6), [6, 5, 5]);
});

test("past observations: what it was shown before it failed it has seen", () => {
  const { inner, show } = watching(1);
  show(1);
  inner.fails = true;
  assert.throws(() => show(2), /it failed/);
  inner.fails = false;
  assert.deepEqual(show(3), [3, 2]);
});

test("past observations: at rest there is no past, however long", () => {
  const inner = new Watching(specWithHistory(pendulumSpec, 0, 2));
  const policy = new HistoryPolicy(inner, 0, restOf(pendulumSpec), 2);
  const action = new Float32Array(1);
  for (const first of [1, 2, 3, 4]) {
    policy.rest();
    void policy.act(Float32Array.of(first, 0, 0), action);
    const newest = [first, 0, 0];
    assert.deepEqual(inner.seen.at(-1), [...newest, ...newest, ...newest]);
  }
  // There is no past action to be mended.
  policy.recall(Float32Array.of(1));
  void policy.act(Float32Array.of(5, 0, 0), action);
  assert.deepEqual(inner.seen.at(-1), [5, 0, 0, 4, 0, 0, 4, 0, 0]);
});

/** A world of random readings, in which each step may be several: cycles that were skipped. */
class Skipping implements Env {
  readonly spec: Spec = unevenSpec;
  #rng: Rng = new Rng(0);
  readonly #last: Float32Array = new Float32Array(unevenSpec.observation.length);

  reset(seed: number, observation: Float32Array): void {
    this.#rng = new Rng(seed);
    this.#look(observation);
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    const frames = this.#rng.below(4) === 0 ? 2 + this.#rng.below(5) : 1;
    for (let at = 0; at < frames; at++) this.#look(observation);
    observation[0] += action[0];
    return { reward: 0, terminated: false, truncated: false };
  }

  /** Now and then there is no news, and the last reading is seen again. */
  #look(observation: Float32Array): void {
    const isNews = this.#rng.below(5) !== 0;
    if (isNews) for (let at = 0; at < 6; at++) this.#last[at] = this.#rng.uniform(-1, 1);
    observation.set(this.#last);
  }
}

/** What it must be shown, from all that it saw and asked for in this drive. */
function worked(
  seen: readonly number[][],
  asked: readonly number[][],
  observations: number,
  actions: number,
): number[] {
  const past = Array.from({ length: observations }, (_, at) => seen.at(-2 - at) ?? seen[0]);
  const done = Array.from({ length: actions }, (_, at) => asked.at(-1 - at) ?? [0, 0]);
  return [...seen.at(-1)!, ...past.flat(), ...done.flat()];
}

test("past observations: robot and simulator show the same in every episode, gaps and all", () => {
  for (let seed = 0; seed < 200; seed++) {
    const rng = new Rng(seed);
    const [observations, actions] = [1 + rng.below(5), rng.below(3)];
    const history = appendObservationHistory(new Skipping(), observations);
    const sim = actions === 0 ? history : appendActionHistory(history, actions);
    const robot = new Skipping();
    const inner = new Watching(specWithHistory(unevenSpec, actions, observations));
    assert.deepEqual(inner.spec, sim.spec);
    const policy = new HistoryPolicy(inner, actions, restOf(unevenSpec), observations);
    const shown = new Float32Array(sim.spec.observation.length);
    const [read, driven] = [new Float32Array(6), new Float32Array(2)];
    for (let episode = 0; episode < 4; episode++) {
      // Cycles in which it does not drive yet.
      for (let idle = rng.below(4); idle > 0; idle--) {
        policy.rest();
        void policy.act(
          Float32Array.from(read, () => rng.uniform(-9, 9)),
          driven,
        );
      }
      const start = rng.word();
      sim.reset(start, shown);
      robot.reset(start, read);
      policy.rest();
      const [seen, asked]: [number[][], number[][]] = [[], []];
      for (let t = rng.below(20); t >= 0; t--) {
        const why = `Rng(${seed}), episode ${episode}, ${observations} and ${actions}`;
        inner.answer = Float32Array.of(rng.uniform(-1, 1), rng.uniform(-1, 1));
        void policy.act(read, driven);
        seen.push([...read]);
        assert.deepEqual(inner.seen.at(-1), [...shown], why);
        assert.deepEqual(inner.seen.at(-1), worked(seen, asked, observations, actions), why);
        asked.push(
          unevenSpec.action.map(({ low, high }, i) => {
            return Math.fround(Math.min(high, Math.max(low, driven[i])));
          }),
        );
        sim.step(driven, shown);
        robot.step(driven, read);
      }
    }
  }
});

test("past observations: a file drives as in its world, bit for bit, from the start", async () => {
  const hardware = { ...ideal, observationLatency: 1, observationNoise: 0.01 };
  await drivesAsInItsWorld(hardware, { observationHistory: 2, actionHistory: 1 });
});
