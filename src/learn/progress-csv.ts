import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { SinewError } from "../core/errors.ts";

/** What a run's progress file is called in its folder. */
export const progressName = "progress.csv";

/**
 * The columns, in this order in every file, whatever a run has to tell: a reader never has to
 * guess. The file's names are in snake case: `stepsPerSecond` is `steps_per_second`.
 */
export const progressColumns = [
  /** Environment steps so far. */
  "step",
  "episode",
  "gradientSteps",
  /** Wall time of the run so far, over all its resumptions. */
  "seconds",
  "stepsPerSecond",
  /** Return of the training episode that has just ended, with noise, and its steps. */
  "return",
  "length",
  /** Returns of one evaluation, noise off; low and high bound its mean with 95 % confidence. */
  "evalMean",
  "evalIqm",
  "evalLow",
  "evalHigh",
  "evalWorst",
  /** Of the newest gradient step; `msbe` is the mean squared Bellman error. */
  "msbe",
  "actorLoss",
  "q",
  "criticGradientNorm",
  "actorGradientNorm",
  /** Share of actions at an end of their range, 0 to 1. */
  "saturation",
  /** Deviation of the exploration noise, as a share of half the action's range. */
  "noise",
  "actorRate",
  "criticRate",
] as const;

/** What columns were called in files of before. */
const formerNames: Readonly<Record<string, string>> = { critic_loss: "msbe" };

/** The name of a column in a program. */
export type ProgressColumn = (typeof progressColumns)[number];

/** One line of the file: what is not known is left out, and its cell stays empty. */
export type ProgressRow = Readonly<Partial<Record<ProgressColumn, number>>> & {
  readonly step: number;
};

/**
 * Appends one line after each episode or evaluation to `progress.csv` in a run's folder. Numbers
 * have nine digits; what is not finite is written as `NaN`, `Infinity` or `-Infinity`, never as 0.
 */
export class ProgressFile {
  readonly path: string;
  readonly #fd: number;
  /** Wall time of the run's earlier parts, as the file told it. */
  readonly secondsBefore: number;

  /**
   * A run from its first step starts the file anew. A run that goes on from `resumedStep` keeps
   * what was written up to that step, drops what came after it (the run will do that part again),
   * and adds the seconds it took before to its own. Throws `SinewError("usage")` where the file
   * that is there is not a progress file, or cannot be written.
   */
  constructor(folder: string, resumedStep: number = 0) {
    this.path = join(folder, progressName);
    const kept =
      resumedStep > 0 && existsSync(this.path)
        ? readProgress(this.path).filter(({ step }) => step <= resumedStep)
        : [];
    this.secondsBefore = kept.at(-1)?.seconds ?? 0;
    try {
      // A file of its own first: a run that dies here has lost no line.
      const next = `${this.path}.next`;
      writeFileSync(next, [header(), ...kept.map(lineOf)].map((line) => `${line}\n`).join(""));
      renameSync(next, this.path);
      this.#fd = openSync(this.path, "a");
    } catch (error) {
      throw new SinewError("usage", `cannot write ${this.path}`, { cause: error });
    }
  }

  /** Appends one line. `row.seconds` is this process's time; that of earlier parts is added. */
  append(row: ProgressRow): void {
    const seconds = row.seconds === undefined ? {} : { seconds: row.seconds + this.secondsBefore };
    writeSync(this.#fd, `${lineOf({ ...row, ...seconds })}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * The rows of a progress file, in its order. Columns are found by name, so files of other versions
 * can be read; a last line that was cut short by a crash is left out. Throws `SinewError("usage")`
 * for what is no progress file, with the line where it stops being one.
 */
export function readProgress(path: string): ProgressRow[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SinewError("usage", `${path} cannot be read: give the folder of a training run`, {
      cause: error,
    });
  }
  // What follows the last line's end is a line that was being written.
  const lines = text.split("\n").slice(0, -1);
  const names = lines[0]?.split(",") ?? [];
  const columns = names.map((name) => {
    return progressColumns.find((column) => fileName(column) === (formerNames[name] ?? name));
  });
  if (!columns.includes("step")) {
    throw new SinewError("usage", `${path} is no progress file: its first line names no "step"`);
  }
  return lines.slice(1).map((line, at) => rowOf(path, at + 2, columns, line.split(",")));
}

function rowOf(
  path: string,
  line: number,
  columns: readonly (ProgressColumn | undefined)[],
  cells: readonly string[],
): ProgressRow {
  const row: Partial<Record<ProgressColumn, number>> = {};
  columns.forEach((column, at) => {
    const cell = cells[at] ?? "";
    if (column === undefined || cell === "") return;
    const value = Number(cell);
    if (Number.isNaN(value) && cell !== "NaN") {
      throw new SinewError("usage", `${path}:${line}: "${cell.slice(0, 40)}" is no number`);
    }
    row[column] = value;
  });
  const { step } = row;
  if (step !== undefined && cells.length === columns.length) return { ...row, step };
  throw new SinewError("usage", `${path}:${line}: ${cells.length} of ${columns.length} cells`);
}

function header(): string {
  return progressColumns.map(fileName).join(",");
}

function fileName(column: ProgressColumn): string {
  return column.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function lineOf(row: ProgressRow): string {
  return progressColumns.map((column) => cellOf(row[column])).join(",");
}

function cellOf(value: number | undefined): string {
  if (value === undefined) return "";
  // Nine digits hold any float32; counters keep all of theirs.
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(9)));
}
