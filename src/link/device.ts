import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason, StopLine } from "../wire/messages.ts";
import type { Phase, Session } from "../wire/session.ts";
import { ExpiryTrial } from "./expiry-trial.ts";
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

/** The word for what its stop line tells: `none`, `closed` or `open`. */
export function nameOfStopLine(line: number): string {
  return nameIn(StopLine, line);
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
  /** A `StopLine`: what its switch tells that stops it; `none` where it has none. */
  readonly stopLine: number;
  /** That switch is pressed, or its wire cut: it takes neither a reset nor an arm. */
  readonly barred: boolean;
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
const lineOpen = "its stop line is open: the switch is pressed, or its wire is cut";
const lineOpened = "its stop line was opened";

/** A device behind the bridge protocol. */
export class BridgeDevice implements RobotDevice {
  readonly spec: Spec;
  readonly #port: Port;
  readonly #session: Session;
  readonly #in: Uint8Array = new Uint8Array(4096);
  readonly #out: Uint8Array = new Uint8Array(4096);
  readonly #trial: ExpiryTrial;
  /** The start of the device whose firmware was seen to stop by itself. */
  #triedBootId = none;
  readonly #trusted: boolean;
  #lost = false;
  #stopReason: number = none;
  #resetting = false;
  #repeatAtUs = Number.NEGATIVE_INFINITY;
  droppedCount = 0;
  /** It tells by itself: no cycle has to ask. */
  readonly failedReads = 0;

  /** Where it is `trusted`, who opened it has seen already that its firmware stops by itself. */
  constructor(spec: Spec, port: Port, session: Session, trusted: boolean = false) {
    this.spec = spec;
    this.#port = port;
    this.#session = session;
    this.#trial = new ExpiryTrial(spec, session);
    this.#trusted = trusted;
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
    return this.arming ? armingMode : this.#session.deviceMode;
  }

  /** Its firmware is being tried, which drives nothing. */
  get arming(): boolean {
    return this.#trial.active;
  }

  get armed(): boolean {
    return this.mode === DeviceMode.armed;
  }

  get disarmed(): boolean {
    return this.mode === DeviceMode.disarmed;
  }

  get stopped(): boolean {
    return this.mode === DeviceMode.stopped;
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

  get stopLine(): number {
    return this.#session.deviceStopLine;
  }

  get barred(): boolean {
    return this.#session.deviceStopLine === StopLine.open;
  }

  /** Its reason is a code; of the switch a person has to know more. */
  get why(): string {
    if (this.barred) return lineOpen;
    if (this.#trial.why !== "") return this.#trial.why;
    return this.reason === DeviceReason.stopLine ? lineOpened : "";
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
    if (this.arming) {
      this.#try(nowUs);
      return;
    }
    this.#send(this.#session.poll(nowUs, this.#out));
    if (this.#stopReason !== none && this.stopped) {
      this.#stopReason = none;
      this.#repeatAtUs = Number.NEGATIVE_INFINITY;
    }
    if (nowUs < this.#repeatAtUs + repeatUs) return;
    if (this.#stopReason !== none) {
      this.#repeat(nowUs, this.#session.encodeStop(this.#stopReason, this.#out));
    } else if (this.#resetting) {
      // One that was asked for before the switch was pressed must not leave that stop.
      if (!this.stopped || this.barred) this.#resetting = false;
      else this.#repeat(nowUs, this.#session.encodeReset(this.#out));
    }
  }

  read(observation: Float32Array, nowUs: number): number {
    this.#receive(nowUs);
    this.#session.readObservation(observation);
    return nowUs - this.#session.sampledUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    if (this.arming) return false;
    const sent = this.#send(this.#session.encodeCommand(action, validUntilUs, this.#out));
    if (!sent) this.droppedCount++;
    return sent;
  }

  /**
   * Asks the device to let commands move it. It does so only where the contract is the same; and
   * the first time since it started, only after its firmware was seen to stop by itself.
   */
  arm(nowUs: number): void {
    const tried = this.#trusted || this.#triedBootId === this.#session.bootId;
    if (tried) this.#send(this.#session.encodeArm(nowUs, this.#out));
    else if (this.phase === "ready" && this.disarmed) {
      this.#trial.begin(nowUs);
      this.#try(nowUs);
    }
  }

  stop(reason: StopReason): void {
    this.#trial.end();
    this.#halt(reason);
  }

  /** Asks the device to leave its latched stop; one that was told to stop does that first. */
  reset(): void {
    // A trial ends by itself, and leaves its own stop.
    this.#resetting = !this.arming;
    this.#repeatAtUs = Number.NEGATIVE_INFINITY;
  }

  close(): void {
    this.#port.close();
  }

  /** Blocks until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void {
    this.#port.wait(timeoutUs);
  }

  #halt(reason: StopReason): void {
    this.#resetting = false;
    this.#stopReason = reason;
    this.#repeatAtUs = Number.NEGATIVE_INFINITY;
    this.#send(this.#session.encodeStop(reason, this.#out));
  }

  #try(nowUs: number): void {
    const trial = this.#trial;
    this.#send(trial.poll(nowUs, this.#out));
    if (!trial.silent) this.#send(this.#session.poll(nowUs, this.#out));
    if (trial.active) return;
    if (trial.passed) {
      this.#triedBootId = this.#session.bootId;
      this.arm(nowUs);
    } else if (!this.stopped) this.#halt(StopReason.fault);
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
