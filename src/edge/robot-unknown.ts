import { readYaml } from "../core/yaml.ts";
import { checkRobot, type Robot } from "./robot.ts";
import { type Mistakes, unknown } from "./robot-mistakes.ts";

/** A robot file that is not yet whole. */
export interface UnfinishedRobot {
  /** With a stand-in for each number that is unknown: nothing to be driven by a policy. */
  readonly robot: Robot;
  /** Where a stand-in stands. */
  readonly unknowns: readonly (readonly (string | number)[])[];
  /** `path:line` of the value under `keys`, or of what is nearest around it. */
  lineOf(keys: readonly (string | number)[]): string;
}

/** What there is of such a file. */
export interface CheckedUnfinished {
  /** null where too much is wrong to go on. */
  readonly file: UnfinishedRobot | null;
  readonly mistakes: Mistakes;
}

/**
 * The robot of a file in which numbers of the names in `standIns` may be `unknown`, for what finds
 * them out, and what is wrong there, as `checkRobot`: all else that is unknown, too.
 */
export function checkUnfinishedRobot(
  source: string,
  path: string,
  standIns: Readonly<Record<string, number>>,
): CheckedUnfinished {
  const file = readYaml(source, path);
  const unknowns: (string | number)[][] = [];
  const filled = (value: unknown, keys: readonly (string | number)[]): unknown => {
    if (Array.isArray(value)) return value.map((inner, at) => filled(inner, [...keys, at]));
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value);
      return Object.fromEntries(
        entries.map(([key, inner]) => [key, filled(inner, [...keys, key])]),
      );
    }
    const name = String(keys.at(-1));
    if (value !== unknown || !Object.hasOwn(standIns, name)) return value;
    unknowns.push([...keys]);
    return standIns[name];
  };
  const { robot, mistakes } = checkRobot({ ...file, value: filled(file.value, []) }, path);
  if (robot === null) return { file: null, mistakes };
  const lineOf: UnfinishedRobot["lineOf"] = (keys) => `${path}:${file.positionOf(keys).line}`;
  return { file: { robot, unknowns, lineOf }, mistakes };
}
