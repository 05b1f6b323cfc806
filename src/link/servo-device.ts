import type { Clock } from "../core/clock.ts";
import type { Spec } from "../core/spec.ts";
import { DeviceMode, DeviceReason } from "../wire/messages.ts";
import type { Phase } from "../wire/session.ts";
import { armingMode, type RobotDevice, type StopReason } from "./device.ts";
import { DriverMode } from "./driver-mode.ts";
import type { ServoBus } from "./servo-bus.ts";
import type { ServoFamily } from "./servo-family.ts";
import { ServoGreeting } from "./servo-greeting.ts";
import { countsAt, nameOfServo, type ServoJoint } from "./servo-joints.ts";
import { portFull, ServoOrders, unheard } from "./servo-orders.ts";
import { ServoPlaces } from "./servo-places.ts";
import { wholeCounts } from "./servo-scale.ts";
import { Trouble } from "./trouble.ts";
import { WatchdogTrial } from "./watchdog-trial.ts";

/** So many cycles in a row may pass without an answer from every servo. */
const failuresMax = 5;
/** From seeing where the servos are to giving them torque there, while they may still sink. */
const armWithinUs = 50_000;
const holdEveryUs = 20_000;
/**
 * An STS3215 at its greatest speed is 0.18 rad behind its goal. One that is held back further would
 * snap to its goal when it comes free, so the goal waits for it, rad.
 */
const leadRad = Math.PI / 8;
const tripped = "heard nothing for so long that it stopped by itself";
const forgot = "does not watch the line any more as it was told";

/**
 * Servos straight on a serial line. They check no goal and know no expiry, so what protects is
 * here: positions only, whose goal moves by a bounded step from the last one sent; torque only by
 * arming, at the place where the servos are; a stop holds that place, never limp. Servos that watch
 * the line are told to, and shown to, before they are armed. `read`, `arm` and `poll` wait for
 * answers, each for a bounded part of the period, or some ms more where a servo's delay is set.
 */
export class ServoDevice extends DriverMode implements RobotDevice {
  readonly spec: Spec;
  droppedCount = 0;
  failedReads = 0;
  /** Goals that a servo turned out not to have got. */
  lostGoals = 0;
  roundTripUs: number = Number.NaN;
  readonly #family: ServoFamily;
  readonly #joints: readonly ServoJoint[];
  readonly #bus: ServoBus;
  readonly #clock: Pick<Clock, "now">;
  readonly #orders: ServoOrders;
  readonly #greeting: ServoGreeting;
  readonly #places: ServoPlaces;
  /** null where servos do not watch the line. */
  readonly #trial: WatchdogTrial | null;
  readonly #trouble: Trouble;
  /** Counts. */
  readonly #leadMax: number;
  /** The goals to be sent. */
  readonly #next: Int32Array;
  /** `#next` is where servos are to stay whose watchdogs are being cleared. */
  #clearing = false;
  #sampledUs: number = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #holdAgainUs: number = Number.NEGATIVE_INFINITY;
  /** When the newest stop began. */
  #heldUs: number = Number.NEGATIVE_INFINITY;
  #checkDue = false;
  #checked = 0;

  /** The servos stop after a silence of `watchdogUs`, where their family can. */
  constructor(
    spec: Spec,
    family: ServoFamily,
    joints: readonly ServoJoint[],
    bus: ServoBus,
    clock: Pick<Clock, "now">,
    watchdogUs: number,
  ) {
    super();
    this.spec = spec;
    this.#family = family;
    this.#joints = joints;
    this.#bus = bus;
    this.#clock = clock;
    this.#leadMax = wholeCounts(family.scale, leadRad);
    this.#trouble = new Trouble(joints.map(({ servo }) => nameOfServo(servo)));
    this.#orders = new ServoOrders(family, bus, joints.length, this.#trouble);
    const { driven } = this.#orders;
    this.#greeting = new ServoGreeting(family, joints, bus, this.#orders);
    const observations = spec.observation.length;
    this.#places = new ServoPlaces(family, joints, driven, observations, this.#trouble);
    this.#next = new Int32Array(joints.length);
    const { watchdog } = family;
    const units = watchdog === null ? 0 : Math.ceil(watchdogUs / watchdog.unitUs);
    this.#trial =
      watchdog === null ? null : new WatchdogTrial(this.#orders, watchdog, units, this.#trouble);
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

  get why(): string {
    const { at, code, words } = this.#trouble;
    return code === 0 ? words : `${words} ${this.#family.illnessOf(code, this.#orders.told(at))}`;
  }

  poll(nowUs: number): void {
    if (!this.#greeting.done) {
      this.#greet();
      return;
    }
    if (this.#trial !== null && this.arming) {
      this.#tryWatchdogs(this.#trial, nowUs);
      return;
    }
    if (this.stopping && nowUs >= this.#holdAgainUs) this.#seeStop(nowUs);
    if (this.resetting && this.stopped && nowUs >= this.#holdAgainUs) this.#leaveStop(nowUs);
    // Only while the line is known to be on time: a late answer would be taken for a new one.
    if (this.armed && this.#checkDue && this.#failures === 0) this.#check();
  }

  read(observation: Float32Array, nowUs: number): number {
    if (!this.arming || this.#trial?.silent !== true) this.#look(nowUs);
    observation.set(this.#places.observation);
    return this.#failures > failuresMax ? Number.POSITIVE_INFINITY : nowUs - this.#sampledUs;
  }

  write(action: Float32Array, validUntilUs: number): boolean {
    if (!this.armed) return false;
    const late = this.#clock.now() > validUntilUs;
    if (late || !this.#aim(action) || !this.#orders.send(this.#next)) {
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
    // All else that may keep it from arming tells so itself.
    this.#trouble.note(portFull);
    if (!this.#sees(nowUs) || !this.#fit() || !this.#places.clear()) return;
    if (this.#trial !== null && !this.#trial.set()) return;
    if (!this.#orders.send(this.#places.here)) return;
    if (!this.#orders.have(0)) {
      // The line was silent for too long since the last stop was left.
      const { firstTripped } = this.#orders;
      if (firstTripped >= 0) this.#holdFor(DeviceReason.expired, tripped, firstTripped);
      return;
    }
    if (!this.#sees(nowUs) || !this.#places.at(this.#orders.sent)) return;
    if (!this.#inTime(nowUs)) return;
    // There may be torque from here on, so what comes of it is to be armed, or a stop.
    const driven = this.#orders.enable() && (this.#orders.have(1) || this.#orders.have(1));
    if (!driven) this.#hold(DeviceReason.fault);
    else if (this.#trial === null) this.#begin();
    else this.#try(this.#trial);
  }

  stop(reason: StopReason): void {
    this.resetting = false;
    // One whose watchdog is being cleared may be on its way to its old goal.
    if ((this.stopping || this.stopped) && !this.#clearing) return;
    this.#trouble.forget();
    this.#hold(reason);
  }

  close(): void {
    this.#bus.close();
  }

  wait(timeoutUs: number): void {
    this.#bus.wait(timeoutUs);
  }

  #greet(): void {
    this.#greeting.poll();
    if (!this.#greeting.done) return;
    const expired = this.#orders.firstTripped >= 0;
    if (!this.#orders.driven.includes(1) && !expired) return;
    // What an earlier run left holding is a stop that nobody has left.
    this.mode = DeviceMode.stopped;
    this.reason = expired ? DeviceReason.expired : DeviceReason.host;
  }

  /** Where the servos are now. Where one does not tell, all that was known stays, and grows old. */
  #look(nowUs: number): boolean {
    const startUs = this.#clock.now();
    const { address, count } = this.#family.present;
    const driven = this.armed || this.arming || this.stopping;
    if (
      !this.#bus.readFresh(address, count, this.#places.told) ||
      !this.#places.take(nowUs - this.#sampledUs, driven)
    ) {
      this.#failures++;
      this.failedReads++;
      return false;
    }
    this.roundTripUs = this.#clock.now() - startUs;
    this.#sampledUs = nowUs;
    this.#failures = 0;
    if (this.armed && !this.#stillSound()) this.#hold(DeviceReason.fault);
    return true;
  }

  /** As `#look`; says why not. */
  #sees(nowUs: number): boolean {
    if (this.#look(nowUs)) return true;
    const at = this.#bus.missing;
    return this.#trouble.note(at < 0 ? "a servo tells a place where it cannot be" : unheard, at);
  }

  #inTime(startUs: number): boolean {
    if (this.#clock.now() - startUs <= armWithinUs) return true;
    return this.#trouble.note("it took too long to see where the servos are");
  }

  /** No servo reports an error, and none has gone over the end of its turn. */
  #stillSound(): boolean {
    return this.#well() && this.#places.clear(0);
  }

  /** As `#well`; an ill servo is asked what it has. */
  #fit(): boolean {
    if (this.#well()) return true;
    this.#orders.readOne(this.#trouble.at);
    return false;
  }

  #well(): boolean {
    for (let at = 0; at < this.#joints.length; at++) {
      const error = this.#bus.errors[at];
      if (error !== 0) return this.#trouble.note("reports", at, error);
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
      const wanted = Math.round(countsAt(servo, this.#family.scale, action[actionAt]));
      const sent = this.#orders.sent[at];
      const way = around(wanted, this.#places.counts[at], this.#leadMax) - sent;
      this.#next[at] = sent + around(way, 0, stepCounts);
    }
    return true;
  }

  #begin(): void {
    this.mode = DeviceMode.armed;
    this.reason = DeviceReason.none;
    this.#trouble.forget();
  }

  #try(trial: WatchdogTrial): void {
    this.mode = armingMode;
    this.reason = DeviceReason.none;
    trial.begin(this.#clock.now());
  }

  /** A servo whose watchdog does not do what it should is not driven. */
  #tryWatchdogs(trial: WatchdogTrial, nowUs: number): void {
    const shown = trial.poll(nowUs);
    if (shown === true) this.#begin();
    else if (shown === false) this.#hold(DeviceReason.fault);
  }

  #holdFor(reason: number, why: string, at?: number): void {
    this.#trouble.note(why, at);
    this.#hold(reason);
  }

  /** Stops where the servos are, or where they were sent when that is not known. */
  #hold(reason: number): void {
    this.resetting = false;
    this.#clearing = false;
    this.reason = reason;
    this.mode = this.#orders.driven.includes(1) ? DeviceMode.stopping : DeviceMode.stopped;
    if (this.stopped) return;
    this.#next.set(this.#failures === 0 ? this.#places.here : this.#orders.sent);
    this.#orders.send(this.#next);
    // What the stop is to be seen by, also where the port does not take it just now.
    this.#orders.sent.set(this.#next);
    this.#holdAgainUs = Number.NEGATIVE_INFINITY;
    this.#heldUs = this.#clock.now();
  }

  /** The stop is over when every servo holds and is at rest, by a look since it began. */
  #seeStop(nowUs: number): void {
    this.#holdAgainUs = nowUs + holdEveryUs;
    if (!this.#orders.held()) this.#orders.send(this.#next);
    else if (this.#sampledUs > this.#heldUs && this.#failures === 0 && this.#places.resting())
      this.mode = DeviceMode.stopped;
  }

  /** A watchdog that has tripped is cleared, and its servo holds on where it is. */
  #leaveStop(nowUs: number): void {
    if (this.#trial !== null && !this.#clearWatchdogs(nowUs)) return;
    this.resetting = false;
    this.#clearing = false;
    this.mode = DeviceMode.disarmed;
    this.reason = DeviceReason.none;
    this.#trouble.forget();
  }

  #clearWatchdogs(nowUs: number): boolean {
    this.#holdAgainUs = nowUs + holdEveryUs;
    // One that was cleared and did not hear its goal is not where it is to stay any more.
    if (!this.#clearing && !this.#chooseWhereToStay(nowUs)) return false;
    this.#clearing = true;
    return this.#orders.clear(this.#next) && this.#orders.have(0);
  }

  #chooseWhereToStay(nowUs: number): boolean {
    // A reset may come before the first cycle, which looks.
    if (!this.#sees(nowUs)) return false;
    if (!this.#orders.readAll()) return this.#trouble.note(unheard, this.#bus.missing);
    for (let at = 0; at < this.#next.length; at++) {
      const stays = this.#orders.tripped(at);
      this.#next[at] = stays ? this.#places.here[at] : this.#orders.sent[at];
    }
    return true;
  }

  /**
   * No servo says that it got a goal, so one after another is asked: a goal that was lost must not
   * make the next step twice as wide, and a servo that started anew, limp, or that has stopped by
   * itself, must not be driven on.
   */
  #check(): void {
    this.#checkDue = false;
    const orders = this.#orders;
    const at = this.#checked;
    this.#checked = (at + 1) % this.#joints.length;
    if (!orders.readOne(at)) return;
    const goal = orders.goal(at);
    if (orders.tripped(at)) this.#holdFor(DeviceReason.expired, tripped, at);
    else if (orders.torque(at) !== 1) this.#holdFor(DeviceReason.fault, "lost its torque", at);
    else if (!orders.watches(at)) this.#holdFor(DeviceReason.fault, forgot, at);
    // A goal must be read twice the same, as the next step counts from it.
    else if (goal !== orders.sent[at] && orders.readOne(at) && orders.goal(at) === goal) {
      orders.sent[at] = goal;
      this.lostGoals++;
    }
  }
}

/** `value`, or what is nearest to it within `reach` of `middle`. */
function around(value: number, middle: number, reach: number): number {
  return Math.min(middle + reach, Math.max(middle - reach, value));
}
