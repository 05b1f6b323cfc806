import type { ChannelChoice } from "../core/channel-map.ts";
import { type ChannelGroup, isChannelName, type Spec } from "../core/spec.ts";
import { unknown } from "../edge/robot-mistakes.ts";

/**
 * The channels of `firmware` by its own names and the policy's, where they are as many as those of
 * `spec`, which are what the policy has of the device: what both call the same is the same, and the
 * rest is unknown. Null where names and order are the policy's, where the counts are not, and where
 * a name is none.
 */
export function draftChannels(spec: Spec, firmware: Spec): ChannelChoice | null {
  const groups = (["observation", "action"] as const).map((group) => ({
    group,
    own: namesOf(firmware, group),
    policy: namesOf(spec, group),
  }));
  const fits = groups.every(({ own, policy }) => own.length === policy.length);
  if (!fits || !groups.every(({ own }) => own.every(isChannelName))) return null;
  const others = groups.filter(({ own, policy }) => own.join() !== policy.join());
  if (others.length === 0) return null;
  return Object.fromEntries(
    others.map(({ group, own, policy }) => {
      const pairs = own.map((name) => [name, policy.includes(name) ? name : unknown]);
      return [group, Object.fromEntries(pairs)];
    }),
  );
}

/** That draft as lines of a robot file, with the names that are left for what is unknown. */
export function channelLines(spec: Spec, channels: ChannelChoice): string[] {
  const lines = (["observation", "action"] as const).flatMap((group) => {
    const names = channels[group];
    if (names === undefined) return [];
    const given = Object.values(names);
    const left = namesOf(spec, group).filter((name) => !given.includes(name));
    const hint = left.length === 0 ? "" : ` # the policy has ${left.join(", ")}`;
    return [
      `  ${group}:${hint}`,
      ...Object.entries(names).map(([own, name]) => `    ${own}: ${name}`),
    ];
  });
  return ["channels: # the firmware's, in its order, each with the policy's name for it", ...lines];
}

/** Whether a person has to say what some of them are. */
export function hasUnknown(channels: ChannelChoice): boolean {
  return Object.values(channels).some((names = {}) => Object.values(names).includes(unknown));
}

function namesOf(spec: Spec, group: ChannelGroup): string[] {
  return spec[group].map(({ name }) => name);
}
