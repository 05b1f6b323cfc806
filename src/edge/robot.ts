import * as v from "valibot";
import type { ChannelChoice } from "../core/channel-map.ts";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { readYaml, type YamlFile } from "../core/yaml.ts";
import type { StopChoice } from "../link/device.ts";
import { type LinkChoice, servosBehind } from "../link/link.ts";
import { goalStepOf } from "../link/servo-joints.ts";
import type { JointChoice } from "../safety/joint.ts";
import { type ActionLimit, type Limits, limitsOf } from "../safety/limits.ts";
import type { SwapChoice } from "./lineup.ts";
import type { RealTimeChoice } from "./real-time.ts";
import { channelsSchema, checkChannels } from "./robot-channels.ts";
import { type ControlChoice, controlSchema, controlSpecOfRobot } from "./robot-control.ts";
import { type FallbackWords, fallbackEntries, fallbackOf } from "./robot-hold.ts";
import { jointsSchema } from "./robot-joints.ts";
import { checkSchema, Mistakes } from "./robot-mistakes.ts";
import { checkMotors, moteusSchema, odriveSchema } from "./robot-motors.ts";
import { mqttSchema } from "./robot-mqtt.ts";
import { checkServos, dynamixelSchema, feetechLineOf, feetechSchema } from "./robot-servos.ts";
import { type Setpoint, specOfDevice } from "./setpoints.ts";
import type { StartChoice } from "./start.ts";
import type { MissPolicy } from "./tick.ts";

const number = v.pipe(v.number("give a number"), v.finite("give a finite number"));
const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const milliseconds = v.pipe(number, v.minValue(1), v.maxValue(1000));

const limitSchema = v.strictObject({
  low: v.optional(number),
  high: v.optional(number),
  rateMax: v.optional(number),
  accelerationMax: v.optional(number),
});

const flag = v.boolean("give true or false");
const serialSchema = v.strictObject({
  path: text,
  baud: v.optional(v.pipe(number, v.integer("give a whole number"), v.minValue(300)), 1_000_000),
  plain: v.optional(flag),
});

const stopSchema = v.union(
  [v.literal("ramp_to_zero"), v.literal("off"), v.strictObject({ hold: text })],
  "give ramp_to_zero, off or { hold: <observation> }",
);

const setpointSchema = v.pipe(
  v.objectWithRest({ seconds: v.pipe(number, v.minValue(0)) }, number),
  v.check((row) => Object.keys(row).length > 1, "give at least one channel"),
  v.transform(({ seconds, ...values }) => ({ seconds, values })),
);

/** The way home goes as fast where nothing else is said, and no joint is slower. */
const homeSpeed = 0.5;
const startSchema = v.strictObject({
  home: v.optional(v.record(v.string(), number)),
  // Slower than this nobody waits for, and a step of it may be lost in a float.
  speed: v.optional(v.pipe(number, v.minValue(0.01))),
  near: v.optional(v.pipe(number, v.gtValue(0))),
  softSeconds: v.optional(v.pipe(number, v.minValue(0), v.maxValue(60)), 1),
});

const swapSchema = v.strictObject({
  blendSeconds: v.optional(v.pipe(number, v.minValue(0), v.maxValue(60)), 0.5),
  watchSeconds: v.optional(v.pipe(number, v.minValue(0), v.maxValue(3600)), 10),
  limitedMax: v.optional(v.pipe(number, v.minValue(0), v.maxValue(1)), 0.25),
});

const linkSchema = v.strictObject({
  serial: v.optional(serialSchema),
  mqtt: v.optional(mqttSchema),
  feetech: v.optional(feetechSchema),
  dynamixel: v.optional(dynamixelSchema),
  odrive: v.optional(odriveSchema),
  moteus: v.optional(moteusSchema),
});

const robotSchema = v.strictObject({
  robot: v.pipe(text, v.regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "give a name like arm-1: a-z 0-9 _ -")),
  link: linkSchema,
  policy: v.optional(text),
  trust: v.optional(
    v.pipe(
      v.array(text, "give a list of public keys, or of their files"),
      v.minLength(1, "give at least one public key; without trust every policy is run"),
    ),
  ),
  channels: v.optional(channelsSchema),
  control: v.optional(controlSchema, {}),
  limits: v.optional(v.record(v.string(), limitSchema), {}),
  joints: v.optional(jointsSchema),
  stops: v.optional(v.record(v.string(), stopSchema)),
  setpoints: v.optional(v.array(setpointSchema, "give a list of setpoints"), []),
  start: v.optional(startSchema),
  commandTtlMs: v.optional(milliseconds),
  observationAgeMs: v.optional(milliseconds),
  onMiss: v.optional(v.picklist(["coast", "hold", "stop"], "give coast, hold or stop"), "coast"),
  ...fallbackEntries,
  swap: v.optional(swapSchema, {}),
  realTime: v.optional(
    v.picklist(["auto", "off", "required"], "give auto, off or required"),
    "auto",
  ),
  log: v.optional(v.strictObject({ directory: v.optional(text, "logs") }), {}),
});

/** A robot as its owner describes it: `robot.yaml`, with the defaults filled in. */
export interface Robot extends FallbackWords {
  /** Where it was read, for messages. */
  readonly path: string;
  readonly robot: string;
  readonly link: LinkChoice;
  /** Path of the policy's file; undefined where the command line has to say. */
  readonly policy: string | undefined;
  /** Public keys or their files, one of which must have signed a policy; undefined: none. */
  readonly trust: readonly string[] | undefined;
  /** The channels of the device, where they are not the policy's; undefined: they are. */
  readonly channels: ChannelChoice | undefined;
  /** How often the loop turns, and what it does between two answers of the policy. */
  readonly control: ControlChoice;
  readonly limits: Readonly<Record<string, Partial<ActionLimit>>>;
  /** What each action moves, by channel: all of them; undefined: not described. */
  readonly joints: Readonly<Record<string, JointChoice>> | undefined;
  /** How each actuator is to stop, by channel; undefined: as the device itself says. */
  readonly stops: Readonly<Record<string, StopChoice>> | undefined;
  /** What the host puts into the observation; empty: nothing. */
  readonly setpoints: readonly Setpoint[];
  /** How the policy comes to drive; undefined: at once. */
  readonly start: StartChoice | undefined;
  /** How long the device may act on one command; undefined: two of the policy's periods or 100. */
  readonly commandTtlMs: number | undefined;
  /** How old an observation may be; undefined for two of the policy's periods. */
  readonly observationAgeMs: number | undefined;
  /** What to do in the first cycle after some that were skipped. */
  readonly onMiss: MissPolicy;
  /** How one policy takes over from another while the robot runs. */
  readonly swap: {
    readonly blendSeconds: number;
    readonly watchSeconds: number;
    /** Share of the watched cycles that the gate may bound. */
    readonly limitedMax: number;
  };
  /** Whether the control thread asks to go before other programs. */
  readonly realTime: RealTimeChoice;
  readonly log: { readonly directory: string };
}

/**
 * Reads the text of a robot file. Throws `SinewError("robot-file")` with line and column for bad
 * YAML, a value out of its range, or a key that does not exist.
 */
export function parseRobot(source: string, path: string): Robot {
  const { robot, mistakes } = checkRobot(readYaml(source, path), path);
  const [first, ...others] = mistakes.list();
  if (robot !== null && first === undefined) return robot;
  const many = `(and ${others.length} more: npx sinew run ${path} --dry-run tells all)`;
  const line = others.length === 0 ? first.message : `${first.message} ${many}`;
  throw new SinewError("robot-file", `${path}:${first.line}:${first.column}: ${line}`);
}

/** The robot of `file` and what is wrong there; null where that is too much to go on. */
export function checkRobot(
  file: YamlFile,
  path: string,
): { readonly robot: Robot | null; readonly mistakes: Mistakes } {
  const mistakes = new Mistakes(file);
  const output = mistakes.none ? checkSchema(robotSchema, file, mistakes) : null;
  if (output === null) return { robot: null, mistakes };
  if (Object.keys(output.link).length !== 1) {
    const known = Object.keys(linkSchema.entries).join(", ");
    mistakes.add(["link"], `link: give exactly one of ${known}`);
    return { robot: null, mistakes };
  }
  const fail = (keys: readonly (string | number)[], line: string): void => mistakes.add(keys, line);
  const robot = robotOf(output, path, fail);
  checkChannels(robot, null, mistakes);
  return { robot, mistakes };
}

/** The robot of a file that keeps the schema; `fail` is told what no schema can see. */
function robotOf(
  output: v.InferOutput<typeof robotSchema>,
  path: string,
  fail: (keys: readonly (string | number)[], line: string) => void,
): Robot {
  const { robot, link, policy, trust, limits, joints, stops, setpoints, log } = output;
  const { channels, commandTtlMs, control, observationAgeMs, onMiss, realTime, swap } = output;
  const hasServos = link.feetech !== undefined || link.dynamixel !== undefined;
  if (hasServos && stops !== undefined) {
    fail(["stops"], "stops: servos hold their place on a stop: leave it out");
  }
  const choices = limits as Robot["limits"];
  const untied = untiedOf(choices, joints ?? {});
  if (hasServos) checkServos(link, untied, fail);
  if (link.odrive !== undefined) {
    checkMotors(["link", "odrive", "axes"], "axis", link.odrive, untied, fail);
  }
  if (link.moteus !== undefined) {
    checkMotors(["link", "moteus", "motors"], "id", link.moteus, untied, fail);
  }
  const choice = choiceOf(link, robot);
  const start = startOf(output.start, choice, fail);
  const times = { commandTtlMs, observationAgeMs, onMiss, realTime, swap };
  return {
    ...{ path, robot, link: choice, policy, trust, control, limits: choices, joints, stops },
    ...{ channels, setpoints, start, ...times, ...fallbackOf(output, fail), log },
  };
}

function choiceOf(link: v.InferOutput<typeof linkSchema>, robot: string): LinkChoice {
  const { serial, mqtt, feetech, dynamixel, odrive, moteus } = link;
  if (feetech !== undefined) return { feetech: feetechLineOf(feetech) };
  if (dynamixel !== undefined) return { dynamixel };
  if (odrive !== undefined) return { odrive };
  if (moteus !== undefined) return { moteus };
  return mqtt === undefined ? { serial: serial! } : { mqtt: { ...mqtt, robot } };
}

/** A start whose way home no joint is too slow for. */
function startOf(
  start: v.InferOutput<typeof startSchema> | undefined,
  link: LinkChoice,
  fail: (keys: readonly (string | number)[], line: string) => void,
): StartChoice | undefined {
  if (start === undefined) return undefined;
  const joints = jointsOf(link);
  const slowest = Math.min(...joints.map(({ maxSpeed }) => maxSpeed));
  const { home, speed = Math.min(homeSpeed, slowest) } = start;
  if (home !== undefined && speed > slowest) {
    const { joint } = joints.find(({ maxSpeed }) => maxSpeed === slowest)!;
    const most = `${joint} has maxSpeed ${slowest}, so give that at most`;
    fail(["start", "speed"], `"start.speed" is ${speed}: ${most}`);
  }
  return { ...(start as StartChoice), speed };
}

/** Those whose goals the host itself moves by their own speed, rad/s. */
function jointsOf(
  link: LinkChoice,
): readonly { readonly joint: string; readonly maxSpeed: number }[] {
  if ("feetech" in link) return link.feetech.servos;
  if ("dynamixel" in link) return link.dynamixel.servos;
  if ("odrive" in link) return link.odrive.motors;
  return "moteus" in link ? link.moteus.motors : [];
}

/** The same, and how fast the goals of each go in cycles of `periodUs`: by whole counts a cycle. */
function drivenJointsOf(link: LinkChoice, periodUs: number): ReturnType<typeof jointsOf> {
  if (!("feetech" in link || "dynamixel" in link)) return jointsOf(link);
  const { family, line } = servosBehind(link);
  return line.servos.map((servo) => {
    const { counts, radPerS } = goalStepOf(servo, family.scale, periodUs);
    // With less than one count a cycle no device is opened, which says so by itself.
    return { joint: servo.joint, maxSpeed: counts < 1 ? servo.maxSpeed : radPerS };
  });
}

/** The limits of what no joint with ends tells the place of: the gate counts it from 0. */
function untiedOf(
  limits: Robot["limits"],
  joints: Readonly<Record<string, JointChoice>>,
): Robot["limits"] {
  return Object.fromEntries(Object.entries(limits).filter(([name]) => !isTied(joints, name)));
}

/** Whether that action's joint has ends, and so an observation that tells its place. */
function isTied(joints: Readonly<Record<string, JointChoice>>, action: string): boolean {
  return joints[action] !== undefined && !joints[action].unlimited;
}

/**
 * The result of `body`, which holds the robot file against a policy. A mistake that it finds names
 * the file.
 */
export function ofRobotFile<Value>(robot: Robot, body: () => Value): Value {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof SinewError) || error.code !== "robot-file") throw error;
    throw new SinewError("robot-file", `${robot.path}: ${error.message}`, { cause: error });
  }
}

/**
 * What the gate may let through in a cycle of this robot's loop, where a policy of `spec` drives
 * it. Throws `SinewError("robot-file")`, see `limitsOf` and `decimationOfRobot`.
 */
export function limitsOfRobot(robot: Robot, spec: Spec): Limits {
  const { observationAgeMs: ageMs, joints } = robot;
  const loop = controlSpecOfRobot(robot, spec);
  // What the host itself observes is no joint.
  return limitsOf(specOfDevice(loop, robot.setpoints), {
    action: { ...robot.limits, ...speedsOf(robot, loop) },
    // A loop that turns faster makes no policy need newer data than it did.
    ageUsMax: ageMs === undefined ? 2 * spec.periodUs : ageMs * 1000,
    ...(joints !== undefined && { joints, actsUs: commandTtlUs(robot, spec) }),
  });
}

/**
 * The limits of those whose goals the host moves by a speed of their own, where their joints have
 * ends: what the gate brakes before an end must be what is sent.
 */
function speedsOf(
  { link, limits, joints = {} }: Robot,
  { periodUs }: Pick<Spec, "periodUs">,
): Robot["limits"] {
  const speeds = drivenJointsOf(link, periodUs).map(({ joint, maxSpeed }) => {
    const name = `${joint}_position`;
    const { rateMax = maxSpeed, ...limit } = limits[name] ?? {};
    return [name, { ...limit, rateMax: Math.min(rateMax, maxSpeed) }] as const;
  });
  return Object.fromEntries(speeds.filter(([name]) => isTied(joints, name)));
}

/** Whether robot.yaml may say how fast that action may change: a servo's goal has its maxSpeed. */
export function hasRateMax(link: LinkChoice, action: string): boolean {
  if ("feetech" in link || "dynamixel" in link) return false;
  return !(("odrive" in link || "moteus" in link) && action.endsWith("_position"));
}

/** How one policy of `spec` takes over from another: a blend in answers, a watch in cycles. */
export function swapOfRobot(robot: Robot, spec: Spec): SwapChoice {
  const { blendSeconds, watchSeconds, limitedMax } = robot.swap;
  return {
    blendCycles: Math.round((blendSeconds * 1e6) / spec.periodUs),
    watchCycles: Math.round((watchSeconds * 1e6) / controlSpecOfRobot(robot, spec).periodUs),
    limitedMax,
  };
}

/** How long the device may act on one command of a policy of `spec`, in microseconds. */
export function commandTtlUs(robot: Robot, spec: Spec): number {
  return robot.commandTtlMs === undefined
    ? Math.min(100_000, 2 * spec.periodUs)
    : robot.commandTtlMs * 1000;
}
