import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";

/** What one action channel may do, in the channel's own units. */
export interface ActionLimit {
  readonly low: number;
  readonly high: number;
  /** Greatest change per second. */
  readonly rateMax: number;
}

/** The gate's configuration. */
export interface Limits {
  /** One per action channel, in the order of the spec. */
  readonly action: readonly ActionLimit[];
  /** An observation older than this is refused, microseconds. */
  readonly ageUsMax: number;
}

/** What a robot's owner may tighten; what is left out has its default. */
export interface LimitChoices {
  /** By channel name. */
  readonly action?: Readonly<Record<string, Partial<ActionLimit>>>;
  readonly ageUsMax?: number;
}

const ageUsLongest = 10_000_000;

/**
 * The limits of `spec` with the owner's choices. Defaults: the channel's own range, any change
 * within that range in one period, and two periods of age. Throws `SinewError("robot-file")` where
 * a choice names no channel or loosens the contract: limits may only be tightened.
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
    const choice = choices.action?.[channel.name] ?? {};
    const low = choice.low ?? channel.low;
    const high = choice.high ?? channel.high;
    if (!(low >= channel.low && high <= channel.high && low < high)) {
      const range = `[${channel.low}, ${channel.high}] ${channel.unit}`;
      fail(
        `"${channel.name}" has the limits [${low}, ${high}]: stay within ${range}, low below high`,
      );
    }
    const rateMax = choice.rateMax ?? (high - low) / (spec.periodUs / 1e6);
    if (!(rateMax > 0 && rateMax < Number.POSITIVE_INFINITY)) {
      fail(`"${channel.name}" has rateMax ${rateMax}: give a finite number above 0`);
    }
    return { low, high, rateMax };
  });
  return { action, ageUsMax };
}

function fail(line: string): never {
  throw new SinewError("robot-file", `limits: ${line}`);
}
