import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { readYaml } from "../core/yaml.ts";
import type { Robot } from "../edge/robot.ts";
import type { Mistake, Mistakes } from "../edge/robot-mistakes.ts";
import type { PolicyBytes } from "../edge/trust.ts";
import type { Signed } from "../policy/signature.ts";
import { readPolicyFile } from "./policy-file.ts";
import { robotText } from "./robot-file.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly policy?: string;
  readonly json: boolean;
}

/**
 * Checks all of the robot file at `path`, with the files that its link and its trust name and the
 * policy that is to drive it, and prints it as it would be used, below a comment that says whether
 * a signature is asked for. Opens no port and no connection. Each mistake is a line on stderr, and
 * the exit code then is 2. Throws `SinewError` where the robot file or the policy cannot be read,
 * or the policy is none.
 */
export async function dryRun(path: string, options: Options): Promise<void> {
  const { checkRobot } = await import("../edge/robot.ts");
  const { checkWithPolicy } = await import("../edge/robot-policy.ts");
  const { effectiveRobot, fileOf, printRobot } = await import("../edge/robot-print.ts");
  const { decimationOfRobot, rateHzOf } = await import("../edge/robot-control.ts");
  const { robot, mistakes } = checkRobot(readYaml(robotText(path), path), path);
  if (robot !== null) await checkFiles(robot, mistakes);
  const policy = options.policy ?? robot?.policy;
  if (robot === null || policy === undefined) {
    if (robot !== null) mistakes.add([], 'no policy: give --policy <path>, or "policy" here');
    return tell(path, mistakes.list(), options);
  }
  const file = { bytes: readPolicyFile(policy), path: policy };
  const signature = await signatureOf(file, robot, mistakes);
  // Of a policy that is not trusted nothing is looked at.
  if (signature === undefined) return tell(path, mistakes.list(), options);
  const { id, spec } = await policyIn(file.bytes);
  checkWithPolicy(robot, spec, mistakes);
  if (!mistakes.none) return tell(path, mistakes.list(), options);
  const whole = effectiveRobot(robot, spec, policy);
  const [policyRateHz, rateHz] = [rateHzOf(spec), whole.control.rateHz!];
  if (options.json) {
    const rates = { policyRateHz, rateHz };
    const told = { robot: fileOf(whole), policyId: id, signature, ...rates, mistakes: [] };
    new Terminal(options).result(told);
    return;
  }
  const { every, between } = decimationOfRobot(whole, spec);
  const how = every === 1 ? "in each cycle" : `in one cycle of ${every}, ${between} between`;
  process.stdout.write(`# control ${rateHz} Hz, policy ${policyRateHz} Hz: asked ${how}\n`);
  process.stdout.write(`# ${lineOf(signature)}\n${printRobot(whole)}`);
}

/** Adds what is wrong with the files that the robot's link and its trust name. */
async function checkFiles(robot: Robot, mistakes: Mistakes): Promise<void> {
  const { faultsOfLink } = await import("../link/link.ts");
  const { faultsOfTrust } = await import("../edge/trust.ts");
  const faults = faultsOfLink(robot.link, new Date());
  for (const { keys, line } of faults) mistakes.add(["link", ...keys], line);
  for (const { at, line } of faultsOfTrust(robot)) mistakes.add(["trust", at], line);
}

/** Who signed the policy; null where nobody has to, undefined where nobody did who is trusted. */
async function signatureOf(
  policy: PolicyBytes,
  robot: Robot,
  mistakes: Mistakes,
): Promise<Signed | null | undefined> {
  const { signerOf, trustedKeys } = await import("../edge/trust.ts");
  try {
    return signerOf(policy, trustedKeys(robot));
  } catch (error) {
    if (!(error instanceof SinewError)) throw error;
    // What is wrong with the keys is told already.
    if (error.code === "signature") mistakes.add(["trust"], error.message);
    return undefined;
  }
}

function lineOf(signature: Signed | null): string {
  if (signature === null) return "no signature is asked for: see docs/trust.md";
  return `signed by key ${signature.keyId}; ${signature.comment}`;
}

/** Runs the policy's own proof, too: it would be run before the robot is driven. */
async function policyIn(bytes: Uint8Array): Promise<{ readonly id: string; readonly spec: Spec }> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const policy = await loadPolicy(bytes);
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
