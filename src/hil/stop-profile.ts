import type { Channel } from "../core/spec.ts";
import type { StopRule } from "../wire/device-contract.ts";
import { StopCategory, stopRampUs } from "../wire/messages.ts";

/** A turn of the firmware and a STATE of it, in which the ramp may have moved on. */
const rampSlack = 0.03;
/** An actuator may turn round between two STATEs: so much of its range beyond what they tell. */
const turnSlack = 0.01;

/** Where one actuator was when its stop began. */
export interface StopStart {
  readonly rule: StopRule;
  readonly action: Channel;
  /** What it was told last. */
  readonly from: number;
  /** Where it was seen around then, in the unit of its action; of one that does not hold: empty. */
  readonly places: readonly number[];
}

/** From when to when it may have begun, and when it is looked at: us of one clock. */
export interface StopMoment {
  readonly earliestUs: number;
  readonly latestUs: number;
  /** When the device sampled what it says, and when it said so. */
  readonly deviceUs: number;
  readonly saidUs: number;
  /** It says that it has stopped. */
  readonly over: boolean;
}

/** The least and the most that an actuator may be told at a moment of its stop. */
export function permittedAt(
  { rule, action, from, places }: StopStart,
  moment: StopMoment,
): readonly [least: number, most: number] {
  if (rule.category === StopCategory.off) return [0, 0];
  const [least, most] = sharesAt(moment);
  if (rule.category !== StopCategory.rampAndHold) return sorted([from * least, from * most]);
  const slack = turnSlack * (action.high - action.low);
  const [low, high] = [Math.min(...places) - slack, Math.max(...places) + slack];
  const corners = [low, high].flatMap((place) =>
    [least, most].map((share) => place + (from - place) * share),
  );
  // One that was pushed beyond its limits comes back to them.
  return sorted(corners.map((value) => Math.min(action.high, Math.max(action.low, value))));
}

function sorted(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** What a straight ramp has left, at least and at most. */
function sharesAt({ earliestUs, latestUs, deviceUs, saidUs, over }: StopMoment): number[] {
  if (over) return [0, 0];
  const left = (us: number): number => Math.min(1, Math.max(0, 1 - us / stopRampUs));
  // A late turn bears the stamp that was due, and its output the time that it came.
  return [left(saidUs - earliestUs) - rampSlack, left(deviceUs - latestUs) + rampSlack];
}
