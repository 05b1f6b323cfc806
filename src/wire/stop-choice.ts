import { SinewError } from "../core/errors.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { noPosition, rampToZero, type StopRule } from "./device-contract.ts";
import { StopCategory } from "./messages.ts";

/**
 * How an actuator's owner says that it stops: its command falls to zero, it is let go at once, or
 * its command comes to rest where the named observation reads that the actuator is.
 */
export type StopChoice = "ramp_to_zero" | "off" | { readonly hold: string };

/**
 * The rule of each action, in their order. One that is not named ramps to zero, as an effort
 * should; one that an observation reads in its own unit, such as an angle, has to be named, since
 * its zero is a place to go to. Throws `SinewError("robot-file")` where it is not, for a name that
 * is no action channel, for a place to hold that the device does not observe in the action's unit,
 * and for a zero to ramp to that is beyond the action's limits.
 */
export function stopRulesOf(
  spec: Spec,
  choices: Readonly<Record<string, StopChoice>>,
): readonly StopRule[] {
  const known = spec.action.map(({ name }) => name);
  for (const name of Object.keys(choices)) {
    if (known.includes(name)) continue;
    const words = known.join(", ");
    throw new SinewError("robot-file", `stops: "${name}" is no action channel: ${words}`);
  }
  return spec.action.map((action) => ruleOf(spec, action, choices[action.name]));
}

function ruleOf(spec: Spec, action: Channel, choice: StopChoice | undefined): StopRule {
  const rule = chosenRule(spec, action, choice);
  const { name, low, high, unit } = action;
  if (rule !== rampToZero || hasZero(action)) return rule;
  throw new SinewError(
    "robot-file",
    `stops: "${name}" would ramp to 0 ${unit}, beyond its limits ${low} to ${high}: ` +
      "say off, or { hold: <an observation in its unit> }",
  );
}

function hasZero({ low, high }: Channel): boolean {
  return low <= 0 && high >= 0;
}

function chosenRule(spec: Spec, action: Channel, choice: StopChoice | undefined): StopRule {
  if (choice === undefined) {
    // Bare numbers have their unit in common and nothing else.
    const like = spec.observation.find(({ unit }) => unit === action.unit && unit !== "1");
    if (like === undefined) return rampToZero;
    const ways = `${hasZero(action) ? "ramp_to_zero, " : ""}off or { hold: ${like.name} }`;
    throw new SinewError(
      "robot-file",
      `stops: "${action.name}" is told in ${action.unit}, which "${like.name}" reads: say how it ` +
        `stops: ${ways}`,
    );
  }
  if (choice === "ramp_to_zero") return rampToZero;
  if (choice === "off") return { category: StopCategory.off, position: noPosition };
  const position = spec.observation.findIndex(({ name }) => name === choice.hold);
  const place = `stops: "${action.name}" is to hold "${choice.hold}"`;
  if (position < 0) throw new SinewError("robot-file", `${place}, which is no observation`);
  const { unit } = spec.observation[position];
  if (unit !== action.unit) {
    throw new SinewError("robot-file", `${place}, which is in ${unit} and not in ${action.unit}`);
  }
  return { category: StopCategory.rampAndHold, position };
}
