import type { ServoBus } from "./servo-bus.ts";
import type { ServoFamily } from "./servo-family.ts";
import { nameOfServo, type ServoJoint } from "./servo-joints.ts";
import type { ServoOrders } from "./servo-orders.ts";

/** What a servo keeps it may take a moment to write down. */
const setAttemptsMax = 3;
/**
 * As it leaves the factory a servo answers 0.5 ms late, for which a short period has no room; and
 * what comes late would be taken for the answer to what is written next. Nothing moves meanwhile.
 */
const setWithinUs = 5000;

/**
 * Makes sure of every servo before anything may move: it is there, it is of its family, it is well,
 * it follows positions, and it answers at once. Nothing here lets a servo move or lets it go.
 */
export class ServoGreeting {
  /** What is wrong, with the servo's id and joint; null where nothing is. */
  refusal: string | null = null;
  readonly #family: ServoFamily;
  readonly #joints: readonly ServoJoint[];
  readonly #bus: ServoBus;
  readonly #orders: ServoOrders;
  #at = 0;
  #set = 0;

  constructor(
    family: ServoFamily,
    joints: readonly ServoJoint[],
    bus: ServoBus,
    orders: ServoOrders,
  ) {
    this.#family = family;
    this.#joints = joints;
    this.#bus = bus;
    this.#orders = orders;
  }

  get done(): boolean {
    return this.#at === this.#joints.length;
  }

  /** Whose turn it is, for messages. */
  get servo(): string {
    return nameOfServo(this.#joints[this.#at].servo);
  }

  /** Asks one servo; it is asked again where it does not answer. */
  poll(): void {
    if (this.done || this.refusal !== null) return;
    const finding = this.#family.examine(this.#bus, this.#at);
    if (finding === "slow") this.#answerAtOnce();
    else if (finding === "well") this.#hear();
    else if (finding !== "silent") this.refusal = `${this.servo} ${finding.refusal}`;
  }

  /** Sets the delay before its answers to 0, for good, and has it asked again. */
  #answerAtOnce(): void {
    if (this.#set++ === setAttemptsMax) {
      const held = this.#orders.readOne(this.#at) && this.#orders.torque(this.#at) !== 0;
      const advice = held ? " while it has torque: let it go first, by cutting its power" : "";
      this.refusal = `${this.servo} does not take a Return_Delay_Time of 0${advice}`;
      return;
    }
    this.#family.answerAtOnce(this.#bus, this.#at, setWithinUs);
  }

  /** Whether it holds something, and where. */
  #hear(): void {
    if (!this.#orders.adopt(this.#at)) return;
    this.#at++;
    this.#set = 0;
  }
}
