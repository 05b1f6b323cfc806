import { readFileSync } from "node:fs";
import { SinewError } from "../core/errors.ts";
import type { Robot } from "../edge/robot.ts";
import type { Mistakes } from "../edge/robot-mistakes.ts";
import type { CheckedUnfinished } from "../edge/robot-unknown.ts";

/**
 * The robot of the file at `path` and all that is wrong there; null where that is too much to go
 * on. Throws `SinewError("robot-file")` where it cannot be read.
 */
export async function checkRobotFile(
  path: string,
): Promise<{ readonly robot: Robot | null; readonly mistakes: Mistakes }> {
  const { readYaml } = await import("../core/yaml.ts");
  const { checkRobot } = await import("../edge/robot.ts");
  return checkRobot(readYaml(robotText(path), path), path);
}

/** The same of one that may have unknown numbers, see `checkUnfinishedRobot`. Throws as above. */
export async function checkUnfinishedFile(
  path: string,
  standIns: Readonly<Record<string, number>>,
): Promise<CheckedUnfinished> {
  const { checkUnfinishedRobot } = await import("../edge/robot-unknown.ts");
  return checkUnfinishedRobot(robotText(path), path, standIns);
}

/** The text of a robot file. Throws `SinewError("robot-file")` where it cannot be read. */
export function robotText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new SinewError("robot-file", `${path} cannot be read: see docs/robot.md for an example`, {
      cause: error,
    });
  }
}

/**
 * The path of the policy: what the command line says, else what the robot file does. Throws
 * `SinewError("usage")` where neither does.
 */
export function chosenPolicy(option: string | undefined, robot: Robot, path: string): string {
  const chosen = option ?? robot.policy;
  if (chosen !== undefined) return chosen;
  throw new SinewError("usage", `no policy: give --policy <path>, or policy: in ${path}`);
}
