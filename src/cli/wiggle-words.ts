import type { Spec } from "../core/spec.ts";
import type { Robot } from "../edge/robot.ts";
import type { UnfinishedRobot } from "../edge/robot-unknown.ts";
import { shortOf, type WiggleChoice } from "../edge/wiggle.ts";
import type { WiggleVerdict } from "../edge/wiggle-verdict.ts";
import type { LinkChoice } from "../link/link.ts";

/** What came of a wiggle. */
export interface Seen {
  readonly outcome: WiggleVerdict["outcome"];
  /** The action of the joint that moved instead; null where that is not known. */
  readonly other: string | null;
  /** The observation that moved most. */
  readonly moved: string;
  /** A person saw it. Without one a servo's sign and id are not known to be right. */
  readonly byPerson: boolean;
}

/** Degrees say more to a person than radians. */
function amountOf(value: number, unit: string): string {
  if (unit === "rad") return `${((value * 180) / Math.PI).toFixed(2)} degrees`;
  if (unit === "rad/s") return `${((value * 180) / Math.PI).toFixed(2)} degrees/s`;
  return `${value.toPrecision(3)} ${unit}`;
}

/** What is about to move. */
export function planLine(spec: Spec, choice: WiggleChoice): string {
  const { at, kind, amplitude, seconds, watched, feedbackAt } = choice;
  const { name, unit } = spec.action[at];
  const others = spec.action.length > 1 ? "; the others stay as they are" : "";
  if (kind === "effort") {
    const { farMax } = watched.find((one) => one.at === feedbackAt)!;
    const far = amountOf(farMax, spec.observation[feedbackAt].unit);
    const push = `${name} is pushed by up to ${amountOf(amplitude, unit)} for ${seconds / 2} s`;
    return `${push}, or until it moved by ${far}, one way only${others}`;
  }
  const how = kind === "place" ? "moves by" : "moves at up to";
  return `${name} ${how} ${amountOf(amplitude, unit)}, there and back in ${seconds} s${others}`;
}

/** What the observations showed. */
export function seenLine(
  spec: Spec,
  { at }: WiggleChoice,
  { outcome, named, most, asked }: WiggleVerdict,
): string {
  const wanted = Number.isFinite(asked) ? ` of ${amountOf(asked, named.unit)}` : "";
  const own = `${named.name} ${amountOf(named.moved, named.unit)}${wanted}`;
  const { moved, unit, lagUs } = most;
  const late = `${(lagUs / 1000).toFixed(0)} ms behind`;
  const said = {
    right: `it followed, ${late}: ${own}`,
    reversed: `it went the other way than ${spec.action[at].name}: ${own}, ${late}`,
    other: `${most.name} went ${amountOf(moved, unit)}, ${late}; and ${own}`,
    still: `nothing moved: ${own}; has it power, and is it free to move?`,
  }[outcome];
  return `seen  ${said}`;
}

/** The joints of the other actions, as a person calls them. */
export function otherJoints(spec: Spec, { at }: WiggleChoice): string[] {
  return spec.action.filter((_, index) => index !== at).map(({ name }) => shortOf(name));
}

/** The action whose joint the observation `name` tells of; null where nobody says so. */
export function ownerOf({ joints = {} }: Robot, spec: Spec, name: string): string | null {
  const tied = Object.entries(joints).find(([, { position }]) => position === name)?.[0];
  const short = shortOf(name);
  return tied ?? spec.action.find((action) => shortOf(action.name) === short)?.name ?? null;
}

/** A servo's or a drive's place in the robot file. */
interface Entry {
  readonly keys: readonly (string | number)[];
  readonly idKey: string;
  readonly id: number;
  readonly joint: string;
  readonly sign: 1 | -1;
}

function entriesOf(link: LinkChoice): Entry[] {
  const [kind] = Object.keys(link);
  const [list, idKey, rows] =
    "feetech" in link
      ? (["servos", "id", link.feetech.servos] as const)
      : "dynamixel" in link
        ? (["servos", "id", link.dynamixel.servos] as const)
        : "odrive" in link
          ? (["axes", "axis", link.odrive.motors] as const)
          : "moteus" in link
            ? (["motors", "id", link.moteus.motors] as const)
            : (["", "", []] as const);
  return rows.map(({ id, joint, sign }, at) => {
    return { keys: ["link", kind, list, at], idKey, id, joint, sign };
  });
}

/** What to change, in the robot file or elsewhere. */
export function adviceOf(
  file: UnfinishedRobot,
  spec: Spec,
  { at, feedbackAt }: WiggleChoice,
  seen: Seen,
): string[] {
  const { name } = spec.action[at];
  const entries = entriesOf(file.robot.link);
  const own = entries.find(({ joint }) => joint === shortOf(name));
  if (own !== undefined) return entryAdvice(file, entries, own, seen);
  return firmwareAdvice(file, name, spec.observation[feedbackAt].name, seen);
}

/** Where the robot file says which servo or drive a joint has, and how it turns. */
function entryAdvice(
  { unknowns, lineOf }: UnfinishedRobot,
  entries: readonly Entry[],
  own: Entry,
  { outcome, other, byPerson }: Seen,
): string[] {
  const keys = [...own.keys, "sign"];
  const isUnknown = unknowns.some((one) => one.join() === keys.join());
  const what = `${own.idKey} ${own.id} (${own.joint})`;
  if (outcome === "still") return [];
  // Its sign turns what it is told and what it tells: neither that nor its id can be the reason.
  if (outcome !== "right" && !byPerson) {
    return [`${what} was told one thing and tells another: see to it with its maker's tool`];
  }
  if (outcome === "reversed") return [`${lineOf(keys)}: give ${what} sign: ${-own.sign}`];
  if (outcome === "other") {
    const moved = entries.find(({ joint }) => other !== null && joint === shortOf(other));
    const owner = moved === undefined ? "another joint" : moved.joint;
    const lines = [own, ...(moved === undefined ? [] : [moved])].map((entry) => {
      return lineOf([...entry.keys, entry.idKey]);
    });
    const swap = moved === undefined ? "" : `: swap the two, then wiggle both`;
    return [`${lines.join(" and ")}: ${own.idKey} ${own.id} is ${owner}, not ${own.joint}${swap}`];
  }
  if (byPerson) return isUnknown ? [`${lineOf(keys)}: give ${what} sign: ${own.sign}`] : [];
  const line = "tells its own place, so only who looks at it sees whether it is the right one";
  return [`${what} ${line} and turns the right way: wiggle it at a terminal`];
}

/** With firmware of ours between, that says which joint an action moves. */
function firmwareAdvice(
  { robot, lineOf }: UnfinishedRobot,
  name: string,
  observed: string,
  { outcome, moved, byPerson }: Seen,
): string[] {
  const isTied = robot.joints?.[name]?.position === observed;
  const place = lineOf(isTied ? ["joints", name, "position"] : ["link"]);
  if (outcome === "reversed") {
    const what = byPerson ? "turns the other way" : `is less of ${observed}`;
    return [`${place}: more of ${name} ${what}: mend the sign in the firmware`];
  }
  if (outcome !== "other") return [];
  // A map can be as wrong as the firmware.
  const map = robot.channels === undefined ? "" : `mend channels at ${lineOf(["channels"])}, or `;
  const order = `${map}mend the order in the firmware`;
  if (byPerson) return [`${place}: ${name} moves another joint: ${order}`];
  const mend = isTied ? `${map}give position: ${moved}` : order;
  return [`${place}: ${name} moves what ${moved} tells of, not ${observed}: ${mend}`];
}
