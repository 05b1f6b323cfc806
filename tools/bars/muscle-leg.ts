import { muscleLegSpec, muscles } from "../../src/sim/muscle-leg.ts";
import { type Act, type Controller, clip } from "./controller.ts";

const periodS = muscleLegSpec.periodUs / 1e6;
const joints = ["hip", "knee", "ankle"] as const;
const sides = ["right", "left"] as const;
const channels = muscleLegSpec.observation.map(({ name }) => name);

/** Channels of each side's joints, rad, and of their speeds, rad/s. */
const places = sides.map((side) => {
  const at = (name: string): number => channels.indexOf(`${side}_${name}`);
  return joints.map((joint) => ({ angle: at(joint), speed: at(`${joint}_speed`) }));
});
const [pitchAt, pitchSpeedAt, forwardSpeedAt] = ["pitch", "pitch_speed", "forward_speed"].map(
  (name) => channels.indexOf(name),
);

/** Of each muscle of a leg: how far a joint's effort forward is its own to make, -1 to 1. */
const shares = Object.values(muscles).map(([, arms]) => {
  const whole = joints.reduce((sum, joint) => sum + Math.abs(arms[joint] ?? 0), 0);
  return joints.map((joint) => -(arms[joint] ?? 0) / whole);
});

/**
 * Steps by the clock: one leg stands, whose hip holds the trunk's lean, while the other swings to
 * an angle from the vertical that grows with speed; then they change over. Each joint is a spring
 * with damping, whose effort the muscles of either side of it share.
 */
function begin(gains: readonly number[]): Act {
  const [lean, stepS, swing, ahead, bend, stance, tone] = gains;
  const [kPitch, dPitch, kHip, dHip, kKnee, dKnee, kAnkle, dAnkle, tilt] = gains.slice(7);
  const springs = [
    [kHip, dHip],
    [kKnee, dKnee],
    [kAnkle, dAnkle],
  ];
  let steps = 0;
  return (observation, action) => {
    const pitch = observation[pitchAt];
    const phase = (steps++ * periodS) / stepS;
    for (const side of [0, 1]) {
      const swings = Math.floor(phase) % 2 === side;
      const lifted = swings ? Math.max(0, Math.sin(Math.PI * (phase % 1) * 1.5)) : 0;
      const reach = swing + ahead * observation[forwardSpeedAt];
      const aims = [pitch + (swings ? reach : 0), -stance - bend * lifted, swings ? 0 : tilt];
      const efforts = joints.map((_, joint) => {
        const { angle, speed } = places[side][joint];
        const [spring, damping] = springs[joint];
        return spring * (aims[joint] - observation[angle]) - damping * observation[speed];
      });
      if (!swings) efforts[0] = -kPitch * (pitch - lean) - dPitch * observation[pitchSpeedAt];
      for (const [muscle, share] of shares.entries()) {
        const effort = share.reduce((sum, part, joint) => sum + part * efforts[joint], tone);
        action[side * shares.length + muscle] = clip(effort, 0, 1);
      }
    }
  };
}

export const muscleLegController: Controller = {
  name: "steps by the clock, joints held by springs",
  gainNames: [
    ...["lean, rad", "stepS", "swing, rad", "ahead, s/m", "bend, rad", "stance, rad", "tone"],
    ...["kPitch", "dPitch", "kHip", "dHip", "kKnee", "dKnee", "kAnkle", "dAnkle", "tilt, rad"],
  ],
  guess: [0.1, 0.4, 0.3, 0.1, 0.8, 0.1, 0.05, 3, 0.3, 3, 0.3, 3, 0.2, 3, 0.2, 0.1],
  // node dist/tools/task-bars.js --tune muscle-leg --seed 2 --tries 1500 --starts 10 --share 0.6
  gains: [
    ...[0.254, 0.924, 1.43, -0.053, 0.285, 0.397, -0.0475],
    ...[12.7, 0.204, 9.03, 0.127, 1.73, 0.197, -7.54, -0.0948, -0.169],
  ],
  begin,
};
