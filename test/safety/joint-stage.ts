import type { Rng } from "../../src/core/rng.ts";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { makeStep, type Step } from "../../src/core/step.ts";
import type { Drive } from "../../src/safety/barrier.ts";
import { Guard } from "../../src/safety/guard.ts";
import type { EndedJoint } from "../../src/safety/joint.ts";
import { type ActionLimit, type Limits, limitsOf } from "../../src/safety/limits.ts";

/** What a joint has to do with. */
interface Drivers {
  /** The action as it stands now, and how fast it moves: a servo goes evenly to its next goal. */
  action: number;
  rate: number;
  /** How hard somebody pushes, -1 to 1. */
  push: number;
}

/** The acceleration of a joint. */
type Plant = (position: number, velocity: number, drivers: Drivers) => number;

export interface JointCase {
  readonly drive: Drive;
  readonly spec: Spec;
  readonly joint: EndedJoint;
  readonly limit: Partial<ActionLimit>;
  readonly actsUs: number;
  readonly ageUsMost: number;
  readonly plant: Plant;
}

const units = { position: "rad", velocity: "rad/s", effort: "N*m" } as const;
const stepS = 1e-4;

/**
 * A joint of random size, period, age and strength, with a plant that is as bad as it may be. It is
 * stopped for being beyond its end only where that is far.
 */
export function randomCase(drive: Drive, rng: Rng): JointCase {
  const periodUs = 100 * rng.below(400) + 1000;
  const low = rng.uniform(-3, -0.2);
  const high = rng.uniform(0.2, 3);
  const deceleration = rng.uniform(1, 30);
  // What of a push and of the effort itself makes the joint's least braking and most speeding up.
  const load = rng.uniform(0, 0.8) * deceleration;
  const effort = deceleration + load;
  const reach = rng.uniform(0.5, 5);
  const span = {
    position: [low - 1, high + 1],
    velocity: [-reach, reach],
    effort: [-reach, reach],
  };
  const [actionLow, actionHigh] = span[drive];
  const spec: Spec = {
    observation: [
      { name: "place", unit: "rad", low: -10, high: 10 },
      { name: "speed", unit: "rad/s", low: -100, high: 100 },
    ],
    action: [{ name: "joint", unit: units[drive], low: actionLow!, high: actionHigh! }],
    periodUs,
  };
  const joint: EndedJoint = {
    ...{ position: "place", velocity: "speed", low, high, deceleration, beyondMax: 5 },
    ...(drive === "effort" && { acceleration: effort + load }),
  };
  const plants: Record<Drive, Plant> = {
    // It goes with its goal, and catches up as fast as it can still stop with it.
    position: (position, velocity, { action, rate }) => {
      const ahead = action - position - velocity * stepS;
      const way = Math.sign(ahead);
      const along = Math.max(0, rate * way);
      const speed = Math.sqrt(along * along + 2 * deceleration * Math.abs(ahead));
      return comeTo(way * speed, velocity, deceleration);
    },
    velocity: (_, velocity, { action }) => comeTo(action, velocity, deceleration),
    effort: (_, __, { action, push }) => (action / reach) * effort + push * load,
  };
  return {
    ...{ drive, spec, joint, limit: randomLimit(spec, rng) },
    actsUs: periodUs * (1 + rng.below(3)),
    ageUsMost: rng.uniform(0, 2 * periodUs),
    plant: plants[drive],
  };
}

/** Sometimes a rate, and sometimes an acceleration, that take up to some hundred periods. */
function randomLimit({ action, periodUs }: Spec, rng: Rng): Partial<ActionLimit> {
  const [{ low, high }] = action as [Channel];
  const periodS = periodUs / 1e6;
  const rateMax = (high - low) / periodS / rng.uniform(1, 300);
  const accelerationMax = rateMax / periodS / rng.uniform(1, 100);
  return {
    ...(rng.below(2) === 0 && { rateMax }),
    ...(rng.below(2) === 0 && { accelerationMax }),
  };
}

/** It comes to a greater speed at once, and to a lesser one by its braking. */
function comeTo(wanted: number, velocity: number, braking: number): number {
  const change = (wanted - velocity) / stepS;
  const slows = Math.abs(wanted) < Math.abs(velocity) || wanted * velocity < 0;
  return slows ? Math.min(braking, Math.max(-braking, change)) : change;
}

/** A joint in motion under the gate, with old observations and cycles that do not happen. */
export class JointStage {
  position: number;
  velocity = 0;
  readonly step: Step;
  readonly guard: Guard;
  readonly limits: Limits;
  /** Stands between the policy and the gate. */
  between: (step: Step) => void = () => {};
  readonly #case: JointCase;
  readonly #past: { position: number; velocity: number }[] = [];
  readonly #drivers: Drivers = { action: 0, rate: 0, push: 0 };
  #action: number;

  /** Without `isEnded` the gate does not know of the ends. */
  constructor(given: JointCase, position: number, isEnded: boolean) {
    const { spec, joint, limit, actsUs } = given;
    this.#case = given;
    const joints = { joint: isEnded ? joint : ({ unlimited: true } as const) };
    const choices = { action: { joint: limit }, joints, actsUs, ageUsMax: 1e6 };
    this.limits = limitsOf(spec, choices);
    this.guard = new Guard(spec, this.limits);
    this.step = makeStep(spec);
    this.position = position;
    this.#action = given.drive === "position" ? position : 0;
    this.guard.reset(Float32Array.of(this.#action));
  }

  /** One cycle with `proposed`; the device acts on it for `periods` of them. */
  cycle(proposed: number, ageUs: number, periods: number, push: () => number): void {
    const { spec, plant } = this.#case;
    const back = Math.round(ageUs / 1e6 / stepS);
    const seen = this.#past.at(-1 - back) ?? this.#past[0] ?? this;
    this.step.observation[0] = seen.position;
    this.step.observation[1] = seen.velocity;
    this.step.ageUs = back * stepS * 1e6;
    this.step.reasons = 0;
    this.step.proposed[0] = proposed;
    this.between(this.step);
    this.guard.filter(this.step);
    const [action] = this.step.action;
    const before = this.#action;
    const way = action! - before;
    const perPeriod = Math.round(spec.periodUs / 1e6 / stepS);
    for (let at = 0; at < perPeriod * periods; at++) {
      const share = Math.min(1, at / perPeriod);
      this.#drivers.action = this.#case.drive === "position" ? before + share * way : action!;
      this.#drivers.rate = share < 1 ? way / (spec.periodUs / 1e6) : 0;
      this.#drivers.push = push();
      const pull = plant(this.position, this.velocity, this.#drivers);
      const faster = this.velocity + pull * stepS;
      this.position += ((this.velocity + faster) / 2) * stepS;
      this.velocity = faster;
      this.#past.push({ position: this.position, velocity: this.velocity });
      if (this.#past.length > 10_000) this.#past.splice(0, 5000);
    }
    this.#action = action!;
  }
}
