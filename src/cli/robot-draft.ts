import type { ChannelChoice } from "../core/channel-map.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { unknown } from "../edge/robot-mistakes.ts";
import { shortOf } from "../edge/wiggle.ts";
import type { ServoSeries } from "../link/servo-family.ts";
import { placeUnits } from "../safety/joint.ts";
import { channelLines } from "./channel-draft.ts";

/** The links that a draft can have. */
export const draftLinks = ["serial", "feetech", "dynamixel", "odrive", "moteus"] as const;
export type DraftLink = (typeof draftLinks)[number];

/** What is known of a robot whose file is to be written. */
export interface RobotDraft {
  readonly robot: string;
  /** Path of the policy's file. */
  readonly policy: string;
  /** What its device is to observe and do, and what the host supplies. */
  readonly spec: Spec;
  readonly link: DraftLink;
  /** Of the servos that answered; null: no servo did. */
  readonly series: ServoSeries | null;
  readonly port: string;
  /** bits/s */
  readonly baud: number;
  /** Of each action in order, which servo or drive; null: nobody knows. */
  readonly ids: readonly (number | null)[];
  /** What lies before moteus drives; null: nobody knows. */
  readonly adapter: "fdcanusb" | "uart" | null;
  /** The observations that the robot tells. */
  readonly told: readonly string[];
  /** What firmware calls them, where names or order are others; null: as the policy does. */
  readonly channels: ChannelChoice | null;
  /** Whether the arm goes to 0 rad in each joint before the policy drives. */
  readonly goesHome: boolean;
}

/**
 * The text of the robot file. What is not known stands there as `unknown`, which every run refuses;
 * nothing else was guessed but that ids come in the order of the actions, that a joint ends where
 * the policy may send it, and how slowly it brakes, which it says.
 */
export function draftText(draft: RobotDraft): string {
  const { robot, policy, spec } = draft;
  return [
    "# Written by npx sinew init. A run refuses this file while anything in it is unknown.",
    "# All keys: docs/robot.md. Check it: npx sinew run robot.yaml --dry-run",
    `robot: ${robot} # names the log`,
    "link: # how to reach it",
    ...linkLines(draft),
    `policy: ${JSON.stringify(policy)} # from where the command is run`,
    ...(draft.channels === null ? [] : channelLines(toldSpecOf(draft), draft.channels)),
    "limits: # the policy's own; they can be narrower, and not wider",
    ...spec.action.map(limitLine),
    ...jointLines(draft),
    ...stopLines(draft),
    ...setpointLines(draft),
    ...startLines(draft),
    "log: { directory: logs }",
    "",
  ].join("\n");
}

function linkLines(draft: RobotDraft): string[] {
  const { link, series, port, baud, adapter, spec } = draft;
  const place = [`  ${link}:`, `    path: ${JSON.stringify(port)}`, `    baud: ${baud} # bits/s`];
  if (link === "serial") return place;
  const entries = spec.action.map((action, at) => `      - ${entryOf(draft, action, at)}`);
  const guessed =
    "# ids were taken in the order of the actions: wiggle shows whether they are right";
  if (link === "feetech" || link === "dynamixel") {
    const watch = link === "dynamixel" ? [watchdogLine(spec, 20)] : [];
    const own = series === "scs" ? scsLines : [];
    return [...place, ...own, ...watch, `    servos: ${guessed}`, ...servoHints, ...entries];
  }
  const through =
    link === "moteus" ? [`    adapter: ${adapter ?? unknown} # fdcanusb or uart`] : [];
  const list = link === "odrive" ? "axes" : "motors";
  const watch = watchdogLine(spec, 10);
  return [...place, ...through, watch, `    ${list}: ${guessed}`, ...motorHints, ...entries];
}

const scsLines = [
  "    series: scs # SCS0009",
  "    # spanDegrees: what counts 0 to 1023 span, 300 by the data sheet of an SCS0009: measure it.",
  `    spanDegrees: ${unknown}`,
];

const servoHints = [
  "      # zeroCounts: what the encoder tells at 0 rad; npx sinew calibrate robot.yaml says it.",
  "      # sign: 1 where more counts mean more rad, else -1; npx sinew wiggle shows it.",
  "      # maxSpeed: rad/s, slow to begin with.",
];

const motorHints = [
  "      # zeroTurns: what the drive tells at 0 rad. gear: its turns for one of the joint.",
  "      # sign: 1 where more turns mean more rad, else -1; npx sinew wiggle shows it.",
  "      # maxSpeed: rad/s of a position's goal, slow to begin with.",
];

/** A computer that is late for less than this does not stop the robot by it. */
const silentPeriods = 5;

/** In steps of `stepMs`, and 100 ms at least. */
function watchdogLine({ periodUs }: Spec, stepMs: number): string {
  const silenceMs = Math.ceil((silentPeriods * periodUs) / 1000 / stepMs) * stepMs;
  return `    watchdogMs: ${Math.max(100, silenceMs)} # it stops by itself after so long a silence`;
}

function entryOf({ link, ids }: RobotDraft, { name }: Channel, at: number): string {
  const id = ids[at] ?? unknown;
  const joint = `joint: ${shortOf(name)}`;
  if (link === "feetech" || link === "dynamixel") {
    const rest = `zeroCounts: ${unknown}, sign: ${unknown}, maxSpeed: 0.5`;
    return `{ id: ${id}, ${joint}, ${rest} }`;
  }
  const rest = `zeroTurns: ${unknown}, gear: ${unknown}, sign: ${unknown}, maxSpeed: 0.5`;
  return `{ ${link === "odrive" ? "axis" : "id"}: ${id}, ${joint}, ${rest} }`;
}

function limitLine({ name, unit, low, high }: Channel): string {
  return `  ${name}: { low: ${low}, high: ${high} } # ${unit}`;
}

/** Slow to brake, so that every joint does, in each unit of a place per second squared. */
const cautious: Readonly<Record<string, number>> = { rad: 1, deg: 60, turns: 0.2, m: 0.1, mm: 100 };

/** A file says of all joints how they end, or of none; of none only where all push. */
function jointLines({ spec, told }: RobotDraft): string[] {
  const { action } = spec;
  const observation = spec.observation.filter(({ name }) => told.includes(name));
  if (action.every((channel) => placeUnitOf(channel) === null)) {
    return [
      "# joints: # where each joint ends and how it brakes, of all of them: docs/robot.md#joints",
      "#   Without it nothing brakes before the ends of a joint, and each run says so.",
    ];
  }
  return [
    "joints: # what tells of each, where it ends and how it brakes: docs/robot.md#joints",
    "  # low and high: leave room to where it hits something. One that turns for ever has nothing",
    "  # but unlimited: true. deceleration: cautious to begin with, the unit per second squared.",
    ...action.map((channel) => `  ${channel.name}: { ${jointEntry(channel, observation)} }`),
  ];
}

function jointEntry(action: Channel, observation: readonly Channel[]): string {
  const unit = placeUnitOf(action);
  const rate = unit === null ? null : `${unit}/s`;
  const place = seenBy(action, observation, unit, "position");
  const velocity = seenBy(action, observation, rate, "velocity");
  const { low, high } = endsOf(action, place);
  const braked = unit === null ? unknown : cautious[unit];
  const tie = `position: ${place?.name ?? unknown}, velocity: ${velocity?.name ?? unknown}`;
  return `${tie}, low: ${low}, high: ${high}, deceleration: ${braked}`;
}

/** The unit of the place to which an action sends its joint, or moves it; null: it pushes. */
function placeUnitOf({ unit }: Channel): string | null {
  return placeUnits.find((place) => unit === place || unit === `${place}/s`) ?? null;
}

/** What tells of an action's joint in `unit`, by its name; undefined: nobody knows. */
function seenBy(
  { name }: Channel,
  observation: readonly Channel[],
  unit: string | null,
  what: "position" | "velocity",
): Channel | undefined {
  const alike = observation.filter((seen) => seen.unit === unit);
  const named = alike.find((seen) => seen.name === `${shortOf(name)}_${what}`);
  if (named !== undefined) return named;
  const like = alike.filter((seen) => seen.name.startsWith(name.replace(/_[^_]*$/, "_")));
  return like.length === 1 ? like[0] : undefined;
}

/** What the policy may send it to and what is seen of it; of a velocity what is seen. */
function endsOf(action: Channel, place: Channel | undefined): { low: string; high: string } {
  if (place === undefined) return { low: unknown, high: unknown };
  const sent = action.unit === place.unit ? action : place;
  const ends = [Math.max(sent.low, place.low), Math.min(sent.high, place.high)];
  const [low, high] = ends.map((end) => (Number.isFinite(end) ? String(end) : unknown));
  return { low, high };
}

function stopLines({ link, spec }: RobotDraft): string[] {
  if (link === "serial") return ["# stops: as the device itself says; see docs/robot.md"];
  if (link === "feetech" || link === "dynamixel") return [];
  const lines = spec.action.map(({ name, unit }) => {
    return `  ${name}: ${unit === "rad" ? `{ hold: ${name} }` : "off"}`;
  });
  return ["stops: # off lets go, and an arm falls", ...lines];
}

/** What no device tells, the host supplies. */
function setpointLines(draft: RobotDraft): string[] {
  const supplied = suppliedOf(draft);
  if (supplied.length === 0) return [];
  const values = supplied.map(({ name }) => `${name}: ${unknown}`).join(", ");
  const units = supplied.map(({ name, unit }) => `${name} in ${unit}`).join(", ");
  return [
    `setpoints: # what the policy observes and the robot does not tell: ${units}`,
    `  - { seconds: 0, ${values} }`,
  ];
}

/** What the policy has of the device. */
export function toldSpecOf({ spec, told }: Pick<RobotDraft, "spec" | "told">): Spec {
  return { ...spec, observation: spec.observation.filter(({ name }) => told.includes(name)) };
}

/** The observations that the robot does not tell. */
export function suppliedOf({ spec, told }: RobotDraft): Channel[] {
  return spec.observation.filter(({ name }) => !told.includes(name));
}

function startLines({ spec, goesHome }: RobotDraft): string[] {
  const home = spec.action.map(({ name, low, high }) => {
    return `${name}: ${Math.min(high, Math.max(low, 0))}`;
  });
  const line = `home: { ${home.join(", ")} }`;
  const hint = "# home: { } # where each actuator goes first; without it the policy drives at once";
  return [
    "start: # how the policy comes to drive",
    `  ${goesHome ? line : hint}`,
    "  softSeconds: 1 # over so long the policy takes over",
  ];
}
