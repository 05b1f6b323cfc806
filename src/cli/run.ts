import { Command } from "commander";
import type { Protection } from "../link/link.ts";
import { liveLine, reasonsOfStops, reportRows } from "./drive.ts";
import { numberWithin } from "./option.ts";
import { readPolicyFile } from "./policy-file.ts";
import { chosenPolicy, readRobotFile } from "./robot-file.ts";
import { interrupted } from "./signal.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly seconds: number;
  readonly arm: boolean;
  readonly reset: boolean;
  readonly json: boolean;
}

const seeSafety = "see docs/safety.md, and keep the switch of their power within reach";

/** What to know before anything moves that has no firmware of ours; nothing where it has. */
function warningsOf({ gates, silence }: Protection): string[] {
  if (gates.length > 1) return [];
  return [`one protection layer: ${gates[0]};`, `${silence};`, seeSafety];
}

/** `sinew run`. */
export function runCommand(): Command {
  return new Command("run")
    .description("Run a policy on a robot: on time, inside limits, every step logged.")
    .argument("<robot>", "the robot's file, robot.yaml")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option("--seconds <s>", "how long to run, in seconds", numberWithin(0.1, 1e6), 10)
    .option("--arm", "let the policy drive; without it the loop reads, decides and logs", false)
    .option("--reset", "first leave a stop that the device has latched", false)
    .option("--json", "print the report as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Ctrl-C stops the robot and completes the log. Exit code 1: the run was stopped by a fault.
A software stop is not an emergency stop.

Example:
  npx sinew run robot.yaml --policy runs/pendulum-0/policy.onnx --arm --seconds 20`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { runPolicy } = await import("../edge/run.ts");
  const { protectionOf } = await import("../link/link.ts");
  const terminal = new Terminal(options);
  const robot = await readRobotFile(path);
  const file = chosenPolicy(options.policy, robot, path);
  const policy = { bytes: readPolicyFile(file), path: file };
  for (const line of warningsOf(protectionOf(robot.link))) terminal.line(line);
  const abort = new AbortController();
  void interrupted().then(() => abort.abort());
  let startUs = Number.NaN;
  let told = 0;
  const report = await runPolicy({
    policy,
    robot,
    startedAt: new Date().toISOString(),
    seconds: options.seconds,
    arm: options.arm,
    reset: options.reset,
    signal: abort.signal,
    onLook: (run) => {
      if (Number.isNaN(startUs)) startUs = run.status.live().timeUs;
      while (told < run.notices.length) terminal.line(run.notices[told++]);
      terminal.live(liveLine(run, startUs));
    },
  });
  for (const line of table(reportRows(report))) terminal.line(line);
  terminal.line(`\nnext  npx sinew replay ${report.logPath} --policy ${file}`);
  terminal.result(report);
  if (reasonsOfStops(report).length > 0 || !report.deviceAtRest) process.exitCode = 1;
}
