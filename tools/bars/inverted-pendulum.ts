import { type Act, type Controller, clip } from "./controller.ts";

/** Full state feedback: the pole's lean and the cart's place, each with its speed. */
function begin([kCart, kPole, kCartSpeed, kPoleSpeed]: readonly number[]): Act {
  return ([cart, pole, cartSpeed, poleSpeed], action) => {
    const drive = kPole * pole + kPoleSpeed * poleSpeed + kCart * cart + kCartSpeed * cartSpeed;
    action[0] = clip(drive, -3, 3);
  };
}

export const invertedPendulumController: Controller = {
  name: "state feedback",
  gainNames: ["kCart, 100N/m", "kPole, 100N/rad", "kCartSpeed", "kPoleSpeed"],
  guess: [0.1, 3, 0.1, 0.5],
  // Nothing was left to find.
  gains: [0.1, 3, 0.1, 0.5],
  begin,
};
