import assert from "node:assert/strict";
import type { Spec } from "../../src/core/spec.ts";
import { FeetechBus } from "../../src/link/feetech-bus.ts";
import { FeetechDevice } from "../../src/link/feetech-device.ts";
import { type FeetechServo, feetechJoints } from "../../src/link/feetech-joints.ts";
import { Instruction } from "../../src/link/feetech-packet.ts";
import { DeskBus } from "./desk-bus.ts";

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

/** Servos 1, 2, ... with 0 rad in the middle of their turn, every second one turned round. */
export function armServos(count: number = names.length): FeetechServo[] {
  return names.slice(0, count).map((joint, at) => {
    return { id: at + 1, joint, sign: at % 2 === 0 ? 1 : -1, zeroCounts: 2048, maxSpeed: 1 };
  });
}

/** Whether what a bus was told sets torque. */
export const isTorque = (told: string): boolean => told === `254 ${Instruction.syncWrite} 40`;

/** A device and its bus in simulated time. */
export class FeetechBench {
  readonly bus: DeskBus;
  readonly device: FeetechDevice;
  readonly spec: Spec;
  readonly link: FeetechBus;
  readonly observation: Float32Array;
  ageUs: number = Number.NaN;

  constructor(count: number = 3, change: Partial<FeetechServo> = {}, spec: Spec = armSpec(count)) {
    this.spec = spec;
    this.bus = new DeskBus(count);
    const servos = armServos(count).map((servo) => ({ ...servo, ...change }));
    const ids = Uint8Array.from(servos, ({ id }) => id);
    this.link = new FeetechBus(this.bus, this.bus, ids, periodUs / 4);
    this.device = new FeetechDevice(spec, feetechJoints(spec, servos), this.link, this.bus);
    this.observation = new Float32Array(spec.observation.length);
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

  arm(): void {
    this.greet();
    this.cycle();
    this.device.arm(this.bus.nowUs);
    assert.ok(this.device.armed, "armed");
  }
}
