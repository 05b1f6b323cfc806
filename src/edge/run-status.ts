import { nameOfMode, namesOfReasons } from "../core/step.ts";
import { nameOfDeviceMode, nameOfDeviceReason, nameOfStopLine } from "../link/device.ts";
import type { PolicyEvent } from "../log/event.ts";
import { nameOfSecond, Second } from "./lineup.ts";
import { changeWords } from "./policy-record.ts";
import type { Run } from "./run.ts";
import { type ShadowShares, shadowLine, sharesOf } from "./shadow-counts.ts";
import { Count } from "./status.ts";

/** The watch after a swap, in armed cycles. */
export interface Watch {
  readonly cycles: number;
  /** Then it is over. */
  readonly ofCycles: number;
  /** Those that the gate has bounded. */
  readonly limited: number;
  /** With more of them the one that stands by drives again. */
  readonly limitedMost: number;
}

/** What a run's policies do. What there is not is null. */
export interface PoliciesStatus {
  /** Of the one that drives. */
  readonly policyId: string;
  readonly policyPath: string;
  /** Between two of its answers, microseconds; more than the loop's where that turns faster. */
  readonly policyPeriodUs: number;
  /** What is proposed between them: `hold` or `interpolate`; null: each cycle asks it. */
  readonly between: string | null;
  /** Since when it drives, microseconds of the steps' clock. */
  readonly policySinceUs: number;
  /** Of the one that is asked beside it. */
  readonly second: string | null;
  readonly secondPath: string | null;
  /** `none`, `shadow` or `standby`. */
  readonly secondAs: string;
  readonly secondSinceUs: number | null;
  /** How that one does, from its first armed cycle on. */
  readonly shadow: ShadowShares | null;
  /** While one stands by. */
  readonly watch: Watch | null;
  /** The newest of what happened to them. */
  readonly policyChange: PolicyEvent | null;
}

/** How a run stands, in words and numbers that can be sent as JSON. */
export interface RunStatus extends PoliciesStatus {
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
  /** How many joints are braked before their ends; null: robot.yaml describes none. */
  readonly jointsWithEnds: number | null;
  readonly logPath: string;
  /** Steps that the log lacks: its ring was full, or its file could not be written. */
  readonly logLost: number;
}

/** How `run` stands now. */
export function statusOf(run: Run): RunStatus {
  const { status, logPath } = run;
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
    ...policiesOf(run),
    jointsWithEnds: run.jointsWithEnds,
    logPath,
    logLost: run.logCounts.dropped + run.logCounts.unwritten,
  };
}

/** What the policies of `run` do now. */
export function policiesOf({ status, members, pace, swap, startUs }: Run): PoliciesStatus {
  const { driver, second } = members;
  const { policies, secondAs } = status;
  const besides = second !== null;
  return {
    policyId: driver.id,
    policyPath: driver.path,
    policyPeriodUs: pace.policyPeriodUs,
    between: pace.every === 1 ? null : pace.between,
    policySinceUs: policies.drivesSinceUs || startUs,
    second: second?.id ?? null,
    secondPath: second?.path ?? null,
    secondAs: nameOfSecond(secondAs),
    secondSinceUs: besides ? policies.besideSinceUs : null,
    shadow: besides ? sharesOf(status.shadow()) : null,
    watch: besides && secondAs === Second.standby ? watchOf(status, swap) : null,
    policyChange: members.events().at(-1) ?? null,
  };
}

function watchOf({ policies }: Run["status"], { watchCycles, limitedMax }: Run["swap"]): Watch {
  const limitedMost = Math.floor(limitedMax * watchCycles);
  return { ...policies.watched(), ofCycles: watchCycles, limitedMost };
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

function besideOf({ second, secondAs, shadow, watch, policyChange }: RunStatus): string {
  if (second === null) return "";
  const as = secondAs === "shadow" ? "in the shadow" : "standing by";
  const watched = watch === null ? "" : `, watched ${watch.cycles} of ${watch.ofCycles} cycles`;
  const back = policyChange?.what === "rollback" ? `; ${changeWords(policyChange)}` : "";
  return `; ${as} ${second.slice(0, 8)}${watched}: ${shadowLine(shadow)}${back}`;
}
