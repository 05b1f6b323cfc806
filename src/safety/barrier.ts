import { approachSpeed } from "./approach.ts";
import { between } from "./between.ts";
import type { HoldGains } from "./hold-gains.ts";
import type { ActionLimit } from "./limits.ts";

/** What an action tells a joint: where to go, how fast to go, or how hard to push. */
export type Drive = "position" | "velocity" | "effort";

/** A joint with ends; lengths, seconds and what is made of them in the unit of its position. */
export interface JointEnds {
  readonly drive: Drive;
  /** The observations' places in the spec. */
  readonly positionAt: number;
  readonly velocityAt: number;
  readonly low: number;
  readonly high: number;
  /** What it brakes by at least: by itself, or at its full effort against its motion. */
  readonly deceleration: number;
  /** What it speeds up by at most, under any effort and load; of an effort only. */
  readonly acceleration?: number;
  /** How it is held; of an effort only. */
  readonly hold?: HoldGains;
}

/**
 * Keeps one joint able to stop before both of its ends: |v| <= sqrt(2 * deceleration * distance),
 * also by the time that the next action can change anything. For that it reckons with the age of
 * the observation and with how long an action may act. Positions and velocities count the same way
 * as the action. Pure: it remembers nothing.
 */
export class Barrier {
  /** The observations' places in the spec. */
  readonly positionAt: number;
  readonly velocityAt: number;
  readonly #ends: JointEnds;
  readonly #braking: number;
  readonly #acceleration: number;
  readonly #low: number;
  readonly #high: number;
  readonly #periodS: number;
  readonly #actsS: number;

  /** An action of this joint may act for `actsUs`, at least a period. */
  constructor(ends: JointEnds, limit: ActionLimit, periodUs: number, actsUs: number) {
    this.positionAt = ends.positionAt;
    this.velocityAt = ends.velocityAt;
    this.#ends = ends;
    this.#braking = brakingOf(ends, limit);
    this.#acceleration = ends.acceleration ?? 0;
    this.#low = limit.low;
    this.#high = limit.high;
    this.#periodS = periodUs / 1e6;
    this.#actsS = actsUs / 1e6;
  }

  /**
   * `wanted`, or the nearest action to it after which the joint can stop before its ends. It may
   * lie beyond the action's range, and then no action is enough. `last` is the last permitted
   * action, `position` and `velocity` are of the observation, `ageS` old, and all are finite.
   */
  limit(wanted: number, last: number, position: number, velocity: number, ageS: number): number {
    const { low, high } = this.#ends;
    const most = this.#most(high, last, position, velocity, ageS, this.#low, this.#high);
    const least = -this.#most(-low, -last, -position, -velocity, ageS, -this.#high, -this.#low);
    if (least <= most) return between(wanted, least, most);
    // Both ends ask for more than there is. To an effort in between each lacks the same; of goals
    // the end that the joint is too fast for is heard.
    if (this.#ends.drive === "effort") return (least + most) / 2;
    return velocity > 0 ? most : least;
  }

  /** What the action may be at most for an end at `end`, with everything counted towards it. */
  #most(
    end: number,
    last: number,
    position: number,
    velocity: number,
    ageS: number,
    brake: number,
    push: number,
  ): number {
    const { drive } = this.#ends;
    if (drive === "position") return this.#mostGoal(end, last, position, velocity, ageS);
    if (drive === "velocity") return this.#mostVelocity(end, last, position, velocity, ageS);
    return this.#mostEffort(end, position, velocity, ageS, brake, push);
  }

  /**
   * The goal comes to its end no faster than the joint can brake behind it. However long it acts, a
   * goal goes nowhere: only the period counts.
   */
  #mostGoal(end: number, last: number, position: number, velocity: number, ageS: number): number {
    const speed = approachSpeed(end - last, this.#braking, 2 * this.#periodS);
    const most = last + speed * this.#periodS;
    const untilS = ageS + this.#periodS;
    const needed = velocity * untilS + (velocity * velocity) / (2 * this.#braking);
    // A joint that is too fast all the same is to stay where it is.
    return velocity > 0 && position + needed > end ? Math.min(most, position) : most;
  }

  #mostVelocity(
    end: number,
    last: number,
    position: number,
    velocity: number,
    ageS: number,
  ): number {
    // Meanwhile it may have come to what it was told last.
    const fast = Math.max(velocity, last, 0);
    const room = end - position - fast * ageS;
    const held = approachSpeed(room, this.#braking, this.#actsS);
    if (held >= fast) return held;
    // It has to brake: from `fast` to v, hold v for what is left of the time, then to rest, so
    // v^2 / braking + v * (actsS - fast / braking) = spare.
    const spare = room - (fast * fast) / (2 * this.#braking);
    if (spare <= 0) return 0;
    const slowed = fast - this.#braking * this.#actsS;
    return (slowed + Math.sqrt(slowed * slowed + 4 * this.#braking * spare)) / 2;
  }

  /**
   * Between braking at full effort, which slows it by `deceleration` at least, and pushing at full
   * effort, which speeds it up by `acceleration` at most, what an effort does at worst is a line.
   */
  #mostEffort(
    end: number,
    position: number,
    velocity: number,
    ageS: number,
    brake: number,
    push: number,
  ): number {
    const fast = velocity + this.#acceleration * ageS;
    const moved = ((velocity + fast) * ageS + fast * this.#actsS) / 2;
    const room = end - position - moved;
    // There is no room to come to rest in while an action acts: it brakes with all that it has.
    if (room <= 0 && velocity > 0) return Number.NEGATIVE_INFINITY;
    const speed = approachSpeed(room, this.#braking, this.#actsS / 2);
    const faster = (speed - fast) / this.#actsS;
    const share = (faster + this.#braking) / (this.#acceleration + this.#braking);
    return brake + share * (push - brake);
  }
}

/** The barrier asks for no more than the action's own limits permit, where it can. */
function brakingOf({ drive, deceleration }: JointEnds, limit: ActionLimit): number {
  if (drive === "velocity") return Math.min(deceleration, limit.rateMax);
  const most = limit.accelerationMax ?? Number.POSITIVE_INFINITY;
  return drive === "position" ? Math.min(deceleration, most) : deceleration;
}
