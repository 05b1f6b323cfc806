import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";

/** An answer is awaited for a quarter of the period, but never longer than this. */
const answerUsMax = 20_000;
/** What the computers at both ends add to the time on the line, at least. */
const answerSpareUs = 500;

/**
 * How long to wait for drives' answers that the line carries in `lineUs`, microseconds. Throws
 * `SinewError("contract-mismatch")` where that is too long for the loop's period.
 */
export function motorAnswerUs(spec: Spec, lineUs: number, baud: number): number {
  const answerUs = Math.min(spec.periodUs / 4, answerUsMax);
  if (answerUs >= lineUs + answerSpareUs) return answerUs;
  const needUs = Math.ceil(4 * (lineUs + answerSpareUs));
  throw new SinewError(
    "contract-mismatch",
    `the drives at ${baud} bits/s need a period of ${needUs} us, a cycle has ` +
      `${spec.periodUs} us: raise the line's rate`,
  );
}
