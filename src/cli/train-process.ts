import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../core/errors.ts";
import { progressColumns, progressName } from "../learn/progress-csv.ts";
import { clearRun, readReport, reportName } from "../learn/run-folder.ts";
import type { JobOutcome, SweepJob } from "../learn/sweep.ts";

const settingsName = "settings.yaml";

/** What the job has left in its folder, if that is all it would do again; else nothing. */
export function finishedBefore(job: SweepJob, folder: string): JobOutcome | undefined {
  if (!isSame(job, folder)) return undefined;
  try {
    const report = readReport(folder);
    return report === undefined ? undefined : { state: "done", report };
  } catch {
    // A report that is cut short is a run that has not finished.
    return undefined;
  }
}

function isSame(job: SweepJob, folder: string): boolean {
  const path = join(folder, settingsName);
  return existsSync(path) && readFileSync(path, "utf8") === job.file;
}

/** `sinew train` as a process of its own, for one job of a sweep. */
export class TrainProcess {
  readonly job: SweepJob;
  readonly folder: string;
  readonly done: Promise<JobOutcome>;
  readonly #child: ChildProcess;
  #stopped = false;

  /** Starts it; a run of the same settings that was stopped goes on from its checkpoint. */
  constructor(job: SweepJob, folder: string) {
    this.job = job;
    this.folder = folder;
    const resumes = isSame(job, folder) && existsSync(join(folder, "checkpoint"));
    mkdirSync(folder, { recursive: true });
    if (!resumes) clearRun(folder);
    // Whoever finds a report takes the run for finished.
    rmSync(join(folder, reportName), { force: true });
    const settings = join(folder, settingsName);
    writeFileSync(settings, job.file);
    const main = fileURLToPath(new URL("./main.js", import.meta.url));
    const words = ["train", "--env", job.settings.task, "--folder", folder, "--json"];
    // What resumes has its settings in its checkpoint.
    words.push(...(resumes ? ["--resume"] : ["--overwrite", "--config", settings]));
    // There is a run for each core: a second thread would only take another's.
    if (!resumes && job.settings.threads === 0) words.push("--threads", "1");
    this.#child = spawn(process.execPath, [main, ...words], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.done = this.#outcome();
  }

  /** Ends it; what it has saved stays. */
  stop(): void {
    this.#stopped = true;
    this.#child.kill("SIGTERM");
  }

  async #outcome(): Promise<JobOutcome> {
    let words = "";
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      // Only its last words are told.
      words = (words + text).slice(-4000);
    });
    const code = await new Promise<number | string | null>((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("close", (status, signal) => resolve(status ?? signal));
    });
    if (code === 0) {
      try {
        const report = readReport(this.folder);
        if (report !== undefined) return { state: "done", report };
        return { state: "failed", error: `it left no ${reportName}` };
      } catch (error) {
        return { state: "failed", error: messageOf(error) };
      }
    }
    if (this.#stopped || code === "SIGINT") return { state: "stopped" };
    const said = words.split("\n").find((line) => line.startsWith("sinew: "));
    const last = said ?? words.trim().split("\n").at(-1);
    return { state: "failed", error: last === undefined || last === "" ? `exit ${code}` : last };
  }
}

/** Where a run stands, from the end of its progress file; a run that has not begun is at 0. */
export function standingOf(folder: string): { step: number; return: number } {
  const standing = { step: 0, return: Number.NaN };
  const path = join(folder, progressName);
  if (!existsSync(path)) return standing;
  const file = openSync(path, "r");
  try {
    const tail = Buffer.alloc(4096);
    const { size } = fstatSync(file);
    const read = readSync(file, tail, 0, tail.length, Math.max(0, size - tail.length));
    for (const line of tail.toString("latin1", 0, read).split("\n").slice(0, -1)) {
      const cells = line.split(",");
      if (cells.length !== progressColumns.length || !/^\d+$/.test(cells[0])) continue;
      standing.step = Number(cells[0]);
      const earned = cells[progressColumns.indexOf("evalMean")];
      if (earned !== "") standing.return = Number(earned);
    }
    return standing;
  } finally {
    closeSync(file);
  }
}
