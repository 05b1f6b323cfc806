import type { Channel, Spec } from "../core/spec.ts";
import type { Reflection, Task } from "./env.ts";
import { Physics } from "./mujoco.ts";
import { MujocoEnv, unbounded, type World } from "./mujoco-env.ts";

const stepS = 0.0025;
const frameSkip = 10;
const periodS = stepS * frameSkip;
/** The hips stand 0.92 m high; lower than this is a fall. */
const heightMin = 0.65;
const startMax = 0.02;
const joints = 9;
const sides = ["right", "left"] as const;

/** Each joint's limits, rad: flexed forward is positive, so a knee only bends below 0. */
const ranges = { hip: [-0.5, 2], knee: [-2.1, 0], ankle: [-0.7, 0.5] } as const;
type Joint = keyof typeof ranges;
const limbs = Object.keys(ranges) as Joint[];

/**
 * A leg's muscles: greatest force, N, and moment arms, m, about the joints that they cross; where
 * an arm is positive the muscle pulls its joint backward. Round numbers of a grown person's size.
 */
export const muscles: Readonly<Record<string, readonly [number, Partial<Record<Joint, number>>]>> =
  {
    hamstrings: [2700, { hip: 0.06, knee: 0.035 }],
    short_biceps: [800, { knee: 0.035 }],
    gluteus: [2000, { hip: 0.06 }],
    iliopsoas: [2300, { hip: -0.04 }],
    rectus: [1200, { hip: -0.04, knee: -0.045 }],
    vasti: [5000, { knee: -0.045 }],
    gastrocnemius: [2500, { knee: 0.02, ankle: 0.045 }],
    soleus: [5000, { ankle: 0.045 }],
    tibialis: [1500, { ankle: -0.04 }],
  };

const perLeg = Object.keys(muscles);

/** Right leg first, in the order of `muscles`. */
const fibres = sides.flatMap((side) => perLeg.map((name) => `${side}_${name}`));

function leg(side: string): string {
  const joint = (name: Joint): string =>
    `<joint name="${side}_${name}" range="${ranges[name].join(" ")}"/>`;
  return `
      <body name="${side} thigh">
        ${joint("hip")}
        <geom fromto="0 0 0 0 0 -0.42" size="0.05" mass="9.3"/>
        <body name="${side} shin" pos="0 0 -0.42">
          ${joint("knee")}
          <geom fromto="0 0 0 0 0 -0.42" size="0.04" mass="3.7"/>
          <body name="${side} foot" pos="0 0 -0.42">
            ${joint("ankle")}
            <geom fromto="-0.06 0 -0.05 0.17 0 -0.05" size="0.03" mass="1.5"/>
          </body>
        </body>
      </body>`;
}

/** A tendon that winds round a pulley at each joint, so that its arms stay what they are. */
function tendon(side: string, name: string): string {
  const arms = Object.entries(muscles[name][1]).map(
    ([joint, arm]) => `<joint joint="${side}_${joint}" coef="${arm}"/>`,
  );
  return `<fixed name="${side}_${name}">${arms.join("")}</fixed>`;
}

/** The shortest and longest that the joints' limits let a muscle be, m, 0 with all joints at 0. */
function lengthsOf(arms: Partial<Record<Joint, number>>): [number, number] {
  let [shortest, longest] = [0, 0];
  for (const joint of limbs) {
    const ends = ranges[joint].map((angle) => angle * (arms[joint] ?? 0));
    shortest += Math.min(...ends);
    longest += Math.max(...ends);
  }
  return [shortest, longest];
}

function muscle(side: string, name: string): string {
  const [force, arms] = muscles[name];
  const lengths = lengthsOf(arms).join(" ");
  return `<muscle tendon="${side}_${name}" force="${force}" lengthrange="${lengths}"/>`;
}

/** Every side's muscles, written by `write`, in the order of `fibres`. */
function each(write: (side: string, name: string) => string): string {
  return sides.map((side) => perLeg.map((name) => write(side, name)).join("")).join("");
}

/** A trunk on two legs in the plane of x (forward) and z (up), 75 kg; only the floor touches. */
const mjcf = `
<mujoco model="muscle leg">
  <compiler angle="radian" inertiafromgeom="true"/>
  <size memory="256K"/>
  <option timestep="${stepS}" integrator="implicitfast">
    <flag autoreset="disable"/>
  </option>
  <default>
    <geom type="capsule" contype="1" conaffinity="0" condim="3" friction="0.9 0.1 0.1"/>
    <joint axis="0 -1 0" armature="0.02" damping="2" limited="true" solreflimit="0.02 1"/>
    <muscle ctrllimited="true" ctrlrange="0 1" timeconst="0.01 0.04" range="0.75 1.05"/>
    <default class="trunk"><joint armature="0" damping="0" limited="false"/></default>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="40 40 40" contype="1" conaffinity="1"/>
    <body name="trunk" pos="0 0 0.92">
      <joint name="forward" class="trunk" type="slide" axis="1 0 0"/>
      <joint name="height" class="trunk" type="slide" axis="0 0 1" ref="0.92"/>
      <joint name="pitch" class="trunk" type="hinge" axis="0 1 0"/>
      <geom fromto="0 0 0 0 0 0.6" size="0.1" mass="46"/>
      ${sides.map(leg).join("")}
    </body>
  </worldbody>
  <tendon>${each(tendon)}</tendon>
  <actuator>${each(muscle)}</actuator>
</mujoco>`;

const bends = sides.flatMap((side) => limbs.map((joint) => `${side}_${joint}`));

function share(name: string): Channel {
  return { name, unit: "1", low: 0, high: 1 };
}

/**
 * What is seen is the whole state but for the place: 0-1 height of the hips in m and pitch of the
 * trunk in rad (positive leans forward), 2-7 joints of the right and the left leg in rad, 8-10
 * speeds of hips and trunk, 11-16 of the joints, 17-34 each muscle's activation. What is done is
 * the excitation of each muscle, 0 to 1; beyond, it is clamped.
 */
export const muscleLegSpec: Spec = {
  observation: [
    unbounded("height", "m"),
    unbounded("pitch", "rad"),
    ...bends.map((name) => unbounded(name, "rad")),
    unbounded("forward_speed", "m/s"),
    unbounded("height_speed", "m/s"),
    unbounded("pitch_speed", "rad/s"),
    ...bends.map((name) => unbounded(`${name}_speed`, "rad/s")),
    ...fibres.map((name) => share(`${name}_act`)),
  ],
  action: fibres.map(share),
  periodUs: 1e6 * periodS,
};

const forwardSpeed = muscleLegSpec.observation.findIndex(({ name }) => name === "forward_speed");
const firstAct = 2 * joints - 1;

/** Swaps right and left: the names tell which channel is which's picture. */
function swapped(channels: readonly Channel[]): Reflection {
  const twin = (name: string): string =>
    name.replace(/^(right|left)/, (side) => (side === "right" ? "left" : "right"));
  const names = channels.map(({ name }) => name);
  return { from: names.map((name) => names.indexOf(twin(name))), sign: names.map(() => 1) };
}

/** Whether the runner has fallen, from the height of its hips in m. */
function fallen(height: number): boolean {
  return !(height >= heightMin);
}

const world: World = {
  spec: muscleLegSpec,
  episodeStepsMax: 400,
  frameSkip,
  view: "side",
  start(rng, { qpos, qvel }) {
    for (let i = 2; i < joints; i++) qpos[i] += rng.uniform(-startMax, startMax);
    for (let i = 0; i < joints; i++) qvel[i] += rng.uniform(-startMax, startMax);
    // A knee stretched beyond straight would begin with a push of its limit.
    for (const knee of [4, 7]) qpos[knee] -= startMax;
  },
  observe({ qpos, qvel, act }, observation) {
    for (let i = 1; i < joints; i++) observation[i - 1] = qpos[i];
    for (let i = 0; i < joints; i++) observation[joints - 1 + i] = qvel[i];
    for (let i = 0; i < act.length; i++) observation[firstAct + i] = act[i];
  },
  judge({ qpos }, x) {
    return { reward: qpos[0] - x, terminated: fallen(qpos[1]) };
  },
};

/**
 * A runner moved by muscles, of the shape of NeurIPS 2017's Learning to Run, and not that task: the
 * model is ours, plain and planar, with constant moment arms, rigid tendons and no obstacles. Nine
 * muscles a leg (Hill type, MuJoCo's own). A muscle's activation a follows its excitation with a
 * time constant of 10 ms (0.5 + 1.5 a) up and 40 ms / (0.5 + 1.5 a) down. Each action is held for
 * 10 steps of 2.5 ms.
 *
 * Reward: metres that the hips went forward in the step, so a return is the distance run. It
 * terminates where the hips are below 0.65 m, else is truncated after 400 steps, 10 s. Of a logged
 * step, which knows no place, the way is the mean speed before and after times the period.
 *
 * The parameter `strength` scales the moment arms, hence how far a muscle shortens too.
 */
export async function openMuscleLeg(): Promise<Task> {
  const physics = await Physics.open(mjcf);
  return {
    name: "muscle-leg",
    spec: muscleLegSpec,
    episodeStepsMax: world.episodeStepsMax,
    selectionStarts: 10,
    judgedStarts: 100,
    // docs/environments.md derives it from a hand-written controller.
    solvedReturn: 10,
    mirror: {
      observation: swapped(muscleLegSpec.observation),
      action: swapped(muscleLegSpec.action),
    },
    makeEnv: () => new MujocoEnv(world, physics),
    reward(observation, _action, next) {
      return ((observation[forwardSpeed] + next[forwardSpeed]) / 2) * periodS;
    },
  };
}
