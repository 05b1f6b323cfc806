import type { Spec } from "../core/spec.ts";
import { allFinite, Reason, reasonsOfJoints, type Step, Verdict } from "../core/step.ts";
import { ActionChange } from "./action-change.ts";
import { Barrier } from "./barrier.ts";
import type { Limits } from "./limits.ts";
import { SeenLimits } from "./seen-limits.ts";

/** Reasons that refuse a step. The others only bound it, or only tell. */
const refusing: number =
  Reason.staleObservation |
  Reason.nonFiniteObservation |
  Reason.nonFiniteAction |
  Reason.policyFailed |
  Reason.linkLost |
  Reason.missStopped |
  Reason.homeMissed |
  Reason.beyondLimits |
  reasonsOfJoints;

/**
 * The gate: the only way from a proposed action to a permitted one. Order: age, finite observation,
 * what is seen of the joints, finite action, range, rate, acceleration, barrier. Where not all can
 * be kept, the range is kept first, then the barrier, then the rate. It never throws, makes no
 * object (the engine boxes some of the numbers that pass between its calls), and remembers only the
 * last three permitted actions and what was asked for in the place of the last one.
 */
export class Guard {
  readonly #ageUsMax: number;
  readonly #change: ActionChange;
  readonly #seen: SeenLimits;
  /** One for each action; null for one whose joint has no ends. */
  readonly #barriers: readonly (Barrier | null)[];

  constructor(spec: Spec, limits: Limits) {
    const { periodUs } = spec;
    const { action, ends = [], actsUs = periodUs } = limits;
    this.#ageUsMax = limits.ageUsMax;
    this.#change = new ActionChange(action, periodUs);
    this.#seen = new SeenLimits(limits.seen ?? []);
    this.#barriers = action.map((limit, at) => {
      const joint = ends[at] ?? null;
      return joint === null ? null : new Barrier(joint, limit, periodUs, actsUs);
    });
    this.reset(new Float32Array(action.length));
  }

  /** Which observation is worst, of the newest step with one of `reasonsOfJoints`. */
  get worstAt(): number {
    return this.#seen.worstAt;
  }

  /** How far it is beyond its limit, in its unit. */
  get worstBy(): number {
    return this.#seen.worstBy;
  }

  /** So many actions back reaches what it makes use of. */
  get memory(): number {
    return this.#change.memory;
  }

  /**
   * Judges `step.proposed` and writes `step.action`, `step.verdict` and its bits of `step.reasons`.
   * A refused step keeps the last permitted action in `step.action`; it must not be sent.
   */
  filter(step: Step): Verdict {
    const ageUs = this.#see(step);
    if (!allFinite(step.proposed)) step.reasons |= Reason.nonFiniteAction;
    if ((step.reasons & refusing) === 0) this.#bound(step, Math.max(0, ageUs) / 1e6);
    else this.#refuse(step);
    this.#change.take(step.action, askedOf(step));
    return step.verdict;
  }

  /**
   * Whether `step` would be refused whatever its action were, for other reasons than the policy.
   * Adds its bits to `step.reasons`.
   */
  refusesAny(step: Step): boolean {
    this.#see(step);
    return (step.reasons & refusing & ~Reason.policyFailed) !== 0;
  }

  /**
   * Takes `action` for the last permitted one, which was at rest, brought into range; a non-finite
   * channel becomes 0.
   */
  reset(action: Float32Array): void {
    this.#change.begin(action);
  }

  /** Takes what `step` asked for and got for the last one, in the place of what that was. */
  recall(step: Step): void {
    this.#change.correct(step.action, askedOf(step));
  }

  /** Judges what was observed; its age at the decision, us. */
  #see(step: Step): number {
    // Written so that NaN is stale too. An observation from the future is as wrong as an old one.
    // The age is that at the decision, so that a slow policy makes its own observation stale.
    const ageUs = step.ageUs + (step.decidedUs - step.timeUs);
    const fresh = ageUs <= this.#ageUsMax && ageUs >= -this.#ageUsMax;
    if (!fresh) step.reasons |= Reason.staleObservation;
    if (!allFinite(step.observation)) step.reasons |= Reason.nonFiniteObservation;
    else step.reasons |= this.#seen.judge(step.observation);
    return ageUs;
  }

  #refuse(step: Step): void {
    step.action.set(this.#change.last);
    step.verdict = Verdict.refused;
  }

  /** Here every number is finite, so comparisons mean what they say. */
  #bound(step: Step, ageS: number): void {
    step.verdict = Verdict.pass;
    for (let at = 0; at < step.action.length; at++) {
      step.action[at] = step.proposed[at]!;
      this.#limitRange(step, at);
      this.#limitRate(step, at);
      this.#limitAcceleration(step, at);
      this.#limitBarrier(step, at, ageS);
    }
  }

  #limitRange(step: Step, at: number): void {
    permit(step, at, Reason.range, this.#change.limitRange(at, step.action[at]!));
  }

  #limitRate(step: Step, at: number): void {
    permit(step, at, Reason.rate, this.#change.limitRate(at, step.action[at]!));
  }

  #limitAcceleration(step: Step, at: number): void {
    const value = this.#change.limitAcceleration(at, step.action[at]!, step.proposed);
    permit(step, at, Reason.acceleration, value);
  }

  #limitBarrier(step: Step, at: number, ageS: number): void {
    const barrier = this.#barriers[at]!;
    if (barrier === null) return;
    const { action, observation } = step;
    const position = observation[barrier.positionAt]!;
    const velocity = observation[barrier.velocityAt]!;
    const last = this.#change.last[at]!;
    const value = barrier.limit(action[at]!, last, position, velocity, ageS);
    // The range comes first: what the barrier would ask for beyond it there is not.
    permit(step, at, Reason.barrier, this.#change.limitRange(at, value));
  }
}

/** Who was refused stays where it is, and is not behind anything. */
function askedOf({ action, proposed, verdict }: Step): Float32Array {
  return verdict === Verdict.refused ? action : proposed;
}

/** Puts `value` in the place of action `at`, and says why where that changes it. */
function permit(step: Step, at: number, reason: number, value: number): void {
  if (value === step.action[at]) return;
  step.action[at] = value;
  step.reasons |= reason;
  step.verdict = Verdict.limited;
}
