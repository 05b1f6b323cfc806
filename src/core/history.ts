import type { Channel, Spec } from "./spec.ts";

const nameLengthMax = 23;

/**
 * `spec` as a policy sees it that also observes its own last `count` actions: after the channels
 * there are, those of the action before, then those of the one before that, and so on, each with
 * the action's own unit and limits. `pole_torque_ago_1` is the action of one step ago. What was
 * sent before an episode's first action counts as `restOf(spec)`.
 */
export function specWithHistory(spec: Spec, count: number): Spec {
  const past = Array.from({ length: count }, (_, at) =>
    spec.action.map((channel, index) => pastChannel(channel, index, at + 1)),
  );
  return { ...spec, observation: [...spec.observation, ...past.flat()] };
}

function pastChannel({ name, unit, low, high }: Channel, index: number, ago: number): Channel {
  const whole = `${name}_ago_${ago}`;
  const short = `action${index}_ago_${ago}`;
  return { name: whole.length <= nameLengthMax ? whole : short, unit, low, high };
}

/**
 * What the device itself observes: `spec` without the `count` actions that `specWithHistory` added.
 */
export function specWithoutHistory(spec: Spec, count: number): Spec {
  const own = spec.observation.length - count * spec.action.length;
  return { ...spec, observation: spec.observation.slice(0, own) };
}

/** What an actuator does that nothing drives: 0 in each channel, or the limit nearest to it. */
export function restOf({ action }: Spec): Float32Array {
  return Float32Array.from(action, ({ low, high }) => Math.min(high, Math.max(low, 0)));
}
