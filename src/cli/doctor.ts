import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import type { Finding } from "../edge/checkup.ts";
import type { Robot } from "../edge/robot.ts";
import type { Mistakes } from "../edge/robot-mistakes.ts";
import { readPolicyFile } from "./policy-file.ts";
import { lineOfMistake, statedIn, tellMistakes } from "./robot-check.ts";
import { checkRobotFile, chosenPolicy } from "./robot-file.ts";
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
  const checked = path === undefined ? null : await checkRobotFile(path);
  if (checked !== null && !checked.mistakes.none) {
    return tellMistakes(path!, checked.mistakes.list(), options);
  }
  const robot = checked?.robot ?? null;
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
  if (bytes !== null) findings.push(...(await checkPolicy(bytes, periodUs, file)));
  if (robot !== null && bytes !== null) {
    const wrong = await wrongWith(robot, bytes, path!, checked!.mistakes);
    findings.push(...wrong);
    const startedAt = new Date().toISOString();
    const options = { policy: { bytes, path: file! }, robot, startedAt };
    // No run would begin with it.
    if (wrong.length === 0) findings.push(...(await checkLink(options)));
  }
  const rows = findings.map(({ name, state, line }) => [state, name, line]);
  for (const line of table(rows)) terminal.line(line);
  const bad = findings.filter(({ state }) => state === "bad").length;
  terminal.result({ ok: bad === 0, findings });
  if (bad > 0) process.exitCode = 1;
}

/** What is wrong with the robot file as one that this policy drives. */
async function wrongWith(
  robot: Robot,
  bytes: Uint8Array,
  path: string,
  mistakes: Mistakes,
): Promise<Finding[]> {
  const { checkWithPolicy } = await import("../edge/robot-policy.ts");
  try {
    checkWithPolicy(robot, (await statedIn(bytes)).spec, mistakes);
  } catch (error) {
    // What is wrong with the policy is a finding of its own.
    if (error instanceof SinewError) return [];
    throw error;
  }
  const lines = mistakes.list().map((mistake) => lineOfMistake(path, mistake));
  return lines.map((line) => ({ name: "robot", state: "bad", line }));
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
