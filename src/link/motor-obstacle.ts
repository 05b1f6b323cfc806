import { type MotorJoint, turnsMost } from "./motor-joints.ts";
import { type MotorLine, Seen } from "./motor-line.ts";

/** What may be in the way of arming, as a person is told of it. */
const Obstacle = {
  none: "",
  unproven: "the watchdogs of what had stopped are tried first",
  silent: "does not answer",
  failed: "reports the error",
  busy: "is busy",
  unwatched: "started anew and does not watch: begin another run",
  far: `is more than ${turnsMost} turns from its zero`,
  unprepared: "the drives do not say that they have their first orders",
  moved: "moved while it was armed",
  late: "the drives answered too late",
  unfollowed: "did not follow its orders in time after it was given power",
} as const;
type Obstacle = (typeof Obstacle)[keyof typeof Obstacle];

/** What a motor may move by while it is armed, rad of its joint. */
const sinkRad = 0.025;

/**
 * What is in the way of arming motor drives: each check answers whether it found something, and
 * `text` tells of the newest. Allocates only to tell.
 */
export class MotorObstacle {
  #what: Obstacle = Obstacle.none;
  #at = -1;
  readonly #line: MotorLine;
  readonly #joints: readonly MotorJoint[];

  constructor(line: MotorLine, joints: readonly MotorJoint[]) {
    this.#line = line;
    this.#joints = joints;
  }

  get text(): string {
    if (this.#at < 0) return this.#what;
    const { names, errors } = this.#line;
    const error = this.#what === Obstacle.failed ? ` 0x${errors[this.#at].toString(16)}` : "";
    return `${names[this.#at]} ${this.#what}${error}`;
  }

  clear(): void {
    this.#keep(Obstacle.none);
  }

  /** Drives have watchdogs that nobody has seen expire. */
  unproven(): boolean {
    return !this.#line.greeting.proven && this.#keep(Obstacle.unproven);
  }

  /** A drive did not answer the newest look. */
  silent(): boolean {
    const at = this.#line.fresh.indexOf(0);
    return at >= 0 && this.#keep(Obstacle.silent, at);
  }

  /** A drive reports an error or is busy, or is where its orders cannot be told well. */
  ill(): boolean {
    const { seen, turns } = this.#line;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === Seen.failed) return this.#keep(Obstacle.failed, at);
      if (seen[at] === Seen.busy) return this.#keep(Obstacle.busy, at);
      if (seen[at] === Seen.unwatched) return this.#keep(Obstacle.unwatched, at);
      if (!(Math.abs(turns[at]) <= turnsMost)) return this.#keep(Obstacle.far, at);
    }
    return false;
  }

  /** A motor is not at its place of `places` any more. */
  moved(places: Float64Array): boolean {
    for (let at = 0; at < places.length; at++) {
      const sinkTurns = sinkRad * Math.abs(this.#joints[at].turnsPerRad);
      const stayed = Math.abs(this.#line.turns[at] - places[at]) <= sinkTurns;
      if (!stayed) return this.#keep(Obstacle.moved, at);
    }
    return false;
  }

  unprepared(): boolean {
    return this.#keep(Obstacle.unprepared);
  }

  late(): boolean {
    return this.#keep(Obstacle.late);
  }

  /** A drive does not follow its orders. */
  unfollowed(): boolean {
    const { seen } = this.#line;
    for (let at = 0; at < seen.length; at++) {
      if (seen[at] === Seen.failed) return this.#keep(Obstacle.failed, at);
      if (seen[at] !== Seen.driven) return this.#keep(Obstacle.unfollowed, at);
    }
    return false;
  }

  #keep(what: Obstacle, at: number = -1): boolean {
    this.#what = what;
    this.#at = at;
    return true;
  }
}
