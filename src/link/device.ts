import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Phase, Session } from "../wire/session.ts";
import type { Port } from "./port.ts";

export type { StopChoice } from "../wire/stop-choice.ts";

/** Why a device is told to stop. */
export const StopReason: { readonly request: 2; readonly fault: 4 } = {
  /** Somebody asked for it, or the program ends. */
  request: DeviceReason.host,
  /** The loop found a fault. */
  fault: DeviceReason.gate,
};
export type StopReason = (typeof StopReason)[keyof typeof StopReason];

/**
 * A mode that the protocol does not have: under torque, the device tries what protects it, and is
 * armed after that, or stops.
 */
export const armingMode = 16;

/** The device's word for the mode that it reports, such as `stopped`. */
export function nameOfDeviceMode(mode: number): string {
  return mode === armingMode ? "arming" : nameIn(DeviceMode, mode);
}

/** The device's word for why it stopped, such as `expired`. */
export function nameOfDeviceReason(reason: number): string {
  return nameIn(DeviceReason, reason);
}

function nameIn(codes: Readonly<Record<string, number>>, code: number): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? `code ${code}`;
}

/**
 * What one control cycle needs of a robot. Nothing here throws or allocates, and nothing waits but
 * `read` of a device that must be asked, for a bounded part of the period.
 */
export interface Device {
  readonly spec: Spec;
  /** The link is gone for good; the process must open it anew. */
  readonly lost: boolean;
  /**
   * Writes the newest observation and returns its age at `nowUs` in microseconds, Infinity before
   * the first.
   */
  read(observation: Float32Array, nowUs: number): number;
  /**
   * Sends an action that the device may act on until `validUntilUs`; false where it was dropped.
   */
  write(action: Float32Array, validUntilUs: number): boolean;
  /** Tells the device to stop; said again until the device reports that it did. */
  stop(reason: StopReason): void;
}

/** A device as the loop keeps it: greeted, armed, stopped and reset beside the cycles. */
export interface RobotDevice extends Device {
  /** How far it is known; nothing moves before `ready`. */
  readonly phase: Phase;
  /** Why it is refused, naming the channel or the servo; null where it is not. */
  readonly refusal: string | null;
  /** What to tell a person whose device did not become `ready`. */
  readonly silence: string;
  /** `DeviceMode`, or `armingMode`, and `DeviceReason` codes, as it last reported them. */
  readonly mode: number;
  readonly reason: number;
  readonly armed: boolean;
  readonly disarmed: boolean;
  /** It was told to arm, may be under torque, and will say by itself what came of it. */
  readonly arming: boolean;
  /** The device's stop is over and latched. */
  readonly stopped: boolean;
  /** It was told to stop and has not yet said that it did. */
  readonly stopping: boolean;
  /** It was told to leave its stop and has not yet said that it did. */
  readonly resetting: boolean;
  /** Why it did not arm or stopped, in words for a person; empty where it has none. */
  readonly why: string;
  /** Commands that the link did not take. */
  readonly droppedCount: number;
  /** Cycles that wanted to read the device and got no whole answer. */
  readonly failedReads: number;
  /** The newest time from a question to its answer, microseconds; NaN before the first. */
  readonly roundTripUs: number;
  /** Keeps the link alive; called often between cycles. */
  poll(nowUs: number): void;
  /** Asks the device to let commands move it. */
  arm(nowUs: number): void;
  /** Asks the device to leave its latched stop. */
  reset(): void;
  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void;
  close(): void;
}

// Long enough for an answer to arrive between two repetitions of a request.
const repeatUs = 20_000;
const none = -1;

/** A device behind the bridge protocol. */
export class BridgeDevice implements RobotDevice {
  readonly spec: Spec;
  readonly #port: Port;
  readonly #session: Session;
  readonly #in: Uint8Array = new Uint8Array(4096);
  readonly #out: Uint8Array = new Uint8Array(4096);
  #lost = false;
  #stopReason: number = none;
  #resetting = false;
  #repeatAtUs = Number.NEGATIVE_INFINITY;
  droppedCount = 0;
  /** It tells by itself: no cycle has to ask. */
  readonly failedReads = 0;
  /** It is armed at once or not at all. */
  readonly arming = false;
  /** Its reason is a code. */
  readonly why = "";

  constructor(spec: Spec, port: Port, session: Session) {
    this.spec = spec;
    this.#port = port;
    this.#session = session;
  }

  get lost(): boolean {
    return this.#lost;
  }

  get phase(): Phase {
    return this.#session.phase;
  }

  get refusal(): string | null {
    return this.#session.refusal;
  }

  get silence(): string {
    return this.phase === "greeting"
      ? "it does not answer; is it powered, and is this its port and rate?"
      : `it fell silent while ${this.phase}`;
  }

  get mode(): number {
    return this.#session.deviceMode;
  }

  get armed(): boolean {
    return this.#session.deviceMode === DeviceMode.armed;
  }

  get disarmed(): boolean {
    return this.#session.deviceMode === DeviceMode.disarmed;
  }

  get stopped(): boolean {
    return this.#session.deviceMode === DeviceMode.stopped;
  }

  get stopping(): boolean {
    return this.#stopReason !== none;
  }

  get resetting(): boolean {
    return this.#resetting;
  }

  /** Why the device stopped, in its own code. */
  get reason(): number {
    return this.#session.deviceReason;
  }

  /** What the device says that its actuators do now. */
  get applied(): Float32Array {
    return this.#session.deviceApplied;
  }

  /** From the newest acknowledged command to its acknowledgement; NaN before the first. */
  get roundTripUs(): number {
    return this.#session.roundTripUs;
  }

  /**
   * Takes in what has arrived and sends what the session wants sent: handshake, clock, repetitions.
   */
  poll(nowUs: number): void {
    this.#receive(nowUs);
    this.#send(this.#session.poll(nowUs, this.#out));
    if (this.#stopReason !== none && this.stopped) {
      this.#stopReason = none;
      this.#repeatAtUs = Number.NEGATIVE_INFINITY;
    }
    if (nowUs < this.#repeatAtUs + repeatUs) return;
    if (this.#stopReason !== none) {
      this.#repeat(nowUs, this.#session.encodeStop(this.#stopReason, this.#out));
    } else if (this.#resetting) {
      if (!this.stopped) this.#resetting = false;
      else this.#repeat(nowUs, this.#session.encodeReset(this.#out));
    }
  }

  read(observation: Float32Array, nowUs: number): number {
    this.#receive(nowUs);
    this.#session.readObservation(observation);
    return nowUs - this.#session.sampledUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    const sent = this.#send(this.#session.encodeCommand(action, validUntilUs, this.#out));
    if (!sent) this.droppedCount++;
    return sent;
  }

  /** Asks the device to let commands move it. It does so only where the contract is the same. */
  arm(nowUs: number): void {
    this.#send(this.#session.encodeArm(nowUs, this.#out));
  }

  stop(reason: StopReason): void {
    this.#resetting = false;
    this.#stopReason = reason;
    this.#repeatAtUs = Number.NEGATIVE_INFINITY;
    this.#send(this.#session.encodeStop(reason, this.#out));
  }

  /** Asks the device to leave its latched stop; one that was told to stop does that first. */
  reset(): void {
    this.#resetting = true;
    this.#repeatAtUs = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    this.#port.close();
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  #receive(nowUs: number): void {
    let length = this.#port.read(this.#in);
    while (length > 0) {
      this.#session.receive(this.#in, length, nowUs);
      length = length === this.#in.length ? this.#port.read(this.#in) : 0;
    }
    if (length < 0) this.#lost = true;
  }

  #send(length: number): boolean {
    return length > 0 && this.#port.write(this.#out, length);
  }

  #repeat(nowUs: number, length: number): void {
    this.#repeatAtUs = nowUs;
    this.#send(length);
  }
}
