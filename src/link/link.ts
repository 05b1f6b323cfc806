import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { Session } from "../wire/session.ts";
import { type StopChoice, stopRulesOf } from "../wire/stop-choice.ts";
import type { RingPair } from "./byte-ring.ts";
import { makeRingPair } from "./byte-ring.ts";
import { BridgeDevice, type RobotDevice } from "./device.ts";
import { aheadMax, FeetechBus, syncReadUs } from "./feetech-bus.ts";
import { FeetechDevice, presentBytes } from "./feetech-device.ts";
import { type FeetechChoice, feetechJoints } from "./feetech-joints.ts";
import { RingPort } from "./memory.ts";
import type { MotorChoice } from "./motor-joints.ts";
import { carryRings, type MqttPlace } from "./mqtt.ts";
import { type MoteusChoice, openMoteus } from "./open-moteus.ts";
import { openOdrive } from "./open-odrive.ts";
import type { Port } from "./port.ts";
import { lockSerialLine, openSerialPort } from "./serial.ts";

/** How to reach a robot. */
export type LinkChoice =
  | { readonly serial: { readonly path: string; readonly baud: number } }
  | { readonly mqtt: MqttPlace }
  | { readonly feetech: FeetechChoice }
  | { readonly odrive: MotorChoice }
  | { readonly moteus: MoteusChoice };

/** What the control thread needs to open its port; can be sent between threads. */
export type Door =
  | { readonly serialPath: string }
  | { readonly rings: RingPair }
  | { readonly feetech: FeetechChoice }
  | { readonly odrive: MotorChoice }
  | { readonly moteus: MoteusChoice };

/** A link that the main thread holds open for the control thread. */
export interface Link {
  /** For messages, such as `serial /dev/ttyACM0`. */
  readonly name: string;
  readonly door: Door;
  close(): Promise<void>;
}

/**
 * 2 where the device's own firmware judges each command and stops by itself, 1 where only this
 * program does.
 */
export function protectionLayersOf(link: LinkChoice | Door): 1 | 2 {
  return "feetech" in link || "odrive" in link || "moteus" in link ? 1 : 2;
}

/** Opens a link on the main thread. Throws `SinewError` "port" or "broker". */
export async function openLink(choice: LinkChoice): Promise<Link> {
  if ("serial" in choice) {
    const line = await lockSerialLine(choice.serial.path, choice.serial.baud, true);
    return {
      name: `serial ${line.path}`,
      door: { serialPath: line.path },
      close: () => line.close(),
    };
  }
  if ("feetech" in choice) {
    const { feetech } = choice;
    const line = await lockSerialLine(feetech.path, feetech.baud, true);
    return { name: `feetech ${line.path}`, door: { feetech }, close: () => line.close() };
  }
  if ("odrive" in choice) {
    const { odrive } = choice;
    const line = await lockSerialLine(odrive.path, odrive.baud, true);
    return { name: `odrive ${line.path}`, door: { odrive }, close: () => line.close() };
  }
  if ("moteus" in choice) {
    const { moteus } = choice;
    const line = await lockSerialLine(moteus.path, moteus.baud, true);
    return { name: `moteus ${line.path}`, door: { moteus }, close: () => line.close() };
  }
  const rings = makeRingPair();
  const close = await carryRings(choice.mqtt, rings);
  const { url, prefix, robot } = choice.mqtt;
  return { name: `mqtt ${url} ${prefix}/${robot}`, door: { rings }, close };
}

/** The control thread's end of a link. */
export function openPort(door: Door): Port {
  if ("serialPath" in door) return openSerialPort(door.serialPath);
  if ("feetech" in door) return openSerialPort(door.feetech.path);
  if ("odrive" in door) return openSerialPort(door.odrive.path);
  if ("moteus" in door) return openSerialPort(door.moteus.path);
  return new RingPort(door.rings.toDevice, door.rings.fromDevice);
}

/** A servo's answer is awaited for a quarter of the period, but never longer than this. */
const answerUsMax = 20_000;
/** What the computers at both ends add to the time on the line, at least. */
const answerSpareUs = 500;

/**
 * The device behind a door, from the control thread. Where `stops` are given, a bridge's own must
 * be these. Throws `SinewError("contract-mismatch")` where servos or motor drives do not fit `spec`
 * or the line is too slow for its period, and `SinewError("robot-file")`, see `stopRulesOf`.
 */
export function openDevice(
  spec: Spec,
  door: Door,
  clock: Pick<Clock, "now">,
  stops: Readonly<Record<string, StopChoice>> | undefined,
): RobotDevice {
  if ("odrive" in door) return openOdrive(spec, door.odrive, () => openPort(door), clock, stops);
  if ("moteus" in door) return openMoteus(spec, door.moteus, () => openPort(door), clock, stops);
  if (!("feetech" in door)) {
    const rules = stops === undefined ? null : stopRulesOf(spec, stops);
    return new BridgeDevice(spec, openPort(door), new Session(spec, rules));
  }
  const { servos, baud } = door.feetech;
  const joints = feetechJoints(spec, servos);
  const answerUs = Math.min(spec.periodUs / 4, answerUsMax);
  const lineUs = syncReadUs(servos.length, presentBytes + aheadMax, baud);
  if (answerUs < lineUs + answerSpareUs) {
    const needUs = Math.ceil(4 * (lineUs + answerSpareUs));
    throw new SinewError(
      "contract-mismatch",
      `${servos.length} servos at ${baud} bits/s need a period of ${needUs} us, ` +
        `the policy has ${spec.periodUs} us: raise the rate`,
    );
  }
  const ids = Uint8Array.from(servos, ({ id }) => id);
  const bus = new FeetechBus(openPort(door), clock, ids, answerUs);
  return new FeetechDevice(spec, joints, bus, clock);
}
