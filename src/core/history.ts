import type { Channel, Spec } from "./spec.ts";

const nameLengthMax = 23;

/**
 * `spec` as a policy sees it that also observes its past. After the channels there are: the whole
 * observation of one step ago, then that of two ago, as many as `observations`; then the action
 * before, then the one before that, as many as `actions`; each with its channel's own unit and
 * limits. `pole_torque_ago_1` is the action of one step ago. What was sent before an episode's
 * first action counts as `restOf(spec)`, what was seen before its first observation as that one.
 */
export function specWithHistory(spec: Spec, actions: number, observations: number = 0): Spec {
  const { observation, action } = spec;
  // Where it is told and commanded, the past of the command has the name.
  const taken = action.map(({ name }) => name);
  const seen = pastOf(observation, "observation", observations, taken);
  const asked = pastOf(action, "action", actions, []);
  return { ...spec, observation: [...observation, ...seen, ...asked] };
}

function pastOf(
  channels: readonly Channel[],
  group: string,
  count: number,
  taken: readonly string[],
): Channel[] {
  return Array.from({ length: count }, (_, at) => {
    return channels.map(({ name, unit, low, high }, index) => {
      const whole = `${name}_ago_${at + 1}`;
      const isFree = whole.length <= nameLengthMax && !taken.includes(name);
      return { name: isFree ? whole : `${group}${index}_ago_${at + 1}`, unit, low, high };
    });
  }).flat();
}

/**
 * What the device itself observes: `spec` without the past that `specWithHistory` added. Its
 * channels must be as many as that makes.
 */
export function specWithoutHistory(spec: Spec, actions: number, observations: number = 0): Spec {
  const seen = spec.observation.length - actions * spec.action.length;
  return { ...spec, observation: spec.observation.slice(0, seen / (1 + observations)) };
}

/** What an actuator does that nothing drives: 0 in each channel, or the limit nearest to it. */
export function restOf({ action }: Spec): Float32Array {
  return Float32Array.from(action, ({ low, high }) => Math.min(high, Math.max(low, 0)));
}
