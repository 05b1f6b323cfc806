import type { ServoBus } from "./servo-bus.ts";
import type { ServoFamily } from "./servo-family.ts";
import type { Trouble } from "./trouble.ts";

/** Of what a servo says with an answer: why it did not do as it was told. */
const refusalBits = 0x7f;

/** Also for others who send and ask. */
export const portFull = "the port does not take what is sent";
export const unheard = "does not answer in time";
const noGoal = "does not say that it has the goal that it was sent";
const noWatch = "does not say that it watches the line as it was told";

/**
 * What servos are told to do, and what each says that it was told: torque, goal, and how long a
 * silence it bears. No servo confirms what all are told at once, so all of it is read back.
 */
export class ServoOrders {
  /** The goals that were sent last, counts. */
  readonly sent: Int32Array;
  /** 1 for a servo that may be under torque. */
  readonly driven: Uint8Array;
  readonly #family: ServoFamily;
  readonly #bus: ServoBus;
  readonly #trouble: Trouble;
  /** What the servos said, and the part of each. */
  readonly #told: Uint8Array;
  readonly #toldOf: readonly Uint8Array[];
  readonly #goals: Uint8Array;
  readonly #bait: Uint8Array;
  readonly #torques: Uint8Array;
  readonly #watchdogs: Uint8Array;
  /** What their watchdogs were set to last. */
  #watchdog = 0;

  constructor(family: ServoFamily, bus: ServoBus, servos: number, trouble: Trouble) {
    const { count } = family.orders;
    this.#family = family;
    this.#bus = bus;
    this.#trouble = trouble;
    this.sent = new Int32Array(servos);
    this.driven = new Uint8Array(servos);
    this.#told = new Uint8Array(servos * count);
    this.#toldOf = Array.from({ length: servos }, (_, at) => {
      return this.#told.subarray(at * count, (at + 1) * count);
    });
    this.#goals = new Uint8Array(servos * family.goal.count);
    this.#bait = new Uint8Array(family.goal.count);
    this.#torques = new Uint8Array(servos).fill(1);
    this.#watchdogs = new Uint8Array(servos);
  }

  /** Takes over what servo number `at` was told by an earlier run; false where it is silent. */
  adopt(at: number): boolean {
    if (!this.readOne(at)) return false;
    this.driven[at] = this.torque(at) === 0 ? 0 : 1;
    this.sent[at] = this.goal(at);
    return true;
  }

  /** Sends goals to all; false where the port did not take them, which then were not sent. */
  send(goals: Int32Array): boolean {
    const { address, count } = this.#family.goal;
    this.#putGoals(goals);
    if (!this.#bus.writeEach(address, count, this.#goals)) return false;
    this.sent.set(goals);
    return true;
  }

  /**
   * Clears all watchdogs, which turns them off, and says the goals behind that, in one write: one
   * that has tripped takes no goal before, and goes on to the one that it had after. So it is said
   * twice, as nothing says that it came.
   */
  clear(goals: Int32Array): boolean {
    const { goal, watchdog } = this.#family;
    if (watchdog === null) return this.send(goals);
    this.#watchdog = 0;
    this.#putGoals(goals);
    const staged =
      this.#bus.stage(watchdog.address, 1, this.#watchdogs.fill(0)) &&
      this.#bus.stage(goal.address, goal.count, this.#goals) &&
      this.#bus.stage(goal.address, goal.count, this.#goals);
    if (!staged || !this.#bus.flush()) return this.#trouble.note(portFull);
    this.sent.set(goals);
    return true;
  }

  /**
   * Sends a goal one count beside the one that counts to servo number `at`, which must refuse it as
   * one that has tripped: that a goal is refused for another reason shows nothing. Whether it did;
   * null where it is silent.
   */
  tempt(at: number, refusal: number): boolean | null {
    this.#family.putGoal(this.#bait, 0, this.sent[at] + 1);
    if (!this.#bus.writeOne(at, this.#family.goal.address, this.#bait)) return null;
    return (this.#bus.errors[at] & refusalBits) === refusal;
  }

  /** Gives torque to all. */
  enable(): boolean {
    this.driven.fill(1);
    return this.#bus.writeEach(this.#family.torque.address, 1, this.#torques);
  }

  /** Sets all watchdogs, in their own unit; 0 clears one that has tripped, and turns it off. */
  setWatchdog(value: number): boolean {
    const { watchdog } = this.#family;
    if (watchdog === null) return true;
    this.#watchdog = value;
    return this.#bus.writeEach(watchdog.address, 1, this.#watchdogs.fill(value));
  }

  /** Asks all servos what they were told. */
  readAll(): boolean {
    const { address, count } = this.#family.orders;
    return this.#bus.readEach(address, count, this.#told);
  }

  /** The first that did not answer the newest question; -1 where none is missing. */
  get missing(): number {
    return this.#bus.missing;
  }

  /** All that servo number `at` said when it was asked last. */
  told(at: number): Uint8Array {
    return this.#toldOf[at];
  }

  /** Asks servo number `at`, once. */
  readOne(at: number): boolean {
    const { address, count } = this.#family.orders;
    return this.#bus.readOne(at, address, count, this.#toldOf[at], 1);
  }

  torque(at: number): number {
    return this.#family.torqueOf(this.#toldOf[at], 0);
  }

  goal(at: number): number {
    return this.#family.goalOf(this.#toldOf[at], 0);
  }

  /** It has stopped by itself, and refuses goals. */
  tripped(at: number): boolean {
    const { watchdog } = this.#family;
    return watchdog !== null && this.#watchdogOf(at) === watchdog.tripped;
  }

  /** -1 where none is. */
  get firstTripped(): number {
    for (let at = 0; at < this.sent.length; at++) {
      if (this.tripped(at)) return at;
    }
    return -1;
  }

  /** It bears a silence as long as it was told, and no other. */
  watches(at: number): boolean {
    return this.#watchdogOf(at) === this.#watchdog;
  }

  /** Every servo says that it has all that it was sent and, with `torque` 1, follows it. */
  have(torque: 0 | 1): boolean {
    if (!this.readAll()) return this.#trouble.note(unheard, this.missing);
    for (let at = 0; at < this.sent.length; at++) {
      if (this.goal(at) !== this.sent[at]) return this.#trouble.note(noGoal, at);
      if (!this.watches(at)) return this.#trouble.note(noWatch, at);
      if (torque === 1 && !this.#follows(at)) return this.#trouble.note("gets no torque", at);
    }
    return true;
  }

  /** Every servo says that it holds its goal, or where its own watchdog stopped it. */
  held(): boolean {
    if (!this.readAll()) return false;
    for (let at = 0; at < this.sent.length; at++) {
      if (this.goal(at) !== this.sent[at] && !this.tripped(at)) return false;
      if (!this.#follows(at)) return false;
    }
    return true;
  }

  #putGoals(goals: Int32Array): void {
    const { count } = this.#family.goal;
    for (let at = 0; at < goals.length; at++) {
      this.#family.putGoal(this.#goals, at * count, goals[at]);
    }
  }

  #watchdogOf(at: number): number {
    return this.#family.watchdogOf(this.#toldOf[at], 0);
  }

  #follows(at: number): boolean {
    return this.driven[at] === 0 || this.torque(at) === 1;
  }
}
