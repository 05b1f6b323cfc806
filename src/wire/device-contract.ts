import type { ChannelMap } from "../core/channel-map.ts";
import { crc32c } from "../core/crc.ts";
import { type ChannelAlias, canonicalBytes, differenceOfSpecs, type Spec } from "../core/spec.ts";
import { StopCategory } from "./messages.ts";

/** `position` of an action that does not hold its place. */
export const noPosition = 255;

/** What one actuator does on a stop. */
export interface StopRule {
  /** A `StopCategory`. */
  readonly category: number;
  /** For `rampAndHold` the observation, from 0, that reads where it is; else `noPosition`. */
  readonly position: number;
}

/** What a device states before it may be armed: its channels, and how each actuator stops. */
export interface DeviceContract {
  readonly spec: Spec;
  /** Of each action. */
  readonly stops: readonly StopRule[];
}

/** `spec` with every actuator's command falling to zero on a stop. */
export function rampingToZero(spec: Spec): DeviceContract {
  return { spec, stops: spec.action.map(() => rampToZero) };
}

/** Efforts fall to zero: what an actuator does that says nothing else. */
export const rampToZero: StopRule = { category: StopCategory.rampToZero, position: noPosition };

/**
 * The hash that host and firmware compare before anything may move: CRC-32C of the spec's
 * canonical bytes, then for each action u8 stop category and u8 position.
 */
export function hashContract({ spec, stops }: DeviceContract): number {
  const bytes = stops.flatMap(({ category, position }) => [category, position]);
  return crc32c(Uint8Array.of(...canonicalBytes(spec), ...bytes));
}

/** What a device's contract must equal; without `stops` the device's own hold. */
export interface ExpectedContract {
  readonly spec: Spec;
  readonly stops: readonly StopRule[] | null;
  /** What its channels are called besides. */
  readonly alias?: ChannelAlias;
}

/** What a device behind `channels` must state, where `stops` are of the policy's actions. */
export function contractBehind(channels: ChannelMap, stops: readonly StopRule[]): DeviceContract {
  const rules = channels.ofActions(stops).map(({ category, position }) => {
    const isPlace = position !== noPosition;
    return { category, position: isPlace ? channels.observationAt(position) : noPosition };
  });
  return { spec: channels.device, stops: rules };
}

/** The same, as a handshake expects it; null for the device's own stops. */
export function expectedBehind(
  channels: ChannelMap,
  stops: readonly StopRule[] | null,
): ExpectedContract {
  const contract =
    stops === null ? { spec: channels.device, stops } : contractBehind(channels, stops);
  return { ...contract, alias: (group, at) => channels.alias(group, at) };
}

/**
 * What makes the contract of a device unequal to what is expected of it, naming the channel, or
 * null.
 */
export function differenceOfContracts(
  expected: ExpectedContract,
  actual: DeviceContract,
): string | null {
  const { alias = () => "" } = expected;
  const difference = differenceOfSpecs(expected.spec, actual.spec, alias);
  if (difference !== null || expected.stops === null) return difference;
  for (const [at, want] of expected.stops.entries()) {
    const have = actual.stops[at];
    if (want.category === have.category && want.position === have.position) continue;
    const place = `action[${at}]${alias("action", at)} "${expected.spec.action[at].name}"`;
    const [wanted, got] = [nameOf(want, expected.spec), nameOf(have, actual.spec)];
    return `${place}: expected to stop by ${wanted}, got ${got}`;
  }
  return null;
}

const words: Readonly<Record<number, string>> = {
  [StopCategory.rampToZero]: "ramp to zero",
  [StopCategory.rampAndHold]: "ramp and hold",
  [StopCategory.off]: "off",
};

function nameOf({ category, position }: StopRule, spec: Spec): string {
  const word = words[category] ?? `category ${category}`;
  return position === noPosition ? word : `${word} at ${spec.observation[position]?.name}`;
}
