import { servoPendulumSpec } from "../../src/sim/servo-pendulum.ts";
import { type Act, type Controller, clip } from "./controller.ts";

const stepMax = servoPendulumSpec.action[0].high;
/** The rod's small swings, rad/s: sqrt(lever * gravity / inertia) of the bench's numbers. */
const swingRate = Math.sqrt((0.11 * 9.81) / ((0.02 / 3 + 0.1) * 0.2));

/**
 * Swings the bar in step with the rod's speed, so that each swing gives the rod energy, and near
 * upright holds it by feedback of all that is observed. Energy is the rod's on a pivot that stands
 * still, in units of its weight times its length: 0 upright, -2 hanging.
 */
function begin(gains: readonly number[]): Act {
  const [reach, pump, surplus, eager, early, catchAngle, catchSpeed] = gains;
  const [kRod, kRodSpeed, kBar, kBarSpeed, kLead] = gains.slice(7);
  return (observation, action) => {
    const [bar, barSpeed, lead, , cos, sin, rodSpeed] = observation;
    const angle = Math.atan2(sin, cos);
    let step: number;
    if (Math.abs(angle) < catchAngle && Math.abs(rodSpeed) < catchSpeed) {
      step = kBar * bar + kBarSpeed * barSpeed - kLead * lead;
      step -= kRod * angle + kRodSpeed * rodSpeed;
    } else {
      const energy = (rodSpeed / swingRate) ** 2 / 2 + cos - 1;
      // The servo is late, so the bar follows the swing as it will be.
      const swing = (rodSpeed / swingRate) * -cos + early * sin;
      const push = clip(pump * (surplus - energy), -1, 1) * clip(eager * swing, -1, 1);
      step = reach * push - (bar + lead);
    }
    action[0] = clip(step, -stepMax, stepMax);
  };
}

export const servoPendulumController: Controller = {
  name: "energy swing-up, state feedback near upright",
  gainNames: [
    ...["reach, rad", "pump", "surplus", "eager", "early", "catchAngle, rad", "catchSpeed, rad/s"],
    ...["kRod", "kRodSpeed, s", "kBar", "kBarSpeed, s", "kLead"],
  ],
  // The last five are the linear-quadratic regulator's about upright, friction left out.
  guess: [0.7, 1, 0.1, 3, 0.3, 0.7, 5, 2.05, 0.274, 0.382, 0.191, 0.7],
  // node dist/tools/task-bars.js --tune servo-pendulum --seed 4 --tries 1500
  gains: [1.03, 0.553, 0.00221, 5.35, 6.84, 0.614, 7.78, 2.85, 0.364, 0.255, 0.182, 1.1],
  begin,
};
