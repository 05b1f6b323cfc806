import { nameOfMode, namesOfReasons } from "../core/step.ts";
import { nameOfDeviceMode, nameOfDeviceReason, nameOfStopLine } from "../link/device.ts";
import { nameOfSecond } from "./lineup.ts";
import type { Run } from "./run.ts";
import { type ShadowCounts, shadowLine } from "./shadow-counts.ts";
import { Count } from "./status.ts";

/** How a run stands, in words and numbers that can be sent as JSON. */
export interface RunStatus {
  readonly mode: string;
  readonly device: string;
  /** Why the device last stopped, in its code's word. */
  readonly deviceReason: string;
  /** What its stop switch tells: `none`, `closed` or `open`. */
  readonly stopLine: string;
  /** Of the newest cycle. */
  readonly reasons: readonly string[];
  /** Why the device was last not armed or stopped, in its words; empty where it had none. */
  readonly why: string;
  readonly cycles: number;
  readonly late: number;
  readonly missed: number;
  readonly limited: number;
  readonly refused: number;
  /** Of the one that drives. */
  readonly policyId: string;
  readonly policyPath: string;
  /** Of the one that is asked beside it; null: there is none. */
  readonly second: string | null;
  /** `none`, `shadow` or `standby`. */
  readonly secondAs: string;
  /** How that one does. */
  readonly shadow: ShadowCounts;
  /** How many joints are braked before their ends; null: robot.yaml describes none. */
  readonly jointsWithEnds: number | null;
  readonly logPath: string;
  /** Steps that the log lacks: its ring was full, or its file could not be written. */
  readonly logLost: number;
}

/** How `run` stands now. */
export function statusOf(run: Run): RunStatus {
  const { status, members, logPath } = run;
  return {
    mode: nameOfMode(status.mode),
    device: nameOfDeviceMode(status.deviceMode),
    deviceReason: nameOfDeviceReason(status.deviceReason),
    stopLine: nameOfStopLine(status.stopLine),
    reasons: namesOfReasons(status.reasons),
    why: status.why,
    cycles: status.count(Count.cycles),
    late: status.count(Count.late),
    missed: status.count(Count.missed),
    limited: status.count(Count.limited),
    refused: status.count(Count.refused),
    policyId: members.driver.id,
    policyPath: members.driver.path,
    second: members.second?.id ?? null,
    secondAs: nameOfSecond(status.secondAs),
    shadow: status.shadow(),
    jointsWithEnds: run.jointsWithEnds,
    logPath,
    logLost: run.logCounts.dropped + run.logCounts.unwritten,
  };
}

/** The same in one line for a person. */
export function statusLine(status: RunStatus): string {
  const { mode, device, stopLine, reasons, cycles, late, missed, limited, refused } = status;
  const why = reasons.length === 0 ? "" : ` (${reasons.join(", ")})`;
  const beside = besideOf(status);
  const loop = `${cycles} cycles, missed ${missed}, late ${late}`;
  const gate = `limited ${limited}, refused ${refused}`;
  const line = stopLine === "none" ? "" : `; stop line ${stopLine}`;
  const joints = status.jointsWithEnds === null ? "; joints are not described" : "";
  const log = status.logLost === 0 ? "" : `; ${status.logLost} steps are lost to the log`;
  const rest = `${line}${joints}${log}${beside}`;
  return `${mode}${why}, the device is ${device}; ${loop}; ${gate}${rest}`;
}

function besideOf({ second, secondAs, shadow }: RunStatus): string {
  if (second === null) return "";
  const as = secondAs === "shadow" ? "in the shadow" : "standing by";
  return `; ${as} ${second.slice(0, 8)}: ${shadowLine(shadow)}`;
}
