import assert from "node:assert/strict";
import { Rng } from "../core/rng.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { ArmBody, type ArmNumbers, armNominal, jointCount } from "./arm-body.ts";
import { ArmChain, baseHeight, tipOf } from "./arm-chain.ts";
import type { Env, Outcome, Task } from "./env.ts";
import type { Place, Shape } from "./scene.ts";
import { radPerCount } from "./sts3215.ts";

/** How far each joint may be sent, rad. */
const ranges: readonly (readonly [joint: string, low: number, high: number])[] = [
  ["pan", -1.2, 1.2],
  ["lift", -0.7, 0.7],
  ["elbow", -0.8, 0.8],
  ["wrist", -1, 1],
  ["roll", -1, 1],
  ["grip", -0.2, 1],
];
const speedMax = 8;
const episodeStepsMax = 75;
/** The target in the observation. */
const targetAt: number = 2 * jointCount;
/** Targets are no lower and no nearer to the arm's own axis, m: table is there, and arm. */
const targetHeightMin = 0.04;
const targetOutMin = 0.1;
/** What a joint's speed costs: m per (rad/s)^2. */
const speedCost = 0.002;

/**
 * What six servos tell, and the target, which the host supplies (`setpoints` in robot.yaml). The
 * actions are where the servos are to go, as `link/servo-device` takes them.
 */
export const servoArmSpec: Spec = {
  observation: [
    ...ranges.map(([joint]) => channel(`${joint}_position`, "rad", -Math.PI, Math.PI)),
    ...ranges.map(([joint]) => channel(`${joint}_velocity`, "rad/s", -speedMax, speedMax)),
    channel("target_x", "m", -0.4, 0.4),
    channel("target_y", "m", -0.4, 0.4),
    channel("target_z", "m", 0, 0.5),
  ],
  action: ranges.map(([joint, low, high]) => channel(`${joint}_position`, "rad", low, high)),
  periodUs: 40_000,
};

/**
 * An arm of six serial servos is to bring the tip of its hand to a target and keep it there.
 * Reward: less the distance in m, less 0.002 times the sum of the joints' speeds squared. It never
 * ends but after 75 steps. Every number of it is observed: the tip follows from the joints.
 */
export const servoArmTask: Task = {
  name: "servo-arm",
  spec: servoArmSpec,
  episodeStepsMax,
  selectionStarts: 50,
  judgedStarts: 500,
  // docs/environments.md derives it from a hand-written controller.
  solvedReturn: -1.7,
  mirror: {
    observation: {
      from: Array.from({ length: 15 }, (_, at) => at),
      sign: [-1, 1, 1, 1, -1, 1, -1, 1, 1, 1, -1, 1, 1, -1, 1],
    },
    action: { from: [0, 1, 2, 3, 4, 5], sign: [-1, 1, 1, 1, -1, 1] },
  },
  relabel: (observation, reached) => {
    const tip = [0, 0, 0];
    tipOf(reached, tip, 0);
    // Nothing here keeps the tip above the table, but no target is below it.
    if (tip.every(isTarget)) observation.set(tip, targetAt);
  },
  makeEnv: () => new ServoArm(),
  reward: (_observation, _action, next) => rewardOf(next),
};

function isTarget(place: number, axis: number): boolean {
  const { low, high } = servoArmSpec.observation[targetAt + axis];
  return place >= low && place <= high;
}

function channel(name: string, unit: string, low: number, high: number): Channel {
  return { name, unit, low, high };
}

/** One arm. Its `parameters` are `armNominal`'s. */
export class ServoArm implements Env {
  readonly spec: Spec = servoArmSpec;
  readonly parameters: Record<string, number> = { ...armNominal };
  #body = new ArmBody(armNominal);
  readonly #target = new Float32Array(3);
  #steps = 0;

  /**
   * At rest in a posture of joints uniform in their ranges, and the tip of another one as target;
   * both above the table and in front of the arm's own axis.
   */
  reset(seed: number, observation: Float32Array): void {
    const rng = new Rng(seed);
    const start = posture(rng);
    const target = [0, 0, 0];
    tipOf(posture(rng), target, 0);
    this.setState(start, target);
    this.#observe(observation);
  }

  /** An episode from these joints at rest, rad, with this target, m. */
  setState(joints: readonly number[], target: readonly number[]): void {
    this.#body = new ArmBody(this.parameters as unknown as ArmNumbers);
    this.#body.place(joints);
    this.#target.set(target);
    this.#steps = 0;
  }

  step(action: Float32Array, observation: Float32Array): Outcome {
    assert(action.length === jointCount);
    assert(action.every(Number.isFinite), `an action is ${action}`);
    this.#body.run(ranges.map(([, low, high], at) => Math.min(high, Math.max(low, action[at]))));
    this.#steps++;
    this.#observe(observation);
    const truncated = this.#steps >= episodeStepsMax;
    return { reward: rewardOf(observation), terminated: false, truncated };
  }

  #observe(observation: Float32Array): void {
    assert(observation.length === targetAt + 3);
    for (let at = 0; at < jointCount; at++) {
      observation[at] = clip(this.#body.counts(at) * radPerCount, Math.PI);
      // The servo tells whole counts a second.
      const speed = Math.trunc(this.#body.speeds[at] / radPerCount) * radPerCount;
      observation[jointCount + at] = clip(speed, speedMax);
    }
    observation.set(this.#target, targetAt);
  }

  /** The count of steps and the target, then the body: its motion, then its numbers. */
  save(): Float64Array {
    return Float64Array.of(this.#steps, ...this.#target, ...this.#body.save());
  }

  restore(state: Float64Array): void {
    this.#steps = state[0];
    this.#target.set(state.subarray(1, 4));
    this.#body = ArmBody.restored(state.subarray(4));
  }

  /** From the side and a little from above, so that depth (y) is seen too. */
  scene(): readonly Shape[] {
    const chain = new ArmChain();
    chain.place(this.#body.joints);
    const pan = this.#body.joints[0];
    const seen = ([out, up]: ArrayLike<number> & Iterable<number>): Place =>
      viewed(out * Math.cos(pan), out * Math.sin(pan), up);
    const [shoulder, elbow, wrist] = [
      viewed(0, 0, baseHeight),
      seen(chain.elbow),
      seen(chain.wrist),
    ];
    const [x, y, z] = this.#target;
    return [
      { kind: "ground", height: 0, role: "ground" },
      { kind: "line", from: viewed(x, y, 0), to: viewed(x, y, z), role: "frame" },
      { kind: "capsule", from: [0, 0], to: shoulder, radius: 0.025, role: "frame" },
      { kind: "capsule", from: shoulder, to: elbow, radius: 0.016, role: "body" },
      { kind: "capsule", from: elbow, to: wrist, radius: 0.013, role: "body" },
      { kind: "capsule", from: wrist, to: seen(chain.tip), radius: 0.008, role: "body" },
      { kind: "circle", at: viewed(x, y, z), radius: 0.012, role: "target" },
    ];
  }
}

function viewed(x: number, y: number, z: number): Place {
  return [x + 0.4 * y, z + 0.25 * y];
}

/** Joints in their ranges, rad, with the tip where a target may be. */
function posture(rng: Rng): number[] {
  const tip = [0, 0, 0];
  for (;;) {
    const joints = ranges.map(([, low, high]) => rng.uniform(low, high));
    tipOf(joints, tip, 0);
    if (tip[2] >= targetHeightMin && Math.hypot(tip[0], tip[1]) >= targetOutMin) return joints;
  }
}

/** From the tip of the hand to the target, m, by what is observed. */
export function distanceOf(observation: Float32Array): number {
  const tip = [0, 0, 0];
  tipOf(observation, tip, 0);
  return Math.hypot(
    tip[0] - observation[targetAt],
    tip[1] - observation[targetAt + 1],
    tip[2] - observation[targetAt + 2],
  );
}

/** From what is observed after the step alone. */
function rewardOf(observation: Float32Array): number {
  let squares = 0;
  for (let at = jointCount; at < targetAt; at++) squares += observation[at] ** 2;
  return -distanceOf(observation) - speedCost * squares;
}

/** NaN stays NaN. */
function clip(value: number, limit: number): number {
  return Math.min(limit, Math.max(-limit, value));
}
