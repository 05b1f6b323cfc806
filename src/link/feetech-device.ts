import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Phase } from "../wire/session.ts";
import type { RobotDevice, StopReason } from "./device.ts";
import type { FeetechBus } from "./feetech-bus.ts";
import { FeetechGreeting } from "./feetech-greeting.ts";
import {
  countsAt,
  type FeetechJoint,
  nearWay,
  radPerCount,
  wrapMarginCounts,
} from "./feetech-joints.ts";
import { putWord, Register, SignBit, signedOf, sts, wordAt } from "./feetech-registers.ts";

/** So many cycles in a row may pass without an answer from every servo. */
const failuresMax = 5;
/** From seeing where the servos are to giving them torque there, while they may still sink. */
const armWithinUs = 50_000;
/** What a servo may sink by in between, counts: 0.025 rad. */
const sinkMax = 16;
/** No servo goes faster, nor is it pushed so, counts/s; and what noise adds to one reading. */
const speedMax = 8192;
const noiseMax = 64;
const holdEveryUs = 20_000;
/**
 * A servo at its greatest speed is 119 counts behind its goal. One that is held back further would
 * snap to its goal when it comes free, so the goal waits for it: 0.39 rad.
 */
const leadMax = 256;
/** Slower than this a servo is at rest, counts/s: 0.05 rad/s. */
const restSpeed = 33;
/** Position, velocity, load, voltage and temperature. */
export const presentBytes = 8;
/** Torque_Enable to the end of Goal_Position. */
const orderBytes = 4;
const lastCount: number = sts.countsPerTurn - 1;

/**
 * Feetech servos straight on a serial line. They check nothing and know no expiry, so all that
 * protects is here: positions only, whose goal moves by a bounded step from the last one sent;
 * torque only by arming, at the place where the servos are; a stop holds that place, never limp.
 * `read`, `arm` and `poll` wait for answers, each for a bounded part of the period.
 */
export class FeetechDevice implements RobotDevice {
  readonly spec: Spec;
  mode: number = DeviceMode.disarmed;
  reason: number = DeviceReason.none;
  droppedCount = 0;
  failedReads = 0;
  /** Goals that a servo turned out not to have got. */
  lostGoals = 0;
  roundTripUs: number = Number.NaN;
  readonly #joints: readonly FeetechJoint[];
  readonly #bus: FeetechBus;
  readonly #clock: Pick<Clock, "now">;
  readonly #greeting: FeetechGreeting;
  readonly #observation: Float32Array;
  readonly #present: Uint8Array;
  readonly #orders: Uint8Array;
  readonly #goals: Uint8Array;
  readonly #on: Uint8Array;
  /** What the encoders tell, and the same without the wrap. */
  readonly #raw: Int32Array;
  readonly #counts: Int32Array;
  readonly #speed: Int32Array;
  /** The goals that were sent last, and those to be sent. */
  readonly #sent: Int32Array;
  readonly #next: Int32Array;
  /** 1 for a servo that may be under torque. */
  readonly #driven: Uint8Array;
  #sampledUs: number = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #resetting = false;
  #holdAgainUs: number = Number.NEGATIVE_INFINITY;
  #checkDue = false;
  #checked = 0;

  constructor(
    spec: Spec,
    joints: readonly FeetechJoint[],
    bus: FeetechBus,
    clock: Pick<Clock, "now">,
  ) {
    this.spec = spec;
    this.#joints = joints;
    this.#bus = bus;
    this.#clock = clock;
    this.#greeting = new FeetechGreeting(joints, bus);
    const count = joints.length;
    this.#observation = new Float32Array(spec.observation.length);
    this.#present = new Uint8Array(count * presentBytes);
    this.#orders = new Uint8Array(count * orderBytes);
    this.#goals = new Uint8Array(count * 2);
    this.#on = new Uint8Array(count).fill(1);
    this.#raw = new Int32Array(count);
    this.#counts = new Int32Array(count);
    this.#speed = new Int32Array(count);
    this.#sent = this.#greeting.goals;
    this.#next = new Int32Array(count);
    this.#driven = this.#greeting.driven;
  }

  get lost(): boolean {
    return this.#bus.lost;
  }

  get phase(): Phase {
    if (this.refusal !== null) return "refused";
    return this.#greeting.done ? "ready" : "greeting";
  }

  get refusal(): string | null {
    return this.#greeting.refusal;
  }

  get silence(): string {
    return `${this.#greeting.servo} does not answer; is it powered, and are its id and rate right?`;
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
    return this.mode === DeviceMode.stopping;
  }

  get resetting(): boolean {
    return this.#resetting;
  }

  poll(nowUs: number): void {
    if (!this.#greeting.done) {
      this.#greet();
      return;
    }
    if (this.stopping && nowUs >= this.#holdAgainUs) this.#seeStop(nowUs);
    if (this.#resetting && this.stopped) this.#leaveStop();
    // Only while the line is known to be on time: a late answer would be taken for a new one.
    if (this.armed && this.#checkDue && this.#failures === 0) this.#check();
  }

  read(observation: Float32Array, nowUs: number): number {
    this.#look(nowUs);
    observation.set(this.#observation);
    return this.#failures > failuresMax ? Number.POSITIVE_INFINITY : nowUs - this.#sampledUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    if (!this.armed) return false;
    if (this.#clock.now() > validUntilUs || !this.#aim(action) || !this.#send(this.#next)) {
      this.droppedCount++;
      return false;
    }
    this.#checkDue = true;
    return true;
  }

  /**
   * Before there is torque the goals are where the servos are, they are read back, and the servos
   * are seen there once more.
   */
  arm(nowUs: number): void {
    if (!this.disarmed || this.phase !== "ready") return;
    if (!this.#look(nowUs) || !this.#sound()) return;
    if (!this.#send(this.#raw) || !this.#haveOrders(0)) return;
    if (!this.#look(nowUs) || !this.#atGoals()) return;
    if (this.#clock.now() - nowUs > armWithinUs) return;
    this.#driven.fill(1);
    if (!this.#bus.writeEach(Register.torqueEnable, 1, this.#on) || !this.#haveOrders(1)) return;
    this.mode = DeviceMode.armed;
    this.reason = DeviceReason.none;
  }

  stop(reason: StopReason): void {
    this.#resetting = false;
    if (!this.stopping && !this.stopped) this.#hold(reason);
  }

  reset(): void {
    this.#resetting = true;
  }

  close(): void {
    this.#bus.close();
  }

  wait(timeoutUs: number): void {
    this.#bus.wait(timeoutUs);
  }

  #greet(): void {
    this.#greeting.poll();
    if (!this.#greeting.done || !this.#driven.includes(1)) return;
    // What an earlier run left holding is a stop that nobody has left.
    this.mode = DeviceMode.stopped;
    this.reason = DeviceReason.host;
  }

  /** Where the servos are now. Where one does not tell, all that was known stays, and grows old. */
  #look(nowUs: number): boolean {
    const startUs = this.#clock.now();
    const { presentPosition } = Register;
    if (
      !this.#bus.readFresh(presentPosition, presentBytes, this.#present) ||
      !this.#isPlace(nowUs)
    ) {
      this.#failures++;
      this.failedReads++;
      return false;
    }
    this.roundTripUs = this.#clock.now() - startUs;
    this.#sampledUs = nowUs;
    this.#failures = 0;
    for (let at = 0; at < this.#joints.length; at++) this.#take(at);
    if (this.armed && !this.#stillSound()) this.#hold(DeviceReason.fault);
    return true;
  }

  /**
   * A sum of one byte does not find every error: no encoder tells more than 4095, and no servo that
   * is driven is further from where it was than it can go.
   */
  #isPlace(nowUs: number): boolean {
    const reach = noiseMax + ((nowUs - this.#sampledUs) * speedMax) / 1e6;
    const driven = this.armed || this.stopping;
    for (let at = 0; at < this.#joints.length; at++) {
      const raw = wordAt(this.#present, at * presentBytes, sts);
      if (raw > lastCount) return false;
      if (driven && Math.abs(nearWay(raw - this.#counts[at])) > reach) return false;
    }
    return true;
  }

  #take(at: number): void {
    const { servo, middleCounts, positionAt, velocityAt } = this.#joints[at];
    const raw = wordAt(this.#present, at * presentBytes, sts);
    const word = wordAt(this.#present, at * presentBytes + 2, sts);
    // Nearest to where it was while it is driven, so that nothing jumps at the end of its turn.
    const near = this.armed || this.stopping ? this.#counts[at] : middleCounts;
    this.#raw[at] = raw;
    this.#counts[at] = near + nearWay(raw - near);
    this.#speed[at] = signedOf(word, SignBit.velocity);
    const radPerSigned = servo.sign * radPerCount;
    if (positionAt >= 0) {
      this.#observation[positionAt] = (this.#counts[at] - servo.zeroCounts) * radPerSigned;
    }
    if (velocityAt >= 0) this.#observation[velocityAt] = this.#speed[at] * radPerSigned;
  }

  #atGoals(): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      if (Math.abs(this.#raw[at] - this.#sent[at]) > sinkMax) return false;
    }
    return true;
  }

  /** No servo reports an error, and each is clear of the end of its turn. */
  #sound(): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      const counts = this.#counts[at];
      if (counts < wrapMarginCounts || counts > lastCount - wrapMarginCounts) return false;
    }
    return this.#well();
  }

  /** No servo reports an error, and none has gone over the end of its turn. */
  #stillSound(): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      if (this.#counts[at] < 0 || this.#counts[at] > lastCount) return false;
    }
    return this.#well();
  }

  #well(): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      if (this.#bus.errors[at] !== 0) return false;
    }
    return true;
  }

  /**
   * The next goals: towards `action`, by a step at most, and not far ahead of a servo that is held
   * back. False where `action` is beyond the contract.
   */
  #aim(action: Float32Array): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      const { servo, stepCounts, actionAt } = this.#joints[at];
      const { low, high } = this.spec.action[actionAt];
      // Written so that NaN fails it.
      const permitted =
        action[actionAt] >= Math.fround(low) && action[actionAt] <= Math.fround(high);
      if (!permitted) return false;
      const wanted = Math.round(countsAt(servo, action[actionAt]));
      const way = around(wanted, this.#counts[at], leadMax) - this.#sent[at];
      this.#next[at] = this.#sent[at] + around(way, 0, stepCounts);
    }
    return true;
  }

  #send(goals: Int32Array): boolean {
    for (let at = 0; at < goals.length; at++) putWord(this.#goals, 2 * at, goals[at], sts);
    if (!this.#bus.writeEach(Register.goalPosition, 2, this.#goals)) return false;
    this.#sent.set(goals);
    return true;
  }

  /** Every servo has the goal that was sent last and, with `torque` 1, follows it. */
  #haveOrders(torque: 0 | 1): boolean {
    if (!this.#bus.readEach(Register.torqueEnable, orderBytes, this.#orders)) return false;
    for (let at = 0; at < this.#joints.length; at++) {
      const from = at * orderBytes;
      if (wordAt(this.#orders, from + 2, sts) !== this.#sent[at]) return false;
      if (torque === 1 && this.#driven[at] === 1 && this.#orders[from] !== 1) return false;
    }
    return true;
  }

  /** Stops where the servos are, or where they were sent when that is not known. */
  #hold(reason: number): void {
    this.reason = reason;
    this.mode = this.#driven.includes(1) ? DeviceMode.stopping : DeviceMode.stopped;
    if (this.stopped) return;
    this.#next.set(this.#failures === 0 ? this.#raw : this.#sent);
    // What the stop is to be seen by, also where the port does not take it just now.
    this.#sent.set(this.#next);
    this.#send(this.#next);
    this.#holdAgainUs = Number.NEGATIVE_INFINITY;
  }

  /** The stop is over when every servo has its goal, has its torque, and is at rest. */
  #seeStop(nowUs: number): void {
    this.#holdAgainUs = nowUs + holdEveryUs;
    if (!this.#haveOrders(1)) this.#send(this.#next);
    else if (this.#resting()) this.mode = DeviceMode.stopped;
  }

  #resting(): boolean {
    if (this.#failures > 0) return false;
    for (let at = 0; at < this.#joints.length; at++) {
      if (Math.abs(this.#speed[at]) > restSpeed) return false;
    }
    return true;
  }

  #leaveStop(): void {
    this.#resetting = false;
    this.mode = DeviceMode.disarmed;
    this.reason = DeviceReason.none;
  }

  /**
   * No servo says that it got a goal, so one after another is asked: a goal that was lost must not
   * make the next step twice as wide, and a servo that started anew, limp, must not be driven on.
   */
  #check(): void {
    this.#checkDue = false;
    const at = this.#checked;
    this.#checked = (at + 1) % this.#joints.length;
    if (!this.#readOrders(at)) return;
    const goal = this.#orderedGoal();
    // A goal must be read twice the same, as the next step counts from it.
    if (this.#orders[0] !== 1) this.#hold(DeviceReason.fault);
    else if (goal !== this.#sent[at] && this.#readOrders(at) && this.#orderedGoal() === goal) {
      this.#sent[at] = goal;
      this.lostGoals++;
    }
  }

  #readOrders(at: number): boolean {
    return this.#bus.readOne(at, Register.torqueEnable, orderBytes, this.#orders, 1);
  }

  #orderedGoal(): number {
    return wordAt(this.#orders, Register.goalPosition - Register.torqueEnable, sts);
  }
}

/** `value`, or what is nearest to it within `reach` of `middle`. */
function around(value: number, middle: number, reach: number): number {
  return Math.min(middle + reach, Math.max(middle - reach, value));
}
