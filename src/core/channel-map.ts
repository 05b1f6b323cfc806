import { SinewError } from "./errors.ts";
import { nearestOf } from "./nearest.ts";
import { Permutation } from "./permutation.ts";
import { type Channel, type ChannelGroup, isChannelName, type Spec } from "./spec.ts";

/**
 * The channels of a device in its own order, each by its name there and the policy's. A group that
 * is left out is the policy's.
 */
export type ChannelChoice = {
  readonly [Group in ChannelGroup]?: Readonly<Record<string, string>> | undefined;
};

/** Something wrong with a choice: where in it, and one line. */
export interface ChannelFault {
  readonly keys: readonly [ChannelGroup, ...string[]];
  /** The last of `keys` itself is wrong, and not what stands under it. */
  readonly ofKey: boolean;
  readonly line: string;
}

const groups: readonly ChannelGroup[] = ["observation", "action"];
/** What stands in a robot file where nobody knows yet. */
const unknown = "unknown";

/**
 * All that is wrong with `choice` for a device that tells and is told the channels of `spec`, which
 * are the policy's; without a `spec`, what can be seen in the choice alone.
 */
export function* faultsOfChannels(
  choice: ChannelChoice,
  spec: Spec | null,
): Generator<ChannelFault> {
  for (const group of groups) {
    const names = choice[group];
    if (names === undefined) continue;
    yield* faultsAlone(group, Object.entries(names));
    if (spec !== null) yield* faultsAgainst(group, names, spec[group]);
  }
}

function* faultsAlone(
  group: ChannelGroup,
  pairs: readonly (readonly [string, string])[],
): Generator<ChannelFault> {
  const givers = new Map<string, string>();
  for (const [device, policy] of pairs) {
    const keys = [group, device] as const;
    if (!isChannelName(device)) {
      const advice = "a letter, then letters, digits or _, all small, 23 at most";
      const line = `channels.${group}: "${device}" is no name of a channel: give ${advice}`;
      yield { keys, ofKey: true, line };
    }
    const before = givers.get(policy);
    if (policy === unknown) {
      const line = `channels.${group}: "${device}" is unknown: give the policy's name for it`;
      yield { keys, ofKey: false, line };
    } else if (before !== undefined) {
      const line = `channels.${group}: "${policy}" is given twice, to ${before} and to ${device}`;
      yield { keys, ofKey: false, line };
    } else givers.set(policy, device);
  }
}

function* faultsAgainst(
  group: ChannelGroup,
  names: Readonly<Record<string, string>>,
  channels: readonly Channel[],
): Generator<ChannelFault> {
  const known = channels.map(({ name }) => name);
  const device = group === "observation" ? "the device tells" : "the device is told";
  const given = Object.entries(names);
  for (const [key, name] of given) {
    if (name === unknown || known.includes(name)) continue;
    const nearest = nearestOf(name, known);
    const meant = nearest === undefined ? known.join(", ") : `is it ${nearest}?`;
    const line = `channels.${group}: "${name}" is not of what ${device}: ${meant}`;
    yield { keys: [group, key], ofKey: false, line };
  }
  for (const name of known) {
    if (given.some(([, one]) => one === name)) continue;
    const line = `channels.${group}: "${name}" of the policy is missing: ${device} all of them`;
    yield { keys: [group], ofKey: true, line };
  }
}

/** Between the channels of a policy and those of its device. Allocates nothing once made. */
export class ChannelMap {
  /** The device's names in its order; units, limits and period are the policy's. */
  readonly device: Spec;
  readonly #policy: Spec;
  /** Of each of the device's channels, from 0, its place among the policy's. */
  readonly #places: Readonly<Record<ChannelGroup, readonly number[]>>;
  readonly #observation: Permutation;
  readonly #action: Permutation;
  readonly #applied: Permutation;

  /**
   * `spec` is what the policy has of the device. Throws `SinewError("robot-file")` for the first of
   * `faultsOfChannels`.
   */
  constructor(spec: Spec, choice: ChannelChoice = {}) {
    for (const { line } of faultsOfChannels(choice, spec)) throw new SinewError("robot-file", line);
    const [observation, action] = groups.map((group) => placesOf(spec[group], choice[group]));
    this.#policy = spec;
    this.#places = { observation, action };
    this.device = {
      ...spec,
      observation: renamed(spec.observation, observation, choice.observation),
      action: renamed(spec.action, action, choice.action),
    };
    this.#observation = new Permutation(inverseOf(observation));
    this.#action = new Permutation(action);
    this.#applied = new Permutation(inverseOf(action));
  }

  /** Writes what the device observed, in its order, `into` the policy's. */
  observe(told: Float32Array, into: Float32Array): void {
    into.set(this.#observation.of(told));
  }

  /** The policy's action in the device's order; overwritten by the next. */
  act(action: Float32Array): Float32Array {
    return this.#action.of(action);
  }

  /** What the device applies, in the policy's order; overwritten by the next. */
  applied(told: Float32Array): Float32Array {
    return this.#applied.of(told);
  }

  /** What there is of each of the policy's actions, in the device's order. */
  ofActions<Value>(values: readonly Value[]): Value[] {
    return this.#places.action.map((place) => values[place]);
  }

  /** Where the device has the policy's observation `place`, both from 0; -1: nowhere. */
  observationAt(place: number): number {
    return this.#places.observation.indexOf(place);
  }

  /** The policy's name of a channel of the device, for a message; empty where it is the same. */
  alias(group: ChannelGroup, at: number): string {
    const name = this.#policy[group][this.#places[group][at]]?.name;
    return name === this.device[group][at]?.name ? "" : ` (the policy's ${name})`;
  }
}

function placesOf(
  channels: readonly Channel[],
  names: Readonly<Record<string, string>> | undefined,
): number[] {
  if (names === undefined) return channels.map((_, at) => at);
  return Object.values(names).map((name) => channels.findIndex((one) => one.name === name));
}

function renamed(
  channels: readonly Channel[],
  places: readonly number[],
  names: Readonly<Record<string, string>> | undefined,
): readonly Channel[] {
  if (names === undefined) return channels;
  const own = Object.keys(names);
  return places.map((place, at) => ({ ...channels[place], name: own[at] }));
}

function inverseOf(places: readonly number[]): number[] {
  return places.map((_, place) => places.indexOf(place));
}
