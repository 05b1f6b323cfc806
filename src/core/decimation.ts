import type { Spec } from "./spec.ts";

/** How often a loop that turns faster than its policy asks it, and what it does meanwhile. */
export interface Decimation {
  /** The policy is asked in one of so many control cycles, a whole number; 1: in each. */
  readonly every: number;
  /**
   * In the others its newest answer is held, or what is asked for goes straight to it from what was
   * asked for before, and is there in the last of them.
   */
  readonly between: "hold" | "interpolate";
}

/** How often a run's policy is asked. */
export interface Pace extends Decimation {
  /** Of the policy, which may be several cycles. */
  readonly policyPeriodUs: number;
}

/** `spec`, of a policy, as the control loop has it: the same channels, in cycles of the loop. */
export function controlSpecOf(spec: Spec, { every }: Pick<Decimation, "every">): Spec {
  return every === 1 ? spec : { ...spec, periodUs: Math.round(spec.periodUs / every) };
}

/** The key of a log's metadata that holds the decimation as JSON; absent where `every` is 1. */
export const decimationKey = "control";

/** The decimation of the run that wrote a log with this metadata. */
export function decimationOf(metadata: ReadonlyMap<string, string>): Decimation {
  const text = metadata.get(decimationKey);
  return text === undefined ? { every: 1, between: "hold" } : (JSON.parse(text) as Decimation);
}
