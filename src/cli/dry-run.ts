import type { Spec } from "../core/spec.ts";
import { readYaml } from "../core/yaml.ts";
import type { Mistake } from "../edge/robot-mistakes.ts";
import { readPolicyFile } from "./policy-file.ts";
import { robotText } from "./robot-file.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly json: boolean;
}

/**
 * Checks all of the robot file at `path`, with the files that its link names and the policy that is
 * to drive it, and prints it as it would be used. Opens no port and no connection. Each mistake is
 * a line on stderr, and the exit code then is 2. Throws `SinewError` where the robot file or the
 * policy cannot be read, or the policy is none.
 */
export async function dryRun(path: string, options: Options): Promise<void> {
  const { checkRobot } = await import("../edge/robot.ts");
  const { checkWithPolicy } = await import("../edge/robot-policy.ts");
  const { effectiveRobot, fileOf, printRobot } = await import("../edge/robot-print.ts");
  const { decimationOfRobot, rateHzOf } = await import("../edge/robot-control.ts");
  const { faultsOfLink } = await import("../link/link.ts");
  const { robot, mistakes } = checkRobot(readYaml(robotText(path), path), path);
  const faults = robot === null ? [] : faultsOfLink(robot.link, new Date());
  for (const { keys, line } of faults) mistakes.add(["link", ...keys], line);
  const policy = options.policy ?? robot?.policy;
  if (robot === null || policy === undefined) {
    if (robot !== null) mistakes.add([], 'no policy: give --policy <path>, or "policy" here');
    return tell(path, mistakes.list(), options);
  }
  const { id, spec } = await policyOf(policy);
  checkWithPolicy(robot, spec, mistakes);
  if (!mistakes.none) return tell(path, mistakes.list(), options);
  const whole = effectiveRobot(robot, spec, policy);
  const [policyRateHz, rateHz] = [rateHzOf(spec), whole.control.rateHz!];
  if (options.json) {
    const told = { robot: fileOf(whole), policyId: id, policyRateHz, rateHz, mistakes: [] };
    new Terminal(options).result(told);
    return;
  }
  const { every, between } = decimationOfRobot(whole, spec);
  const how = every === 1 ? "in each cycle" : `in one cycle of ${every}, ${between} between`;
  process.stdout.write(`# control ${rateHz} Hz, policy ${policyRateHz} Hz: asked ${how}\n`);
  process.stdout.write(printRobot(whole));
}

/** Runs the policy's own proof, too: it would be run before the robot is driven. */
async function policyOf(path: string): Promise<{ readonly id: string; readonly spec: Spec }> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const policy = await loadPolicy(readPolicyFile(path));
  await policy.close();
  return { id: policy.id, spec: deviceSpecOf(policy.contract) };
}

function tell(path: string, mistakes: readonly Mistake[], options: Options): void {
  for (const { line, column, message } of mistakes) {
    process.stderr.write(`${path}:${line}:${column}: ${message}\n`);
  }
  new Terminal(options).result({ robot: null, mistakes });
  process.exitCode = 2;
}
