import type { Spec } from "../core/spec.ts";
import { allFinite, Mode, makeStep, type Step, Verdict } from "../core/step.ts";
import { Guard } from "../safety/guard.ts";
import type { Limits } from "../safety/limits.ts";
import type { ShadowCounts } from "./shadow-counts.ts";

/**
 * Judges what a second policy answers: by its distance from what was asked for, and by a gate of
 * its own. It drives nothing, throws nothing and allocates nothing.
 */
export class Shadow {
  readonly counts: ShadowCounts = {
    ...{ cycles: 0, limited: 0, refused: 0 },
    ...{ compared: 0, distanceSum: 0, distanceMax: 0 },
  };
  readonly #guard: Guard;
  readonly #step: Step;
  readonly #ranges: Float64Array;
  readonly #along: (answer: Float32Array) => Float32Array;
  /** It does not know yet what was permitted last. */
  #fresh = true;

  /** `along` says what an answer comes to in the cycle that is over, where not to itself. */
  constructor(
    spec: Spec,
    limits: Limits,
    along: (answer: Float32Array) => Float32Array = (answer) => answer,
  ) {
    this.#along = along;
    this.#guard = new Guard(spec, limits);
    this.#step = makeStep(spec);
    this.#ranges = Float64Array.from(spec.action, ({ low, high }) => high - low);
  }

  /** Forgets what it has counted. */
  begin(): void {
    this.#fresh = true;
    Object.assign(this.counts, { cycles: 0, limited: 0, refused: 0 });
    Object.assign(this.counts, { compared: 0, distanceSum: 0, distanceMax: 0 });
  }

  /** Looks at a cycle that is over; `answer` is the second policy's newest. */
  look(step: Step, answer: Float32Array): void {
    // On the way home nobody does what a policy asks for.
    const known = step.mode === Mode.armed && !this.#fresh;
    this.#fresh = false;
    if (known) this.#judge(step, this.#along(answer));
    // The next answer, too, would follow what was permitted.
    if (known) this.#guard.recall(step);
    else this.#guard.reset(step.action);
  }

  #judge(step: Step, answer: Float32Array): void {
    const own = this.#step;
    const { counts } = this;
    own.timeUs = step.timeUs;
    own.ageUs = step.ageUs;
    own.decidedUs = step.decidedUs;
    own.mode = step.mode;
    own.reasons = 0;
    own.observation.set(step.observation);
    own.proposed.set(answer);
    const verdict = this.#guard.filter(own);
    counts.cycles++;
    if (verdict === Verdict.limited) counts.limited++;
    if (verdict === Verdict.refused) counts.refused++;
    // What is no number is no distance, and above all not none.
    if (!allFinite(answer) || !allFinite(step.proposed)) return;
    let most = 0;
    for (let at = 0; at < answer.length; at++) {
      const share = Math.abs(answer[at]! - step.proposed[at]!) / this.#ranges[at]!;
      if (share > most) most = share;
    }
    counts.compared++;
    counts.distanceSum += most;
    if (most > counts.distanceMax) counts.distanceMax = most;
  }
}
