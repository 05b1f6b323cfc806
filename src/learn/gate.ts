import type { Segment } from "../log/transitions.ts";
import { loadPolicy } from "../policy/policy.ts";
import type { Task } from "../sim/env.ts";
import { judgedStarts } from "./evaluate.ts";
import { judge } from "./train.ts";

/** Whether a retrained policy may go on to the robot, and the numbers that say so. */
export interface GateDecision {
  readonly verdict: "accepted" | "rejected";
  /** One sentence a reason; of a rejection, all that failed. */
  readonly reasons: readonly string[];
  /** Mean returns on the judged starts, noise off. */
  readonly candidateReturn: number;
  readonly deployedReturn: number;
  /** Mean and standard error of the paired difference, candidate minus deployed. */
  readonly gain: number;
  readonly gainError: number;
  /**
   * Largest and root-mean-square change of an action on the logged observations, as a share of
   * its range.
   */
  readonly actionChangeMax: number;
  readonly actionChangeRms: number;
}

/**
 * How far a candidate may move the actions on what the robot really saw, rms share of the range: a
 * policy that moves them by half of it on the whole is another policy.
 */
const actionChangeRmsMax = 0.5;

/**
 * Judges a candidate against the deployed policy: it must not be worse on the same fixed starts (by
 * more than two standard errors of the paired difference), and on the observations that the robot
 * logged its actions must stay near the deployed ones. Loading proves both files on this machine.
 */
export async function decide(
  candidate: Uint8Array,
  deployed: Uint8Array,
  task: Task,
  segments: readonly Segment[],
): Promise<GateDecision> {
  const now = await judge(deployed, task, judgedStarts(task));
  const then = await judge(candidate, task, judgedStarts(task));
  const gains = then.returns.map((value, i) => value - now.returns[i]);
  const gain = then.mean - now.mean;
  const squares = gains.reduce((sum, value) => sum + (value - gain) ** 2, 0);
  const gainError = Math.sqrt(squares / (gains.length - 1) / gains.length);
  const change = await actionChange(candidate, deployed, task, segments);
  const failures: string[] = [];
  if (!(gain >= -2 * gainError)) {
    failures.push(`returns ${(-gain).toFixed(2)} less, beyond two standard errors`);
  }
  if (!(change.rms <= actionChangeRmsMax)) {
    failures.push(`moves the logged actions by ${(100 * change.rms).toFixed(0)} % of their range`);
  }
  return {
    verdict: failures.length === 0 ? "accepted" : "rejected",
    reasons:
      failures.length === 0
        ? ["no worse on the same starts, and near the logged actions"]
        : failures,
    candidateReturn: then.mean,
    deployedReturn: now.mean,
    gain,
    gainError,
    actionChangeMax: change.max,
    actionChangeRms: change.rms,
  };
}

async function actionChange(
  candidate: Uint8Array,
  deployed: Uint8Array,
  task: Task,
  segments: readonly Segment[],
): Promise<{ max: number; rms: number }> {
  const [a, b] = [await loadPolicy(candidate), await loadPolicy(deployed)];
  const ranges = task.spec.action.map(({ low, high }) => high - low);
  let [max, squares, count] = [0, 0, 0];
  try {
    for (const segment of segments) {
      const wanted = await a.actBatch(segment.observation, segment.count);
      const was = await b.actBatch(segment.observation, segment.count);
      for (let i = 0; i < wanted.length; i++) {
        const change = Math.abs(wanted[i] - was[i]) / ranges[i % ranges.length];
        max = Math.max(max, change);
        squares += change * change;
        count++;
      }
    }
  } finally {
    await a.close();
    await b.close();
  }
  return { max, rms: Math.sqrt(squares / Math.max(1, count)) };
}
