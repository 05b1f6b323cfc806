import { numberText, secondsText } from "./axis.ts";
import { curveSvg } from "./curve.ts";
import { escaped } from "./picture-style.ts";
import type { ProgressRow } from "./progress-csv.ts";
import { reportStyle } from "./report-style.ts";
import { interquartileMean, mean, meanInterval } from "./statistics.ts";

/** One policy's returns on the judged starts, noise off. */
export interface Judged {
  /** Such as "best", which was kept, or "final". */
  readonly name: string;
  /** Environment steps that it had learnt from. */
  readonly step: number;
  /** One undiscounted return a start; at least one. */
  readonly returns: ArrayLike<number>;
}

/** A file of the run, by what it is known. */
export interface ReportFile {
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** A moving picture, as it is embedded. */
export interface ReportFilm {
  readonly type: "image/svg+xml" | "image/png";
  readonly bytes: Uint8Array;
  readonly caption: string;
}

/** Everything that a run's page says. */
export interface Report {
  readonly task: string;
  /** Such as `ddpg` or `td3`. */
  readonly algorithm: string;
  readonly engine: string;
  /** Wall time of the training, s. */
  readonly seconds: number;
  /** Every setting; lists and nested ones are written out. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the settings are when nothing is said: those that differ are marked. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** The command line that does the run again. */
  readonly command: string;
  /** The kept policy first. At least one. */
  readonly judged: readonly Judged[];
  /** Returns of uniform actions on the first of the same starts: what learning nothing earns. */
  readonly random?: ArrayLike<number>;
  /** Mean return at which the task counts as solved. */
  readonly solvedReturn?: number;
  readonly rows: readonly ProgressRow[];
  readonly files: readonly ReportFile[];
  readonly film?: ReportFilm;
  /** Why there is none, where the task can be drawn. */
  readonly filmProblem?: string;
}

/**
 * A run as one page of HTML that stands alone: no script, no request, light and dark, narrow and
 * wide. The same report gives the same bytes.
 */
export function reportHtml(report: Report): string {
  const title = escaped(`${report.task}, ${report.algorithm.toUpperCase()}`);
  return [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // The browser itself sees to it that nothing is fetched.
    '<meta http-equiv="Content-Security-Policy"',
    ` content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`,
    `<title>${title}: training run</title><style>${reportStyle}</style></head><body><main>`,
    headOf(report, title),
    filmOf(report),
    section("Learning", curveOf(report)),
    section("Evaluation", evaluationOf(report)),
    section("Do it again", `<pre><code>${escaped(report.command)}</code></pre>`),
    section("Settings", settingsOf(report)),
    section("Files", filesOf(report.files)),
    "</main></body></html>\n",
  ].join("\n");
}

function headOf(report: Report, title: string): string {
  const { judged, random, seconds, engine, rows } = report;
  const [{ returns, step }] = judged;
  const { low, high } = meanInterval(returns);
  const steps = rows.at(-1)?.step ?? step;
  const facts = [
    ["95 % interval", `${decimal(low)} to ${decimal(high)}`],
    ...(random === undefined ? [] : [["random policy", decimal(mean(random))]]),
    ["kept from step", numberText(step)],
    ["steps in all", numberText(steps)],
    ["trained in", secondsText(seconds, 0.1)],
    ["engine", engine],
  ];
  const list = facts.map(([name, value]) => {
    return `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`;
  });
  return (
    `<header><h1>${title}</h1><p class="hero">${decimal(mean(returns))}</p>` +
    `<p class="under">mean return of the kept policy on ${numberText(returns.length)} ` +
    `fixed starts, noise off${solvedOf(report)}</p><dl>${list.join("")}</dl></header>`
  );
}

function solvedOf({ solvedReturn, judged }: Report): string {
  if (solvedReturn === undefined) return "";
  const word = mean(judged[0].returns) >= solvedReturn ? "solved" : "not solved yet";
  return `; ${word}: the task asks for ${decimal(solvedReturn)}`;
}

function filmOf({ film, filmProblem }: Report): string {
  if (filmProblem !== undefined) {
    return `<p class="note">There is no film: ${escaped(filmProblem)}</p>`;
  }
  if (film === undefined) return "";
  const data = Buffer.from(film.bytes).toString("base64");
  const caption = escaped(film.caption);
  const image = `<img alt="${caption}" src="data:${film.type};base64,${data}">`;
  return `<figure>${image}<figcaption>${caption}</figcaption></figure>`;
}

function curveOf({ rows, solvedReturn, task }: Report): string {
  const levels = solvedReturn === undefined ? [] : [{ label: "solved", value: solvedReturn }];
  const series = [{ label: "this run", runs: [rows] }];
  return wide(curveSvg({ title: task, series, x: "step", smooth: 1, levels }));
}

function evaluationOf({ judged, random }: Report): string {
  const names = ["policy", "step", "mean", "95 % interval", "IQM", "worst", "best", "starts"];
  const head = names.map((name) => `<th scope="col">${name}</th>`).join("");
  const all = [...judged];
  if (random !== undefined) all.push({ name: "random", step: 0, returns: random });
  const rows = all.map(({ name, step, returns }) => {
    const { low, high } = meanInterval(returns);
    const sorted = Float64Array.from(returns).sort();
    const cells = [
      numberText(step),
      `<b>${decimal(mean(returns))}</b>`,
      `${decimal(low)} to ${decimal(high)}`,
      decimal(interquartileMean(returns)),
      decimal(sorted[0]),
      decimal(sorted[sorted.length - 1]),
      numberText(returns.length),
    ];
    const row = cells.map((cell) => `<td>${cell}</td>`).join("");
    return `<tr><th scope="row">${escaped(name)}</th>${row}</tr>`;
  });
  const note =
    "The interval is of the mean, over starts (bootstrap, 1,000 resamples): it says nothing of " +
    "other seeds. IQM is the mean of the middle half." +
    (random === undefined
      ? ""
      : " Random: uniform actions, what a policy that learnt nothing earns.");
  return `${table(head, rows)}<p class="note">${note}</p>`;
}

function settingsOf({ settings, defaults }: Report): string {
  const usual = new Map(defaults === undefined ? [] : flat(defaults));
  let changes = 0;
  const items = flat(settings).map(([name, value]) => {
    const changed = defaults !== undefined && usual.get(name) !== value;
    if (changed) changes++;
    const mark = changed ? ' class="changed"' : "";
    return `<div${mark}><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>`;
  });
  const note = changes > 0 ? '<p class="note">Marked: not the default.</p>' : "";
  return `<dl class="settings">${items.join("")}</dl>${note}`;
}

function filesOf(files: readonly ReportFile[]): string {
  const head = '<th scope="col">file</th><th scope="col">bytes</th><th scope="col">SHA-256</th>';
  const rows = files.map(({ name, bytes, sha256 }) => {
    const hash = `<td class="hash"><code>${escaped(sha256)}</code></td>`;
    return `<tr><th scope="row">${escaped(name)}</th><td>${numberText(bytes)}</td>${hash}</tr>`;
  });
  return table(head, rows);
}

function section(title: string, content: string): string {
  return `<section><h2>${title}</h2>${content}</section>`;
}

function table(head: string, rows: readonly string[]): string {
  return wide(`<table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`);
}

/** What is wider than a phone scrolls by itself, also by the keyboard. */
function wide(content: string): string {
  return `<div class="wide" tabindex="0">${content}</div>`;
}

function decimal(value: number): string {
  return numberText(value, Math.abs(value) < 10 ? 0.01 : 0.1);
}

/** Nested settings as `outer.inner`, each value as text. */
function flat(settings: Readonly<Record<string, unknown>>, outer: string = ""): [string, string][] {
  return Object.entries(settings).flatMap(([name, value]): [string, string][] => {
    const path = `${outer}${name}`;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return flat(value as Record<string, unknown>, `${path}.`);
    }
    return [[path, Array.isArray(value) ? value.join(", ") : String(value)]];
  });
}
