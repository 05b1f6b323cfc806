import { Reason } from "../core/step.ts";

/** What a joint is seen by. */
export type SeenQuantity = "position" | "velocity" | "effort";

/** Within what an observation of a joint must lie, inclusive, in its unit. */
export interface SeenLimit {
  readonly quantity: SeenQuantity;
  /** The observation's place in the spec. */
  readonly at: number;
  readonly low: number;
  readonly high: number;
}

const reasonOf: Readonly<Record<SeenQuantity, number>> = {
  position: Reason.jointPosition,
  velocity: Reason.jointVelocity,
  effort: Reason.jointEffort,
};

/** Judges what is seen of the joints. Allocates nothing after construction. */
export class SeenLimits {
  /** Of the newest observation that was judged: which is furthest beyond its limit; -1: none. */
  worstAt = -1;
  /** How far it is beyond, in its unit. */
  worstBy = 0;
  readonly #at: Int32Array;
  // Held as float32, as observations are, so that a limit passes its own check.
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  readonly #reason: Int32Array;

  constructor(limits: readonly SeenLimit[]) {
    this.#at = Int32Array.from(limits, ({ at }) => at);
    this.#low = Float32Array.from(limits, ({ low }) => low);
    this.#high = Float32Array.from(limits, ({ high }) => high);
    this.#reason = Int32Array.from(limits, ({ quantity }) => reasonOf[quantity]);
  }

  /** The `Reason` bits of a finite observation; 0 where each joint is within its limits. */
  judge(observation: Float32Array): number {
    let reasons = 0;
    let most = 0;
    this.worstAt = -1;
    this.worstBy = 0;
    for (let i = 0; i < this.#at.length; i++) {
      const low = this.#low[i]!;
      const high = this.#high[i]!;
      const value = observation[this.#at[i]!]!;
      const by = Math.max(low - value, value - high);
      if (by <= 0) continue;
      reasons |= this.#reason[i]!;
      // Units differ, so the share of what is permitted counts.
      const share = by / (high - low);
      if (share <= most) continue;
      most = share;
      this.worstAt = this.#at[i]!;
      this.worstBy = by;
    }
    return reasons;
  }
}
