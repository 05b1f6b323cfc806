import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { parseYaml } from "../core/yaml.ts";
import { commands } from "../edge/commands.ts";
import { parseRobot } from "../edge/robot.ts";
import type { StopRule } from "../wire/device-contract.ts";
import { DeviceReason } from "../wire/messages.ts";
import { stopRulesOf } from "../wire/stop-choice.ts";
import { driven } from "./driven.ts";
import { directionOf, type Fault, faultKinds, uselessness } from "./fault.ts";
import { policyWords } from "./host-policy.ts";

/** What somebody asks of the running host, as by `npx sinew ctl`. */
export interface Order {
  /** Seconds since the device was armed. */
  readonly at: number;
  /** A command's name, as `npx sinew ctl` knows it. */
  readonly order: string;
  /** For `shadow`: as a scenario's `policy`. */
  readonly policy: string | null;
  /** A regular expression over why the run says no; null where it is to say yes. */
  readonly no: string | null;
  /** Why it may say no where it may say yes, too: what is asked can be undone before the answer. */
  readonly orNo: string | null;
}

/** Keys of a robot file. */
export type RobotKeys = Readonly<Record<string, unknown>> & {
  readonly robot: string;
  readonly commandTtlMs: number;
};

/** One experiment on a board, as its YAML file describes it, with the defaults filled in. */
export interface Scenario {
  /** The file's name without its ending. */
  readonly name: string;
  readonly about: string;
  /** What the board drives: a name of `driven`, or the path of a firmware image. */
  readonly drives: string;
  /** One of `policyWords`, or the path of a policy file. */
  readonly policy: string;
  /**
   * Where its robot file says whom it trusts: the policy's signature, `other` that of the trained
   * one. Null: it says nothing.
   */
  readonly signature: "good" | "none" | "other" | null;
  /** How the host reaches the device; `mqtt` by a broker and a bridge of the rig's own. */
  readonly link: "serial" | "mqtt";
  /** How long the host drives, unless something ends it. */
  readonly seconds: number;
  /** Of its robot file, but for the keys that are the rig's own. */
  readonly robot: RobotKeys;
  readonly fault: Fault | null;
  /** By their times. */
  readonly orders: readonly Order[];
  /** Afterwards a second host arms, without a reset. */
  readonly again: boolean;
  readonly expect: {
    /** It drives until its time is over; something stops it before; it is never armed. */
    readonly end: "drives" | "stopped" | "refused";
    /** Words of `DeviceReason`, one of which is why the device stopped; none: whatever it is. */
    readonly reason: readonly string[];
    /** A regular expression over what the host says. */
    readonly says: string | null;
    /**
     * So many times it is held, and each time brought back to where the observation of this name
     * was as that began. Null: nothing is asked of that.
     */
    readonly holds: { readonly times: number; readonly brings: string } | null;
    /**
     * For its last seconds the observation of this name is from low to high, in its unit, where it
     * drives to the end. Null: nothing is asked of where it comes to.
     */
    readonly settles: {
      readonly channel: string;
      readonly low: number;
      readonly high: number;
      readonly seconds: number;
    } | null;
    /** To the beginning of a stop; from the last expiry, or from the fault where the host does. */
    readonly withinMs: number;
    /**
     * From the fault or the first order on, what an actuator is told changes by no more from one
     * command to the next, in its unit; null: by as much as it likes.
     */
    readonly stepMax: number | null;
  };
}

const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const positive = v.pipe(number, v.gtValue(0, "give a number above 0"));
const flag = v.boolean("give true or false");
const pattern = v.pipe(text, v.check(isPattern, "give a regular expression"));

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

/** What is tried are faults: a machine that stalls for 50 ms now and then is not one. */
const patientMs = 250;
/** The robot that the rig's bridge serves. */
export const hilRobot = "hil";
/** The rig's own; and it judges a device by the channels of its policy. */
const ownKeys: readonly string[] = ["link", "trust", "log", "policy", "channels"];
const names: readonly string[] = Object.keys(driven);

const policy = v.pipe(
  text,
  v.check(
    (word) => policyWords.includes(word) || word.endsWith(".onnx"),
    `give one of ${policyWords.join(", ")}, or a file that ends with .onnx`,
  ),
);

const faultSchema = v.strictObject({
  kind: oneOf(faultKinds),
  on: v.optional(oneOf(["to_device", "from_device", "both"])),
  share: v.optional(v.pipe(positive, v.maxValue(1, "give a share of at most 1")), 1),
  ms: v.optional(positive, 150),
  from: v.optional(v.pipe(number, v.minValue(0)), 1),
  to: v.optional(positive, 1e6),
});

const orderSchema = v.strictObject({
  at: v.pipe(number, v.minValue(0)),
  order: oneOf(commands.map(({ name }) => name)),
  policy: v.optional(v.nullable(policy), null),
  no: v.optional(v.nullable(pattern), null),
  orNo: v.optional(v.nullable(pattern), null),
});

const reason = v.picklist(Object.keys(DeviceReason));
const why = `give one of ${Object.keys(DeviceReason).join(", ")}, or a list of them`;

const scenarioSchema = v.strictObject({
  about: text,
  drives: v.optional(
    v.pipe(
      text,
      v.check(
        (word) => names.includes(word) || isImage(word),
        `give one of ${names.join(", ")}, or a file that ends with .bin`,
      ),
    ),
    "pendulum",
  ),
  policy: v.optional(policy, "sound"),
  signature: v.optional(v.nullable(oneOf(["good", "none", "other"])), null),
  link: v.optional(oneOf(["serial", "mqtt"]), "serial"),
  seconds: v.optional(v.pipe(positive, v.maxValue(600)), 2.5),
  robot: v.optional(
    v.objectWithRest(
      {
        robot: v.optional(text, hilRobot),
        commandTtlMs: v.optional(positive, patientMs),
        observationAgeMs: v.optional(positive, patientMs),
      },
      v.unknown(),
    ),
    {},
  ),
  fault: v.optional(v.nullable(faultSchema), null),
  orders: v.optional(v.array(orderSchema, "give a list of orders"), []),
  again: v.optional(flag, false),
  expect: v.strictObject({
    end: oneOf(["drives", "stopped", "refused"]),
    reason: v.optional(
      v.union(
        [
          v.pipe(
            reason,
            v.transform((one) => [one]),
          ),
          v.array(reason),
        ],
        why,
      ),
      [],
    ),
    holds: v.optional(
      v.nullable(
        v.strictObject({ times: v.pipe(positive, v.integer("give a whole number")), brings: text }),
      ),
      null,
    ),
    settles: v.optional(
      v.nullable(v.strictObject({ channel: text, low: number, high: number, seconds: positive })),
      null,
    ),
    says: v.optional(v.nullable(pattern), null),
    withinMs: v.optional(positive, 100),
    stepMax: v.optional(v.nullable(positive), null),
  }),
});

/** Whether a board that drives `what` is given a firmware image of somebody's own. */
export function isImage(what: string): boolean {
  return what.endsWith(".bin");
}

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
  const { fault, orders, ...rest } = result.output;
  // A file's own paths are relative to it.
  const located = (word: string): string =>
    word.endsWith(".onnx") || isImage(word) ? resolve(dirname(path), word) : word;
  const scenario: Scenario = {
    ...{ name, ...rest, drives: located(rest.drives), policy: located(rest.policy) },
    fault: fault === null ? null : { ...fault, on: fault.on ?? directionOf(fault.kind) },
    orders: orders
      .map((one) => ({ ...one, policy: one.policy === null ? null : located(one.policy) }))
      .sort((a, b) => a.at - b.at),
  };
  const mistake = mistakeIn(scenario);
  if (mistake === null) return scenario;
  throw new SinewError("robot-file", `${file.placeOf(mistake.keys)}: ${mistake.why}`);
}

interface Mistake {
  readonly keys: readonly (string | number)[];
  readonly why: string;
}

/** What no schema can see. */
function mistakeIn(scenario: Scenario): Mistake | null {
  const { fault, orders, seconds, robot, expect, drives, policy } = scenario;
  const useless = fault === null ? null : uselessness(fault, seconds);
  if (useless !== null) return { keys: ["fault"], why: useless };
  for (const [at, one] of orders.entries()) {
    const why = orderMistake(one, seconds, drives);
    if (why !== null) return { keys: ["orders", at], why };
  }
  if (!canDrive(policy, drives)) return { keys: ["policy"], why: notFor(policy) };
  if (expect.end === "stopped" && expect.reason.length === 0) {
    return { keys: ["expect"], why: "say the reason of the stop, a word of the device's" };
  }
  if (expect.end === "refused" && expect.says === null) {
    return { keys: ["expect"], why: "say what the host says when it is refused" };
  }
  if (expect.settles !== null && expect.end !== "drives") {
    return {
      keys: ["expect", "settles"],
      why: "only who drives to the end settles: say end: drives",
    };
  }
  const own = ownKeys.find((key) => key in robot);
  if (own !== undefined) return { keys: ["robot", own], why: `"robot.${own}" is the rig's own` };
  try {
    rulesOf(scenario, driven[drives] ?? null);
    return null;
  } catch (error) {
    return { keys: ["robot"], why: messageOf(error) };
  }
}

function orderMistake(
  { at, order, policy, no, orNo }: Order,
  seconds: number,
  drives: string,
): string | null {
  if (at >= seconds) return `an order at ${at} s comes when the host's ${seconds} s are over`;
  if (order === "shadow" && policy === null) return "say which policy is to be in the shadow";
  if (order !== "shadow" && policy !== null) return `"${order}" takes no policy`;
  if (no !== null && orNo !== null) return 'give "no", or "orNo" where a yes is right, too';
  return policy === null || canDrive(policy, drives) ? null : notFor(policy);
}

/** Policies with a word are the pendulum's, but for a sound one of each, and the motor's `nan`. */
function canDrive(policy: string, drives: string): boolean {
  if (!policyWords.includes(policy) || drives === "pendulum") return true;
  if (policy === "nan" && drives === "torque-motor") return true;
  return policy === "sound" && drives in driven;
}

function notFor(policy: string): string {
  return `"${policy}" is a policy for the pendulum: give a file that ends with .onnx`;
}

/**
 * How each action of `spec` is to stop by the scenario's robot file; null: of nothing, the file is
 * only looked at. Throws `SinewError("robot-file")` where it is none, or does not say.
 */
export function rulesOf(
  { robot }: Pick<Scenario, "robot">,
  spec: Spec | null,
): readonly StopRule[] {
  const somewhere = { serial: { path: "/dev/null" } };
  const { stops = {} } = parseRobot(JSON.stringify({ ...robot, link: somewhere }), "robot.yaml");
  return spec === null ? [] : stopRulesOf(spec, stops);
}
