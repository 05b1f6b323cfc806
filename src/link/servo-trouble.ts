import { nameOfServo, type ServoJoint } from "./servo-joints.ts";

const nobody = -1;

/**
 * The newest reason why servos did not arm, did not leave a stop, or stopped, for a person. It is
 * kept as what costs nothing to note between two cycles, and put together when somebody asks.
 */
export class ServoTrouble {
  /** Whose it is; -1 where it is that of none. */
  at: number = nobody;
  /** What the servo reported; 0 where that is not the reason. */
  code = 0;
  #what = "";
  readonly #joints: readonly ServoJoint[];

  constructor(joints: readonly ServoJoint[]) {
    this.#joints = joints;
  }

  /** Whole words, or after the name of servo number `at`. Always false, for who must say so. */
  note(what: string, at: number = nobody, code: number = 0): false {
    this.#what = what;
    this.at = at;
    this.code = code;
    return false;
  }

  forget(): void {
    this.note("");
  }

  /** Empty where there is none. */
  get words(): string {
    return this.at === nobody
      ? this.#what
      : `${nameOfServo(this.#joints[this.at].servo)} ${this.#what}`;
  }
}
