import type { Spec } from "../../core/spec.ts";
import { isDriving, type Step, Verdict } from "../../core/step.ts";

/** Points that one channel keeps: more than a screen has columns. */
const pointsMax = 6000;

/** The steps of the last seconds, channel by channel, oldest overwritten first. */
export class Traces {
  readonly timesUs: Float64Array = new Float64Array(pointsMax);
  readonly verdicts: Uint8Array = new Uint8Array(pointsMax);
  readonly observation: readonly Float32Array[];
  readonly asked: readonly Float32Array[];
  /** What went to the motor; NaN where nothing did. */
  readonly given: readonly Float32Array[];
  /** More time than this between two points is a gap, us. */
  readonly gapUs: number;
  readonly #strideUs: number;
  #pushed = 0;

  constructor(spec: Spec, windowUs: number) {
    const blank = (): Float32Array => new Float32Array(pointsMax);
    this.observation = spec.observation.map(blank);
    this.asked = spec.action.map(blank);
    this.given = spec.action.map(blank);
    this.#strideUs = (0.9 * windowUs) / pointsMax;
    this.gapUs = 1.9 * Math.max(spec.periodUs, this.#strideUs);
  }

  get count(): number {
    return Math.min(this.#pushed, pointsMax);
  }

  /** Where point `index`, 0 the oldest, stands in the arrays. */
  place(index: number): number {
    return (this.#pushed - this.count + index) % pointsMax;
  }

  /** Keeps `step`, unless it is too near to the last one and nothing happened in it. */
  push(step: Step): void {
    const driving = isDriving(step.mode);
    const told = driving && step.verdict !== Verdict.pass;
    if (this.#pushed > 0 && !told) {
      const lastUs = this.timesUs[(this.#pushed - 1) % pointsMax]!;
      if (step.timeUs - lastUs < this.#strideUs) return;
    }
    const at = this.#pushed % pointsMax;
    this.timesUs[at] = step.timeUs;
    this.verdicts[at] = driving ? step.verdict : Verdict.pass;
    const sent = driving && step.verdict !== Verdict.refused;
    this.observation.forEach((channel, index) => {
      channel[at] = step.observation[index]!;
    });
    this.asked.forEach((channel, index) => {
      channel[at] = step.proposed[index]!;
      this.given[index]![at] = sent ? step.action[index]! : Number.NaN;
    });
    this.#pushed++;
  }
}
