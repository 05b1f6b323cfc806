import type { Spec } from "../../core/spec.ts";
import type { RobotDevice, StopReason } from "../../link/device.ts";
import { DeviceMode, DeviceReason } from "../../wire/messages.ts";
import type { Phase } from "../../wire/session.ts";
import type { Faults } from "./failsafe-fault.ts";

const none = -1;
/** What the servo does at most, rad/s. */
const speedMost = 8;
const rampUs = 100_000;
const stepUs = 1000;
const observeEveryUs = 5000;

/** One joint that is told where to go and tells where it is. */
export const servoSpec: Spec = {
  observation: [
    { name: "shoulder", unit: "rad", low: -1.6, high: 1.6 },
    { name: "shoulder_velocity", unit: "rad/s", low: -10, high: 10 },
  ],
  action: [{ name: "shoulder", unit: "rad", low: -1, high: 1 }],
  periodUs: 20_000,
};

/**
 * A stand-in for a robot and its firmware in simulated time: it takes commands only while it is
 * armed, stops by itself when the newest has expired, and latches that.
 */
export class ServoModel implements RobotDevice {
  readonly spec: Spec = servoSpec;
  readonly phase: Phase = "ready";
  readonly refusal = null;
  readonly silence = "";
  readonly why = "";
  readonly stopLine = 0;
  readonly barred = false;
  readonly arming = false;
  readonly droppedCount = 0;
  readonly failedReads = 0;
  readonly roundTripUs: number = Number.NaN;
  lost = false;
  mode: number = DeviceMode.disarmed;
  reason: number = DeviceReason.none;
  /** Where it is, rad. */
  place = -0.7;
  readonly #faults: Faults;
  readonly #pass: (us: number) => void;
  readonly #seen: Float32Array = new Float32Array(2);
  #nowUs: number;
  #seenUs = Number.NEGATIVE_INFINITY;
  #velocity = 0;
  #goal = 0;
  #expiresUs = 0;
  #stoppedUs = 0;
  #stopReason: number = none;
  #resetting = false;

  /** `pass` lets the time go on in which the loop waits for bytes. */
  constructor(faults: Faults, nowUs: number, pass: (us: number) => void) {
    this.#faults = faults;
    this.#nowUs = nowUs;
    this.#pass = pass;
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

  /** Its time goes on to `nowUs`, whatever the host does. */
  poll(nowUs: number): void {
    if (this.#faults.has("unplugged")) this.lost = true;
    while (this.#nowUs + stepUs <= nowUs) {
      this.#nowUs += stepUs;
      this.#hear();
      this.#watch();
      this.#move();
      if (this.#nowUs >= this.#seenUs + observeEveryUs) this.#observe();
    }
  }

  read(observation: Float32Array, nowUs: number): number {
    this.poll(nowUs);
    observation.set(this.#seen);
    if (this.#faults.has("observationNan")) observation[0] = Number.NaN;
    return this.#faults.has("observationFuture") ? -500_000 : nowUs - this.#seenUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    if (!this.#hears || !this.armed) return true;
    this.#goal = action[0]!;
    this.#expiresUs = validUntilUs;
    return true;
  }

  arm(nowUs: number): void {
    if (!this.#hears || !this.disarmed) return;
    this.mode = DeviceMode.armed;
    this.#goal = this.place;
    this.#expiresUs = nowUs + rampUs;
  }

  stop(reason: StopReason): void {
    this.#stopReason = reason;
    this.#resetting = false;
  }

  reset(): void {
    this.#resetting = true;
  }

  wait(timeoutUs: number): void {
    this.#pass(timeoutUs);
  }

  close(): void {}

  /** It stops by itself. */
  fail(): void {
    if (this.armed) this.#halt(DeviceReason.fault);
  }

  get #hears(): boolean {
    return !this.lost && !this.#faults.has("commandsLost");
  }

  /** What it was told and is told until it says that it did. */
  #hear(): void {
    if (!this.#hears) return;
    if (this.#stopReason !== none) {
      if (this.armed || this.disarmed) this.#halt(this.#stopReason);
      if (this.stopped) this.#stopReason = none;
    } else if (this.#resetting) {
      if (this.stopped) this.mode = DeviceMode.disarmed;
      this.#resetting = false;
    }
  }

  #watch(): void {
    if (this.armed && this.#nowUs >= this.#expiresUs) this.#halt(DeviceReason.expired);
    if (this.mode === DeviceMode.stopping && this.#nowUs >= this.#stoppedUs) {
      this.mode = DeviceMode.stopped;
    }
  }

  #halt(reason: number): void {
    this.mode = DeviceMode.stopping;
    this.reason = reason;
    this.#stoppedUs = this.#nowUs + rampUs;
    // It goes to where it is and holds.
    this.#goal = this.place;
  }

  #move(): void {
    const wanted = this.#faults.has("jointHeld") ? 0 : 20 * (this.#goal - this.place);
    const moves = this.armed || this.mode === DeviceMode.stopping;
    this.#velocity = moves ? Math.min(speedMost, Math.max(-speedMost, wanted)) : 0;
    this.place += (this.#velocity * stepUs) / 1e6;
  }

  #observe(): void {
    if (this.#faults.has("observationSilent") || this.lost) return;
    this.#seenUs = this.#nowUs;
    this.#seen[0] = this.place;
    this.#seen[1] = this.#velocity;
  }
}
