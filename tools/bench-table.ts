// Makes the tables of docs/benchmarks.md of what benchmarks printed with --json.
//   node dist/tools/bench-table.js results/*.json                           # to look at
//   node dist/tools/bench-table.js results/*.json --into docs/benchmarks.md # between its marks
// A table's place is between the comments `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`. Where
// two files hold the same case of a benchmark, the later one counts.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Machine, machineText } from "./bench/rounds/machine.ts";
import {
  type BenchResult,
  publishedText,
  ratioOf,
  ratioText,
  resultOf,
  roundsText,
} from "./bench/rounds/result.ts";

/** What one benchmark came to. */
export interface BenchTable {
  /** Each machine and day that one of the results is from. */
  readonly machines: readonly string[];
  readonly results: readonly BenchResult[];
}

/** The results in the lines that `npm run bench -- NAME --json` printed, by NAME. */
export function tablesOf(lines: readonly string[]): Map<string, BenchTable> {
  const machines = new Map<string, Set<string>>();
  const results = new Map<string, Map<string, BenchResult>>();
  for (const line of lines) {
    // npm tells what it runs on the same output.
    if (!line.startsWith("{")) continue;
    const json = JSON.parse(line) as Record<string, unknown>;
    const bench = String(json["bench"]);
    if (json["machine"] !== undefined) {
      const known = machines.get(bench) ?? new Set();
      machines.set(bench, known.add(machineText(json["machine"] as Machine)));
      continue;
    }
    const cases = results.get(bench) ?? new Map<string, BenchResult>();
    results.set(bench, cases.set(`${json["case"]} ${json["unit"]}`, resultOf(json)));
  }
  return new Map(
    [...results].map(([bench, cases]) => [
      bench,
      { machines: [...(machines.get(bench) ?? [])], results: [...cases.values()] },
    ]),
  );
}

/** One benchmark in Markdown: a line of the machine, and a row for each case. */
export function markdownOf({ machines, results }: BenchTable): string {
  const peers = [...new Set(results.flatMap((result) => Object.keys(result.peers)))];
  const barred = results.some(({ bar }) => bar !== undefined);
  const quoted = results.some(({ published }) => published !== undefined);
  const head = [
    ...["case", "unit", "ours"],
    ...(barred ? ["bar"] : []),
    ...peers,
    ...(quoted ? ["published"] : []),
  ];
  const rows = results.map((result) => [
    caseText(result),
    result.unit,
    roundsText(result, result.ours),
    ...(barred ? [String(result.bar ?? "")] : []),
    ...peers.map((peer) => peerText(result, peer)),
    ...(quoted ? [(result.published ?? []).map(publishedText).join("<br>")] : []),
  ]);
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...machines, "", ...lines].join("\n");
}

/** The case, with the number of rounds, and how they are summed up where not by their median. */
function caseText({ case: name, summary = "median", ours }: BenchResult): string {
  if (ours.length === 1) return name;
  return `${name} (${summary === "median" ? "" : `${summary} of `}${ours.length})`;
}

function peerText(result: BenchResult, peer: string): string {
  const rounds = result.peers[peer];
  if (rounds === undefined) return "";
  const ratio = ratioText(ratioOf(result, rounds));
  const count = rounds.length === result.ours.length ? "" : ` of ${rounds.length}`;
  return [`${roundsText(result, rounds)}${count}`, ...(ratio === "" ? [] : [ratio])].join("<br>");
}

/** The document with each table in its place. */
export function withTables(document: string, tables: ReadonlyMap<string, BenchTable>): string {
  let text = document;
  for (const [bench, table] of tables) {
    const [from, to] = [`<!-- bench:${bench} -->`, `<!-- /bench:${bench} -->`];
    const [start, end] = [text.indexOf(from), text.indexOf(to)];
    assert(start >= 0 && end > start, `the document has no place for ${bench}: ${from} ${to}`);
    text = `${text.slice(0, start)}${from}\n${markdownOf(table)}\n${text.slice(end)}`;
  }
  return text;
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { into: { type: "string" } },
  });
  assert(positionals.length > 0, "give the files that hold what the benchmarks printed");
  const lines = positionals.flatMap((path) => readFileSync(path, "utf8").split("\n"));
  const tables = tablesOf(lines);
  if (values.into !== undefined) {
    writeFileSync(values.into, withTables(readFileSync(values.into, "utf8"), tables));
    return;
  }
  for (const [bench, table] of tables) console.log(`## ${bench}\n\n${markdownOf(table)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
