import { setTimeout as delay } from "node:timers/promises";
import { SinewError } from "../core/errors.ts";
import { Mode } from "../core/step.ts";
import { commandNamed } from "./commands.ts";
import { Controls } from "./controls.ts";
import { type Run, type RunOptions, type RunReport, startRun } from "./run.ts";

/** What `runPolicy` does with a run. */
export interface Drive extends RunOptions {
  /**
   * How long it runs, counted from when it is armed; the way home is not counted. Such a run ends
   * with its first stop. Undefined: until `signal`, whatever stops in between.
   */
  readonly seconds?: number;
  /** Without it the loop reads, decides and logs, and nothing moves before somebody arms it. */
  readonly arm: boolean;
  /** First leaves a stop that the device latched. */
  readonly reset?: boolean;
  /** Through which others command it, too. */
  readonly controls?: Controls;
  /** Who wants all this, for the log; `program` where it is left out. */
  readonly source?: string;
  /** Called about 20 times a second. */
  readonly onLook?: (run: Run) => void;
  /** Ends the run; its reason says who, for the log. */
  readonly signal?: AbortSignal;
}

/** Runs a policy for a time, or until it stops for a reason. Throws as `startRun` and `Run.arm`. */
export async function runPolicy(drive: Drive): Promise<RunReport> {
  const { controls = new Controls(), source = "program", signal } = drive;
  const run = await startRun(drive);
  controls.attach(run);
  const abort = (): void => controls.end(String(signal!.reason));
  signal?.addEventListener("abort", abort);
  if (signal?.aborted === true) abort();
  let report: RunReport | null = null;
  try {
    await begin(controls, drive, source);
    await look(run, drive);
  } catch (error) {
    // Who ended the run need not be told that it did not arm.
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    if (signal?.aborted !== true && run.running) controls.end(source);
    report = await run.close();
  }
  return report;
}

async function begin(controls: Controls, drive: Drive, source: string): Promise<void> {
  for (const name of ["reset", "arm"] as const) {
    if (drive[name] !== true || drive.signal?.aborted === true) continue;
    // Else the reset would undo it.
    if (controls.stoppedEarly) throw new SinewError("command", "it was stopped before it began");
    await controls.order(commandNamed(name), source);
  }
}

async function look(run: Run, { seconds, signal, onLook }: Drive): Promise<void> {
  const lookEveryMs = 50;
  const wholeMs = seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000;
  for (let ranMs = 0; ranMs < wholeMs && run.running; ) {
    if (signal?.aborted === true) return;
    if (seconds !== undefined && run.status.mode === Mode.stopped) return;
    await delay(Math.min(lookEveryMs, wholeMs - ranMs));
    if (run.status.mode !== Mode.homing) ranMs += lookEveryMs;
    onLook?.(run);
  }
}
