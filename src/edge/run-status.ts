import { nameOfMode, namesOfReasons } from "../core/step.ts";
import { nameOfDeviceMode, nameOfDeviceReason } from "../link/device.ts";
import type { Run } from "./run.ts";
import { Count } from "./status.ts";

/** How a run stands, in words and numbers that can be sent as JSON. */
export interface RunStatus {
  readonly mode: string;
  readonly device: string;
  /** Why the device last stopped, in its code's word. */
  readonly deviceReason: string;
  /** Of the newest cycle. */
  readonly reasons: readonly string[];
  /** Why the device was last not armed or stopped, in its words; empty where it had none. */
  readonly why: string;
  readonly cycles: number;
  readonly missed: number;
  readonly skipped: number;
  readonly limited: number;
  readonly refused: number;
  readonly policyId: string;
  readonly logPath: string;
}

/** How `run` stands now. */
export function statusOf(run: Run): RunStatus {
  const { status, policyId, logPath } = run;
  return {
    mode: nameOfMode(status.mode),
    device: nameOfDeviceMode(status.deviceMode),
    deviceReason: nameOfDeviceReason(status.deviceReason),
    reasons: namesOfReasons(status.reasons),
    why: status.why,
    cycles: status.count(Count.cycles),
    missed: status.count(Count.missed),
    skipped: status.count(Count.skipped),
    limited: status.count(Count.limited),
    refused: status.count(Count.refused),
    policyId,
    logPath,
  };
}

/** The same in one line for a person. */
export function statusLine(status: RunStatus): string {
  const { mode, device, reasons, cycles, missed, skipped, limited, refused } = status;
  const why = reasons.length === 0 ? "" : ` (${reasons.join(", ")})`;
  const loop = `${cycles} cycles, missed ${missed}, skipped ${skipped}`;
  return `${mode}${why}, the device is ${device}; ${loop}; limited ${limited}, refused ${refused}`;
}
