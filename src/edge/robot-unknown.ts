import { readYaml } from "../core/yaml.ts";
import { type Robot, robotIn } from "./robot.ts";
import { unknown } from "./robot-mistakes.ts";

/** A robot file that is not yet whole. */
export interface UnfinishedRobot {
  /** With a stand-in for each number that is unknown: nothing to be driven by a policy. */
  readonly robot: Robot;
  /** Where a stand-in stands. */
  readonly unknowns: readonly (readonly (string | number)[])[];
  /** `path:line` of the value under `keys`, or of what is nearest around it. */
  lineOf(keys: readonly (string | number)[]): string;
}

/**
 * Reads a robot file in which numbers of the names in `standIns` may be `unknown`: for what finds
 * them out. Throws `SinewError("robot-file")` as `parseRobot`, for all else that is unknown, too.
 */
export function parseUnfinishedRobot(
  source: string,
  path: string,
  standIns: Readonly<Record<string, number>>,
): UnfinishedRobot {
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
  const robot = robotIn({ ...file, value: filled(file.value, []) }, path);
  return { robot, unknowns, lineOf: (keys) => `${path}:${file.positionOf(keys).line}` };
}
