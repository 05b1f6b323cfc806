import { Command } from "commander";
import { wholeNumber } from "./option.ts";
import { readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly starts?: number;
  readonly first: number;
  readonly json: boolean;
}

/** `sinew evaluate`. */
export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description("Prove a policy on this machine and evaluate it on fixed starts, noise off.")
    .argument("<policy>", "the policy's file, such as runs/pendulum-0/policy.onnx")
    .option("--starts <count>", "episodes, one a start (default: the task's)", wholeNumber(1, 1e6))
    .option("--first <seed>", "seed of the first start", wholeNumber(0, 2 ** 31), 1_000_000)
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText("after", "\nExample:\n  npx sinew evaluate runs/pendulum-0/policy.onnx")
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { evaluate } = await import("../learn/evaluate.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const terminal = new Terminal(options);
  const policy = await loadPolicy(readPolicyFile(path));
  const task = await openTask(policy.contract.task);
  const starts = { first: options.first, count: options.starts ?? task.judgedStarts };
  const result = await evaluate((batch, count) => policy.actBatch(batch, count), task, starts);
  await policy.close();
  const error = result.deviation / Math.sqrt(starts.count);
  const rows = [
    ["task", task.name],
    ["proof", `max error ${policy.proofError.toExponential(1)} on this machine`],
    ["mean return", `${result.mean.toFixed(2)} +- ${error.toFixed(2)} (standard error)`],
    ["middle half", result.interquartileMean.toFixed(2)],
    ["worst start", result.worst.toFixed(2)],
    ["starts", `${starts.count}, seeds from ${options.first}, noise off`],
  ];
  for (const line of table(rows)) terminal.line(line);
  terminal.result({
    task: task.name,
    proof: { maxAbsError: policy.proofError },
    mean: result.mean,
    standardError: error,
    interquartileMean: result.interquartileMean,
    worst: result.worst,
    starts: starts.count,
  });
}
