// The control thread. It is started by run.ts and spends its life in the loop.
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from "node:worker_threads";
import type { ChannelChoice } from "../core/channel-map.ts";
import { monotonicClock } from "../core/clock.ts";
import { controlSpecOf, type Decimation } from "../core/decimation.ts";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { makeStep } from "../core/step.ts";
import type { RobotDevice, StopChoice } from "../link/device.ts";
import { type Door, openDevice, silenceAdviceOf } from "../link/link.ts";
import type { LogEvent } from "../log/event.ts";
import { RingProducer } from "../log/ring.ts";
import { openDriver, type PlainPolicy, policyOfPlain } from "../policy/driver.ts";
import { readyPerceptron } from "../policy/perceptron.ts";
import { Guard } from "../safety/guard.ts";
import { Hold } from "../safety/hold.ts";
import type { Limits } from "../safety/limits.ts";
import { Recovery } from "../safety/recovery.ts";
import { Supervisor } from "../safety/supervisor.ts";
import { DecimatedPolicy } from "./decimated-policy.ts";
import { Lineup, type Member, type SwapChoice } from "./lineup.ts";
import { Loop, shakeHands } from "./loop.ts";
import { askRealTime, type RealTime, type RealTimeChoice } from "./real-time.ts";
import type { HoldTerms } from "./robot-hold.ts";
import { type Setpoint, Setpoints, specOfDevice } from "./setpoints.ts";
import { Shadow } from "./shadow.ts";
import { Start, type StartChoice } from "./start.ts";
import { Status } from "./status.ts";
import { Succession } from "./succession.ts";
import type { MissPolicy } from "./tick.ts";
import type { WiggleChoice } from "./wiggle.ts";
import { wiggleDriver } from "./wiggle-policy.ts";

/** What the control thread is given. */
export interface LoopWork {
  readonly policy: Uint8Array;
  /** What is known of who signed it. */
  readonly signer: Pick<Member, "signedBy">;
  readonly door: Door;
  /** The link's name, for messages. */
  readonly name: string;
  readonly limits: Limits;
  /** What the device calls its channels; undefined: as the policy does. */
  readonly channels: ChannelChoice | undefined;
  readonly setpoints: readonly Setpoint[];
  readonly start: StartChoice | undefined;
  /** How each actuator is to stop; undefined: as the device itself says. */
  readonly stops: Readonly<Record<string, StopChoice>> | undefined;
  readonly ttlUs: number;
  readonly onMiss: MissPolicy;
  readonly swap: SwapChoice;
  readonly hold: HoldTerms;
  readonly decimation: Decimation;
  readonly realTime: RealTimeChoice;
  readonly status: SharedArrayBuffer;
  /** What drives in the place of the policy, whose contract alone counts then. */
  readonly wiggle: WiggleChoice | undefined;
}

/** Where the loop leaves what the log keeps. */
export interface LogDoor {
  readonly ring: SharedArrayBuffer;
  readonly events: MessagePort;
}

/** What the thread is given to begin: where the log is, and where policies are handed over. */
export interface Doors extends LogDoor {
  readonly offers: MessagePort;
}

/** A policy that is handed over, and its place among those of the run. */
export interface Offer extends Omit<Member, "policy"> {
  readonly plain: PlainPolicy;
}

/** What it says: `ready`, upon which it is sent its doors, then `ended`; or `failed`. */
export type LoopWord =
  | { readonly word: "ready"; readonly runner: string; readonly realTime: RealTime }
  | { readonly word: "ended"; readonly linkLost: boolean }
  | { readonly word: "failed"; readonly code: ErrorCode; readonly message: string };

const handshakeUs = 3e6;

async function work(given: LoopWork): Promise<void> {
  const { policy, door, name, limits, setpoints, start, stops, ttlUs, onMiss, status } = given;
  const { channels, decimation, swap } = given;
  const port = parentPort!;
  const say = (word: LoopWord): void => port.postMessage(word);
  const doors = new Promise<Doors>((resolve) => {
    port.once("message", resolve);
  });
  const { wiggle } = given;
  const driver = wiggle === undefined ? await openDriver(policy) : wiggleDriver(policy, wiggle);
  // A policy that is handed over later is not to wait for it.
  readyPerceptron();
  const clock = monotonicClock();
  const spec = controlSpecOf(driver.policy.spec, decimation);
  const realTime = await realTimeFor(given);
  const device = openDevice(specOfDevice(spec, setpoints), door, clock, stops, channels);
  try {
    if (!shakeHands(device, clock, handshakeUs)) throw refusalOf(device, name, door);
    say({ word: "ready", runner: driver.runner, realTime });
    const { ring, events, offers } = await doors;
    const own = new Status(spec, status);
    const step = makeStep(spec);
    const lineup = new Lineup(driver.policy, swap, given.signer);
    const decimated = new DecimatedPolicy(lineup, decimation, step);
    const kept = { append: (event: LogEvent) => events.postMessage(event) };
    const shadow = new Shadow(spec, limits, (answer) => decimated.along(answer));
    const rig = {
      clock,
      device,
      policy: decimated,
      succession: new Succession(lineup, shadow, own, kept, () => takeOffer(offers)),
      setpoints: new Setpoints(spec, setpoints),
      approach: new Start(spec, limits, start),
      hold: new Hold(device.spec, limits, given.hold.times),
      recovery: new Recovery(given.hold.fallback),
      guard: new Guard(spec, limits),
      supervisor: new Supervisor(),
      log: new RingProducer(ring, spec),
      events: kept,
      step,
      ttlUs,
      onMiss,
    };
    await new Loop(rig, own).run();
    say({ word: "ended", linkLost: device.lost });
  } finally {
    device.close();
    await driver.close();
  }
}

/** The newest policy that was handed over; null: none is left. Needs no event loop. */
function takeOffer(offers: MessagePort): Member | null {
  let newest: Offer | null = null;
  for (;;) {
    const received = receiveMessageOnPort(offers) as { message: Offer } | undefined;
    if (received === undefined) break;
    newest = received.message;
  }
  if (newest === null) return null;
  const { plain, ...rest } = newest;
  return { ...rest, policy: policyOfPlain(plain) };
}

async function realTimeFor({ realTime: choice, name }: LoopWork): Promise<RealTime> {
  const realTime = await askRealTime(choice);
  if (realTime.granted || choice !== "required") return realTime;
  throw new SinewError("real-time", `${name} requires real time: ${realTime.line}`);
}

function refusalOf(device: RobotDevice, name: string, door: Door): SinewError {
  if (device.refusal !== null) {
    return new SinewError(
      "contract-mismatch",
      `${name} does not fit this policy: ${device.refusal}`,
    );
  }
  if (device.lost) return new SinewError("port", `${name} was lost during the handshake`);
  const advice = silenceAdviceOf(door);
  const silence = advice === "" ? device.silence : `${device.silence}; ${advice}`;
  return new SinewError("handshake", `${name}: ${silence}`);
}

try {
  await work(workerData as LoopWork);
} catch (thrown) {
  const code = thrown instanceof SinewError ? thrown.code : "engine";
  const word: LoopWord = { word: "failed", code, message: messageOf(thrown) };
  parentPort!.postMessage(word);
}
parentPort!.close();
