import * as v from "valibot";
import { servoIdMax as dynamixelIdMax } from "../link/dynamixel-packet.ts";
import { servoIdMax as feetechIdMax } from "../link/feetech-packet.ts";
import type { DynamixelLine, ServoLine } from "../link/servo-joints.ts";
import type { ActionLimit } from "../safety/limits.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const whole = v.pipe(number, v.integer("give a whole number"));

/** No STS3215 goes faster than 3400 counts/s, in rad/s. */
const feetechSpeedMost = 5.2;
/** An XL330-M288 leaves the factory with a Velocity_Limit of 445 times 0.229 rev/min, in rad/s. */
const dynamixelSpeedMost = 10.6;
/** As many as one packet of Feetech's can set. */
const servosMost = 32;

const jointSchema = v.strictObject({
  joint: v.pipe(text, v.regex(/^[a-z][a-z0-9_]{0,13}$/, "give a name like elbow: a-z 0-9 _")),
  sign: v.optional(v.picklist([1, -1], "give 1 or -1"), 1),
  zeroCounts: v.pipe(whole, v.minValue(0), v.maxValue(4095)),
});

/** A line with servos on it, of a family with its own ids and speeds. */
function lineEntries(idMax: number, speedMost: number) {
  const servoSchema = v.strictObject({
    id: v.pipe(whole, v.minValue(0), v.maxValue(idMax)),
    ...jointSchema.entries,
    maxSpeed: v.optional(v.pipe(number, v.gtValue(0), v.maxValue(speedMost)), 1),
  });
  return {
    path: text,
    baud: v.optional(v.pipe(whole, v.minValue(300)), 1_000_000),
    plain: v.optional(v.boolean("give true or false")),
    servos: v.pipe(
      v.array(servoSchema, "give a list of servos"),
      v.minLength(1, "give at least one servo"),
      v.maxLength(servosMost, `give at most ${servosMost} servos`),
    ),
  };
}

/** `link.feetech` of a robot file. */
export const feetechSchema: v.GenericSchema<unknown, ServoLine> = v.pipe(
  v.strictObject(lineEntries(feetechIdMax, feetechSpeedMost)),
  v.transform((line) => line as ServoLine),
);

/** `link.dynamixel` of a robot file. */
export const dynamixelSchema: v.GenericSchema<unknown, DynamixelLine> = v.pipe(
  v.strictObject({
    ...lineEntries(dynamixelIdMax, dynamixelSpeedMost),
    watchdogMs: v.optional(
      v.pipe(
        whole,
        v.minValue(20),
        // Arming awaits one silence of it.
        v.maxValue(500),
        v.multipleOf(20, "give a multiple of 20: servos count in 20 ms"),
      ),
      100,
    ),
  }),
  v.transform((line) => line as DynamixelLine),
);

/**
 * What no schema of one servo can see: `fail` is told the place and the line of what is given twice
 * to the servos of `family`, and of a `rateMax` or `accelerationMax`.
 */
export function checkServos(
  family: "feetech" | "dynamixel",
  { servos }: ServoLine,
  limits: Readonly<Record<string, Partial<ActionLimit>>>,
  fail: (keys: readonly (string | number)[], line: string) => void,
): void {
  for (const key of ["id", "joint"] as const) {
    servos.forEach((servo, at) => {
      const first = servos.findIndex((other) => other[key] === servo[key]);
      const keys = ["link", family, "servos", at, key];
      if (first < at) fail(keys, `"${keys.join(".")}": ${servo[key]} is given twice`);
    });
  }
  for (const [name, limit] of Object.entries(limits)) {
    for (const key of ["rateMax", "accelerationMax"] as const) {
      if (limit[key] === undefined) continue;
      // The gate counts it from 0 after arming, and a servo rests where it is.
      const keys = ["limits", name, key];
      fail(keys, `"${keys.join(".")}": servos have no ${key}: give maxSpeed to its servo`);
    }
  }
}
