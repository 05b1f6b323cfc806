import type { Spec } from "../core/spec.ts";
import type { Task } from "./env.ts";
import { Physics } from "./mujoco.ts";
import { effortOf, MujocoEnv, unbounded, type World } from "./mujoco-env.ts";

const periodS = 0.05;
const effortCost = 0.1;
const joints = 9;

/** Six driven joints: [name, most torque in N*m, low and high limit in rad]. */
const legs = [
  ["back_thigh", 120],
  ["back_shin", 90],
  ["back_foot", 60],
  ["front_thigh", 120],
  ["front_shin", 60],
  ["front_foot", 30],
] as const;

/**
 * The runner: a trunk with a back and a front leg of three links, held in the plane of x (forward)
 * and z (up). Springs in the legs' joints; only the floor touches. 14 kg in all.
 */
const mjcf = `
<mujoco model="half cheetah">
  <compiler angle="radian" inertiafromgeom="true" settotalmass="14"/>
  <size memory="256K"/>
  <option timestep="0.01"><flag autoreset="disable"/></option>
  <default>
    <geom condim="3" friction="0.4 0.1 0.1" solref="0.02 1" solimp="0 0.8 0.01"/>
    <joint axis="0 1 0" armature="0.1" solreflimit="0.02 1" solimplimit="0 0.8 0.03"/>
    <default class="link"><geom type="capsule" contype="1" conaffinity="0"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="40 40 40" contype="1" conaffinity="1"/>
    <body name="trunk" pos="0 0 0.7" childclass="link">
      <joint name="forward" type="slide" axis="1 0 0" limited="false" armature="0"/>
      <joint name="height" type="slide" axis="0 0 1" limited="false" armature="0"/>
      <joint name="pitch" type="hinge" limited="false" armature="0"/>
      <geom name="back" fromto="-0.5 0 0 0.5 0 0" size="0.046"/>
      <geom name="head" pos="0.6 0 0.1" euler="0 0.87 0" size="0.046 0.15"/>
      <body name="back thigh" pos="-0.5 0 0">
        <joint name="back thigh" range="-0.52 1.05" stiffness="240" damping="6"/>
        <geom pos="0.1 0 -0.13" euler="0 -3.8 0" size="0.046 0.145"/>
        <body name="back shin" pos="0.16 0 -0.25">
          <joint name="back shin" range="-0.785 0.785" stiffness="180" damping="4.5"/>
          <geom pos="-0.14 0 -0.07" euler="0 -2.03 0" size="0.046 0.15"/>
          <body name="back foot" pos="-0.28 0 -0.14">
            <joint name="back foot" range="-0.4 0.785" stiffness="120" damping="3"/>
            <geom pos="0.03 0 -0.097" euler="0 -0.27 0" size="0.046 0.094"/>
          </body>
        </body>
      </body>
      <body name="front thigh" pos="0.5 0 0">
        <joint name="front thigh" range="-1 0.7" stiffness="180" damping="4.5"/>
        <geom pos="-0.07 0 -0.12" euler="0 0.52 0" size="0.046 0.133"/>
        <body name="front shin" pos="-0.14 0 -0.24">
          <joint name="front shin" range="-1.2 0.87" stiffness="120" damping="3"/>
          <geom pos="0.065 0 -0.09" euler="0 -0.6 0" size="0.046 0.106"/>
          <body name="front foot" pos="0.13 0 -0.18">
            <joint name="front foot" range="-0.5 0.5" stiffness="60" damping="1.5"/>
            <geom pos="0.045 0 -0.07" euler="0 -0.6 0" size="0.046 0.07"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>${legs
    .map(([name, torque]) => {
      const joint = name.replace("_", " ");
      return `<motor joint="${joint}" gear="${torque}" ctrlrange="-1 1" ctrllimited="true"/>`;
    })
    .join("")}</actuator>
</mujoco>`;

const spec: Spec = {
  observation: [
    unbounded("height", "m"),
    unbounded("pitch", "rad"),
    ...legs.map(([name]) => unbounded(name, "rad")),
    unbounded("forward_speed", "m/s"),
    unbounded("height_speed", "m/s"),
    unbounded("pitch_speed", "rad/s"),
    ...legs.map(([name]) => unbounded(`${name}_speed`, "rad/s")),
  ],
  action: legs.map(([name]) => ({ name: `${name}_drive`, unit: "1", low: -1, high: 1 })),
  periodUs: 50_000,
};

const forwardSpeed = 8;

const world: World = {
  spec,
  episodeStepsMax: 1000,
  frameSkip: 5,
  view: "side",
  start(rng, { qpos, qvel }) {
    for (let i = 0; i < joints; i++) qpos[i] += rng.uniform(-0.1, 0.1);
    for (let i = 0; i < joints; i++) qvel[i] += 0.1 * rng.normal();
  },
  observe({ qpos, qvel }, observation) {
    for (let i = 1; i < joints; i++) observation[i - 1] = qpos[i];
    for (let i = 0; i < joints; i++) observation[joints - 1 + i] = qvel[i];
  },
  judge({ qpos }, x, command) {
    const reward = (qpos[0] - x) / periodS - effortOf(command, effortCost);
    return { reward, terminated: false };
  },
};

/**
 * Gymnasium's HalfCheetah-v5: run forward. Reward: speed forward in m/s, less 0.1 times the sum of
 * the squared commands. It never ends but after 1,000 steps. Of a logged step, which knows no
 * place, the speed is the mean of those observed before and after it.
 */
export async function openHalfCheetah(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  return {
    name: "half-cheetah",
    spec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    solvedReturn: 4800,
    makeEnv: () => new MujocoEnv(world, physics),
    reward(observation, action, next) {
      const speed = (observation[forwardSpeed] + next[forwardSpeed]) / 2;
      return speed - effortOf(action, effortCost);
    },
  };
}
