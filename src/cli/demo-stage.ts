import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { monotonicClock } from "../core/clock.ts";
import type { Percentiles } from "../edge/histogram.ts";
import type { ReplayReport } from "../edge/replay.ts";
import type { RunReport } from "../edge/run.ts";
import type { GateDecision } from "../learn/gate.ts";
import type { TrainSettings } from "../learn/settings.ts";
import type { TrainResult } from "../learn/train.ts";
import type { LogFile } from "../log/reader.ts";
import { reasonsOfStops } from "./drive.ts";
import { bar, type Terminal } from "./terminal.ts";
import { progressLine } from "./train.ts";

export interface DemoOptions {
  readonly seed: number;
  readonly steps: number;
  /** Length of each drive. */
  readonly seconds: number;
  readonly folder: string;
  readonly json: boolean;
}

/** What the parts of a demo share. */
export interface Stage {
  readonly options: DemoOptions;
  readonly terminal: Terminal;
  readonly trained: TrainResult;
}

/** Trains until the settings' target return or their last step, into the demo's folder. */
export async function trainPolicy(
  settings: TrainSettings,
  options: DemoOptions,
  terminal: Terminal,
): Promise<TrainResult> {
  const { train } = await import("../learn/train.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const result = await train(settings, {
    task: await openTask(settings.task),
    folder: options.folder,
    clock: monotonicClock(),
    wallSeconds: () => Date.now() / 1000,
    listener: {
      progress: (progress) => terminal.live(`training  ${progressLine(progress)}`),
    },
    resume: false,
  });
  const { best, bestStep, final, finalStep, seconds } = result;
  const digits = Math.abs(best.mean) < 100 ? 2 : 1;
  const told = `best ${best.mean.toFixed(digits)} (step ${bestStep})`;
  const returns = `${told}, last ${final.mean.toFixed(digits)}`;
  terminal.line(`trained   ${finalStep} steps in ${seconds.toFixed(1)} s: ${returns}`);
  return result;
}

/** The largest error of the policy's proof on this machine. */
export async function prove({ terminal, trained }: Stage): Promise<number> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const policy = await loadPolicy(trained.policy);
  await policy.close();
  const { length } = trained.policy;
  const error = policy.proofError.toExponential(1);
  terminal.line(`exported  ${trained.path}: ${length} bytes, proof holds, max error ${error}`);
  return policy.proofError;
}

const attempts = 3;

/**
 * Drives again, on a fresh board, where a stop ended the drive early: on a machine that is busy
 * with other things the gate and the firmware stop for late data, as they should.
 */
export async function persistently(
  stage: Stage,
  name: string,
  driveOnce: (stage: Stage) => Promise<RunReport>,
): Promise<RunReport> {
  for (let attempt = 1; ; attempt++) {
    const report = await driveOnce(stage);
    const why = reasonsOfStops(report);
    if (why.length === 0 || attempt === attempts) return report;
    const told = `stopped after ${report.cycles} cycles: ${why.join("; ")}`;
    stage.terminal.line(`${name.padEnd(8)}  ${told}. Again, ${attempt + 1} of ${attempts}`);
  }
}

/** Puts a drive through the same code again. */
export async function replay({ terminal, trained }: Stage, log: LogFile): Promise<ReplayReport> {
  const { replayLog } = await import("../edge/replay.ts");
  const report = await replayLog(log, trained.policy);
  const told = report.equal ? "equal, byte for byte" : `${report.differing} steps differ`;
  const { unverified } = report;
  const equal = unverified === 0 ? told : `${told}, ${unverified} unverified behind lost ones`;
  terminal.line(`replayed  ${report.steps} steps through the same code: ${equal}`);
  return report;
}

/** Goes on training from what the robot did; the gate's answer is told and returned. */
export async function retrainFrom(
  { options, terminal, trained }: Stage,
  log: LogFile,
  task: string,
): Promise<GateDecision> {
  const { segmentsOf } = await import("../log/transitions.ts");
  const { retrain } = await import("../learn/retrain.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const { candidate, decision, transitions } = await retrain({
    folder: options.folder,
    task: await openTask(task),
    deployed: trained.policy,
    segments: [...segmentsOf(log)],
    gradientSteps: 1_000,
    onProgress: ({ step, steps }) => terminal.live(`retrain   ${bar(step / steps)}`),
  });
  writeFileSync(join(options.folder, "candidate.onnx"), candidate);
  const { verdict, reasons, gain, gainError } = decision;
  const change = `${gain >= 0 ? "+" : ""}${gain.toFixed(2)} +- ${gainError.toFixed(2)}`;
  terminal.line(`retrained ${transitions} logged transitions: return ${change}`);
  terminal.line(`gate      ${verdict}: ${reasons.join("; ")}`);
  return decision;
}

/** What the table shows of a measure, in microseconds. */
export type Spread = Pick<Percentiles, "p50" | "p99" | "max">;

export function pick({ p50, p99, max }: Percentiles): Spread {
  return { p50, p99, max };
}

/** The same as one cell. */
export function spread({ p50, p99, max }: Spread): string {
  return `${p50.toFixed(0)} / ${p99.toFixed(0)} / ${max.toFixed(0)} us`;
}
