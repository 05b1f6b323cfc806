import { tipOf } from "../../src/sim/arm-chain.ts";
import { servoArmSpec } from "../../src/sim/servo-arm.ts";
import { type Act, type Controller, clip } from "./controller.ts";

/** Joints that move the tip; roll and grip stay where they are. */
const moving = 4;
const nudge = 1e-4;

/**
 * Resolved rates: the way to the target becomes a way of the joints by damped least squares, and
 * the goals go it from where they were sent last, so that no weight leaves an error. A brake takes
 * off what the joints will still go by themselves.
 */
function begin([gain, damping, brake, lead]: readonly number[]): Act {
  let goals: Float32Array | null = null;
  const tip = [0, 0, 0];
  const beside = [0, 0, 0];
  return (observation, action) => {
    goals ??= observation.slice(0, 6);
    const ahead = observation.slice(0, 6).map((angle, at) => angle + brake * observation[6 + at]);
    tipOf(ahead, tip, 0);
    const miss = [12, 13, 14].map((at, axis) => observation[at] - tip[axis]);
    // The tip's way per rad of each joint, m.
    const ways = Array.from({ length: moving }, (_, at) => {
      const moved = ahead.slice();
      moved[at] += nudge;
      tipOf(moved, beside, 0);
      return beside.map((place, axis) => (place - tip[axis]) / nudge);
    });
    const pull = solved(ways, damping, miss);
    for (let at = 0; at < 6; at++) {
      const { low, high } = servoArmSpec.action[at];
      if (at < moving) {
        const step = ways[at].reduce((sum, way, axis) => sum + way * pull[axis], 0);
        const seen = observation[at];
        goals[at] = clip(goals[at] + gain * step, seen - lead, seen + lead);
      }
      goals[at] = clip(goals[at], low, high);
      action[at] = goals[at];
    }
  };
}

/** (J J^T + damping^2)^-1 miss, by Cramer's rule: three numbers. */
function solved(ways: readonly number[][], damping: number, miss: readonly number[]): number[] {
  const rows = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => {
      const sum = ways.reduce((total, way) => total + way[i] * way[j], 0);
      return i === j ? sum + damping ** 2 : sum;
    }),
  );
  const whole = determinant(rows);
  return [0, 1, 2].map((column) => {
    const changed = rows.map((row, i) => row.map((one, j) => (j === column ? miss[i] : one)));
    return determinant(changed) / whole;
  });
}

function determinant([[a, b, c], [d, e, f], [g, h, i]]: readonly number[][]): number {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

export const servoArmController: Controller = {
  name: "damped least squares on the arm's own geometry",
  gainNames: ["gain", "damping, m", "brake, s", "lead, rad"],
  guess: [0.3, 0.05, 0.05, 0.2],
  // node dist/tools/task-bars.js --tune servo-arm --seed 1 --tries 300
  gains: [1.18, 0.186, 0.057, 0.17],
  begin,
};
