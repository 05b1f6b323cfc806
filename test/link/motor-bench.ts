import assert from "node:assert/strict";
import type { Channel, Spec } from "../../src/core/spec.ts";
import { MoteusLine } from "../../src/link/moteus.ts";
import { MoteusBus } from "../../src/link/moteus-bus.ts";
import { MotorDevice } from "../../src/link/motor-device.ts";
import { type Motor, type MotorChoice, motorJoints } from "../../src/link/motor-joints.ts";
import type { MotorLine } from "../../src/link/motor-line.ts";
import { OdriveLine } from "../../src/link/odrive.ts";
import { OdriveBus } from "../../src/link/odrive-bus.ts";
import { homeOf } from "../../src/link/open-moteus.ts";
import type { StopChoice } from "../../src/wire/stop-choice.ts";
import type { DeskLine } from "./desk-line.ts";
import { DeskMoteus } from "./desk-moteus.ts";
import { DeskOdrive } from "./desk-odrive.ts";
import { straight, type Through } from "./servo-bench.ts";

export const periodUs = 20_000;
export const watchdogMs = 100;
export type Kind = "position" | "velocity" | "torque";

const units = { position: "rad", velocity: "rad/s", torque: "N*m" };

/** A policy's contract for joints `a` and `b`: position and velocity in, one action each. */
export function motorSpec(kinds: readonly Kind[], periodUsOf: number = periodUs): Spec {
  const joints = ["a", "b"].slice(0, kinds.length);
  const observed = (suffix: "position" | "velocity"): Channel[] => {
    return joints.map((joint) => {
      return { name: `${joint}_${suffix}`, unit: units[suffix], low: -100, high: 100 };
    });
  };
  return {
    observation: [...observed("position"), ...observed("velocity")],
    action: kinds.map((kind, at) => {
      return { name: `${joints[at]}_${kind}`, unit: units[kind], low: -1.5, high: 1.5 };
    }),
    periodUs: periodUsOf,
  };
}

/** A gear of 2 pi, so that a turn of the motor is a radian of its joint; the second is reversed. */
export function deskMotors(count: number, firstId: number = 0): Motor[] {
  return ["a", "b"].slice(0, count).map((joint, at) => {
    const sign = at === 0 ? 1 : -1;
    return { id: firstId + at, joint, sign, gear: 2 * Math.PI, zeroTurns: 0, maxSpeed: 1 };
  });
}

/** What a test of a drive may change. */
export interface BenchOptions {
  readonly kinds?: readonly Kind[];
  readonly change?: Partial<Motor>;
  readonly stops?: Readonly<Record<string, StopChoice>>;
  /** null: the drives do not watch. */
  readonly watchdogMs?: number | null;
  readonly periodUs?: number;
  readonly through?: Through;
}

/** A device and its drives in simulated time. */
export abstract class MotorBench {
  abstract readonly desk: DeskLine;
  abstract readonly line: MotorLine;
  readonly spec: Spec;
  readonly choice: MotorChoice;
  readonly observation: Float32Array;
  readonly stops: Readonly<Record<string, StopChoice>> | undefined;
  ageUs: number = Number.NaN;
  device!: MotorDevice;

  constructor(options: BenchOptions, firstId: number) {
    const { kinds = ["position"], change, stops, watchdogMs: ms = watchdogMs } = options;
    this.spec = motorSpec(kinds, options.periodUs);
    this.observation = new Float32Array(this.spec.observation.length);
    this.stops = stops;
    const motors = deskMotors(kinds.length, firstId).map((motor) => ({ ...motor, ...change }));
    this.choice = { path: "", baud: 1_000_000, watchdogMs: ms ?? undefined, motors };
  }

  get watchdogUs(): number | null {
    return this.choice.watchdogMs === undefined ? null : this.choice.watchdogMs * 1000;
  }

  /** The device before anything was said. */
  protected begin(): void {
    const joints = motorJoints(this.spec, this.choice, this.stops);
    this.device = new MotorDevice(this.spec, joints, this.line, this.watchdogUs, this.desk);
  }

  /** Gives motor number `at` an order and power, as another program would. */
  abstract driveFromElsewhere(at: number): void;
  /** Makes drive number `at` take long to follow orders. */
  abstract slow(at: number): void;
  /** Makes drive number `at` report an error. */
  abstract fail(at: number): void;
  /** Drive number `at` starts anew: it has no power, and knows of nothing. */
  abstract restart(at: number): void;

  greet(): void {
    for (let turn = 0; turn < 3000 && this.device.phase === "greeting"; turn++) {
      this.device.poll(this.desk.nowUs);
      this.desk.wait(1000);
    }
  }

  /** One control cycle; commands `action` to every joint where it is given. */
  cycle(action?: number | readonly number[]): void {
    const { desk, device, spec } = this;
    const { periodUs } = spec;
    const startUs = desk.nowUs;
    this.ageUs = device.read(this.observation, startUs);
    if (action !== undefined) {
      const wanted = spec.action.map((_, at) => (typeof action === "number" ? action : action[at]));
      device.write(Float32Array.from(wanted), startUs + 2 * periodUs);
    }
    for (let nowUs = desk.nowUs; nowUs < startUs + periodUs; nowUs += 1000) {
      desk.until(nowUs);
      device.poll(desk.nowUs);
    }
    desk.until(startUs + periodUs);
  }

  cycles(count: number, action?: number | readonly number[]): void {
    for (let at = 0; at < count; at++) this.cycle(action);
  }

  arm(): void {
    this.greet();
    assert.equal(this.device.phase, "ready", this.device.refusal ?? this.device.silence);
    this.cycle();
    this.device.arm(this.desk.nowUs);
    assert.ok(this.device.armed, "armed");
  }
}

export class OdriveBench extends MotorBench {
  readonly desk: DeskOdrive;
  readonly bus: OdriveBus;
  readonly line: OdriveLine;

  constructor(options: BenchOptions = {}) {
    super(options, 0);
    const { through = straight } = options;
    const { motors } = this.choice;
    this.desk = new DeskOdrive(motors.length);
    this.bus = new OdriveBus(through(this.desk, this.desk), this.desk, this.spec.periodUs / 4);
    const axes = motors.map(({ id }) => id);
    this.line = new OdriveLine(this.bus, axes, this.watchdogUs, this.desk);
    this.begin();
  }

  override driveFromElsewhere(at: number): void {
    const axis = this.desk.axes[at];
    axis.error = 0;
    axis.properties["config.enable_watchdog"] = 0;
    axis.enter(8);
  }

  override slow(at: number): void {
    this.desk.axes[at].enterMs = 90;
  }

  override fail(at: number): void {
    this.desk.axes[at].error |= 0x40;
  }

  override restart(at: number): void {
    const axis = this.desk.axes[at];
    axis.state = 1;
    axis.error = 0;
    Object.assign(axis.properties, {
      "config.enable_watchdog": 0,
      "controller.input_pos": 0,
      "controller.config.control_mode": 3,
    });
  }
}

export class MoteusBench extends MotorBench {
  readonly desk: DeskMoteus;
  readonly bus: MoteusBus;
  readonly line: MoteusLine;

  constructor(options: BenchOptions = {}, checks: boolean = true) {
    super(options, 1);
    const { through = straight } = options;
    const { motors } = this.choice;
    this.desk = new DeskMoteus(motors.length, checks);
    const port = through(this.desk, this.desk);
    const ids = motors.map(({ id }) => id);
    this.bus = new MoteusBus(port, this.desk, ids, this.spec.periodUs / 4, checks);
    const homes = motorJoints(this.spec, this.choice, this.stops).map(homeOf);
    this.line = new MoteusLine(this.bus, ids, homes, this.watchdogUs!, this.desk);
    this.begin();
  }

  override driveFromElsewhere(at: number): void {
    this.desk.drives[at].mode = 10;
  }

  override slow(at: number): void {
    this.desk.drives[at].enterMs = 90;
  }

  override fail(at: number): void {
    this.desk.drives[at].mode = 1;
    this.desk.drives[at].fault = 33;
  }

  override restart(at: number): void {
    this.desk.drives[at].mode = 0;
  }
}

/** Every kind of drive, for tests of what holds for all. */
export const benches: readonly (readonly [
  name: "odrive" | "moteus",
  make: (options?: BenchOptions) => MotorBench,
])[] = [
  ["odrive", (options) => new OdriveBench(options)],
  ["moteus", (options) => new MoteusBench(options)],
];

/** A bench that drives. */
export function armed(bench: MotorBench): MotorBench {
  bench.arm();
  return bench;
}

export function near(value: number, expected: number, within: number = 1e-3): void {
  assert.ok(Math.abs(value - expected) <= within, `${value} is not ${expected}`);
}
