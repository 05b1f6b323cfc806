import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openTaskOf } from "../../src/cli/policy-task.ts";
import { evaluate, judgedStarts } from "../../src/learn/evaluate.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import type { Task } from "../../src/sim/env.ts";
import type { Bench, BenchOptions } from "./main.ts";
import type { BenchResult, Published } from "./rounds/result.ts";

export const bench: Bench = {
  title:
    "Mean return of each committed policy from its task's fixed starts, noise off, evaluated " +
    "here and now. Nothing ran beside it: the peers' numbers are published ones, of their own " +
    "versions of the task, protocols and machines.",
  rounds: 1,
  run,
};

/** What published.json says of a task. */
interface Known {
  readonly bar: number;
  readonly barSays: string;
  readonly published: readonly Published[];
}

async function* run({ starts: limit, note }: BenchOptions): AsyncGenerator<BenchResult> {
  const known: Readonly<Record<string, Known>> = JSON.parse(
    readFileSync("tools/bench/published.json", "utf8"),
  );
  for (const name of readdirSync("models").sort()) {
    const path = resolve("models", name, "policy.onnx");
    if (!existsSync(path)) continue;
    const { mean, task, count } = await returnOf(path, limit);
    note(`${name}: ${mean.toFixed(2)} from ${count} starts, ${madeBy(name)}`);
    const says = known[task.name];
    if (says !== undefined) note(`${name}: the bar is ${says.bar}, ${says.barSays}`);
    yield {
      ...{ case: name, unit: "return", higherIsBetter: true, ours: [mean], peers: {} },
      ...(says !== undefined && { bar: says.bar, published: says.published }),
    };
  }
}

async function returnOf(
  path: string,
  limit: number | null,
): Promise<{ mean: number; task: Task; count: number }> {
  const policy = await loadPolicy(readFileSync(path));
  try {
    const task = await openTaskOf(policy.contract);
    const judged = judgedStarts(task);
    const starts = { ...judged, count: Math.min(judged.count, limit ?? judged.count) };
    const { mean } = await evaluate((batch, n) => policy.actBatch(batch, n), task, starts);
    return { mean, task, count: starts.count };
  } finally {
    await policy.close();
  }
}

/** How the model's own report says that it was trained. */
function madeBy(name: string): string {
  const report = JSON.parse(readFileSync(join("models", name, "report.json"), "utf8"));
  return `trained for ${Number(report.steps).toLocaleString("en")} steps by ${report.command}`;
}
