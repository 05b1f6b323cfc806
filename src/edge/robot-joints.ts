import * as v from "valibot";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { type JointChoice, placeUnits } from "../safety/joint.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const above = v.pipe(number, v.gtValue(0));

const holdSchema = v.strictObject({ stiffness: above, damping: above });

const entries = {
  unlimited: v.optional(v.literal(true, "give true, or leave it out")),
  position: v.optional(text),
  velocity: v.optional(text),
  effort: v.optional(text),
  low: v.optional(number),
  high: v.optional(number),
  deceleration: v.optional(above),
  acceleration: v.optional(above),
  beyondMax: v.optional(v.pipe(number, v.minValue(0))),
  velocityMax: v.optional(above),
  effortMax: v.optional(above),
  hold: v.optional(holdSchema),
};
type Key = keyof typeof entries;

/** What a joint with ends must have, and what one without must not. */
const needed: readonly Key[] = ["position", "velocity", "low", "high", "deceleration"];
const ofEnds: readonly Key[] = ["position", "low", "high", "deceleration", "acceleration"];

const jointSchema = v.pipe(
  v.strictObject(entries),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const joint = dataset.value;
    const given = (key: Key): boolean => joint[key] !== undefined;
    if (joint.unlimited) {
      const wrong = [...ofEnds, "beyondMax" as const, "hold" as const].find(given);
      if (wrong !== undefined) addIssue({ message: `it is unlimited: leave ${wrong} out` });
      return;
    }
    const missing = needed.find((key) => !given(key));
    if (missing === undefined) return;
    addIssue({ message: `${missing} is missing; a joint without ends is unlimited: true` });
  }),
);

/** `joints` of a robot file: by the name of the action, whole or unlimited. */
export const jointsSchema: v.GenericSchema<unknown, Record<string, JointChoice>> = v.pipe(
  v.record(v.string(), jointSchema),
  v.transform((joints) => joints as Record<string, JointChoice>),
);

/** What a person is to know of a robot whose file describes no joints, before it is armed. */
export const noJointsLine =
  "robot.yaml describes no joints: nothing brakes before their ends; see docs/robot.md#joints";

/**
 * That a robot whose actions of `spec` are places or velocities says where its joints end. Throws
 * `SinewError("robot-file")` that names the first such action where `joints` are not described:
 * without them it would be driven into an end as far as its action's range goes.
 */
export function checkJointsGiven(
  joints: Readonly<Record<string, JointChoice>> | undefined,
  { action }: Spec,
): void {
  if (joints !== undefined) return;
  for (const { name, unit } of action) {
    const place = placeUnits.find((one) => unit === one || unit === `${one}/s`);
    if (place === undefined) continue;
    const what = unit === place ? "a place" : "a velocity";
    const advice = "say where its joint ends and how it brakes, or unlimited: true";
    throw new SinewError("robot-file", `joints: "${name}" is ${what} (${unit}): ${advice}`);
  }
}
