import type { Spec } from "../core/spec.ts";
import { Reason, type Step, Verdict } from "../core/step.ts";
import type { Limits } from "./limits.ts";

/** Reasons that refuse a step. The others only bound it, or only tell. */
const refusing: number =
  Reason.staleObservation |
  Reason.nonFiniteObservation |
  Reason.nonFiniteAction |
  Reason.policyFailed |
  Reason.linkLost |
  Reason.missStopped |
  Reason.homeMissed |
  Reason.beyondLimits;

/**
 * The gate: the only way from a proposed action to a permitted one. Order: age, finite observation,
 * finite action, range, rate. It never throws, allocates nothing, and remembers only the last
 * permitted action, from which the rate is limited.
 */
export class Guard {
  readonly #ageUsMax: number;
  // Bounds are held as float32, as the firmware holds them, so that a bound passes its own check.
  readonly #low: Float32Array;
  readonly #high: Float32Array;
  readonly #changeMax: Float64Array;
  readonly #last: Float32Array;

  constructor(spec: Spec, limits: Limits) {
    this.#ageUsMax = limits.ageUsMax;
    this.#low = Float32Array.from(limits.action, ({ low }) => low);
    this.#high = Float32Array.from(limits.action, ({ high }) => high);
    this.#changeMax = Float64Array.from(
      limits.action,
      ({ rateMax }) => (rateMax * spec.periodUs) / 1e6,
    );
    this.#last = new Float32Array(spec.action.length);
    this.rest();
  }

  /**
   * Judges `step.proposed` and writes `step.action`, `step.verdict` and its bits of `step.reasons`.
   * A refused step keeps the last permitted action in `step.action`; it must not be sent.
   */
  filter(step: Step): Verdict {
    // Written so that NaN is stale too. An observation from the future is as wrong as an old one.
    // The age is that at the decision, so that a slow policy makes its own observation stale.
    const ageUs = step.ageUs + (step.decidedUs - step.timeUs);
    const fresh = ageUs <= this.#ageUsMax && ageUs >= -this.#ageUsMax;
    if (!fresh) step.reasons |= Reason.staleObservation;
    if (!allFinite(step.observation)) step.reasons |= Reason.nonFiniteObservation;
    if (!allFinite(step.proposed)) step.reasons |= Reason.nonFiniteAction;
    if ((step.reasons & refusing) !== 0) {
      step.action.set(this.#last);
      step.verdict = Verdict.refused;
      return step.verdict;
    }
    // From here on every number is finite, so comparisons mean what they say.
    step.verdict = Verdict.pass;
    for (let at = 0; at < this.#last.length; at++) {
      this.#limitRange(step, at);
      this.#limitRate(step, at);
    }
    this.#last.set(step.action);
    return step.verdict;
  }

  /**
   * Takes `action` for the last permitted one, brought into range; a non-finite channel becomes
   * rest.
   */
  reset(action: Float32Array): void {
    for (let at = 0; at < this.#last.length; at++) {
      const value = Number.isFinite(action[at]!) ? action[at]! : 0;
      this.#last[at] = between(value, this.#low[at]!, this.#high[at]!);
    }
  }

  /** As `reset` to what a stopped device does: zero, or the bound nearest to it. */
  rest(): void {
    for (let at = 0; at < this.#last.length; at++) {
      this.#last[at] = between(0, this.#low[at]!, this.#high[at]!);
    }
  }

  #limitRange(step: Step, at: number): void {
    const wanted = step.proposed[at]!;
    const value = between(wanted, this.#low[at]!, this.#high[at]!);
    step.action[at] = value;
    if (value === wanted) return;
    step.reasons |= Reason.range;
    step.verdict = Verdict.limited;
  }

  #limitRate(step: Step, at: number): void {
    const wanted = step.action[at]!;
    const last = this.#last[at]!;
    const value = between(wanted, last - this.#changeMax[at]!, last + this.#changeMax[at]!);
    if (value === wanted) return;
    step.action[at] = value;
    step.reasons |= Reason.rate;
    step.verdict = Verdict.limited;
  }
}

function between(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

function allFinite(values: Float32Array): boolean {
  for (let at = 0; at < values.length; at++) {
    if (!Number.isFinite(values[at]!)) return false;
  }
  return true;
}
