import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { presetNames, settingsOf } from "./presets.ts";
import { kebab, type RunReport, textOf } from "./run-folder.ts";
import { checkSettings, faultOf, settingTable, type TrainSettings } from "./settings.ts";
import { interquartileMean, interval, mean, probabilityOfImprovement } from "./statistics.ts";

/** A setting, or the preset that they come from, and the values that it shall take. */
export interface Variation {
  readonly name: keyof TrainSettings | "preset";
  /** At least one, each one that the setting may be. */
  readonly values: readonly unknown[];
}

/** What to sweep over. */
export interface SweepRequest {
  readonly task: string;
  readonly preset: string;
  /** Settings of all runs, beyond their preset's. */
  readonly changesOf: (preset: string) => Partial<TrainSettings>;
  readonly variations: readonly Variation[];
  readonly seeds: number;
  readonly firstSeed: number;
}

/** One run of a sweep. */
export interface SweepJob {
  /** The name of its folder. */
  readonly name: string;
  /** What it has in common with the same setting's other seeds. */
  readonly setting: string;
  readonly varied: Readonly<Record<string, unknown>>;
  readonly settings: TrainSettings;
  /** Settings beyond the preset's, as a file that `sinew train --config` reads. */
  readonly file: string;
}

/** How a run of a sweep ended. */
export type JobOutcome =
  | { readonly state: "done"; readonly report: RunReport }
  | { readonly state: "failed"; readonly error: string }
  | { readonly state: "stopped" };

/** A run of a sweep and how it ended. */
export interface JobResult {
  readonly job: SweepJob;
  readonly outcome: JobOutcome;
}

/** One setting over its seeds: returns of the kept policies on the judged starts, noise off. */
export interface SettingResult {
  readonly setting: string;
  readonly varied: Readonly<Record<string, unknown>>;
  /** One a finished seed. */
  readonly returns: readonly number[];
  readonly failed: number;
  readonly stopped: number;
  /** NaN where no seed has finished. */
  readonly mean: number;
  readonly interquartileMean: number;
  /** 95 % interval of the interquartile mean, over seeds. */
  readonly low: number;
  readonly high: number;
  readonly worst: number;
  /** Mean return of the last policies, not the kept ones. */
  readonly finalMean: number;
  /**
   * How probably a run of the best setting beats one of this: about 0.5 where they are alike, NaN
   * where one of them has no finished seed.
   */
  readonly beaten: number;
}

/**
 * Reads `actor-rate=1e-3,3e-4` or `actorRate=...`. Values are apart by commas, or by `/` where one
 * of them holds commas itself: `actor-hidden=64,64/256,256`. Throws `SinewError("usage")`.
 */
export function variationOf(text: string): Variation {
  const [, key, list] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined) {
    throw new SinewError(
      "usage",
      `"${text}": give a setting and its values, as in gamma=0.98,0.99`,
    );
  }
  if (key === "preset") return { name: key, values: presetsIn(list) };
  const name = Object.keys(settingTable).find((each) => each === key || kebab(each) === key);
  if (name === undefined || name === "task" || name === "seed") {
    const why = name === undefined ? "there is no such setting" : "it cannot be varied";
    throw new SinewError("usage", `"${key}": ${why}; npx sinew train --help lists them`);
  }
  const setting = settingTable[name as keyof TrainSettings];
  const apart = list.includes("/") || setting.kind === "widths" ? "/" : ",";
  const values = list.split(apart).map((part) => {
    const value = parsed(setting.kind, part.trim());
    const why = part.trim() === "" ? "a value is missing" : faultOf(setting, value);
    if (why !== null) throw new SinewError("usage", `${key} is "${part}": ${why}`);
    return value;
  });
  return { name: name as keyof TrainSettings, values };
}

function presetsIn(list: string): string[] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !presetNames.includes(name));
  if (unknown === undefined) return names;
  const known = presetNames.join(", ");
  throw new SinewError("usage", `no preset is named "${unknown}": there is ${known}`);
}

function parsed(kind: string, text: string): unknown {
  if (kind === "widths") return text.split(",").map(Number);
  if (kind === "flag") return text === "true" ? true : text === "false" ? false : text;
  return kind === "number" || kind === "whole" ? Number(text) : text;
}

/**
 * Every combination of the varied settings with every seed, seeds of one setting one after the
 * other. Throws `SinewError("usage")` for settings that cannot be together.
 */
export function jobsOf(request: SweepRequest): SweepJob[] {
  const { task, preset, changesOf, variations, seeds, firstSeed } = request;
  let all: Record<string, unknown>[] = [{}];
  for (const { name, values } of variations) {
    all = all.flatMap((varied) => values.map((value) => ({ ...varied, [name]: value })));
  }
  return all.flatMap((varied) =>
    Array.from({ length: seeds }, (_, at): SweepJob => {
      const seed = firstSeed + at;
      const { preset: named = preset, ...more } = varied as { readonly preset?: string };
      const own = { ...changesOf(named), ...more, seed } as Partial<TrainSettings>;
      const settings = settingsOf(named, task, own);
      checkSettings(settings);
      const parts = Object.entries(varied).map(([name, value]) => [kebab(name), textOf(value)]);
      const name = [...parts, ["seed", String(seed)]].map((part) => part.join("-")).join("_");
      return {
        name: name.replaceAll(/[^\w.-]/g, "x"),
        setting: parts.map((part) => part.join(" ")).join(", ") || "as it is",
        varied,
        settings,
        file: fileOf(task, named, own),
      };
    }),
  );
}

/** JSON's values are YAML's. */
function fileOf(task: string, preset: string, changes: Partial<TrainSettings>): string {
  const lines = Object.entries({ preset, ...changes }).map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}`,
  );
  return `# npx sinew train --env ${task} --config <this file>\n${lines.join("\n")}\n`;
}

/** The settings with their seeds, the best by interquartile mean first. */
export function resultsOf(results: readonly JobResult[]): SettingResult[] {
  const settings = [...new Set(results.map(({ job }) => job.setting))];
  const ranked = settings
    .map((setting) => resultOf(results.filter(({ job }) => job.setting === setting)))
    .sort((a, b) => rank(b.interquartileMean) - rank(a.interquartileMean));
  return ranked.map((each) => {
    const both = ranked[0].returns.length > 0 && each.returns.length > 0;
    const beaten = both
      ? probabilityOfImprovement([ranked[0].returns], [each.returns])
      : Number.NaN;
    return { ...each, beaten };
  });
}

/** Nothing finished, or diverged, comes last. */
function rank(value: number): number {
  return Number.isNaN(value) ? -Number.MAX_VALUE : value;
}

function resultOf(results: readonly JobResult[]): Omit<SettingResult, "beaten"> {
  const reports = results.flatMap(({ outcome }) =>
    outcome.state === "done" ? [outcome.report] : [],
  );
  const count = (state: JobOutcome["state"]): number =>
    results.filter(({ outcome }) => outcome.state === state).length;
  const returns = reports.map(({ bestReturn }) => bestReturn);
  const some = returns.length > 0;
  // The same resamples each time: a table that is made again must not change.
  const bootstrap = { rng: new Rng(1), resamples: 5000, confidence: 0.95 };
  const none = { low: Number.NaN, high: Number.NaN };
  return {
    setting: results[0].job.setting,
    varied: results[0].job.varied,
    returns,
    failed: count("failed"),
    stopped: count("stopped"),
    mean: some ? mean(returns) : Number.NaN,
    interquartileMean: some ? interquartileMean(returns) : Number.NaN,
    ...(some ? interval([returns], interquartileMean, bootstrap) : none),
    worst: some ? Math.min(...returns) : Number.NaN,
    finalMean: some ? mean(reports.map(({ finalReturn }) => finalReturn)) : Number.NaN,
  };
}

/** One line a run, for programs: its varied settings, its seed, how it ended. */
export function resultsCsv(results: readonly JobResult[]): string {
  const varied = [...new Set(results.flatMap(({ job }) => Object.keys(job.varied)))];
  const told = ["best_return", "best_step", "final_return", "seconds", "error"];
  const head = ["run", ...varied.map(kebab), "seed", "state", ...told];
  const lines = results.map(({ job, outcome }) => {
    const report = outcome.state === "done" ? outcome.report : undefined;
    const numbers = [report?.bestReturn, report?.bestStep, report?.finalReturn, report?.seconds];
    return [
      job.name,
      ...varied.map((name) => textOf(job.varied[name])),
      String(job.settings.seed),
      outcome.state,
      ...numbers.map((value) => (value === undefined ? "" : String(value))),
      outcome.state === "failed" ? outcome.error : "",
    ];
  });
  return [head, ...lines].map((cells) => `${cells.map(cell).join(",")}\n`).join("");
}

function cell(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
