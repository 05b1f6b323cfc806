import * as v from "valibot";
import { servoIdMax as dynamixelIdMax } from "../link/dynamixel-packet.ts";
import { servoIdMax as feetechIdMax } from "../link/feetech-packet.ts";
import type { DynamixelLine, FeetechLine, Servo, ServoLine } from "../link/servo-joints.ts";
import type { ActionLimit } from "../safety/limits.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const whole = v.pipe(number, v.integer("give a whole number"));
const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));

/** No STS3215 goes faster than 3400 counts/s, in rad/s. */
const stsSpeedMost = 5.2;
/** An SC09, which is an SCS0009 by another name, has 100 rev/min at 6 V, in rad/s. */
const scsSpeedMost = 10.4;
/** An XL330-M288 leaves the factory with a Velocity_Limit of 445 times 0.229 rev/min, in rad/s. */
const dynamixelSpeedMost = 10.6;
/** The last count of an SCS. */
const scsCountMost = 1023;
/** As many as one packet of Feetech's can set. */
const servosMost = 32;

/** A line with servos on it, of a family with its own ids and speeds. */
function lineEntries(idMax: number, speedMost: number) {
  const servoSchema = v.strictObject({
    id: v.pipe(whole, v.minValue(0), v.maxValue(idMax)),
    joint: v.pipe(text, v.regex(/^[a-z][a-z0-9_]{0,13}$/, "give a name like elbow: a-z 0-9 _")),
    sign: v.optional(v.picklist([1, -1], "give 1 or -1"), 1),
    zeroCounts: v.pipe(whole, v.minValue(0), v.maxValue(4095)),
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

/** `link.feetech` of a robot file, before `checkServos`. */
interface FeetechEntry extends ServoLine {
  readonly series?: "sts" | "scs" | undefined;
  readonly spanDegrees?: number | undefined;
}

export const feetechSchema = v.strictObject({
  ...lineEntries(feetechIdMax, scsSpeedMost),
  series: v.optional(v.picklist(["sts", "scs"], "give sts or scs")),
  // No potentiometer turns further, and the scale of a wrong unit is out of this.
  spanDegrees: v.optional(v.pipe(number, v.minValue(90), v.maxValue(360))),
}) as v.GenericSchema<unknown, FeetechEntry>;

/** `link.dynamixel` of a robot file. */
export const dynamixelSchema = v.strictObject({
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
}) as v.GenericSchema<unknown, DynamixelLine>;

/** The line of an entry in which `checkServos` finds no fault. */
export function feetechLineOf({ series, spanDegrees, ...line }: FeetechEntry): FeetechLine {
  if (series !== "scs") return series === undefined ? line : { ...line, series };
  // A file that lacks it is refused, and what else is wrong there is no more than with it.
  return { ...line, series, spanDegrees: spanDegrees ?? 300 };
}

/** Told of what is wrong, and where. */
type Fail = (keys: readonly (string | number)[], line: string) => void;

/** What no schema of one servo can see. */
export function checkServos(
  {
    feetech,
    dynamixel,
  }: { readonly feetech?: FeetechEntry | undefined; readonly dynamixel?: ServoLine | undefined },
  limits: Readonly<Record<string, Partial<ActionLimit>>>,
  fail: Fail,
): void {
  const family = feetech === undefined ? "dynamixel" : "feetech";
  const { servos } = (feetech ?? dynamixel)!;
  if (feetech !== undefined) checkSeries(feetech, fail);
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

/** What counts mean is the series', and of an SCS the owner's to say. */
function checkSeries({ series, spanDegrees, servos }: FeetechEntry, fail: Fail): void {
  const keys = ["link", "feetech", "spanDegrees"];
  const name = `"${keys.join(".")}"`;
  if (series !== "scs") {
    if (spanDegrees !== undefined) fail(keys, `${name}: 4096 counts are one turn: leave it out`);
    checkMost(servos, "maxSpeed", stsSpeedMost, fail);
    return;
  }
  if (spanDegrees === undefined) {
    const line = "give what counts 0 to 1023 span, 300 by the data sheet of an SCS0009";
    fail(["link", "feetech", "series"], `${name} is missing: ${line}, and measure it`);
  }
  checkMost(servos, "zeroCounts", scsCountMost, fail);
}

function checkMost(
  servos: readonly Servo[],
  key: "maxSpeed" | "zeroCounts",
  most: number,
  fail: Fail,
): void {
  servos.forEach((servo, at) => {
    const keys = ["link", "feetech", "servos", at, key];
    if (servo[key] > most) fail(keys, `"${keys.join(".")}": ${servo[key]}, at most ${most}`);
  });
}
