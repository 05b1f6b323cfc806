import type { Percentiles } from "./histogram.ts";
import { Count, Measure, type Status } from "./status.ts";

/** What a run has counted. */
export interface RunCounts {
  readonly cycles: number;
  /** Those in which the policy was asked; fewer where the loop turns faster than its rate. */
  readonly policyCalls: number;
  /** Cycles that were not over when the next was due: their answer was late. */
  readonly late: number;
  /** Cycles that never ran, because the next was due before they could begin. */
  readonly missed: number;
  /** Cycles while armed whose action the gate bounded. */
  readonly limited: number;
  /** Those that each check of the gate bounded; one cycle may count in several. */
  readonly limitedBy: Readonly<Record<"range" | "rate" | "acceleration" | "barrier", number>>;
  readonly refused: number;
  readonly droppedCommands: number;
  /** Cycles that asked the device and got no whole answer. */
  readonly failedReads: number;
}

/** What the loop behind `status` has counted so far. */
export function countsOf(status: Pick<Status, "count">): RunCounts {
  return {
    cycles: status.count(Count.cycles),
    policyCalls: status.count(Count.policyCalls),
    late: status.count(Count.late),
    missed: status.count(Count.missed),
    limited: status.count(Count.limited),
    limitedBy: {
      range: status.count(Count.limitedRange),
      rate: status.count(Count.limitedRate),
      acceleration: status.count(Count.limitedAcceleration),
      barrier: status.count(Count.limitedBarrier),
    },
    refused: status.count(Count.refused),
    droppedCommands: status.count(Count.droppedCommands),
    failedReads: status.count(Count.failedReads),
  };
}

/** What its clock measured, by the names of `Measure`, microseconds. */
export function timesOf(status: Status): Record<keyof typeof Measure, Percentiles> {
  const times = {} as Record<keyof typeof Measure, Percentiles>;
  for (const name of Object.keys(Measure) as (keyof typeof Measure)[]) {
    times[name] = status.percentiles(Measure[name]);
  }
  return times;
}
