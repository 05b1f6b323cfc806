import assert from "node:assert/strict";
import { Rng } from "../core/rng.ts";
import type { Spec } from "../core/spec.ts";
import type { Env, Outcome, Task } from "./env.ts";
import type { Place, Shape } from "./scene.ts";
import { type BenchNumbers, benchNominal, ServoBench } from "./servo-bench.ts";
import { countsOf, radPerCount } from "./sts3215.ts";

/** The goal moves by at most this in a period: what the servo's own slew limit lets through. */
const goalStepMax = 68;
/** The goal stays within a quarter turn of hanging. */
const goalMax = 1024;
const periodS = 0.02;
const episodeStepsMax = 250;
const startMax = 0.2;
const barSpeedMax = 20;
const rodSpeedMax = 50;
const offCentreCost = 0.1;
const loadCost = 0.05;

/**
 * What the two encoders and the servo tell, and the step of its goal. The bar's angle is 0 hanging;
 * the rod's, atan2(rod_sin, rod_cos), 0 upright. Speeds are counts gone in the last period.
 */
export const servoPendulumSpec: Spec = {
  observation: [
    { name: "bar_position", unit: "rad", low: -Math.PI, high: Math.PI },
    { name: "bar_velocity", unit: "rad/s", low: -barSpeedMax, high: barSpeedMax },
    { name: "goal_lead", unit: "rad", low: -2 * Math.PI, high: 2 * Math.PI },
    { name: "servo_load", unit: "1", low: -1, high: 1 },
    { name: "rod_cos", unit: "1", low: -1, high: 1 },
    { name: "rod_sin", unit: "1", low: -1, high: 1 },
    { name: "rod_velocity", unit: "rad/s", low: -rodSpeedMax, high: rodSpeedMax },
  ],
  action: [
    {
      name: "goal_step",
      unit: "rad",
      low: -goalStepMax * radPerCount,
      high: goalStepMax * radPerCount,
    },
  ],
  periodUs: 20_000,
};

/**
 * A bar on a serial servo, and on the bar's end, free to turn, a rod with a weight: swing the rod
 * up and keep it there. Reward: how high the weight is, 0 hanging to 1 upright, less 0.1 times the
 * bar's angle squared and 0.05 times the duty squared. Every number of it is observed.
 */
export const servoPendulumTask: Task = {
  name: "servo-pendulum",
  spec: servoPendulumSpec,
  episodeStepsMax,
  selectionStarts: 50,
  judgedStarts: 500,
  // docs/environments.md derives it from a hand-written controller.
  solvedReturn: 200,
  mirror: {
    observation: { from: [0, 1, 2, 3, 4, 5, 6], sign: [-1, -1, -1, -1, 1, -1, -1] },
    action: { from: [0], sign: [-1] },
  },
  makeEnv: () => new ServoPendulum(),
  reward: (_observation, _action, next) => rewardOf(next),
};

/**
 * One bench. Its `parameters` are `benchNominal`'s: masses in kg, lengths in m, the servo's numbers
 * in SI units.
 */
export class ServoPendulum implements Env {
  readonly spec: Spec = servoPendulumSpec;
  readonly parameters: Record<string, number> = { ...benchNominal };
  #bench = new ServoBench(benchNominal);
  /** The goal register, in counts. */
  #goal = 0;
  /** Counts of bar and rod a period ago. */
  #barBefore = 0;
  #rodBefore = 0;
  #steps = 0;

  /** Bar and rod at rest within 0.2 rad of hanging, both uniform; the servo holds the bar. */
  reset(seed: number, observation: Float32Array): void {
    const rng = new Rng(seed);
    const bar = rng.uniform(-startMax, startMax);
    this.setState(bar, rng.uniform(-startMax, startMax), 0, 0);
    this.#observe(observation);
  }

  /** An episode from these angles from hanging, rad, and speeds, rad/s; the goal is the bar. */
  setState(bar: number, rod: number, barSpeed: number, rodSpeed: number): void {
    const bench = new ServoBench(this.parameters as unknown as BenchNumbers);
    bench.place(bar, rod, barSpeed, rodSpeed);
    this.#bench = bench;
    this.#goal = bench.barCounts;
    this.#barBefore = bench.barCounts;
    this.#rodBefore = bench.rodCounts;
    this.#steps = 0;
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    assert(action.length === 1);
    assert(Number.isFinite(action[0]), `goal_step is ${action[0]}`);
    const bench = this.#bench;
    this.#barBefore = bench.barCounts;
    this.#rodBefore = bench.rodCounts;
    const wanted = this.#goal + clip(countsOf(action[0]), goalStepMax);
    const from = this.#goal;
    this.#goal = clip(wanted, goalMax);
    bench.run(from, this.#goal);
    this.#steps++;
    this.#observe(observation);
    const truncated = this.#steps >= episodeStepsMax;
    return { reward: rewardOf(observation), terminated: false, truncated };
  }

  #observe(observation: Float32Array): void {
    assert(observation.length === 7);
    const { barCounts, rodCounts, duty } = this.#bench;
    observation[0] = clip(barCounts * radPerCount, Math.PI);
    observation[1] = clip(((barCounts - this.#barBefore) * radPerCount) / periodS, barSpeedMax);
    observation[2] = clip((this.#goal - barCounts) * radPerCount, 2 * Math.PI);
    // The servo tells its duty in thousandths.
    observation[3] = Math.trunc(duty * 1000) / 1000;
    observation[4] = -Math.cos(rodCounts * radPerCount);
    observation[5] = -Math.sin(rodCounts * radPerCount);
    observation[6] = clip(((rodCounts - this.#rodBefore) * radPerCount) / periodS, rodSpeedMax);
  }

  /** The registers and the counts before, then the bench: its motion, then its numbers. */
  save(): Float64Array {
    const own = [this.#steps, this.#goal, this.#barBefore, this.#rodBefore];
    return Float64Array.of(...own, ...this.#bench.save());
  }

  restore(state: Float64Array): void {
    [this.#steps, this.#goal, this.#barBefore, this.#rodBefore] = state;
    this.#bench = ServoBench.restored(state.subarray(4));
  }

  /** Side view about the servo's shaft: its goal, the bar, the rod with its weight, the height. */
  scene(): readonly Shape[] {
    const { barLength, rodLength } = this.#bench.numbers;
    const { bar, rod } = this.#bench;
    const goal = this.#goal * radPerCount;
    const end: Place = [barLength * Math.sin(bar), -barLength * Math.cos(bar)];
    const weight: Place = [end[0] + rodLength * Math.sin(rod), end[1] - rodLength * Math.cos(rod)];
    const reach = 1.3 * barLength;
    const aim: Place = [reach * Math.sin(goal), -reach * Math.cos(goal)];
    return [
      { kind: "line", from: [0, 0], to: aim, role: "frame" },
      { kind: "circle", at: [0, rodLength - barLength], radius: 0.03, role: "target" },
      { kind: "circle", at: [0, 0], radius: 0.025, role: "frame" },
      { kind: "capsule", from: [0, 0], to: end, radius: 0.01, role: "body" },
      { kind: "capsule", from: end, to: weight, radius: 0.005, role: "body" },
      { kind: "circle", at: weight, radius: 0.018, role: "body" },
    ];
  }
}

/** From what is observed after the step alone. */
function rewardOf(observation: Float32Array): number {
  const height = (1 + observation[4]) / 2;
  return height - offCentreCost * observation[0] ** 2 - loadCost * observation[3] ** 2;
}

/** NaN stays NaN. */
function clip(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value));
}
