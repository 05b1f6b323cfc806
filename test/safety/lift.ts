import type { Spec } from "../../src/core/spec.ts";
import { makeStep, type Step } from "../../src/core/step.ts";
import type { EndedJoint, EndlessJoint } from "../../src/safety/joint.ts";
import type { LimitChoices } from "../../src/safety/limits.ts";

// A robot with a lift that has ends and a wheel that has none.

export const spec: Spec = {
  observation: [
    { name: "time", unit: "s", low: 0, high: 1e9 },
    { name: "lift_position", unit: "rad", low: -4, high: 4 },
    { name: "lift_velocity", unit: "rad/s", low: -20, high: 20 },
    { name: "lift_current", unit: "A", low: -9, high: 9 },
    { name: "wheel_velocity", unit: "turns/s", low: -50, high: 50 },
  ],
  action: [
    { name: "lift", unit: "rad/s", low: -5, high: 5 },
    { name: "wheel", unit: "N*m", low: -2, high: 2 },
  ],
  periodUs: 10_000,
};
export const lift: EndedJoint = {
  ...{ position: "lift_position", low: -1, high: 2 },
  ...{ velocity: "lift_velocity", velocityMax: 8, deceleration: 5 },
  ...{ effort: "lift_current", effortMax: 4 },
};
export const wheel: EndlessJoint = { unlimited: true, velocity: "wheel_velocity", velocityMax: 30 };
export const choices: LimitChoices = { joints: { lift, wheel } };

export function stepOf(seen: readonly number[], proposed: readonly number[] = [0, 0]): Step {
  const step = makeStep(spec);
  step.ageUs = 0;
  step.observation.set(seen);
  step.proposed.set(proposed);
  return step;
}

export const still: readonly number[] = [7, 0, 0, 0, 0];
