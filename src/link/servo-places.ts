import type { ServoFamily } from "./servo-family.ts";
import type { ServoJoint } from "./servo-joints.ts";
import { countWithin, nearWay, wholeCounts } from "./servo-scale.ts";
import type { Trouble } from "./trouble.ts";

/** What noise adds to one reading, rad. */
const noiseRad = Math.PI / 32;
/** What a servo may sink by while it has no torque yet, rad. */
const sinkRad = Math.PI / 128;
/** Slower than this a servo is at rest, rad/s. */
const restRadPerS = 0.0507;
const sank = "moved before it got torque: hold the arm still";
const atTurnEnd =
  "is at the end of its encoder's turn: turn it away from there, or mount it otherwise";
const atGap =
  "is at the end of its encoder's range: turn it away from there, or mount it otherwise";
const otherTurn = "counts another turn than the one it is in: cut its power for a moment";

/** Where servos are, as they were last heard, and what the policy observes of it. */
export class ServoPlaces {
  readonly observation: Float32Array;
  /** Without the wrap, counts. */
  readonly counts: Int32Array;
  /** What a servo is sent to stay where it is, counts within its turn. */
  readonly here: Int32Array;
  /** What the servos tell, one after another. */
  readonly told: Uint8Array;
  readonly #family: ServoFamily;
  readonly #joints: readonly ServoJoint[];
  readonly #held: Uint8Array;
  readonly #trouble: Trouble;
  readonly #speed: Float64Array;
  /** The bounds above in counts, and counts/s. */
  readonly #noiseMax: number;
  readonly #sinkMax: number;
  readonly #restSpeed: number;

  /** `held` has 1 for a servo that may be under torque. */
  constructor(
    family: ServoFamily,
    joints: readonly ServoJoint[],
    held: Uint8Array,
    observations: number,
    trouble: Trouble,
  ) {
    this.#trouble = trouble;
    this.#held = held;
    this.#family = family;
    this.#joints = joints;
    this.observation = new Float32Array(observations);
    this.counts = new Int32Array(joints.length);
    this.here = new Int32Array(joints.length);
    this.told = new Uint8Array(joints.length * family.present.count);
    this.#speed = new Float64Array(joints.length);
    this.#noiseMax = wholeCounts(family.scale, noiseRad);
    this.#sinkMax = wholeCounts(family.scale, sinkRad);
    this.#restSpeed = restRadPerS / family.scale.radPerCount;
  }

  /**
   * Takes what the servos told, which is `ageUs` younger than what they told before. None of it
   * where one place is none: no encoder tells it, or no servo that is driven can have gone there.
   */
  take(ageUs: number, driven: boolean): boolean {
    if (!this.#arePlaces(ageUs, driven)) return false;
    for (let at = 0; at < this.#joints.length; at++) this.#take(at, driven);
    return true;
  }

  /** No servo has sunk away from its goal. */
  at(goals: Int32Array): boolean {
    for (let at = 0; at < goals.length; at++) {
      if (Math.abs(this.here[at] - goals[at]) > this.#sinkMax) return this.#trouble.note(sank, at);
    }
    return true;
  }

  /** Each is so many counts or more from both ends, in the turn that it knows. */
  clear(margin: number = this.#family.scale.marginCounts): boolean {
    const { counts, turns } = this.#family.scale;
    const lastCount = counts - 1;
    for (let at = 0; at < this.counts.length; at++) {
      const inside = this.counts[at] >= margin && this.counts[at] <= lastCount - margin;
      if (!inside) return this.#trouble.note(turns ? atTurnEnd : atGap, at);
      if (this.counts[at] !== this.here[at]) return this.#trouble.note(otherTurn, at);
    }
    return true;
  }

  resting(): boolean {
    for (let at = 0; at < this.#speed.length; at++) {
      if (Math.abs(this.#speed[at]) > this.#restSpeed) return false;
    }
    return true;
  }

  /** A sum does not find every error, and one of a single byte misses many. */
  #arePlaces(ageUs: number, driven: boolean): boolean {
    const { present, placeMin, placeMax, speedMax, scale } = this.#family;
    const reach = this.#noiseMax + (ageUs * speedMax) / 1e6;
    for (let at = 0; at < this.#joints.length; at++) {
      const raw = this.#family.placeOf(this.told, at * present.count);
      if (raw < placeMin || raw > placeMax) return false;
      if (driven && Math.abs(nearWay(scale, raw - this.counts[at])) > reach) return false;
    }
    return true;
  }

  #take(at: number, driven: boolean): void {
    const { servo, middleCounts, positionAt, velocityAt } = this.#joints[at];
    const { present, scale } = this.#family;
    const from = at * present.count;
    const raw = this.#family.placeOf(this.told, from);
    // Nearest to where it was while it is driven, so that nothing jumps at the end of its turn.
    const near = driven ? this.counts[at] : middleCounts;
    this.counts[at] = near + nearWay(scale, raw - near);
    // Let go a servo may have counted whole turns, which it forgets as it gets torque. Pushed over
    // the end under torque it may count on, and must not be sent back the long way.
    const kept = Math.min(scale.counts - 1, Math.max(0, raw));
    this.here[at] = this.#held[at] === 1 ? kept : countWithin(scale, raw);
    this.#speed[at] = this.#family.speedOf(this.told, from);
    const radPerSigned = servo.sign * scale.radPerCount;
    if (positionAt >= 0) {
      this.observation[positionAt] = (this.counts[at] - servo.zeroCounts) * radPerSigned;
    }
    if (velocityAt >= 0) this.observation[velocityAt] = this.#speed[at] * radPerSigned;
  }
}
