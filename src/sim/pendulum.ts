import assert from "node:assert/strict";
import { Rng } from "../core/rng.ts";
import type { Spec } from "../core/spec.ts";
import type { Env, Outcome, Task } from "./env.ts";
import type { Shape } from "./scene.ts";

const nominal = { gravity: 10, mass: 1, length: 1 };
const periodS = 0.05;
const torqueMax = 2;
const speedMax = 8;
const episodeStepsMax = 200;

/** The pendulum's channels; its angle is atan2(pole_sin, pole_cos), 0 upright. */
export const pendulumSpec: Spec = {
  observation: [
    { name: "pole_cos", unit: "1", low: -1, high: 1 },
    { name: "pole_sin", unit: "1", low: -1, high: 1 },
    { name: "pole_velocity", unit: "rad/s", low: -speedMax, high: speedMax },
  ],
  action: [{ name: "pole_torque", unit: "N*m", low: -torqueMax, high: torqueMax }],
  periodUs: 50_000,
};

/** Gymnasium's Pendulum-v1, number for number: swing up a pole that the motor cannot lift. */
export const pendulumTask: Task = {
  name: "pendulum",
  spec: pendulumSpec,
  episodeStepsMax,
  selectionStarts: 200,
  judgedStarts: 1000,
  mirror: {
    observation: { from: [0, 1, 2], sign: [1, -1, -1] },
    action: { from: [0], sign: [-1] },
  },
  makeEnv: () => new Pendulum(),
  reward(observation, action) {
    const theta = Math.atan2(observation[1], observation[0]);
    return -cost(theta, observation[2], clip(action[0], torqueMax));
  },
};

/**
 * One pendulum. Angle in radians from upright, never wrapped; velocity in rad/s. Its `parameters`:
 * gravity in m/s^2, the rod's mass in kg and length in m.
 */
export class Pendulum implements Env {
  readonly spec: Spec = pendulumSpec;
  readonly parameters: Record<string, number> = { ...nominal };
  #gravity = nominal.gravity;
  #mass = nominal.mass;
  #length = nominal.length;
  #theta = Math.PI;
  #thetaDot = 0;
  #steps = 0;

  /** Any angle at up to 1 rad/s, both uniform. */
  reset(seed: number, observation: Float32Array): void {
    const rng = new Rng(seed);
    const theta = rng.uniform(-Math.PI, Math.PI);
    this.setState(theta, rng.uniform(-1, 1));
    this.observe(observation);
  }

  /** Starts an episode hanging at rest, as a real pendulum does. */
  hang(): void {
    this.setState(Math.PI, 0);
  }

  /** Starts an episode at `theta` rad and `thetaDot` rad/s. */
  setState(theta: number, thetaDot: number): void {
    const { gravity, mass, length } = this.parameters as typeof nominal;
    this.#gravity = gravity;
    this.#mass = mass;
    this.#length = length;
    this.#theta = theta;
    this.#thetaDot = thetaDot;
    this.#steps = 0;
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    assert(action.length === 1);
    const torque = clip(action[0], torqueMax);
    const reward = -cost(this.#theta, this.#thetaDot, torque);
    const length = this.#length;
    // NumPy 2 rounds what touches the float32 action alone to float32, and the rest not.
    const push = Math.fround((3 / (this.#mass * length ** 2)) * torque);
    const fall = ((3 * this.#gravity) / (2 * length)) * Math.sin(this.#theta);
    this.#thetaDot = clip(this.#thetaDot + (fall + push) * periodS, speedMax);
    this.#theta += this.#thetaDot * periodS;
    this.#steps++;
    this.observe(observation);
    return { reward, terminated: false, truncated: this.#steps >= episodeStepsMax };
  }

  /** Writes what is observed now. */
  observe(observation: Float32Array): void {
    assert(observation.length === 3);
    observation[0] = Math.cos(this.#theta);
    observation[1] = Math.sin(this.#theta);
    observation[2] = this.#thetaDot;
  }

  /** Angle, velocity and steps of the episode, and its gravity, mass and length. */
  save(): Float64Array {
    const state = [this.#theta, this.#thetaDot, this.#steps];
    return Float64Array.of(...state, this.#gravity, this.#mass, this.#length);
  }

  restore([theta, thetaDot, steps, gravity, mass, length]: Float64Array): void {
    this.#theta = theta;
    this.#thetaDot = thetaDot;
    this.#steps = steps;
    this.#gravity = gravity;
    this.#mass = mass;
    this.#length = length;
  }

  /** The pole, turning about the origin, and where it is to stand. */
  scene(): readonly Shape[] {
    const length = this.#length;
    const tip = [length * Math.sin(this.#theta), length * Math.cos(this.#theta)] as const;
    return [
      { kind: "line", from: [0, 0], to: [0, 1.15 * length], role: "frame" },
      { kind: "circle", at: [0, length], radius: 0.09, role: "target" },
      { kind: "capsule", from: [0, 0], to: tip, radius: 0.05, role: "body" },
      { kind: "circle", at: [0, 0], radius: 0.03, role: "frame" },
    ];
  }
}

/** Angle, speed and effort squared, weighed; the state is that before the step. */
function cost(theta: number, thetaDot: number, torque: number): number {
  const turn = 2 * Math.PI;
  const rest = (theta + Math.PI) % turn;
  const angle = (rest < 0 ? rest + turn : rest) - Math.PI;
  const effort = Math.fround(Math.fround(0.001) * Math.fround(torque * torque));
  return angle ** 2 + 0.1 * thetaDot ** 2 + effort;
}

/** NaN stays NaN. */
function clip(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value));
}
