import { type Decimation, decimationKey } from "../core/decimation.ts";
import type { Signed } from "../policy/signature.ts";
import type { Limits } from "../safety/limits.ts";
import type { Ready } from "./control-thread.ts";
import type { SwapChoice } from "./lineup.ts";
import type { HoldTerms } from "./robot-hold.ts";
import type { RunOptions } from "./run.ts";

/** What was settled for a run before it begins, beside its options. */
export interface RunTerms {
  readonly policyId: string;
  readonly signer: Signed | null;
  readonly limits: Limits;
  readonly ttlUs: number;
  readonly swap: SwapChoice;
  readonly hold: HoldTerms;
  readonly decimation: Decimation;
}

/** What a run's log says of it: the conditions under which a replay is the same. */
export function metadataOfRun(
  { robot, policy, startedAt, wiggle }: RunOptions,
  { policyId, signer, limits, ttlUs, swap, hold, decimation }: RunTerms,
  { runner, realTime }: Ready,
): Readonly<Record<string, string>> {
  const { channels, start, setpoints } = robot;
  return {
    policyId,
    runner,
    policyPath: policy.path,
    ...(signer !== null && { signedBy: signer.keyId, signature: signer.comment }),
    robot: robot.robot,
    limits: JSON.stringify(limits),
    commandTtlUs: JSON.stringify(ttlUs),
    onMiss: robot.onMiss,
    swap: JSON.stringify(swap),
    hold: JSON.stringify(hold.times),
    fallback: JSON.stringify(hold.fallback),
    ...(decimation.every > 1 && { [decimationKey]: JSON.stringify(decimation) }),
    realTime: realTime.line,
    ...(channels !== undefined && { channels: JSON.stringify(channels) }),
    ...(start !== undefined && { start: JSON.stringify(start) }),
    ...(setpoints.length > 0 && { setpoints: JSON.stringify(setpoints) }),
    ...(wiggle !== undefined && { wiggle: JSON.stringify(wiggle) }),
    startedAt,
  };
}
