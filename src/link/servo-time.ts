import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { aheadMax, questionsOf } from "./servo-bus.ts";
import type { ServoFamily } from "./servo-family.ts";

/** No question waits longer for its answer than this. */
const answerUsMax = 20_000;
/** What the computers at both ends add to the time on the line, at least, for each question. */
const answerSpareUs = 500;

/**
 * How long each question to `servos` servos waits for its answer: all of a cycle, and one that is
 * asked once more, have half of the period.
 */
export function answerUsOf({ packets }: ServoFamily, servos: number, periodUs: number): number {
  return Math.min(periodUs / (2 * (questionsOf(packets, servos) + 1)), answerUsMax);
}

/** How long the line carries one question of a cycle and its answers, microseconds, at most. */
export function questionUsOf(family: ServoFamily, servos: number, baud: number): number {
  const { packets, present, orders } = family;
  const count = Math.max(present.count + aheadMax, orders.count);
  const answer = packets.answerBytes + count;
  const isForAll = packets.encodeSyncRead !== null;
  const bytes = packets.questionBytes + (isForAll ? servos * (1 + answer) : answer);
  return (bytes * 10 * 1e6) / baud;
}

/**
 * As `answerUsOf`, on a line of `baud` bits/s. Throws `SinewError("contract-mismatch")` where the
 * line is too slow for the period of `spec`.
 */
export function servoAnswerUs(
  spec: Spec,
  family: ServoFamily,
  servos: number,
  baud: number,
): number {
  const answerUs = answerUsOf(family, servos, spec.periodUs);
  const leastUs = questionUsOf(family, servos, baud) + answerSpareUs;
  if (answerUs >= leastUs) return answerUs;
  const needUs = Math.ceil(2 * (questionsOf(family.packets, servos) + 1) * leastUs);
  const each = family.packets.encodeSyncRead === null ? ", asked one by one," : "";
  throw new SinewError(
    "contract-mismatch",
    `${servos} servos at ${baud} bits/s${each} need a period of ${needUs} us, a cycle has ` +
      `${spec.periodUs} us: raise the line's rate, or give the loop more time`,
  );
}
