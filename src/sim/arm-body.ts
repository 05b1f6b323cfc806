import { SinewError } from "../core/errors.ts";
import { ArmChain, baseHeight } from "./arm-chain.ts";
import {
  countsOf,
  dutyMax,
  dutyPerRad,
  radPerCount,
  type ServoNumbers,
  slewPerStep,
  stepS,
  sts3215,
} from "./sts3215.ts";

export const jointCount = 6;
/** Its driver lets a goal run ahead of a servo by at most this, counts. */
const leadMax = 256;
const stepsPerPeriod = 40;
const periodS: number = stepsPerPeriod * stepS;

/** What an arm is made of, SI units. */
export interface ArmNumbers extends ServoNumbers {
  readonly gravity: number;
  readonly elbowMass: number;
  readonly wristMass: number;
  readonly handMass: number;
  readonly maxSpeed: number;
  readonly delay: number;
}

/**
 * Six STS3215 as they were identified. The rest is ours: what weighs at elbow, wrist and the middle
 * of the hand in kg, `maxSpeed` of `link/servo-device` in rad/s, and `delay`: how long after it was
 * read a servo has its new goal, s, by the bus and the policy; at most a period.
 */
export const armNominal: ArmNumbers = {
  ...sts3215,
  gravity: 9.81,
  elbowMass: 0.1,
  wristMass: 0.1,
  handMass: 0.08,
  maxSpeed: 2,
  delay: 0.004,
};

const names = Object.keys(armNominal) as (keyof ArmNumbers)[];

/**
 * The arm and its servos. Each joint has the inertia and the weight of what it carries as it stands
 * at the beginning of a period; what the joints' motions do to one another is left out, which is
 * little beside the armatures behind their gears. So are gear backlash and all contacts.
 */
export class ArmBody {
  readonly numbers: ArmNumbers;
  /** rad, never wrapped, and rad/s. */
  readonly joints: Float64Array = new Float64Array(jointCount);
  readonly speeds: Float64Array = new Float64Array(jointCount);
  /** Goal registers, and the firmware's own targets that slew towards them, counts. */
  readonly #goals = new Float64Array(jointCount);
  readonly #targets = new Float64Array(jointCount);
  readonly #chain = new ArmChain();
  /** kg m^2 and N m, of what each joint carries. */
  readonly #inertia = new Float64Array(jointCount);
  readonly #weight = new Float64Array(jointCount);
  // N m per duty, N m s/rad, counts a period, and steps of the old goal in each period.
  readonly #stall: number;
  readonly #drag: number;
  readonly #goalStep: number;
  readonly #lateSteps: number;

  /** Throws `SinewError("environment")` where the delay is longer than a period. */
  constructor(numbers: ArmNumbers) {
    this.numbers = { ...numbers };
    // A goal that is late by more would have to be kept behind the one after it.
    if (!(numbers.delay >= 0 && numbers.delay <= periodS)) {
      const line = `an arm's delay is ${numbers.delay} s: give 0 to its period, ${periodS}`;
      throw new SinewError("environment", line);
    }
    const { torqueConstant, resistance, supply, viscous, maxSpeed, delay } = numbers;
    this.#stall = (torqueConstant * supply) / resistance;
    // A motor that is driven by voltage brakes itself.
    this.#drag = torqueConstant ** 2 / resistance + viscous;
    this.#goalStep = Math.max(1, Math.floor((maxSpeed * periodS) / radPerCount));
    this.#lateSteps = Math.round(delay / stepS);
  }

  /** At rest at these angles, rad, held there. */
  place(joints: ArrayLike<number>): void {
    for (let at = 0; at < jointCount; at++) {
      this.joints[at] = joints[at];
      this.speeds[at] = 0;
      this.#goals[at] = countsOf(joints[at]);
      this.#targets[at] = this.#goals[at];
    }
  }

  /** What each encoder tells, counts from 0 rad. */
  counts(at: number): number {
    return countsOf(this.joints[at]);
  }

  /** One period of 40 ms in which the servos are sent towards `wanted`, rad, as the driver does. */
  run(wanted: ArrayLike<number>): void {
    this.#carry();
    for (let at = 0; at < jointCount; at++) {
      const before = this.#goals[at];
      const reachable = around(countsOf(wanted[at]), this.counts(at), leadMax);
      const goal = before + around(reachable - before, 0, this.#goalStep);
      this.#goals[at] = goal;
      for (let step = 0; step < stepsPerPeriod; step++) {
        this.#follow(at, step < this.#lateSteps ? before : goal);
      }
    }
  }

  /** What each joint carries, from where everything stands now. */
  #carry(): void {
    const { gravity, elbowMass, wristMass, handMass, armature } = this.numbers;
    const chain = this.#chain;
    chain.place(this.joints);
    this.#inertia.fill(armature);
    this.#weight.fill(0);
    const loads = [
      [chain.elbow, elbowMass, 2],
      [chain.wrist, wristMass, 3],
      [chain.middle, handMass, 4],
    ] as const;
    const base = [0, baseHeight];
    for (const [[out, up], mass, joints] of loads) {
      this.#inertia[0] += mass * out ** 2;
      for (let at = 1; at < joints; at++) {
        const pivot = at === 1 ? base : at === 2 ? chain.elbow : chain.wrist;
        const lever = out - pivot[0];
        this.#inertia[at] += mass * (lever ** 2 + (up - pivot[1]) ** 2);
        // Positive bends down.
        this.#weight[at] += mass * gravity * lever;
      }
    }
  }

  /**
   * One step of one servo towards `goal`, counts. Friction by speed is taken at the step's end; dry
   * friction takes what speed it can and never turns it round.
   */
  #follow(at: number, goal: number): void {
    this.#targets[at] += around(goal - this.#targets[at], 0, slewPerStep);
    const error = (this.#targets[at] - this.counts(at)) * radPerCount;
    const torque = this.#stall * around(dutyPerRad * error, 0, dutyMax) + this.#weight[at];
    const momentum = this.#inertia[at] * this.speeds[at] + stepS * torque;
    const grip = around(momentum, 0, stepS * this.numbers.coulomb);
    this.speeds[at] = (momentum - grip) / (this.#inertia[at] + stepS * this.#drag);
    this.joints[at] += stepS * this.speeds[at];
  }

  /** Motion and registers, then the numbers in the order of `armNominal`. */
  save(): number[] {
    const motion = [...this.joints, ...this.speeds, ...this.#goals, ...this.#targets];
    return [...motion, ...names.map((name) => this.numbers[name])];
  }

  /** The arm that `save` was called on. */
  static restored(state: Float64Array): ArmBody {
    const entries = names.map((name, at) => [name, state[4 * jointCount + at]]);
    const body = new ArmBody(Object.fromEntries(entries) as unknown as ArmNumbers);
    const registers = [body.joints, body.speeds, body.#goals, body.#targets];
    for (const [at, register] of registers.entries()) {
      register.set(state.subarray(at * jointCount, (at + 1) * jointCount));
    }
    return body;
  }
}

/** `value`, or what is nearest to it within `reach` of `middle`. */
function around(value: number, middle: number, reach: number): number {
  return Math.min(middle + reach, Math.max(middle - reach, value));
}
