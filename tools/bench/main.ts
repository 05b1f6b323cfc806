/**
 * npm run bench -- <name> [--peers] [--json] [--rounds N] [--steps N]
 *
 * Runs one named benchmark: the file of that name beside this one, which exports `bench`. Each
 * result is printed as a line of a table, or with --json as one line {"bench","case","value",
 * "unit","peers":{"<name>":value},"rounds":{"ours":[...],"<name>":[...]}}, values being medians.
 * Where a round is a training run, --seeds is another word for --rounds.
 */
import { readdirSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** What each benchmark file exports under the name `bench`. */
export interface Bench {
  /** One line: what is measured, and under which conditions. */
  readonly title: string;
  /** Interleaved rounds unless the user gives another number. */
  readonly rounds: number;
  /** Yields the cases one by one, as they are measured. */
  run(options: BenchOptions): AsyncIterable<BenchResult>;
}

export interface BenchOptions {
  readonly rounds: number;
  /** Whether to run the alternatives beside ours, in the same rounds. */
  readonly peers: boolean;
  /** Steps of each round, for a quicker look; null for the benchmark's own number. */
  readonly steps: number | null;
  /** Says something to the user that is not a result. */
  readonly note: (line: string) => void;
}

/** All of one contender's rounds. */
export type Rounds = readonly number[];

export interface BenchResult {
  readonly case: string;
  readonly unit: string;
  readonly ours: Rounds;
  readonly peers: Readonly<Record<string, Rounds>>;
}

/** The middle of the rounds, or the mean of the two in the middle. */
export function medianOf(rounds: Rounds): number {
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function shown(value: number): string {
  return value.toPrecision(4);
}

/** `ours 0.31 (0.30 to 0.33)  jax 0.15 (0.15 to 0.16, 0.50x)`; x = the peer's value over ours. */
function lineOf(result: BenchResult): string {
  const ours = medianOf(result.ours);
  const parts = Object.entries({ ours: result.ours, ...result.peers }).map(([name, rounds]) => {
    const range = `${shown(Math.min(...rounds))} to ${shown(Math.max(...rounds))}`;
    const ratio = name === "ours" || ours === 0 ? "" : `, ${(medianOf(rounds) / ours).toFixed(2)}x`;
    return `${name} ${shown(medianOf(rounds))} (${range}${ratio})`;
  });
  return `${result.case.padEnd(18)} ${result.unit.padEnd(8)} ${parts.join("  ")}`;
}

function jsonOf(bench: string, { case: of, unit, ours, peers }: BenchResult): object {
  const medians = Object.entries(peers).map(([peer, rounds]) => [peer, medianOf(rounds)]);
  const value = medianOf(ours);
  const rounds = { ours, ...peers };
  return { bench, case: of, value, unit, peers: Object.fromEntries(medians), rounds };
}

interface Arguments {
  readonly name: string;
  readonly rounds: number | null;
  readonly steps: number | null;
  readonly peers: boolean;
  readonly json: boolean;
}

/** Other work beyond this, in cores over the last minute, shows in the times. */
const busyLoad = 0.3;

const usage = "npm run bench -- <name> [--peers] [--json] [--rounds N | --seeds N] [--steps N]";

/** What the command line asks for, or null where it makes no sense. */
function argumentsOf(names: readonly string[]): Arguments | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        peers: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        rounds: { type: "string" },
        seeds: { type: "string" },
        steps: { type: "string" },
      },
    });
    const [name] = positionals;
    const [rounds, steps] = [values.rounds ?? values.seeds, values.steps].map((text) =>
      text === undefined ? null : Number(text),
    );
    if (positionals.length !== 1 || !names.includes(name)) return null;
    for (const count of [rounds, steps]) {
      if (count !== null && !(Number.isInteger(count) && count >= 1)) return null;
    }
    return { name, rounds, steps, peers: values.peers, json: values.json };
  } catch {
    return null;
  }
}

async function main(): Promise<void> {
  const names = readdirSync(dirname(fileURLToPath(import.meta.url)))
    .filter((file) => file.endsWith(".js") && file !== "main.js")
    .map((file) => file.slice(0, -3));
  const parsed = argumentsOf(names);
  if (parsed === null) {
    console.error(`usage: ${usage}`);
    console.error(`names: ${names.join(", ")}`);
    process.exitCode = 2;
    return;
  }
  const { name, rounds, steps, peers: withPeers, json } = parsed;
  const { bench } = (await import(`./${name}.js`)) as { bench: Bench };
  if (!json) console.log(bench.title);
  const [load] = loadavg();
  if (load > busyLoad) {
    console.error(`this machine is busy (load ${load.toFixed(1)}): times are not to be trusted`);
  }
  const options: BenchOptions = {
    rounds: rounds ?? bench.rounds,
    steps,
    peers: withPeers,
    note: (line) => console.error(line),
  };
  for await (const result of bench.run(options)) {
    console.log(json ? JSON.stringify(jsonOf(name, result)) : lineOf(result));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
