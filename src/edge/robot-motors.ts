import * as v from "valibot";
import type { MotorChoice } from "../link/motor-joints.ts";
import type { MoteusChoice } from "../link/open-moteus.ts";

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

// A drive that may go on alone for longer than a second is not watched.
const watchdogMs = v.pipe(whole, v.minValue(10), v.maxValue(1000));
// Arming awaits one silence of a moteus that had timed out.
const moteusWatchdogMs = v.pipe(whole, v.minValue(10), v.maxValue(700));
const baud = v.pipe(whole, v.minValue(300));
const plain = v.optional(v.boolean("give true or false"));

const axisSchema = v.strictObject({
  axis: v.pipe(whole, v.minValue(0), v.maxValue(1)),
  ...motorEntries,
});

/** `link.odrive` of a robot file. */
export const odriveSchema: v.GenericSchema<unknown, MotorChoice> = v.pipe(
  v.strictObject({
    path: text,
    baud: v.optional(baud, 115_200),
    plain,
    watchdogMs: v.optional(watchdogMs),
    axes: v.pipe(
      v.array(axisSchema, "give a list of axes"),
      v.minLength(1, "give at least one axis"),
      v.maxLength(2, "an ODrive has two axes"),
    ),
  }),
  v.transform(({ axes, watchdogMs, ...line }) => {
    const motors = axes.map(({ axis, ...motor }) => ({ id: axis, ...motor }));
    return { ...line, watchdogMs, motors: motors as MotorChoice["motors"] };
  }),
);

const moteusMotorSchema = v.strictObject({
  id: v.pipe(whole, v.minValue(1), v.maxValue(126)),
  ...motorEntries,
});

/** `link.moteus` of a robot file. */
export const moteusSchema: v.GenericSchema<unknown, MoteusChoice> = v.pipe(
  v.strictObject({
    path: text,
    baud: v.optional(baud, 921_600),
    plain,
    adapter: v.picklist(["fdcanusb", "uart"], "give fdcanusb or uart"),
    watchdogMs: v.optional(moteusWatchdogMs, 100),
    motors: v.pipe(
      v.array(moteusMotorSchema, "give a list of motors"),
      v.minLength(1, "give at least one motor"),
      v.maxLength(16, "give at most 16 motors"),
    ),
  }),
  v.check(
    ({ adapter, motors }) => adapter === "fdcanusb" || motors.length === 1,
    "a UART has one moteus: give one motor, or the adapter fdcanusb",
  ),
  v.transform((moteus) => ({ ...moteus, motors: moteus.motors as MoteusChoice["motors"] })),
);

/**
 * What no schema of one drive can see: `fail` is told the place, below `keys`, and the line of the
 * first thing that is given twice, or of a `rateMax` or `accelerationMax` of a position. A drive's
 * id is its `idKey`.
 */
export function checkMotors(
  keys: readonly string[],
  idKey: string,
  { motors }: MotorChoice,
  limits: Readonly<Record<string, { rateMax?: number; accelerationMax?: number }>>,
  fail: (keys: readonly (string | number)[], line: string) => void,
): void {
  for (const key of ["id", "joint"] as const) {
    motors.forEach((motor, at) => {
      const first = motors.findIndex((other) => other[key] === motor[key]);
      const place = [...keys, at, key === "id" ? idKey : key];
      if (first < at) fail(place, `"${place.join(".")}": ${motor[key]} is given twice`);
    });
  }
  for (const [name, limit] of Object.entries(limits)) {
    for (const key of ["rateMax", "accelerationMax"] as const) {
      if (limit[key] === undefined || !name.endsWith("_position")) continue;
      // The gate counts it from 0 after arming, and a motor rests where it is.
      const place = ["limits", name, key];
      fail(place, `"${place.join(".")}": a position has no ${key}: give maxSpeed to its motor`);
    }
  }
}
