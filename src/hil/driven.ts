import type { Channel, Spec } from "../core/spec.ts";
import { pendulumSpec } from "../sim/pendulum.ts";
import { torqueMotorSpec } from "./torque-motor.ts";

function joint(at: string, angle: number, speed: number, goal: number): readonly Channel[] {
  return [
    { name: `joint${at}_angle`, unit: "rad", low: -angle, high: angle },
    { name: `joint${at}_velocity`, unit: "rad/s", low: -speed, high: speed },
    { name: `joint${at}_target`, unit: "rad", low: -goal, high: goal },
  ];
}

const servo = joint("", 1.6, 20, 1.5);
const six = Array.from({ length: 6 }, (_, at) => joint(String(at + 1), 3.2, 8, 3));

/** What boards drive, by name, as `firmware-bridge/targets/` states it. */
export const driven: Readonly<Record<string, Spec>> = {
  pendulum: pendulumSpec,
  "pd-servo": { observation: servo.slice(0, 2), action: servo.slice(2), periodUs: 20_000 },
  "six-joints": {
    observation: [0, 1].flatMap((at) => six.map((channels) => channels[at])),
    action: six.map((channels) => channels[2]),
    periodUs: 4000,
  },
  "torque-motor": torqueMotorSpec,
  heater: {
    observation: [{ name: "plate_temperature", unit: "degC", low: 0, high: 250 }],
    action: [{ name: "heater_power", unit: "W", low: 0, high: 40 }],
    periodUs: 50_000,
  },
};
