import type { Spec } from "../core/spec.ts";
import type { Task } from "./env.ts";
import { Physics } from "./mujoco.ts";
import { MujocoEnv, unbounded, type World } from "./mujoco-env.ts";

const angleMax = 0.2;
const startMax = 0.01;

/** A cart on a rail of 2 m carries a pole that leans by 1 mm. Nothing touches anything. */
const mjcf = `
<mujoco model="inverted pendulum">
  <compiler angle="degree" inertiafromgeom="true"/>
  <size memory="256K"/>
  <option timestep="0.02" integrator="RK4"><flag autoreset="disable"/></option>
  <default>
    <geom type="capsule" contype="0" conaffinity="0"/>
    <joint damping="1" limited="true"/>
  </default>
  <worldbody>
    <body name="cart">
      <joint name="cart" type="slide" axis="1 0 0" range="-1 1"/>
      <geom fromto="-0.1 0 0 0.1 0 0" size="0.1"/>
      <body name="pole">
        <joint name="pole" type="hinge" axis="0 1 0" range="-90 90"/>
        <geom fromto="0 0 0 0.001 0 0.6" size="0.049"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="cart" gear="100" ctrlrange="-3 3" ctrllimited="true"/></actuator>
</mujoco>`;

const spec: Spec = {
  observation: [
    unbounded("cart", "m"),
    unbounded("pole", "rad"),
    unbounded("cart_speed", "m/s"),
    unbounded("pole_speed", "rad/s"),
  ],
  action: [{ name: "cart_drive", unit: "100N", low: -3, high: 3 }],
  periodUs: 40_000,
};

const world: World = {
  spec,
  episodeStepsMax: 1000,
  frameSkip: 2,
  view: "side",
  start(rng, { qpos, qvel }) {
    for (let i = 0; i < 2; i++) qpos[i] += rng.uniform(-startMax, startMax);
    for (let i = 0; i < 2; i++) qvel[i] += rng.uniform(-startMax, startMax);
  },
  observe({ qpos, qvel }, observation) {
    for (let i = 0; i < 2; i++) {
      observation[i] = qpos[i];
      observation[2 + i] = qvel[i];
    }
  },
  judge({ qpos }) {
    const terminated = Math.abs(qpos[1]) > angleMax;
    return { reward: terminated ? 0 : 1, terminated };
  },
};

/**
 * Gymnasium's InvertedPendulum-v5: keep the pole within 0.2 rad of upright. Reward: 1 a step, 0
 * for the one that ends the episode by losing the pole; else it ends after 1,000 steps.
 */
export async function openInvertedPendulum(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  return {
    name: "inverted-pendulum",
    spec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    solvedReturn: 950,
    makeEnv: () => new MujocoEnv(world, physics),
    reward: (_observation, _action, next) => (Math.abs(next[1]) > angleMax ? 0 : 1),
  };
}
