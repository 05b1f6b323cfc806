import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import type { Robot } from "../edge/robot.ts";
import { noJointsLine } from "../edge/robot-joints.ts";
import type { Mistake, Mistakes } from "../edge/robot-mistakes.ts";
import type { PolicyBytes } from "../edge/trust.ts";
import type { Signed } from "../policy/signature.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { checkRobotFile } from "./robot-file.ts";
import { Terminal } from "./terminal.ts";

/** A robot and the policy that may drive it. */
export interface FitRobot {
  readonly robot: Robot;
  readonly policy: PolicyBytes;
  /** What the policy observes and does, as a device meets it. */
  readonly spec: Spec;
  /** SHA-256 of the policy's file. */
  readonly policyId: string;
  /** Who signed the policy; null where nobody has to. */
  readonly signature: Signed | null;
}

/** What a policy is, of its bytes. */
export type PolicyRead = (bytes: Uint8Array) => Promise<Pick<FitRobot, "spec" | "policyId">>;

/**
 * The robot of the file at `path` with the policy that is to drive it, `option` or the file's; or
 * all that is wrong with the file, with what its link and its trust name, and with it as one that
 * this policy drives. Opens no port and no connection. Throws `SinewError` where robot file or
 * policy cannot be read, or the policy is none.
 */
export async function checkWhole(
  path: string,
  option: string | undefined,
  read: PolicyRead = statedIn,
): Promise<FitRobot | readonly Mistake[]> {
  const { checkWithPolicy } = await import("../edge/robot-policy.ts");
  return checkTogether(await checkRobotFile(path), option, checkWithPolicy, read);
}

/** The same of a file that was read already, held against the policy by `check`. Throws so, too. */
export async function checkTogether(
  { robot, mistakes }: { readonly robot: Robot | null; readonly mistakes: Mistakes },
  option: string | undefined,
  check: (robot: Robot, spec: Spec, mistakes: Mistakes) => void,
  read: PolicyRead = statedIn,
): Promise<FitRobot | readonly Mistake[]> {
  if (robot !== null) await checkFiles(robot, mistakes);
  const file = option ?? robot?.policy;
  if (robot === null || file === undefined) {
    if (robot !== null) mistakes.add([], 'no policy: give --policy <path>, or "policy" here');
    return mistakes.list();
  }
  const policy = { bytes: readPolicyFile(file), path: file };
  const signature = await signatureOf(policy, robot, mistakes);
  // Of a policy that is not trusted nothing is looked at.
  if (signature === undefined) return mistakes.list();
  const { spec, policyId } = await ofPolicyFile(file, () => read(policy.bytes));
  check(robot, spec, mistakes);
  return mistakes.none ? { robot, policy, spec, policyId, signature } : mistakes.list();
}

/** Whether `checkWhole` found nothing wrong. */
export function isFit(checked: FitRobot | readonly Mistake[]): checked is FitRobot {
  return "robot" in checked;
}

/** What to know before anything moves of a robot whose file describes no joints. */
export function jointWarnings({ joints }: Pick<Robot, "joints">): string[] {
  return joints === undefined ? [`warning: ${noJointsLine}`] : [];
}

/** Tells each mistake of the file at `path` on a line of stderr; the exit code is 2 then. */
export function tellMistakes(
  path: string,
  mistakes: readonly Mistake[],
  options: { readonly json: boolean },
): void {
  for (const mistake of mistakes) process.stderr.write(`${lineOfMistake(path, mistake)}\n`);
  new Terminal(options).result({ robot: null, mistakes });
  process.exitCode = 2;
}

/** `robot.yaml:4:15: what is wrong there`. */
export function lineOfMistake(path: string, { line, column, message }: Mistake): string {
  return `${path}:${line}:${column}: ${message}`;
}

/** What a policy states of itself. It is proved where it is to drive. */
export async function statedIn(bytes: Uint8Array): ReturnType<PolicyRead> {
  const { readPolicyFile: read } = await import("../policy/file.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const { id, contract } = read(bytes);
  return { policyId: id, spec: deviceSpecOf(contract) };
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
