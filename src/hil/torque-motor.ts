import type { Spec } from "../core/spec.ts";
import type { PolicyParts } from "../policy/export.ts";

/** What `targets/torque-motor.c` tells and is told: a shaft with an encoder, driven by torque. */
export const torqueMotorSpec: Spec = {
  observation: [
    { name: "shaft_angle", unit: "rad", low: -Math.fround(Math.PI), high: Math.fround(Math.PI) },
    { name: "shaft_velocity", unit: "rad/s", low: -60, high: 60 },
  ],
  action: [{ name: "motor_torque", unit: "N*m", low: -Math.fround(0.1), high: Math.fround(0.1) }],
  periodUs: 10_000,
};

/** Of the firmware's motor, kg*m^2: what it swings with is chosen by it. */
const inertia = 2e-4;
/** It swings at this rate, rad/s, about this angle, rad; it starts at 0, so it starts to swing. */
const rate = 2.5;
const about = 0.1;
/** More than the motor's friction of 2e-3 N*m*s/rad, so that it swings further and further. */
const push = 3e-3;

/** Swings the shaft to and fro, faster each time. */
export function swinging(): PolicyParts {
  const { high } = torqueMotorSpec.action[0]!;
  const stiffness = inertia * rate * rate;
  // Forwards and backwards; of so little torque the last layer's tanh makes as much.
  const [angle, velocity] = [-stiffness / high, push / high];
  return {
    contract: {
      ...{ format: 1, task: "torque-motor", algorithm: "ddpg", training: {} },
      spec: torqueMotorSpec,
    },
    normaliser: { mean: new Float32Array(2), scale: new Float32Array(2).fill(1), clip: 0 },
    layers: [
      {
        ...{ inputs: 2, outputs: 2, bias: new Float32Array(2) },
        weights: Float32Array.of(angle, -angle, velocity, -velocity),
      },
      {
        ...{ inputs: 2, outputs: 1, weights: Float32Array.of(1, -1) },
        bias: Float32Array.of(-angle * about),
      },
    ],
    activation: "relu",
  };
}
