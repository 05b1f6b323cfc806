import type { Signed } from "../policy/signature.ts";
import { checkWhole, isFit, jointWarnings, type PolicyRead, tellMistakes } from "./robot-check.ts";
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
  const { effectiveRobot, fileOf, printRobot } = await import("../edge/robot-print.ts");
  const { decimationOfRobot, rateHzOf } = await import("../edge/robot-control.ts");
  const checked = await checkWhole(path, options.policy, provedIn);
  if (!isFit(checked)) return tellMistakes(path, checked, options);
  const { robot, policy, policyId, signature, spec } = checked;
  const whole = effectiveRobot(robot, spec, policy.path);
  const [policyRateHz, rateHz] = [rateHzOf(spec), whole.control.rateHz!];
  if (options.json) {
    const rates = { policyRateHz, rateHz };
    const told = { robot: fileOf(whole), policyId, signature, ...rates, mistakes: [] };
    new Terminal(options).result(told);
    return;
  }
  const { every, between } = decimationOfRobot(whole, spec);
  const how = every === 1 ? "in each cycle" : `in one cycle of ${every}, ${between} between`;
  process.stdout.write(`# control ${rateHz} Hz, policy ${policyRateHz} Hz: asked ${how}\n`);
  for (const line of [lineOf(signature), ...jointWarnings(robot)]) {
    process.stdout.write(`# ${line}\n`);
  }
  process.stdout.write(printRobot(whole));
}

function lineOf(signature: Signed | null): string {
  if (signature === null) return "no signature is asked for: see docs/trust.md";
  return `signed by key ${signature.keyId}; ${signature.comment}`;
}

/** Runs the policy's own proof, too: it would be run before the robot is driven. */
async function provedIn(bytes: Uint8Array): ReturnType<PolicyRead> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const policy = await loadPolicy(bytes);
  await policy.close();
  return { policyId: policy.id, spec: deviceSpecOf(policy.contract) };
}
