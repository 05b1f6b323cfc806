import * as v from "valibot";
import type { MotorChoice } from "../link/motor-joints.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const whole = v.pipe(number, v.integer("give a whole number"));
const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));

/** Faster than this no goal may be moved, rad/s of the joint. */
const maxSpeedMost = 100;

/** What is the same of every motor drive. */
const motorEntries = {
  joint: v.pipe(text, v.regex(/^[a-z][a-z0-9_]{0,13}$/, "give a name like elbow: a-z 0-9 _")),
  sign: v.optional(v.picklist([1, -1], "give 1 or -1"), 1),
  gear: v.optional(v.pipe(number, v.gtValue(0), v.maxValue(10_000)), 1),
  zeroTurns: v.optional(number, 0),
  maxSpeed: v.optional(v.pipe(number, v.gtValue(0), v.maxValue(maxSpeedMost)), 1),
};

const lineEntries = {
  path: text,
  // An axis' watchdog counts in 8 kHz, and a loop that may be late for a second needs none.
  watchdogMs: v.optional(v.pipe(number, v.minValue(10), v.maxValue(1000))),
};

const axisSchema = v.strictObject({
  axis: v.pipe(whole, v.minValue(0), v.maxValue(1)),
  ...motorEntries,
});

/** `link.odrive` of a robot file. */
export const odriveSchema: v.GenericSchema<unknown, MotorChoice> = v.pipe(
  v.strictObject({
    ...lineEntries,
    baud: v.optional(v.pipe(whole, v.minValue(300)), 115_200),
    axes: v.pipe(
      v.array(axisSchema, "give a list of axes"),
      v.minLength(1, "give at least one axis"),
      v.maxLength(2, "an ODrive has two axes"),
    ),
  }),
  v.transform(({ path, baud, watchdogMs, axes }) => {
    const motors = axes.map(({ axis, ...motor }) => ({ id: axis, ...motor }));
    return { path, baud, watchdogMs, motors: motors as MotorChoice["motors"] };
  }),
);

/**
 * What no schema of one drive can see: `fail` is told the place, below `keys`, and the line of the
 * first thing that is given twice, or of a `rateMax` of a position. A drive's id is its `idKey`.
 */
export function checkMotors(
  keys: readonly string[],
  idKey: string,
  { motors }: MotorChoice,
  limits: Readonly<Record<string, { rateMax?: number }>>,
  fail: (keys: readonly (string | number)[], line: string) => never,
): void {
  for (const key of ["id", "joint"] as const) {
    motors.forEach((motor, at) => {
      const first = motors.findIndex((other) => other[key] === motor[key]);
      const place = [...keys, at, key === "id" ? idKey : key];
      if (first < at) fail(place, `"${place.join(".")}": ${motor[key]} is given twice`);
    });
  }
  for (const [name, { rateMax }] of Object.entries(limits)) {
    if (rateMax === undefined || !name.endsWith("_position")) continue;
    // The gate counts it from 0 after arming, and a motor rests where it is.
    const place = ["limits", name, "rateMax"];
    fail(place, `"${place.join(".")}": a position has no rateMax: give maxSpeed to its motor`);
  }
}
