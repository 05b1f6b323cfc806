import type { Reflection, Task } from "./env.ts";
import { type Legged, leggedReward, leggedWorld } from "./legged.ts";
import { Physics } from "./mujoco.ts";
import { MujocoEnv } from "./mujoco-env.ts";

/** One leg of three joints; both legs hang from the same point. */
function leg(side: string): string {
  return `
      <body name="${side} thigh" pos="0 0 -0.19999999999999996">
        <joint name="${side} thigh" range="-150 0"/>
        <geom type="capsule" pos="0 0 -0.22500000000000009" size="0.05 0.22500000000000003"
              friction="0.9"/>
        <body name="${side} shin" pos="0 0 -0.70000000000000007">
          <joint name="${side} shin" pos="0 0 0.25" range="-150 0"/>
          <geom type="capsule" size="0.04 0.25" friction="0.9"/>
          <body name="${side} foot" pos="0.2 0 -0.35">
            <joint name="${side} foot" pos="-0.2 0 0.1" range="-45 45"/>
            <geom type="capsule" pos="-0.1 0 0.1" size="0.06 0.1" friction="1.9"
                  quat="0.70710678118654757 0 -0.70710678118654746 0"/>
          </body>
        </body>
      </body>`;
}

const links = ["right thigh", "right shin", "right foot", "left thigh", "left shin", "left foot"];

/**
 * A trunk on two legs, in the plane of x (forward) and z (up). The legs pass through each other.
 * Odd digits: see hopper.ts.
 */
const mjcf = `
<mujoco model="walker2d">
  <compiler angle="degree" inertiafromgeom="true"/>
  <size memory="256K"/>
  <option timestep="0.002" integrator="RK4"><flag autoreset="disable"/></option>
  <default>
    <geom contype="1" conaffinity="0" condim="3" friction="0.7 0.1 0.1"/>
    <joint axis="0 -1 0" armature="0.01" damping="0.1" limited="true"/>
    <default class="trunk"><joint armature="0" damping="0" limited="false"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="40 40 40" conaffinity="1"/>
    <body name="trunk" pos="0 0 1.25">
      <joint name="forward" class="trunk" type="slide" axis="1 0 0" pos="0 0 -1.25"/>
      <joint name="height" class="trunk" type="slide" axis="0 0 1" pos="0 0 -1.25" ref="1.25"/>
      <joint name="pitch" class="trunk" axis="0 1 0"/>
      <geom type="capsule" size="0.05 0.19999999999999996" friction="0.9"/>
      ${leg("right")}${leg("left")}
    </body>
  </worldbody>
  <actuator>${links
    .map((name) => `<motor joint="${name}" gear="100" ctrlrange="-1 1" ctrllimited="true"/>`)
    .join("")}</actuator>
</mujoco>`;

const robot: Legged = {
  legs: links.map((name) => name.replace(" ", "_")),
  healthy: (height, pitch) => height > 0.8 && height < 2 && Math.abs(pitch) < 1,
  stateMax: Number.POSITIVE_INFINITY,
};

/** The mirror swaps the legs; the plane in which the robot moves is its own picture. */
function swapped(from: readonly number[]): Reflection {
  return { from, sign: from.map(() => 1) };
}

/**
 * Gymnasium's Walker2d-v5: walk forward. Reward: speed forward in m/s, 1 while up, less 0.001 times
 * the squared commands. It ends where the trunk leaves 0.8 to 2 m or 1 rad off upright, else after
 * 1,000 steps. A logged step is judged by its observed speeds: see `leggedReward`.
 */
export async function openWalker2d(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  const world = leggedWorld(robot);
  return {
    name: "walker2d",
    spec: world.spec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    mirror: {
      observation: swapped([0, 1, 5, 6, 7, 2, 3, 4, 8, 9, 10, 14, 15, 16, 11, 12, 13]),
      action: swapped([3, 4, 5, 0, 1, 2]),
    },
    makeEnv: () => new MujocoEnv(world, physics),
    reward: (observation, action, next) => leggedReward(robot, observation, action, next),
  };
}
