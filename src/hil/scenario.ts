import * as v from "valibot";
import { SinewError } from "../core/errors.ts";
import { parseYaml } from "../core/yaml.ts";
import { DeviceReason } from "../wire/messages.ts";

/** Faults of one direction of the line, or of what it carries. */
export type LineKind =
  | ("drop" | "duplicate" | "reorder" | "delay" | "flip" | "truncate")
  | ("nan" | "infinity" | "out_of_range" | "stuck" | "stale" | "clock_jump");
/** Faults of the host's process, of its cable or broker, of its disk; or the stop switch. */
export type HostKind =
  | ("sigkill" | "sigstop" | "block" | "unplug" | "broker" | "disk_full")
  | "stop_line";

/** A fault. Its times are seconds since the device was armed. */
export interface Fault {
  readonly kind: LineKind | HostKind;
  readonly on: "to_device" | "from_device" | "both";
  /** Of the frames, above 0 to 1. */
  readonly share: number;
  /** Of a delay, of a block, of a jump of the clock. */
  readonly ms: number;
  readonly from: number;
  readonly to: number;
}

/** One experiment on a board, as its YAML file describes it, with the defaults filled in. */
export interface Scenario {
  /** The file's name without its ending. */
  readonly name: string;
  readonly about: string;
  /** What the board's firmware drives: a name of `firmware-bridge/targets`. */
  readonly drives: "pendulum" | "torque-motor";
  readonly policy: "pendulum" | "nan" | "slow" | "other" | "corrupt";
  /**
   * Where its robot file says whom it trusts: the policy's signature, `other` that of the trained
   * one. Null: it says nothing.
   */
  readonly signature: "good" | "none" | "other" | null;
  /** How the host reaches the device; `mqtt` by a broker and a bridge of the rig's own. */
  readonly link: "serial" | "mqtt";
  /** How long the host drives, unless something ends it. */
  readonly seconds: number;
  /** Of its robot file, which may have more, as it stands there. */
  readonly robot: {
    readonly commandTtlMs: number;
    readonly observationAgeMs: number;
    readonly [key: string]: unknown;
  };
  readonly fault: Fault | null;
  /** Afterwards a second host arms, without a reset. */
  readonly again: boolean;
  readonly expect: {
    /** It drives until its time is over; something stops it before; it is never armed. */
    readonly end: "drives" | "stopped" | "refused";
    /** A word of `DeviceReason`: why the device stopped. */
    readonly reason: string | null;
    /** A regular expression over what the host says. */
    readonly says: string | null;
    /**
     * So many times it is held, and each time brought back to where the observation of this name
     * was as that began. Null: nothing is asked of that.
     */
    readonly holds: { readonly times: number; readonly brings: string } | null;
    /** To the beginning of a stop; from the last expiry, or from the fault where the host does. */
    readonly withinMs: number;
  };
}

const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const positive = v.pipe(number, v.gtValue(0, "give a number above 0"));
const share = v.pipe(positive, v.maxValue(1, "give a share of at most 1"));
const flag = v.boolean("give true or false");

function oneOf<const T extends string>(
  words: readonly T[],
): v.PicklistSchema<readonly T[], string> {
  return v.picklist(words, `give one of ${words.join(", ")}`);
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}

const faultSchema = v.strictObject({
  kind: oneOf<LineKind | HostKind>([
    ...(["drop", "duplicate", "reorder", "delay", "flip", "truncate"] as const),
    ...(["nan", "infinity", "out_of_range", "stuck", "stale", "clock_jump"] as const),
    ...(["sigkill", "sigstop", "block", "unplug", "broker", "disk_full"] as const),
    "stop_line",
  ]),
  on: v.optional(oneOf(["to_device", "from_device", "both"])),
  share: v.optional(share, 1),
  ms: v.optional(positive, 150),
  from: v.optional(v.pipe(number, v.minValue(0)), 1),
  to: v.optional(positive, 1e6),
});

/** What is tried are faults: a machine that stalls for 50 ms now and then is not one. */
const patientMs = 250;

const scenarioSchema = v.strictObject({
  about: text,
  drives: v.optional(oneOf(["pendulum", "torque-motor"]), "pendulum"),
  policy: v.optional(oneOf(["pendulum", "nan", "slow", "other", "corrupt"]), "pendulum"),
  signature: v.optional(v.nullable(oneOf(["good", "none", "other"])), null),
  link: v.optional(oneOf(["serial", "mqtt"]), "serial"),
  seconds: v.optional(v.pipe(positive, v.maxValue(600)), 2.5),
  robot: v.optional(
    // The host's own parser knows what else there may be.
    v.looseObject({
      commandTtlMs: v.optional(positive, patientMs),
      observationAgeMs: v.optional(positive, patientMs),
    }),
    {},
  ),
  fault: v.optional(v.nullable(faultSchema), null),
  again: v.optional(flag, false),
  expect: v.strictObject({
    end: oneOf(["drives", "stopped", "refused"]),
    reason: v.optional(v.nullable(oneOf(Object.keys(DeviceReason))), null),
    says: v.optional(
      v.nullable(v.pipe(text, v.check(isPattern, "give a regular expression"))),
      null,
    ),
    holds: v.optional(
      v.nullable(
        v.strictObject({ times: v.pipe(positive, v.integer("give a whole number")), brings: text }),
      ),
      null,
    ),
    withinMs: v.optional(positive, 100),
  }),
});

/**
 * Reads a scenario. Throws `SinewError("robot-file")` with line and column for bad YAML, a value
 * out of its range, or a key that does not exist.
 */
export function parseScenario(name: string, source: string, path: string): Scenario {
  const file = parseYaml(source, path, "robot-file");
  const result = v.safeParse(scenarioSchema, file.value);
  if (!result.success) {
    const issue = result.issues[0];
    const keys = (issue.path ?? []).map((item) => item.key as string);
    const unknown = issue.type === "strict_object" && issue.expected === "never";
    const key = keys.join(".");
    const why = unknown ? `unknown key "${key}"` : `"${key}": ${issue.message}`;
    throw new SinewError("robot-file", `${file.placeOf(keys)}: ${why}`);
  }
  const { fault, ...rest } = result.output;
  const whole = fault === null ? null : { ...fault, on: fault.on ?? directionOf(fault.kind) };
  if (rest.drives === "torque-motor" && rest.policy !== "nan") {
    const why = '"policy": a torque-motor is driven by "nan" alone';
    throw new SinewError("robot-file", `${file.placeOf(["policy"])}: ${why}`);
  }
  const wrong = whole === null ? null : uselessness(whole, rest.seconds);
  if (wrong !== null) throw new SinewError("robot-file", `${file.placeOf(["fault"])}: ${wrong}`);
  return { name, ...rest, fault: whole };
}

/** Sensors and their stamps come from the device. */
const fromDevice: readonly string[] = ["stuck", "stale", "clock_jump"];
/** What is put into frames is put into all of them. */
const values: readonly string[] = [...fromDevice, "nan", "infinity", "out_of_range"];

function directionOf(kind: string): Fault["on"] {
  return fromDevice.includes(kind) ? "from_device" : "to_device";
}

/** Why a fault would do nothing, or less than it says; null where it does what it says. */
function uselessness({ kind, on, share, from, to }: Fault, seconds: number): string | null {
  if (to <= from) return `a fault from ${from} to ${to} s does nothing`;
  if (from >= seconds)
    return `a fault from ${from} s on comes when the host's ${seconds} s are over`;
  if (!values.includes(kind)) return null;
  if (share !== 1) return `"${kind}" hits every frame: leave share out`;
  if (on === "both") return `"${kind}" is of one direction: say which`;
  const known = !fromDevice.includes(kind) || on === "from_device";
  return known ? null : `"${kind}" is of what comes from the device: leave on out`;
}
