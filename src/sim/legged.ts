import type { Spec } from "../core/spec.ts";
import type { Physics } from "./mujoco.ts";
import { effortOf, unbounded, type World } from "./mujoco-env.ts";

const periodS = 0.008;
const speedMax = 10;
const effortCost = 1e-3;
const startMax = 0.005;

/** What tells one legged robot from another; its joints are driven in the order of `legs`. */
export interface Legged {
  readonly legs: readonly string[];
  /** Whether the robot is still up: `height` of its trunk in m, `pitch` in rad. */
  healthy(height: number, pitch: number): boolean;
  /** Ends an episode where any other position or any velocity leaves +-this. */
  readonly stateMax: number;
}

/** A limb's angles, then speeds: what a policy sees of a legged robot, and the drives it sets. */
export function leggedSpec({ legs }: Legged): Spec {
  const speed = (name: string, unit: string) => ({
    name: `${name}_speed`,
    unit,
    low: -speedMax,
    high: speedMax,
  });
  return {
    observation: [
      unbounded("height", "m"),
      unbounded("pitch", "rad"),
      ...legs.map((name) => unbounded(name, "rad")),
      speed("forward", "m/s"),
      speed("height", "m/s"),
      speed("pitch", "rad/s"),
      ...legs.map((name) => speed(name, "rad/s")),
    ],
    action: legs.map((name) => ({ name: `${name}_drive`, unit: "1", low: -1, high: 1 })),
    periodUs: 8000,
  };
}

/** Runs forward: reward is speed in m/s, 1 while healthy, less 0.001 times the squared commands. */
export function leggedWorld(robot: Legged): World {
  const joints = 3 + robot.legs.length;
  return {
    spec: leggedSpec(robot),
    episodeStepsMax: 1000,
    frameSkip: 4,
    view: "side",
    start(rng, { qpos, qvel }) {
      for (let i = 0; i < joints; i++) qpos[i] += rng.uniform(-startMax, startMax);
      for (let i = 0; i < joints; i++) qvel[i] += rng.uniform(-startMax, startMax);
    },
    observe({ qpos, qvel }, observation) {
      for (let i = 1; i < joints; i++) observation[i - 1] = qpos[i];
      for (let i = 0; i < joints; i++) {
        observation[joints - 1 + i] = Math.min(speedMax, Math.max(-speedMax, qvel[i]));
      }
    },
    judge(physics, x, command) {
      const speed = (physics.qpos[0] - x) / periodS;
      const up = isUp(robot, physics);
      return { reward: rewardOf(speed, up, command), terminated: !up };
    },
  };
}

/**
 * The reward of a logged step, which knows no place: its speed is the mean of those observed before
 * and after it.
 */
export function leggedReward(
  robot: Legged,
  observation: Float32Array,
  action: Float32Array,
  next: Float32Array,
): number {
  const forward = 2 + robot.legs.length;
  const speed = (observation[forward] + next[forward]) / 2;
  return rewardOf(speed, robot.healthy(next[0], next[1]), action);
}

function isUp(robot: Legged, { qpos, qvel }: Physics): boolean {
  if (!robot.healthy(qpos[1], qpos[2])) return false;
  for (let i = 2; i < qpos.length; i++) if (!(Math.abs(qpos[i]) < robot.stateMax)) return false;
  for (let i = 0; i < qvel.length; i++) if (!(Math.abs(qvel[i]) < robot.stateMax)) return false;
  return true;
}

function rewardOf(speed: number, up: boolean, command: Float32Array): number {
  return speed + (up ? 1 : 0) - effortOf(command, effortCost);
}
