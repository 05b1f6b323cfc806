// What docs/hil.md says of the whole matrix, between its marks. Nobody writes it by hand: its last
// line has the sum of it. A scenario that came or went since is told there by
//   node dist/tools/hil-table.js [--into docs/hil.md] [--check]
// which runs none. With --check nothing is written, and exit code 1 says that it would be.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Kill } from "../src/hil/kill-trials.ts";
import type { Trial } from "../src/hil/trial.ts";

export const scenariosFolder = "test/hil/scenarios";

const place = /<!-- hil -->\n([\s\S]*?)<!-- \/hil( [0-9a-f]{16})? -->/;
/** What stands before the names of those that have no row, each with its day. */
const missingHead = "Not in this run: ";
const missingLine = new RegExp(`\\n\\n${missingHead}.*\\.(?=\\n)`);
const rowName = /^\| ([a-z0-9-]+) \|/;

function sumOf(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}

/** The page with `body` between its marks, and its sum behind it. */
export function withBody(page: string, body: string): string {
  if (!place.test(page)) throw new Error("the page has no place for the matrix");
  const whole = `${body}\n`;
  return page.replace(place, () => `<!-- hil -->\n${whole}<!-- /hil ${sumOf(whole)} -->`);
}

/** What is between the marks. Throws where that is not what was written there. */
export function bodyOf(page: string): string {
  const [, body, sum] = page.match(place) ?? [];
  if (body === undefined || sum?.trim() !== sumOf(body)) {
    throw new Error("the matrix was changed by hand: npm run hil:full writes it");
  }
  return body.slice(0, -1);
}

/** The scenarios that have a row. */
function rowsOf(body: string): string[] {
  return body.split("\n").flatMap((line) => {
    const name = rowName.exec(line)?.[1];
    return name === undefined || name === "scenario" ? [] : [name];
  });
}

/**
 * The body with a row for no scenario that is not among `names`, and with a sentence that has each
 * of `names` that has no row, and the day since when it has none: `day`, where that is new.
 */
export function reconciled(body: string, names: readonly string[], day: string): string {
  const old = missingLine.exec(body)?.[0] ?? "";
  const rows = rowsOf(body);
  const lines = body
    .replace(missingLine, "")
    .split("\n")
    .filter((line) => {
      const name = rowName.exec(line)?.[1];
      return name === undefined || name === "scenario" || names.includes(name);
    });
  const missing = names
    .filter((name) => !rows.includes(name))
    .map(
      (name) =>
        `\`${name}\` (since ${new RegExp(`\`${name}\` \\(since ([^)]*)`).exec(old)?.[1] ?? day})`,
    );
  if (missing.length === 0) return lines.join("\n");
  const afterTable = lines.findLastIndex((line) => line.startsWith("|")) + 1;
  lines.splice(afterTable, 0, "", `${missingHead}${missing.join(", ")}.`);
  return lines.join("\n");
}

/** The names of all scenarios. */
export function scenarioNames(folder: string = scenariosFolder): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => file.slice(0, -5))
    .sort();
}

/** Scenario by target: the time to a safe stop in ms, or that it was as it must be. */
export function tableOf(trials: readonly Pick<Trial, "scenario" | "target" | "verdict">[]): string {
  const targets = [...new Set(trials.map(({ target }) => target))];
  const names = [...new Set(trials.map(({ scenario }) => scenario.name))];
  const rows = names.map((name) => {
    const own = trials.filter(({ scenario }) => scenario.name === name);
    const cells = targets.map((target) => {
      const verdict = own.find((trial) => trial.target === target)?.verdict;
      if (verdict === undefined) return "";
      if (!verdict.ok) return "**failed**";
      return verdict.timeToSafeMs === null ? "ok" : verdict.timeToSafeMs.toFixed(1);
    });
    const reasons = [...new Set(own.map(({ verdict }) => verdict.reason))].join(", ");
    return `| ${name} | ${reasons} | ${cells.join(" | ")} |`;
  });
  const head = `| scenario | device's reason | ${targets.join(" | ")} |`;
  return [head, `|---|---|${targets.map(() => "---|").join("")}`, ...rows].join("\n");
}

/** No stop may begin later than this after the last expiry, but for one in a thousand. */
const lateMs = 100;

/** What kills of hosts came to: whether all was well, how many were not, and it in words. */
export interface KillTally {
  readonly ok: boolean;
  readonly bad: number;
  readonly line: string;
}

/** Counts kills of hosts that drove `target`. */
export function tallyOf(kills: readonly Kill[], target: string): KillTally {
  const times = kills.map((kill) => kill.lateMs).filter((ms) => !Number.isNaN(ms));
  times.sort((a, b) => a - b);
  const late = times.filter((ms) => ms > lateMs).length;
  const bad = kills.filter(({ faults }) => faults.length > 0);
  const at = (share: number): string =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(2);
  const said =
    times.length === 0
      ? "the device never said that it was stopping"
      : `the device said that it was stopping ${at(0.5)} ms after the last expiry in the median, ` +
        `${at(0.99)} in 99 of 100, ${at(1)} at most; ${late} above ${lateMs} ms`;
  const wrong = bad.length === 0 ? "none was" : `**${bad.length} were**`;
  const first = bad.length === 0 ? "" : `, the first one: ${bad[0].faults.join("; ")}`;
  const line =
    `${kills.length} hosts killed with SIGKILL while they drove ${target}: ${said}, and ${wrong} ` +
    `not as it must be${first}.`;
  const ok = bad.length === 0 && late <= Math.ceil(kills.length / 1000);
  return { ok, bad: bad.length, line };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      into: { type: "string", default: "docs/hil.md" },
      check: { type: "boolean", default: false },
    },
  });
  const page = readFileSync(values.into, "utf8");
  const day = new Date().toISOString().slice(0, 10);
  const next = withBody(page, reconciled(bodyOf(page), scenarioNames(), day));
  if (next === page) return;
  if (values.check) process.exitCode = 1;
  else writeFileSync(values.into, next);
  process.stdout.write(`${values.into}: scenarios came or went\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
