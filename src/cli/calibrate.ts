import { Command } from "commander";
import { monotonicClock } from "../core/clock.ts";
import { SinewError } from "../core/errors.ts";
import type { CalibratedJoint } from "../link/servo-calibration.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { tellMistakes } from "./robot-check.ts";
import { checkUnfinishedFile, chosenPolicy } from "./robot-file.ts";
import { servoEntry } from "./servo-entry.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly home: boolean;
  readonly json: boolean;
}

/** `sinew calibrate`. */
export function calibrateCommand(): Command {
  return new Command("calibrate")
    .description("Say what zeroCounts each servo has, from a posture that the arm stands in.")
    .argument("<robot>", "the robot's file, robot.yaml, with servos on its link")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option("--home", "the arm stands at start.home; without it, at 0 rad in each joint", false)
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Put the arm there by hand, hold it still, and give what is printed to robot.yaml. Nothing is written
to the servos and nothing moves. Exit code 1: a joint's range passes the end of its encoder's turn.

Example:
  npx sinew calibrate robot.yaml --policy models/servo-arm/policy.onnx`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { calibrated, readCounts } = await import("../link/servo-calibration.ts");
  const { servosBehind } = await import("../link/link.ts");
  const { readPolicyFile: parsePolicy } = await import("../policy/file.ts");
  const terminal = new Terminal(options);
  const standIns = { zeroCounts: 0, sign: 1 };
  const { file: known, mistakes } = await checkUnfinishedFile(path, standIns);
  if (known === null || !mistakes.none) return tellMistakes(path, mistakes.list(), options);
  const { robot, unknowns } = known;
  const { link, start } = robot;
  if (!("feetech" in link || "dynamixel" in link)) {
    const needs = "link.feetech or link.dynamixel";
    throw new SinewError("usage", `${path} has no ${needs}: only their servos are calibrated`);
  }
  if (options.home && start?.home === undefined) {
    throw new SinewError("usage", `--home: ${path} has no start.home`);
  }
  const unsigned = unknowns.filter((keys) => keys.at(-1) === "sign").map((keys) => keys.at(-2));
  if (options.home && unsigned.length > 0) {
    const line = "--home: a sign is unknown, so nobody knows where home is";
    throw new SinewError("usage", `${line}: calibrate at 0 rad, without --home`);
  }
  const file = chosenPolicy(options.policy, robot, path);
  const { spec } = (await ofPolicyFile(file, () => parsePolicy(readPolicyFile(file)))).contract;
  const zero = Object.fromEntries(spec.action.map(({ name }) => [name, 0]));
  const pose = options.home ? start!.home! : zero;
  const { family, line } = servosBehind(link);
  const counts = await readCounts(link, monotonicClock());
  const joints = calibrated(spec, line.servos, family.scale, counts, pose);
  const unset = unknowns.filter((keys) => keys.at(-1) === "zeroCounts").map((keys) => keys.at(-2));
  const rows = joints.map((joint, at) => {
    return rowOf(joint, unset.includes(at) ? "unknown" : String(line.servos[at].zeroCounts));
  });
  for (const row of table([["joint", "zeroCounts", "was", "range"], ...rows])) terminal.line(row);
  joints.forEach(({ servo }, at) => {
    terminal.line(servoEntry(servo, unsigned.includes(at)));
  });
  if (unsigned.length > 0) terminal.line(unsignedLine(path));
  const told = joints.map(({ servo, ...range }, at) => {
    return { ...servo, ...(unsigned.includes(at) && { sign: null }), ...range };
  });
  terminal.result({ joints: told });
  if (joints.some(({ fit }) => fit !== "fits")) process.exitCode = 1;
}

function unsignedLine(path: string): string {
  const line = "a sign is unknown: its range is told for 1, and zeroCounts hold for both";
  return `${line}\nnext  npx sinew wiggle ${path} --joint NAME, for each joint`;
}

function rowOf({ servo, low, high, fit, turn }: CalibratedJoint, was: string): string[] {
  const degrees = ((turn * 180) / Math.PI).toFixed(1);
  const told = {
    fits: "fits",
    turn: `passes an end of the encoder: turn the horn by ${degrees} degrees`,
    tooWide: "too wide, or too far from 0 rad, for any mounting: it needs another policy",
  }[fit];
  return [servo.joint, String(servo.zeroCounts), was, `${low} to ${high} counts: ${told}`];
}
