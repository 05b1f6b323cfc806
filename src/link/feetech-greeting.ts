import type { FeetechBus } from "./feetech-bus.ts";
import type { FeetechJoint } from "./feetech-joints.ts";
import { modelSts3215, Register, sts, wordAt } from "./feetech-registers.ts";

const positionMode = 0;
/** What a servo keeps it may take a moment to write down. */
const setAttemptsMax = 3;
const on = Uint8Array.of(1);
const off = Uint8Array.of(0);

/**
 * Makes sure of every servo before anything may move: it is there, it is an STS3215, it is well, it
 * follows positions, and it answers at once. Nothing here lets a servo move or lets it go.
 */
export class FeetechGreeting {
  /** What is wrong, with the servo's id and joint; null where nothing is. */
  refusal: string | null = null;
  /** 1 for a servo that holds something already, from an earlier run. */
  readonly driven: Uint8Array;
  /** Each servo's own goal, counts. */
  readonly goals: Int32Array;
  readonly #joints: readonly FeetechJoint[];
  readonly #bus: FeetechBus;
  readonly #registers: Uint8Array = new Uint8Array(8);
  #at = 0;
  #set = 0;

  constructor(joints: readonly FeetechJoint[], bus: FeetechBus) {
    this.#joints = joints;
    this.#bus = bus;
    this.driven = new Uint8Array(joints.length);
    this.goals = new Int32Array(joints.length);
  }

  get done(): boolean {
    return this.#at === this.#joints.length;
  }

  /** Whose turn it is, for messages. */
  get servo(): string {
    const { id, joint } = this.#joints[this.#at].servo;
    return `servo ${id} (${joint})`;
  }

  /** Asks one servo; it is asked again where it does not answer. */
  poll(): void {
    if (this.done || this.refusal !== null || !this.#identify() || !this.#hear()) return;
    this.#at++;
    this.#set = 0;
  }

  #identify(): boolean {
    const registers = this.#registers;
    if (!this.#bus.readOne(this.#at, Register.model, 5, registers)) return false;
    const model = wordAt(registers, 0, sts);
    const error = this.#bus.errors[this.#at];
    if (model !== modelSts3215) {
      this.refusal = `${this.servo} is model ${model}, not an STS3215 (${modelSts3215})`;
    } else if (error !== 0) {
      this.refusal = `${this.servo} reports the error 0x${error.toString(16)}`;
    } else if (registers[Register.returnDelay - Register.model] !== 0) {
      this.#answerAtOnce();
    } else {
      return true;
    }
    return false;
  }

  /** Sets the delay before its answers to 0, for good, and has it asked again. */
  #answerAtOnce(): void {
    if (this.#set++ === setAttemptsMax) {
      this.refusal = `${this.servo} does not take a Return_Delay_Time of 0`;
      return;
    }
    const bus = this.#bus;
    const unlocked = bus.writeOne(this.#at, Register.lock, off);
    if (unlocked) bus.writeOne(this.#at, Register.returnDelay, off);
    bus.writeOne(this.#at, Register.lock, on);
  }

  /** What it follows, whether it holds, and where. */
  #hear(): boolean {
    const registers = this.#registers;
    if (!this.#bus.readOne(this.#at, Register.operatingMode, 1, registers)) return false;
    if (registers[0] !== positionMode) {
      this.refusal = `${this.servo} is in operating mode ${registers[0]}: give it 0, position`;
      return false;
    }
    if (!this.#bus.readOne(this.#at, Register.torqueEnable, 4, registers)) return false;
    this.driven[this.#at] = registers[0] === 0 ? 0 : 1;
    this.goals[this.#at] = wordAt(registers, Register.goalPosition - Register.torqueEnable, sts);
    return true;
  }
}
