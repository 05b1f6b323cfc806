import type { Task } from "./env.ts";
import { type Legged, leggedReward, leggedWorld } from "./legged.ts";
import { Physics } from "./mujoco.ts";
import { MujocoEnv } from "./mujoco-env.ts";

/**
 * A trunk on one leg of three joints, in the plane of x (forward) and z (up). Some lengths are the
 * nearest numbers below or above the round ones, so that sums round as they do elsewhere.
 */
const mjcf = `
<mujoco model="hopper">
  <compiler angle="degree" inertiafromgeom="true"/>
  <size memory="256K"/>
  <option timestep="0.002" integrator="RK4"><flag autoreset="disable"/></option>
  <default>
    <geom contype="1" conaffinity="1" condim="1" margin="0.001" solref="0.02 1"
          solimp="0.8 0.8 0.01"/>
    <joint axis="0 -1 0" armature="1" damping="1" limited="true"/>
    <default class="trunk"><joint armature="0" damping="0" limited="false"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="20 20 0.125" condim="3"/>
    <body name="trunk" pos="0 0 1.25">
      <joint name="forward" class="trunk" type="slide" axis="1 0 0" pos="0 0 -1.25"/>
      <joint name="height" class="trunk" type="slide" axis="0 0 1" pos="0 0 -1.25" ref="1.25"/>
      <joint name="pitch" class="trunk" axis="0 1 0"/>
      <geom type="capsule" size="0.05 0.19999999999999996" friction="0.9"/>
      <body name="thigh" pos="0 0 -0.19999999999999996">
        <joint name="thigh" range="-150 0"/>
        <geom type="capsule" pos="0 0 -0.22500000000000009" size="0.05 0.22500000000000003"
              friction="0.9"/>
        <body name="leg" pos="0 0 -0.70000000000000007">
          <joint name="leg" pos="0 0 0.25" range="-150 0"/>
          <geom type="capsule" size="0.04 0.25" friction="0.9"/>
          <body name="foot" pos="0.13 0 -0.35">
            <joint name="foot" pos="-0.13 0 0.1" range="-45 45"/>
            <geom type="capsule" pos="-0.065 0 0.1" size="0.06 0.195" friction="2"
                  quat="0.70710678118654757 0 -0.70710678118654746 0"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="thigh" gear="200" ctrlrange="-1 1" ctrllimited="true"/>
    <motor joint="leg" gear="200" ctrlrange="-1 1" ctrllimited="true"/>
    <motor joint="foot" gear="200" ctrlrange="-1 1" ctrllimited="true"/>
  </actuator>
</mujoco>`;

const robot: Legged = {
  legs: ["thigh", "leg", "foot"],
  healthy: (height, pitch) => height > 0.7 && Math.abs(pitch) < 0.2,
  stateMax: 100,
};

/**
 * Gymnasium's Hopper-v5: hop forward. Reward: speed forward in m/s, 1 while up, less 0.001 times
 * the squared commands. It ends where the trunk is below 0.7 m or 0.2 rad off upright, else after
 * 1,000 steps. A logged step is judged by its observed speeds: see `leggedReward`.
 */
export async function openHopper(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  const world = leggedWorld(robot);
  return {
    name: "hopper",
    spec: world.spec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    solvedReturn: 3800,
    makeEnv: () => new MujocoEnv(world, physics),
    reward: (observation, action, next) => leggedReward(robot, observation, action, next),
  };
}
