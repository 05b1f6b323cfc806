import type { Rng } from "../core/rng.ts";
import type { Spec } from "../core/spec.ts";
import type { Task } from "./env.ts";
import { Physics } from "./mujoco.ts";
import { MujocoEnv, unbounded, type World } from "./mujoco-env.ts";

const targetReach = 0.2;
// Bodies by number; 0 is the world.
const fingertip = 3;
const target = 4;

/** Two links of 10 cm turn in the plane, seen from above; the target slides only at a reset. */
const mjcf = `
<mujoco model="reacher">
  <compiler angle="radian" inertiafromgeom="true"/>
  <size memory="256K"/>
  <option timestep="0.01" integrator="RK4"><flag autoreset="disable"/></option>
  <default>
    <geom contype="0" conaffinity="0"/>
    <joint axis="0 0 1" armature="1" damping="1"/>
    <default class="slide">
      <joint type="slide" armature="0" damping="0" limited="true" range="-0.27 0.27"/>
    </default>
  </default>
  <worldbody>
    <body name="upper arm" pos="0 0 0.01">
      <joint name="shoulder" limited="false"/>
      <geom type="capsule" fromto="0 0 0 0.1 0 0" size="0.01"/>
      <body name="forearm" pos="0.1 0 0">
        <joint name="elbow" limited="true" range="-3 3"/>
        <geom type="capsule" fromto="0 0 0 0.1 0 0" size="0.01"/>
        <body name="fingertip" pos="0.11 0 0"><geom type="sphere" size="0.01"/></body>
      </body>
    </body>
    <body name="target" pos="0.1 -0.1 0.01">
      <joint name="target x" class="slide" axis="1 0 0" ref="0.1"/>
      <joint name="target y" class="slide" axis="0 1 0" ref="-0.1"/>
      <geom name="target" type="sphere" size="0.009"/>
    </body>
  </worldbody>
  <actuator>
    <motor joint="shoulder" gear="200" ctrlrange="-1 1" ctrllimited="true"/>
    <motor joint="elbow" gear="200" ctrlrange="-1 1" ctrllimited="true"/>
  </actuator>
</mujoco>`;

const unit = "1";

const spec: Spec = {
  observation: [
    { name: "shoulder_cos", unit, low: -1, high: 1 },
    { name: "elbow_cos", unit, low: -1, high: 1 },
    { name: "shoulder_sin", unit, low: -1, high: 1 },
    { name: "elbow_sin", unit, low: -1, high: 1 },
    { name: "target_x", unit: "m", low: -0.27, high: 0.27 },
    { name: "target_y", unit: "m", low: -0.27, high: 0.27 },
    unbounded("shoulder_speed", "rad/s"),
    unbounded("elbow_speed", "rad/s"),
    { name: "miss_x", unit: "m", low: -0.6, high: 0.6 },
    { name: "miss_y", unit: "m", low: -0.6, high: 0.6 },
  ],
  action: ["shoulder", "elbow"].map((name) => ({ name: `${name}_drive`, unit, low: -1, high: 1 })),
  periodUs: 20_000,
};

const world: World = {
  spec,
  episodeStepsMax: 50,
  frameSkip: 2,
  view: "top",
  start(rng, { qpos, qvel }) {
    for (let i = 0; i < 2; i++) qpos[i] += rng.uniform(-0.1, 0.1);
    [qpos[2], qpos[3]] = withinReach(rng);
    for (let i = 0; i < 2; i++) qvel[i] += rng.uniform(-0.005, 0.005);
  },
  observe({ qpos, qvel, bodies }, observation) {
    for (let i = 0; i < 2; i++) {
      observation[i] = Math.cos(qpos[i]);
      observation[2 + i] = Math.sin(qpos[i]);
      observation[4 + i] = qpos[2 + i];
      observation[6 + i] = qvel[i];
      observation[8 + i] = bodies[3 * fingertip + i] - bodies[3 * target + i];
    }
  },
  judge({ bodies }, _x, command) {
    const dx = bodies[3 * fingertip] - bodies[3 * target];
    const dy = bodies[3 * fingertip + 1] - bodies[3 * target + 1];
    return { reward: rewardOf(dx, dy, command), terminated: false };
  },
};

/** Channels of the target's place, m, and of the fingertip's from there, m: x and y of each. */
const targetAt = 4;
const missAt = 8;

/** Uniform in the disc that the arm can reach. */
function withinReach(rng: Rng): [number, number] {
  for (;;) {
    const x = rng.uniform(-targetReach, targetReach);
    const y = rng.uniform(-targetReach, targetReach);
    if (Math.sqrt(x * x + y * y) < targetReach) return [x, y];
  }
}

/** NumPy squares a float32 command in float32. */
function rewardOf(dx: number, dy: number, command: ArrayLike<number>): number {
  const [first, second] = [command[0], command[1]];
  const effort = Math.fround(Math.fround(first * first) + Math.fround(second * second));
  return -Math.sqrt(dx * dx + dy * dy) - effort;
}

/**
 * Gymnasium's Reacher-v5: bring the fingertip to the target. Reward: less the distance in m after
 * the step, less the sum of squared commands. It never ends but after 50 steps. Its goal is the
 * target, so each step can be judged as if the target had been where the fingertip came later.
 */
export async function openReacher(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  return {
    name: "reacher",
    spec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    solvedReturn: -3.75,
    mirror: {
      observation: {
        from: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        sign: [1, 1, -1, -1, 1, -1, -1, -1, 1, -1],
      },
      action: { from: [0, 1], sign: [-1, -1] },
    },
    relabel(observation, reached) {
      for (const axis of [0, 1]) {
        const tip = observation[missAt + axis] + observation[targetAt + axis];
        // Where the fingertip was, the target is to be.
        const goal = reached[missAt + axis] + reached[targetAt + axis];
        observation[targetAt + axis] = goal;
        observation[missAt + axis] = tip - goal;
      }
    },
    makeEnv: () => new MujocoEnv(world, physics),
    reward: (_observation, action, next) => rewardOf(next[missAt], next[missAt + 1], action),
  };
}
