import { SinewError } from "../core/errors.ts";
import type { Carried } from "./engine.ts";
import type { StepMetrics } from "./losses.ts";

/** What ends a run whose learner has left the numbers; `how` says where that was seen. */
export function diverged(how: string): SinewError {
  return new SinewError("diverged", `the learner diverged ${how}`);
}

/**
 * Throws `SinewError("diverged")` where the rounds that followed `steps` critic steps, each of
 * `policyDelay`, told what is no number. No weights are looked at: what is wrong with them is in
 * the next losses.
 */
export function checkMetrics(metrics: StepMetrics, steps: number, policyDelay: number): void {
  for (const [name, values] of Object.entries(metrics)) {
    const round = values.findIndex((value) => !Number.isFinite(value));
    if (round < 0) continue;
    throw diverged(
      `in gradient step ${steps + (round + 1) * policyDelay}: ${name} is ${values[round]}`,
    );
  }
}

/** Throws `SinewError("diverged")` where a carried value holds what is no number. */
export function checkWeights(carried: Carried, step: number): void {
  for (const [name, values] of Object.entries(carried)) {
    let sum = 0;
    // 0 times a number is 0, and times anything else NaN.
    for (let i = 0; i < values.length; i++) sum += 0 * values[i];
    if (sum !== 0) throw diverged(`by step ${step}: ${name} holds what is no number`);
  }
}
