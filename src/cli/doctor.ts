import { Command } from "commander";
import type { Finding } from "../edge/checkup.ts";
import type { Robot } from "../edge/robot.ts";
import { readPolicyFile } from "./policy-file.ts";
import { chosenPolicy, readRobotFile } from "./robot-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly json: boolean;
}

/** Where nobody says how long a cycle is. */
const usualPeriodUs = 10_000;

/** `sinew doctor`. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Look whether this machine, and a robot, are fit to be driven. Nothing moves.")
    .argument("[robot]", "the robot's file, robot.yaml: looks at its link and device, too")
    .option("--policy <path>", "the policy's ONNX file (default: the robot file's)")
    .option("--json", "print the findings as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Takes some 7 s. Exit code 1: something is bad. What is poor is told, and no reason not to drive.
Firmware of ours tries its watchdog, as before the first arm of a run: nothing is driven for that.

Example:
  npx sinew doctor robot.yaml --policy policy.onnx`,
    )
    .action(act);
}

async function act(path: string | undefined, options: Options): Promise<void> {
  const { checkMachine, checkPolicy, checkTrust } = await import("../edge/checkup.ts");
  const { checkLink } = await import("../edge/link-checkup.ts");
  const terminal = new Terminal(options);
  const robot = path === undefined ? null : await readRobotFile(path);
  const file = robot === null ? options.policy : chosenPolicy(options.policy, robot, path!);
  let bytes = file === undefined ? null : readPolicyFile(file);
  const findings: Finding[] = [{ name: "node", state: "good", line: nodeLine() }];
  if (robot !== null && bytes !== null) {
    const signature = checkTrust(robot, { bytes, path: file! });
    findings.push(signature);
    // Nothing is looked at of a policy that would not be run, nor is the device greeted for it.
    if (signature.state === "bad") bytes = null;
  }
  const periodUs = await periodOf(bytes, robot);
  findings.push(...(await checkMachine(periodUs, robot?.realTime)));
  if (bytes !== null) findings.push(...(await checkPolicy(bytes, periodUs)));
  if (robot !== null && bytes !== null) {
    const startedAt = new Date().toISOString();
    findings.push(...(await checkLink({ policy: { bytes, path: file! }, robot, startedAt })));
  }
  const rows = findings.map(({ name, state, line }) => [state, name, line]);
  for (const line of table(rows)) terminal.line(line);
  const bad = findings.filter(({ state }) => state === "bad").length;
  terminal.result({ ok: bad === 0, findings });
  if (bad > 0) process.exitCode = 1;
}

/** Of the loop, or of the policy, where it is one. */
async function periodOf(bytes: Uint8Array | null, robot: Robot | null): Promise<number> {
  if (bytes === null) return usualPeriodUs;
  const { readPolicyFile: read } = await import("../policy/file.ts");
  const { controlSpecOfRobot } = await import("../edge/robot-control.ts");
  try {
    const { spec } = read(bytes).contract;
    return robot === null ? spec.periodUs : controlSpecOfRobot(robot, spec).periodUs;
  } catch {
    // What is wrong with it is a finding of its own.
    return usualPeriodUs;
  }
}

function nodeLine(): string {
  const { node, v8 } = process.versions;
  return `${node}, V8 ${v8}, ${process.platform} ${process.arch}`;
}
