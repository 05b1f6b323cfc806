import { crc32c } from "./crc.ts";
import { SinewError } from "./errors.ts";

/** One channel of an observation or action, in physical units. `low` and `high` are inclusive. */
export interface Channel {
  /** 1 to 23 characters: a small letter, then small letters, digits or `_`. */
  readonly name: string;
  /** 1 to 11 printable ASCII characters, such as `rad/s`, `N*m`, or `1` for a bare number. */
  readonly unit: string;
  readonly low: number;
  readonly high: number;
}

/**
 * The contract that an environment, a policy, a device and a log all carry. Unequal specs never
 * meet.
 */
export interface Spec {
  readonly observation: readonly Channel[];
  readonly action: readonly Channel[];
  /** Time between two actions, in microseconds: a whole number from 100 to 10,000,000. */
  readonly periodUs: number;
}

/** The two lists of channels that a spec has. */
export type ChannelGroup = "observation" | "action";

/** What a message adds to the place of a channel of the expected spec; empty: nothing. */
export type ChannelAlias = (group: ChannelGroup, at: number) => string;

const nameRule = /^[a-z][a-z0-9_]{0,22}$/;
const unitRule = /^[!-~]{1,11}$/;
const channelsMax = 64;

/** Whether a channel may be called so. */
export function isChannelName(name: string): boolean {
  return nameRule.test(name);
}

/** Throws `SinewError("spec")` that names the first thing wrong with `spec`. */
export function checkSpec(spec: Spec): void {
  checkChannels("observation", spec.observation);
  checkChannels("action", spec.action);
  if (!Number.isInteger(spec.periodUs) || spec.periodUs < 100 || spec.periodUs > 10_000_000) {
    throw new SinewError(
      "spec",
      `periodUs is ${spec.periodUs}: give a whole number of microseconds from 100 to 10000000`,
    );
  }
}

function checkChannels(group: string, channels: readonly Channel[]): void {
  if (channels.length < 1 || channels.length > channelsMax) {
    throw new SinewError(
      "spec",
      `${group} has ${channels.length} channels: give 1 to ${channelsMax}`,
    );
  }
  const seen = new Set<string>();
  for (const { name, unit, low, high } of channels) {
    if (!isChannelName(name)) {
      throw new SinewError(
        "spec",
        `${group} channel name "${name}" does not match ${nameRule.source}`,
      );
    }
    if (seen.has(name)) throw new SinewError("spec", `${group} names "${name}" twice`);
    seen.add(name);
    if (!unitRule.test(unit)) {
      throw new SinewError(
        "spec",
        `${group} channel "${name}" has the unit "${unit}": give 1 to 11 ASCII characters`,
      );
    }
    // Action limits bound a motor, so they must be numbers; an observation may be unbounded.
    const finite = group === "observation" || (Number.isFinite(low) && Number.isFinite(high));
    if (!(low < high) || !finite) {
      throw new SinewError("spec", `${group} channel "${name}" has the limits [${low}, ${high}]`);
    }
  }
}

/**
 * What makes `actual` unequal to `expected`, naming the channel, or null where they are equal.
 * Limits are compared as float32, the precision in which firmware holds them. What `alias` says of
 * an expected channel stands behind its place.
 */
export function differenceOfSpecs(
  expected: Spec,
  actual: Spec,
  alias: ChannelAlias = () => "",
): string | null {
  if (expected.periodUs !== actual.periodUs) {
    return `period: expected ${expected.periodUs} us, got ${actual.periodUs} us`;
  }
  return (
    differenceOfChannels("observation", expected.observation, actual.observation, alias) ??
    differenceOfChannels("action", expected.action, actual.action, alias)
  );
}

function differenceOfChannels(
  group: ChannelGroup,
  expected: readonly Channel[],
  actual: readonly Channel[],
  alias: ChannelAlias,
): string | null {
  const count = Math.max(expected.length, actual.length);
  for (let at = 0; at < count; at++) {
    const want = expected[at];
    const have = actual[at];
    const place = `${group}[${at}]${alias(group, at)}`;
    if (want === undefined) return `${place}: unexpected channel "${have!.name}"`;
    if (have === undefined) return `${place}: channel "${want.name}" is missing`;
    if (want.name !== have.name) return `${place}: expected "${want.name}", got "${have.name}"`;
    if (want.unit !== have.unit) {
      return `${place} "${want.name}": expected the unit ${want.unit}, got ${have.unit}`;
    }
    if (
      Math.fround(want.low) !== Math.fround(have.low) ||
      Math.fround(want.high) !== Math.fround(have.high)
    ) {
      const limits = `[${want.low}, ${want.high}], got [${have.low}, ${have.high}]`;
      return `${place} "${want.name}": expected ${limits}`;
    }
  }
  return null;
}

/**
 * The spec as bytes, the same on host and firmware: u8 1, u32 periodUs, u8 observations, u8
 * actions,
 * then for each channel the name, 0, the unit, 0, f32 low, f32 high. Little-endian.
 */
export function canonicalBytes(spec: Spec): Uint8Array {
  const channels = [...spec.observation, ...spec.action];
  const size = channels.reduce((sum, { name, unit }) => sum + name.length + unit.length + 10, 7);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  view.setUint32(1, spec.periodUs, true);
  view.setUint8(5, spec.observation.length);
  view.setUint8(6, spec.action.length);
  let at = 7;
  for (const { name, unit, low, high } of channels) {
    for (const text of [name, unit]) {
      for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
      at++;
    }
    view.setFloat32(at, low, true);
    view.setFloat32(at + 4, high, true);
    at += 8;
  }
  return bytes;
}

/** CRC-32C of `canonicalBytes(spec)`: what host and firmware compare before anything may move. */
export function hashSpec(spec: Spec): number {
  return crc32c(canonicalBytes(spec));
}
