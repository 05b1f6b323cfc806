import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/core/clock.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import type { Port } from "../../src/link/port.ts";
import { ServoBus } from "../../src/link/servo-bus.ts";
import { ServoDevice } from "../../src/link/servo-device.ts";
import { type Servo, servoJoints } from "../../src/link/servo-joints.ts";
import { type ServoScale, wholeTurn } from "../../src/link/servo-scale.ts";
import { answerUsOf } from "../../src/link/servo-time.ts";
import { DeskBus } from "./desk-bus.ts";
import { type DeskFamily, deskDynamixel, deskFeetech, deskScs } from "./desk-servo.ts";

export const names: readonly string[] = ["pan", "lift", "elbow", "flex", "roll", "grip"];
export const periodUs = 20_000;

/** A policy's contract for so many servos: position and velocity in, position out. */
export function armSpec(count: number = names.length, rangeRad: number = 1.5): Spec {
  const joints = names.slice(0, count);
  return {
    observation: [
      ...joints.map((joint) => ({ name: `${joint}_position`, unit: "rad", low: -4, high: 4 })),
      ...joints.map((joint) => ({ name: `${joint}_velocity`, unit: "rad/s", low: -8, high: 8 })),
    ],
    action: joints.map((joint) => {
      return { name: `${joint}_position`, unit: "rad", low: -rangeRad, high: rangeRad };
    }),
    periodUs,
  };
}

/** Servos 1, 2, ... with 0 rad in the middle of their counts, every second one turned round. */
export function armServos(
  count: number = names.length,
  { counts }: Pick<ServoScale, "counts"> = wholeTurn,
): Servo[] {
  return names.slice(0, count).map((joint, at) => {
    const zeroCounts = counts / 2;
    return { id: at + 1, joint, sign: at % 2 === 0 ? 1 : -1, zeroCounts, maxSpeed: 1 };
  });
}

/** All families, by name: what holds for one holds for the others. */
const desks: readonly DeskFamily[] = [deskFeetech, deskScs, deskDynamixel];

/** A test of what every family of servos must do. */
export function servoTest(name: string, body: (desk: DeskFamily) => void): void {
  for (const desk of desks) test(`${desk.label}: ${name}`, () => body(desk));
}

/** A test of what those must do whose encoders tell a whole turn. */
export function turnTest(name: string, body: (desk: DeskFamily) => void): void {
  const turning = desks.filter(({ family }) => family.scale.turns);
  for (const desk of turning) test(`${desk.label}: ${name}`, () => body(desk));
}

/** How long a silence servos of a bench bear, where they watch for it. */
export const watchdogUs = 100_000;

/** What lies between a device and its far end, on their clock. */
export type Through = (port: Port, clock: Pick<Clock, "now">) => Port;
export const straight: Through = (port) => port;

/** A device and its bus in simulated time. */
export class ServoBench {
  readonly bus: DeskBus;
  readonly device: ServoDevice;
  readonly spec: Spec;
  readonly link: ServoBus;
  readonly desk: DeskFamily;
  readonly observation: Float32Array;
  ageUs: number = Number.NaN;

  constructor(
    desk: DeskFamily,
    count: number = 3,
    change: Partial<Servo> = {},
    spec: Spec = armSpec(count),
    through: Through = straight,
  ) {
    const { family } = desk;
    this.desk = desk;
    this.spec = spec;
    this.bus = new DeskBus(desk, count);
    const servos = armServos(count, family.scale).map((servo) => ({ ...servo, ...change }));
    const ids = Uint8Array.from(servos, ({ id }) => id);
    this.link = new ServoBus(
      family.packets,
      through(this.bus, this.bus),
      this.bus,
      ids,
      answerUsOf(family, count, spec.periodUs),
    );
    const joints = servoJoints(spec, servos, family);
    this.device = new ServoDevice(spec, family, joints, this.link, this.bus, watchdogUs);
    this.observation = new Float32Array(spec.observation.length);
  }

  /** The middle of its servos' counts, which is 0 rad. */
  get middle(): number {
    return this.desk.family.scale.counts / 2;
  }

  get radPerCount(): number {
    return this.desk.family.scale.radPerCount;
  }

  /** How often torque was set for all. */
  get torques(): number {
    const { address } = this.desk.family.torque;
    return this.bus.told.filter((told) => told === `254 ${Instruction.syncWrite} ${address}`)
      .length;
  }

  /** Lets the device greet the servos. */
  greet(): void {
    for (let turn = 0; turn < 100 && this.device.phase === "greeting"; turn++) {
      this.device.poll(this.bus.nowUs);
    }
  }

  /** One control cycle; commands `action` to every joint where it is given. */
  cycle(action?: number | readonly number[]): void {
    const { bus, device, spec } = this;
    const { periodUs } = spec;
    const startUs = bus.nowUs;
    this.ageUs = device.read(this.observation, startUs);
    if (action !== undefined) {
      const wanted = spec.action.map((_, at) => (typeof action === "number" ? action : action[at]));
      device.write(Float32Array.from(wanted), startUs + 2 * periodUs);
    }
    for (let nowUs = bus.nowUs; nowUs < startUs + periodUs; nowUs += 1000) {
      bus.until(nowUs);
      device.poll(bus.nowUs);
    }
    bus.until(startUs + periodUs);
  }

  cycles(count: number, action?: number | readonly number[]): void {
    for (let at = 0; at < count; at++) this.cycle(action);
  }

  /** Asks the device to arm, and lets it try its servos where it does. */
  ask(): void {
    this.device.arm(this.bus.nowUs);
    for (let turn = 0; turn < 12 && this.device.arming; turn++) this.cycle();
  }

  arm(): void {
    this.greet();
    this.cycle();
    this.ask();
    assert.ok(this.device.armed, "armed");
  }
}
