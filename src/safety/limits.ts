import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import type { JointEnds } from "./barrier.ts";
import { accelerationMost, type JointChoice, jointsOf } from "./joint.ts";
import type { SeenLimit } from "./seen-limits.ts";

/** What one action channel may do, in the channel's own units. */
export interface ActionLimit {
  readonly low: number;
  readonly high: number;
  /** Greatest change per second. */
  readonly rateMax: number;
  /** By so much per second that rate may change; absent: by any. */
  readonly accelerationMax?: number;
}

/** The gate's configuration. It goes through JSON unchanged: a log keeps it. */
export interface Limits {
  /** One per action channel, in the order of the spec. */
  readonly action: readonly ActionLimit[];
  /** An observation older than this is refused, microseconds. */
  readonly ageUsMax: number;
  /** For so long at most one action may act, microseconds, at least a period; absent: one. */
  readonly actsUs?: number;
  /** What may be seen of the joints; absent where nobody described them. */
  readonly seen?: readonly SeenLimit[];
  /** The ends of each action's joint, in the order of the spec; null: it has none. */
  readonly ends?: readonly (JointEnds | null)[];
}

/** What a robot's owner may tighten; what is left out has its default. */
export interface LimitChoices {
  /** By channel name. */
  readonly action?: Readonly<Record<string, Partial<ActionLimit>>>;
  readonly ageUsMax?: number;
  readonly actsUs?: number;
  /** By the name of the action; all of them, or the whole of it is absent. */
  readonly joints?: Readonly<Record<string, JointChoice>>;
}

const ageUsLongest = 10_000_000;
/** Less of a range than this in one period is lost in a float32, which is how actions are sent. */
const shareLeast: number = 2 ** -21;

/**
 * The limits of `spec` with the owner's choices. Defaults: the channel's own range, any change
 * within that range in one period, any acceleration, and two periods of age. Throws
 * `SinewError("robot-file")` where a choice names no channel or loosens the contract, as limits may
 * only be tightened, and where joints are described, but not all of them or not whole.
 */
export function limitsOf(spec: Spec, choices: LimitChoices = {}): Limits {
  const known = spec.action.map(({ name }) => name);
  for (const name of Object.keys(choices.action ?? {})) {
    if (known.includes(name)) continue;
    fail(`"${name}" is no action channel: the policy has ${known.join(", ")}`);
  }
  const ageUsMax = choices.ageUsMax ?? 2 * spec.periodUs;
  if (!(ageUsMax > 0 && ageUsMax <= ageUsLongest)) {
    fail(`ageUsMax is ${ageUsMax}: give microseconds above 0, at most ${ageUsLongest}`);
  }
  const action = spec.action.map((channel) => {
    return actionLimitOf(channel, choices.action?.[channel.name] ?? {}, spec.periodUs);
  });
  if (choices.joints === undefined) return { action, ageUsMax };
  const actsUs = Math.max(spec.periodUs, choices.actsUs ?? spec.periodUs);
  const joints = jointsOf(spec, action, choices.joints, actsUs);
  return {
    action: joints.map(({ action }) => action),
    ...{ ageUsMax, actsUs },
    seen: joints.flatMap(({ seen }) => seen),
    ends: joints.map(({ ends }) => ends),
  };
}

function actionLimitOf(
  channel: Channel,
  choice: Partial<ActionLimit>,
  periodUs: number,
): ActionLimit {
  const { name, unit } = channel;
  const low = choice.low ?? channel.low;
  const high = choice.high ?? channel.high;
  if (!(low >= channel.low && high <= channel.high && low < high)) {
    const range = `[${channel.low}, ${channel.high}] ${unit}`;
    fail(`"${name}" has the limits [${low}, ${high}]: stay within ${range}, low below high`);
  }
  const periodS = periodUs / 1e6;
  const rateMax = choice.rateMax ?? (high - low) / periodS;
  if (!(rateMax > 0 && rateMax < Number.POSITIVE_INFINITY)) {
    fail(`"${name}" has rateMax ${rateMax}: give a finite number above 0`);
  }
  const { accelerationMax } = choice;
  if (accelerationMax === undefined) return { low, high, rateMax };
  const least = (shareLeast * Math.max(-low, high)) / (periodS * periodS);
  if (!(accelerationMax >= least && accelerationMax <= accelerationMost)) {
    const range = `${least.toPrecision(2)} to ${accelerationMost} ${unit}/s^2`;
    fail(`"${name}" has accelerationMax ${accelerationMax}: give ${range}`);
  }
  return { low, high, rateMax, accelerationMax };
}

function fail(line: string): never {
  throw new SinewError("robot-file", `limits: ${line}`);
}
