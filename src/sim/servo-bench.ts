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

const stepsPerPeriod = 20;

/** What a bench is made of, SI units. */
export interface BenchNumbers extends ServoNumbers {
  readonly gravity: number;
  readonly barMass: number;
  readonly barLength: number;
  readonly rodMass: number;
  readonly rodLength: number;
  readonly weight: number;
  readonly bearing: number;
}

/**
 * The servo as it was identified. Bar, rod and weight are ours: kg and m; the bearing's viscous
 * friction in N m s/rad.
 */
export const benchNominal: BenchNumbers = {
  gravity: 9.81,
  ...sts3215,
  barMass: 0.05,
  barLength: 0.15,
  rodMass: 0.02,
  rodLength: 0.2,
  weight: 0.1,
  bearing: 1e-4,
};

const names = Object.keys(benchNominal) as (keyof BenchNumbers)[];

/**
 * The servo, its bar, and the rod that hangs on the bar's end: a double pendulum in a vertical
 * plane, driven at its first joint. Angles in rad from hanging, absolute, never wrapped.
 */
export class ServoBench {
  readonly numbers: BenchNumbers;
  bar = 0;
  rod = 0;
  /** Share of the supply that the bridge puts on the motor, -0.97 to 0.97. */
  duty = 0;
  #barSpeed = 0;
  #rodSpeed = 0;
  // What the numbers come to: inertias kg m^2, moments N m, motor N m per duty and N m s/rad.
  readonly #barInertia: number;
  readonly #rodInertia: number;
  readonly #coupling: number;
  readonly #barMoment: number;
  readonly #rodMoment: number;
  readonly #stall: number;
  readonly #drag: number;

  constructor(numbers: BenchNumbers) {
    this.numbers = { ...numbers };
    const { barMass, barLength, rodMass, rodLength, weight, gravity } = numbers;
    const { armature, torqueConstant, resistance, supply, viscous } = numbers;
    const hung = rodMass + weight;
    const lever = (rodMass / 2 + weight) * rodLength;
    this.#barInertia = armature + (barMass / 3 + hung) * barLength ** 2;
    this.#rodInertia = (rodMass / 3 + weight) * rodLength ** 2;
    this.#coupling = lever * barLength;
    this.#barMoment = (barMass / 2 + hung) * gravity * barLength;
    this.#rodMoment = lever * gravity;
    this.#stall = (torqueConstant * supply) / resistance;
    // A motor that is driven by voltage brakes itself.
    this.#drag = torqueConstant ** 2 / resistance + viscous;
  }

  /** What the servo's encoder tells. */
  get barCounts(): number {
    return countsOf(this.bar);
  }

  /** The rod's angle from hanging: the bar's counts and those of the encoder between the two. */
  get rodCounts(): number {
    return this.barCounts + countsOf(this.rod - this.bar);
  }

  /** Kinetic and potential energy, J; 0 hanging at rest. */
  get energy(): number {
    const [v, w] = [this.#barSpeed, this.#rodSpeed];
    const cross = this.#coupling * Math.cos(this.bar - this.rod) * v * w;
    const kinetic = (this.#barInertia * v ** 2 + this.#rodInertia * w ** 2) / 2 + cross;
    const height = this.#barMoment * (1 - Math.cos(this.bar));
    return kinetic + height + this.#rodMoment * (1 - Math.cos(this.rod));
  }

  /** rad, rad, rad/s, rad/s; the motor is off. */
  place(bar: number, rod: number, barSpeed: number, rodSpeed: number): void {
    [this.bar, this.rod] = [bar, rod];
    [this.#barSpeed, this.#rodSpeed] = [barSpeed, rodSpeed];
    this.duty = 0;
  }

  /** One period of 20 ms, the firmware's target going from `from` towards `goal`, in counts. */
  run(from: number, goal: number): void {
    for (let step = 1; step <= stepsPerPeriod; step++) {
      const gone = Math.min(Math.abs(goal - from), step * slewPerStep);
      const target = from + Math.sign(goal - from) * gone;
      const error = (target - this.barCounts) * radPerCount;
      this.duty = Math.min(dutyMax, Math.max(-dutyMax, dutyPerRad * error));
      this.#move(this.#stall * this.duty);
    }
  }

  /**
   * One step under `torque` of the motor standing still, N m. Friction by speed is taken at the
   * step's end; dry friction takes what speed it can and never turns it round.
   */
  #move(torque: number): void {
    const [v, w] = [this.#barSpeed, this.#rodSpeed];
    const { bearing, coulomb } = this.numbers;
    const off = this.bar - this.rod;
    const cross = this.#coupling * Math.cos(off);
    const whirl = this.#coupling * Math.sin(off);
    const push = torque - this.#barMoment * Math.sin(this.bar) - whirl * w * w;
    const fall = whirl * v * v - this.#rodMoment * Math.sin(this.rod);
    const a = this.#barInertia + stepS * (this.#drag + bearing);
    const b = cross - stepS * bearing;
    const d = this.#rodInertia + stepS * bearing;
    const determinant = a * d - b * b;
    const p = this.#barInertia * v + cross * w + stepS * push;
    const q = cross * v + this.#rodInertia * w + stepS * fall;
    const free = (d * p - b * q) / determinant;
    const stop = (free * determinant) / d;
    const grip = -Math.min(stepS * coulomb, Math.max(-stepS * coulomb, stop));
    this.#barSpeed = free + (d * grip) / determinant;
    this.#rodSpeed = (a * q - b * p - b * grip) / determinant;
    this.bar += stepS * this.#barSpeed;
    this.rod += stepS * this.#rodSpeed;
  }

  /** Motion and duty, then the numbers in the order of `benchNominal`. */
  save(): number[] {
    const motion = [this.bar, this.rod, this.#barSpeed, this.#rodSpeed, this.duty];
    return [...motion, ...names.map((name) => this.numbers[name])];
  }

  /** The bench that `save` was called on. */
  static restored(state: ArrayLike<number>): ServoBench {
    const entries = names.map((name, at) => [name, state[5 + at]]);
    const bench = new ServoBench(Object.fromEntries(entries) as unknown as BenchNumbers);
    bench.place(state[0], state[1], state[2], state[3]);
    bench.duty = state[4];
    return bench;
  }
}
