import { type ChannelChoice, ChannelMap } from "../core/channel-map.ts";
import type { Clock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { Session } from "../wire/session.ts";
import { type StopChoice, stopRulesOf } from "../wire/stop-choice.ts";
import { faultsOfBrokerFiles } from "./broker-files.ts";
import type { RingPair } from "./byte-ring.ts";
import { makeRingPair } from "./byte-ring.ts";
import { BridgeDevice, type RobotDevice } from "./device.ts";
import { dynamixel } from "./dynamixel-family.ts";
import { carrySerial, isPlain, type Plainness } from "./event-line.ts";
import { feetech, scsFamily } from "./feetech-family.ts";
import { memoryPorts, RingPort } from "./memory.ts";
import type { MotorChoice } from "./motor-joints.ts";
import { carryRings } from "./mqtt.ts";
import type { MqttPlace } from "./mqtt-place.ts";
import { type MoteusChoice, openMoteus } from "./open-moteus.ts";
import { openOdrive } from "./open-odrive.ts";
import type { Port } from "./port.ts";
import { lockSerialLine, openSerialPort, slowAdapterOf } from "./serial.ts";
import { ServoBus } from "./servo-bus.ts";
import { ServoDevice } from "./servo-device.ts";
import type { ServoFamily } from "./servo-family.ts";
import {
  type DynamixelLine,
  type FeetechLine,
  type ServoLine,
  servoJoints,
} from "./servo-joints.ts";
import { servoAnswerUs } from "./servo-time.ts";

/** A serial port with a device of the bridge protocol behind it. */
export interface SerialChoice extends Plainness {
  readonly path: string;
  readonly baud: number;
}

/** How to reach a robot. */
export type LinkChoice =
  | { readonly serial: SerialChoice }
  | { readonly mqtt: MqttPlace }
  | { readonly feetech: FeetechLine }
  | { readonly dynamixel: DynamixelLine }
  | { readonly odrive: MotorChoice }
  | { readonly moteus: MoteusChoice };

/** Servos straight on a line. */
export type ServosLink = { readonly feetech: FeetechLine } | { readonly dynamixel: DynamixelLine };

/** A serial port, and what of other makes is behind it. */
type SerialDoor =
  | { readonly serialPath: string }
  | { readonly feetech: FeetechLine }
  | { readonly dynamixel: DynamixelLine }
  | { readonly odrive: MotorChoice }
  | { readonly moteus: MoteusChoice };

/**
 * What the control thread needs to open its port; can be sent between threads. With `rings` another
 * thread carries the bytes.
 */
export type Door =
  | { readonly rings: RingPair }
  | (SerialDoor & { readonly rings?: RingPair | undefined });

/** A link that the main thread holds open for the control thread. */
export interface Link {
  /** For messages, such as `serial /dev/ttyACM0`. */
  readonly name: string;
  readonly door: Door;
  /** What it had to tell a person since it is open, oldest first; it grows. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

/** What stands between a policy and the motors, in words for a person. */
export interface Protection {
  /** Who judges each command, from here outwards: this many layers. */
  readonly gates: readonly string[];
  /** What the motors do when nothing comes any more. */
  readonly silence: string;
}

const ownGate = "this program's gate judges every command";

/** Of a robot behind a link. */
export function protectionOf(link: LinkChoice | Door): Protection {
  if ("feetech" in link) {
    const silence = "these servos check nothing and go on holding when this program ends";
    return { gates: [ownGate], silence };
  }
  if ("dynamixel" in link) {
    const { watchdogMs } = link.dynamixel;
    const alone = `once armed they stop after ${watchdogMs} ms of silence`;
    const silence = `these servos judge no goal; ${alone}`;
    return { gates: [ownGate], silence };
  }
  if ("odrive" in link || "moteus" in link) {
    const { watchdogMs } = "odrive" in link ? link.odrive : link.moteus;
    const alone = "go on to the last one when this program ends";
    const end =
      watchdogMs === undefined ? alone : `end their drive ${watchdogMs} ms after the last`;
    return { gates: [ownGate], silence: `these drives judge no order, and ${end}` };
  }
  const gates = [ownGate, "the device's firmware judges it again"];
  return { gates, silence: "the device stops by itself when commands stay away" };
}

/** Something wrong with a link as it is chosen: where, and one line. */
export interface LinkFault {
  readonly keys: readonly string[];
  readonly line: string;
}

/** What is wrong with the files that a link names, at the moment `at`. Opens nothing else. */
export function faultsOfLink(choice: LinkChoice, at: Date): LinkFault[] {
  if (!("mqtt" in choice)) return [];
  const faults = faultsOfBrokerFiles(choice.mqtt, at);
  return faults.map(({ keys, line }) => ({ keys: ["mqtt", ...keys], line }));
}

/** Throws `SinewError("broker")` for the first of `faultsOfLink`. */
export function checkLink(choice: LinkChoice, at: Date): void {
  const [fault] = faultsOfLink(choice, at);
  if (fault !== undefined) throw new SinewError("broker", fault.line);
}

/** Opens a link on the main thread. Throws `SinewError` "port" or "broker". */
export async function openLink(choice: LinkChoice): Promise<Link> {
  if ("serial" in choice) {
    return lineLink("serial", choice.serial, { serialPath: choice.serial.path });
  }
  if ("feetech" in choice || "dynamixel" in choice) {
    const { family, line } = servosBehind(choice);
    return lineLink(family.name, line, choice);
  }
  if ("odrive" in choice) return lineLink("odrive", choice.odrive, { odrive: choice.odrive });
  if ("moteus" in choice) return lineLink("moteus", choice.moteus, { moteus: choice.moteus });
  const rings = makeRingPair();
  const { notices, close } = await carryRings(choice.mqtt, rings);
  const { url, prefix, robot } = choice.mqtt;
  return { name: `mqtt ${url} ${prefix}/${robot}`, door: { rings }, notices, close };
}

/** A locked line, of which the control thread opens a descriptor of its own unless it is plain. */
async function lineLink(what: string, choice: SerialChoice, door: SerialDoor): Promise<Link> {
  const { path, baud } = choice;
  const name = `${what} ${path}`;
  if (!isPlain(choice)) {
    const line = await lockSerialLine(path, baud, true);
    return { name, door, notices: [], close: () => line.close() };
  }
  const rings = makeRingPair();
  const { notices, close } = await carrySerial(path, baud, rings);
  return { name: `${name}, plain`, door: { ...door, rings }, notices, close };
}

/** The control thread's end of a link. */
export function openPort(door: Door): Port {
  if (door.rings !== undefined) return new RingPort(door.rings.toDevice, door.rings.fromDevice);
  return openSerialPort(serialPathOf(door)!);
}

/** null over MQTT. */
function serialPathOf(door: Door): string | null {
  if ("serialPath" in door) return door.serialPath;
  if ("odrive" in door) return door.odrive.path;
  if ("moteus" in door) return door.moteus.path;
  return "feetech" in door || "dynamixel" in door ? servosBehind(door).line.path : null;
}

/** What to tell a person of a door behind which nobody answers; empty where there is nothing. */
export function silenceAdviceOf(door: Door): string {
  const path = serialPathOf(door);
  return path === null ? "" : slowAdapterOf(path);
}

/** Their family, their line, and what silence they are to bear. */
export function servosBehind(link: ServosLink): {
  family: ServoFamily;
  line: ServoLine;
  watchdogUs: number;
} {
  if ("feetech" in link) {
    const { feetech: line } = link;
    const family = line.series === "scs" ? scsFamily(line.spanDegrees) : feetech;
    return { family, line, watchdogUs: 0 };
  }
  const { dynamixel: line } = link;
  return { family: dynamixel, line, watchdogUs: line.watchdogMs * 1000 };
}

/** A watchdog that is shorter would stop the servos at the first cycle that is late. */
const silentPeriodsMin = 2;

/**
 * The device behind a door, from the control thread: it has the channels of `spec`, and firmware of
 * ours calls them, and has them in the order, as `channels` say. Where `stops` are given, a
 * bridge's own must be these. Throws `SinewError("contract-mismatch")` where servos or motor drives
 * do not fit `spec` or the line is too slow for its period, and `SinewError("robot-file")`, see
 * `stopRulesOf` and `ChannelMap`.
 */
export function openDevice(
  spec: Spec,
  door: Door,
  clock: Pick<Clock, "now">,
  stops: Readonly<Record<string, StopChoice>> | undefined,
  channels: ChannelChoice = {},
  open: () => Port = () => openPort(door),
): RobotDevice {
  if ("odrive" in door) return openOdrive(spec, door.odrive, open, clock, stops);
  if ("moteus" in door) return openMoteus(spec, door.moteus, open, clock, stops);
  if (!("feetech" in door || "dynamixel" in door)) {
    const rules = stops === undefined ? null : stopRulesOf(spec, stops);
    const names = new ChannelMap(spec, channels);
    return new BridgeDevice(spec, open(), new Session(spec, rules, names));
  }
  const { family, line, watchdogUs } = servosBehind(door);
  const { servos, baud } = line;
  const joints = servoJoints(spec, servos, family);
  const answerUs = servoAnswerUs(spec, family, servos.length, baud);
  if (family.watchdog !== null && watchdogUs < silentPeriodsMin * spec.periodUs) {
    const leastMs = Math.ceil((silentPeriodsMin * spec.periodUs) / 20_000) * 20;
    const line = `watchdogMs ${watchdogUs / 1000} is less than two periods`;
    throw new SinewError("contract-mismatch", `${line}: give at least ${leastMs}`);
  }
  const ids = Uint8Array.from(servos, ({ id }) => id);
  const bus = new ServoBus(family.packets, open(), clock, ids, answerUs);
  return new ServoDevice(spec, family, joints, bus, clock, watchdogUs);
}

/**
 * That a device of `spec` can be behind a link, as far as that is known before it is opened: the
 * device that would be, behind no port. Throws as `openDevice`.
 */
export function checkDevice(
  spec: Spec,
  choice: LinkChoice,
  stops: Readonly<Record<string, StopChoice>> | undefined,
  channels: ChannelChoice = {},
): RobotDevice {
  const door = "serial" in choice || "mqtt" in choice ? { serialPath: "" } : choice;
  return openDevice(spec, door, { now: () => 0 }, stops, channels, () => memoryPorts()[0]);
}
