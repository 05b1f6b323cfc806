import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { messageOf, SinewError } from "../core/errors.ts";
import { ideal } from "../sim/hardware.ts";
import type { Series } from "./curve.ts";
import { type ProgressRow, progressName, readProgress } from "./progress-csv.ts";
import { isEventFile } from "./tensorboard.ts";

/** What a finished run leaves beside its policy, for programs. */
export const reportName = "report.json";

/** What a finished run says of itself. */
export interface RunReport {
  readonly task: string;
  readonly algorithm: string;
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly bestReturn: number;
  readonly bestStep: number;
  readonly finalReturn: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** One training run as it lies on disk. */
export interface RunFolder {
  readonly path: string;
  readonly rows: readonly ProgressRow[];
  /** Absent while the run is not finished. */
  readonly report?: RunReport;
}

const checkpointName = "checkpoint";

/** All that a run leaves, but for its event files and films. */
const leavings: readonly string[] = [
  ...[checkpointName, `${checkpointName}.new`, "policy.onnx", "policy.onnx.new"],
  ...["report.html", reportName, progressName, `${progressName}.next`],
];

/** Whether a folder holds something of a run that a fresh one would take the place of. */
export function holdsRun(folder: string): boolean {
  return leavings.some((name) => existsSync(join(folder, name)));
}

/**
 * Removes what a run left in a folder, so that nobody takes it for the next one's. Throws
 * `SinewError("usage")` where a name is taken by what no run leaves.
 */
export function clearRun(folder: string): void {
  const numbered = readdirSync(folder).filter(
    (name) => isEventFile(name) || /^film-\d+\.svg$/.test(name),
  );
  for (const name of [...leavings, ...numbered]) {
    const path = join(folder, name);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw new SinewError("usage", `cannot write ${path}`, { cause: error });
    }
  }
}

/**
 * The runs in a folder: the folder itself where it holds a `progress.csv`, else those below it, in
 * the order of their names. Throws `SinewError("usage")` where there is none, or one is broken.
 */
export function runsIn(folder: string): RunFolder[] {
  if (existsSync(join(folder, progressName))) return [readRun(folder)];
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (error) {
    throw new SinewError("usage", `there is no folder ${folder}`, { cause: error });
  }
  const runs = names
    .filter((name) => basename(name) === progressName)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => readRun(join(folder, name, "..")));
  if (runs.length > 0) return runs;
  throw new SinewError("usage", `${folder} holds no ${progressName}: give a training run's folder`);
}

/** One run's folder, which must hold a `progress.csv`. Throws `SinewError("usage")` otherwise. */
export function readRun(path: string): RunFolder {
  const rows = readProgress(join(path, progressName));
  const report = readReport(path);
  return { path, rows, ...(report !== undefined && { report }) };
}

/**
 * What the run in a folder says of itself; nothing where it is not finished. Throws
 * `SinewError("usage")` for a report that is not one.
 */
export function readReport(folder: string): RunReport | undefined {
  const path = join(folder, reportName);
  if (!existsSync(path)) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new SinewError("usage", `${path} is no report: ${messageOf(error)}`, { cause: error });
  }
  const fields = found as Readonly<Record<string, unknown>>;
  const whole =
    typeof found === "object" &&
    found !== null &&
    typeof fields["task"] === "string" &&
    typeof fields["algorithm"] === "string" &&
    typeof fields["settings"] === "object" &&
    fields["settings"] !== null &&
    // JSON has no NaN: the return of a run that diverged is null.
    ["seed", "steps", "seconds", "bestStep"].every((name) => typeof fields[name] === "number") &&
    ["bestReturn", "finalReturn"].every((name) => name in fields);
  if (!whole) throw new SinewError("usage", `${path} is no report of a training run`);
  const report = found as RunReport;
  return {
    ...report,
    // A report that says nothing of hardware is older than these settings.
    settings: { ...ideal, ...report.settings },
    bestReturn: report.bestReturn ?? Number.NaN,
    finalReturn: report.finalReturn ?? Number.NaN,
  };
}

/**
 * Runs that differ in nothing but their seed, together, each series named by the settings in which
 * it differs from the others. Runs that are not finished say no settings: those whose folders have
 * the same name but for a number at its end belong together.
 */
export function seriesOf(runs: readonly RunFolder[]): Series[] {
  const groups = new Map<string, RunFolder[]>();
  for (const run of runs) {
    const key = groupOf(run);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const first = [...groups.values()].map(([run]) => run);
  const names = differing(first.flatMap(({ report }) => (report ? [report.settings] : [])));
  return [...groups.values()].map((group) => ({
    label: labelOf(group[0], names),
    runs: group.map(({ rows }) => rows),
  }));
}

function groupOf({ path, report }: RunFolder): string {
  if (report === undefined) return `folder ${stemOf(path)}`;
  const entries = Object.entries(report.settings).filter(([name]) => name !== "seed");
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function labelOf({ path, report }: RunFolder, names: readonly string[]): string {
  if (report === undefined) return stemOf(path);
  const parts = names.map((name) => `${kebab(name)} ${textOf(report.settings[name])}`);
  return parts.join(", ") || `${report.task}, ${report.algorithm}`;
}

/** The settings, but for the seed, that are not the same in all. */
function differing(all: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = [...new Set(all.flatMap((settings) => Object.keys(settings)))];
  return names.filter((name) => {
    return name !== "seed" && new Set(all.map((settings) => textOf(settings[name]))).size > 1;
  });
}

/** A setting's value as a person writes it: numbers short, lists with commas. */
export function textOf(value: unknown): string {
  if (typeof value !== "number") return Array.isArray(value) ? value.join(",") : String(value);
  const plain = String(value);
  const short = value.toExponential().replace("e+", "e");
  return plain.length <= 5 || plain.length <= short.length ? plain : short;
}

/** `actorRate` as it is written in a flag: `actor-rate`. */
export function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function stemOf(path: string): string {
  return basename(join(path, ".")).replace(/[-_]?(seed)?[-_]?\d+$/, "") || basename(path);
}
