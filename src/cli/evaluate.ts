import { Command } from "commander";
import { type Hardware, textOfHardware } from "../sim/hardware.ts";
import { wholeNumber } from "./option.ts";
import { readPolicyFile } from "./policy-file.ts";
import { hardwareGiven, hardwareOptions } from "./setting-option.ts";
import { Terminal, table } from "./terminal.ts";

interface Options extends Partial<Hardware> {
  readonly starts?: number;
  readonly first: number;
  readonly json: boolean;
}

/** `sinew evaluate`. */
export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .description("Prove a policy on this machine and evaluate it on fixed starts, noise off.")
    .argument("<policy>", "the policy's file, such as runs/pendulum-0/policy.onnx")
    .option("--starts <count>", "episodes, one a start (default: the task's)", wholeNumber(1, 1e6))
    .option("--first <seed>", "seed of the first start", wholeNumber(0, 2 ** 31), 1_000_000)
    .option("--json", "print the result as one JSON object on stdout", false);
  for (const option of hardwareOptions(() => "as it was trained")) command.addOption(option);
  return command
    .addHelpText("after", "\nExample:\n  npx sinew evaluate runs/pendulum-0/policy.onnx")
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { evaluate } = await import("../learn/evaluate.ts");
  const { differenceOfSpecs } = await import("../core/spec.ts");
  const { SinewError } = await import("../core/errors.ts");
  const { hardwareOf, openTaskOf } = await import("./policy-task.ts");
  const terminal = new Terminal(options);
  const policy = await loadPolicy(readPolicyFile(path));
  const given = hardwareGiven(options);
  const world = textOfHardware({ ...hardwareOf(policy.contract), ...given }) || "ideal";
  const task = await openTaskOf(policy.contract, given);
  const difference = differenceOfSpecs(task.spec, policy.spec);
  if (difference !== null) throw new SinewError("contract-mismatch", `${path}: ${difference}`);
  const starts = { first: options.first, count: options.starts ?? task.judgedStarts };
  const result = await evaluate((batch, count) => policy.actBatch(batch, count), task, starts);
  await policy.close();
  const error = result.deviation / Math.sqrt(starts.count);
  const rows = [
    ["task", task.name],
    ["world", world],
    ["proof", `max error ${policy.proofError.toExponential(1)} on this machine`],
    ["mean return", `${result.mean.toFixed(2)} +- ${error.toFixed(2)} (standard error)`],
    ["middle half", result.interquartileMean.toFixed(2)],
    ["worst start", result.worst.toFixed(2)],
    ["starts", `${starts.count}, seeds from ${options.first}, noise off`],
  ];
  for (const line of table(rows)) terminal.line(line);
  terminal.result({
    task: task.name,
    world,
    proof: { maxAbsError: policy.proofError },
    mean: result.mean,
    standardError: error,
    interquartileMean: result.interquartileMean,
    worst: result.worst,
    starts: starts.count,
  });
}
