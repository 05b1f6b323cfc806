/**
 * npm run bench -- <name> [--peers] [--json] [--rounds N] [--peer-rounds N] [--steps N]
 *   [--starts N]
 *
 * Runs one named benchmark: the file of that name beside this one, which exports `bench`. Each
 * result is printed as a line for people. With --json the first line is {"bench","title","machine"}
 * and each other one a result: {"bench","case","unit","summary","value","peers":{"<name>":value},
 * "ratios":{"<name>":{"median","low","high"}},"rounds":{"ours":[...],"<name>":[...]}}.
 * Where a round is a training run, --seeds and --peer-seeds are other words for the rounds.
 */
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/core/errors.ts";
import { endProcesses } from "./peers/process.ts";
import { machineNow, machineText } from "./rounds/machine.ts";
import { type BenchResult, jsonOf, linesOf } from "./rounds/result.ts";

/** What each benchmark file exports under the name `bench`. */
export interface Bench {
  /** One line: what is measured, and under which conditions. */
  readonly title: string;
  /** Interleaved rounds unless the user gives another number. */
  readonly rounds: number;
  /** Those of the peers, where they are fewer. */
  readonly peerRounds?: number;
  /** Yields the cases one by one, as they are measured. */
  run(options: BenchOptions): AsyncIterable<BenchResult>;
}

export interface BenchOptions {
  readonly rounds: number;
  readonly peerRounds: number;
  /** Whether to run the alternatives beside ours, in the same rounds. */
  readonly peers: boolean;
  /** Steps of each round, for a quicker look; null for the benchmark's own number. */
  readonly steps: number | null;
  /** Episodes that judge a policy, for a quicker look; null for the task's own number. */
  readonly starts: number | null;
  /** Says something to the user that is not a result. */
  readonly note: (line: string) => void;
}

interface Arguments {
  readonly name: string;
  readonly rounds: number | null;
  readonly peerRounds: number | null;
  readonly steps: number | null;
  readonly starts: number | null;
  readonly peers: boolean;
  readonly json: boolean;
}

/** Other work beyond this, in cores over the last minute, shows in the times. */
const busyLoad = 0.3;

const usage =
  "npm run bench -- <name> [--peers] [--json] [--rounds N | --seeds N] " +
  "[--peer-rounds N | --peer-seeds N] [--steps N] [--starts N]";

const reading =
  "Several rounds: their median, unless the case says otherwise (lowest to highest). 1.5x: ours " +
  "is 1.5 times better, the median over rounds of the two in the same round (lowest to highest).";

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
        "peer-rounds": { type: "string" },
        "peer-seeds": { type: "string" },
        steps: { type: "string" },
        starts: { type: "string" },
      },
    });
    const [name] = positionals;
    const counts = [
      values.rounds ?? values.seeds,
      values["peer-rounds"] ?? values["peer-seeds"],
      values.steps,
      values.starts,
    ].map((text) => (text === undefined ? null : Number(text)));
    if (positionals.length !== 1 || !names.includes(name)) return null;
    for (const count of counts) {
      if (count !== null && !(Number.isInteger(count) && count >= 1)) return null;
    }
    const [rounds, peerRounds, steps, starts] = counts;
    return { name, rounds, peerRounds, steps, starts, peers: values.peers, json: values.json };
  } catch {
    return null;
  }
}

/** A process that was started here must not go on measuring for nobody. */
function endProcessesWithThisOne(): void {
  process.once("exit", endProcesses);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      // Its end fails the benchmark, which then clears up after itself.
      if (!endProcesses()) process.exit(1);
    });
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
  const { name, rounds, peerRounds, json, ...asked } = parsed;
  const { bench } = (await import(`./${name}.js`)) as { bench: Bench };
  const machine = machineNow();
  if (json) console.log(JSON.stringify({ bench: name, title: bench.title, machine }));
  else console.log(`${bench.title}\n${reading}\n${machineText(machine)}`);
  if (machine.load > busyLoad) {
    console.error(`this machine is busy (load ${machine.load}): times are not to be trusted`);
  }
  endProcessesWithThisOne();
  const options: BenchOptions = {
    ...asked,
    rounds: rounds ?? bench.rounds,
    peerRounds: peerRounds ?? bench.peerRounds ?? rounds ?? bench.rounds,
    note: (line) => console.error(line),
  };
  try {
    for await (const result of bench.run(options)) {
      const lines = json ? [JSON.stringify(jsonOf(name, result))] : linesOf(result);
      console.log(lines.join("\n"));
    }
  } catch (error) {
    console.error(`${name}: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
