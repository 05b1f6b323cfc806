import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import type { Evaluation, Starts } from "../learn/evaluate.ts";
import type { Task } from "../sim/env.ts";
import { type Hardware, ideal, textOfHardware } from "../sim/hardware.ts";
import { wholeNumber } from "./option.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { hardwareGiven, hardwareOptions } from "./setting-option.ts";
import { Terminal, table } from "./terminal.ts";

interface Options extends Partial<Hardware> {
  readonly random: boolean;
  readonly env?: string;
  readonly starts?: number;
  readonly first: number;
  readonly json: boolean;
}

/** What was judged, where, and how it did. */
interface Judgement {
  readonly task: Task;
  readonly world: string;
  /** Of the policy's proof on this machine; null for the random policy, which has none. */
  readonly proofError: number | null;
  readonly evaluation: Evaluation;
}

/** `sinew evaluate`. */
export function evaluateCommand(): Command {
  const command = new Command("evaluate")
    .description("Prove a policy on this machine and evaluate it on fixed starts, noise off.")
    .argument("[policy]", "the policy's file, such as runs/pendulum-0/policy.onnx")
    .option("--random", "in place of a policy's: uniform actions, on the same starts", false)
    .option("--env <name>", "with --random: a task's name or a file (default: pendulum)")
    .option("--starts <count>", "episodes, one a start (default: the task's)", wholeNumber(1, 1e6))
    .option("--first <seed>", "seed of the first start", wholeNumber(0, 2 ** 31), 1_000_000)
    .option("--json", "print the result as one JSON object on stdout", false);
  for (const option of hardwareOptions(() => "as it was trained; --random: ideal")) {
    command.addOption(option);
  }
  return command
    .addHelpText(
      "after",
      "\nExamples:\n  npx sinew evaluate runs/pendulum-0/policy.onnx" +
        "\n  npx sinew evaluate --random --env half-cheetah",
    )
    .action(act);
}

async function act(path: string | undefined, options: Options): Promise<void> {
  const terminal = new Terminal(options);
  const { task, world, proofError, evaluation } = options.random
    ? await judgeRandom(path, options)
    : await judgePolicy(path, options);
  const { mean, interquartileMean, worst, returns } = evaluation;
  const error = evaluation.deviation / Math.sqrt(returns.length);
  const proof = proofError?.toExponential(1);
  const rows = [
    ["task", task.name],
    ["world", world],
    proof === undefined
      ? ["policy", "random: uniform actions"]
      : ["proof", `max error ${proof} on this machine`],
    ["mean return", `${mean.toFixed(2)} +- ${error.toFixed(2)} (standard error)`],
    ["middle half", interquartileMean.toFixed(2)],
    ["worst start", worst.toFixed(2)],
    ["starts", `${returns.length}, seeds from ${options.first}, noise off`],
  ];
  for (const line of table(rows)) terminal.line(line);
  terminal.result({
    task: task.name,
    world,
    proof: proofError === null ? null : { maxAbsError: proofError },
    mean,
    standardError: error,
    interquartileMean,
    worst,
    starts: returns.length,
  });
}

async function judgePolicy(path: string | undefined, options: Options): Promise<Judgement> {
  const { loadPolicy } = await import("../policy/policy.ts");
  const { evaluate } = await import("../learn/evaluate.ts");
  const { differenceOfSpecs } = await import("../core/spec.ts");
  const { hardwareOf, openTaskOf } = await import("./policy-task.ts");
  if (path === undefined) {
    throw new SinewError("usage", "give the policy's file, or --random for uniform actions");
  }
  if (options.env !== undefined) {
    throw new SinewError(
      "usage",
      `--env ${options.env}: ${path} says its task itself, leave it off`,
    );
  }
  const policy = await ofPolicyFile(path, () => loadPolicy(readPolicyFile(path)));
  const given = hardwareGiven(options);
  const task = await openTaskOf(policy.contract, given);
  const difference = differenceOfSpecs(task.spec, policy.spec);
  if (difference !== null) throw new SinewError("contract-mismatch", `${path}: ${difference}`);
  const starts = startsOf(task, options);
  const evaluation = await evaluate((batch, count) => policy.actBatch(batch, count), task, starts);
  await policy.close();
  const world = textOfHardware({ ...hardwareOf(policy.contract), ...given }) || "ideal";
  return { task, world, proofError: policy.proofError, evaluation };
}

async function judgeRandom(path: string | undefined, options: Options): Promise<Judgement> {
  const { evaluateRandom } = await import("../learn/evaluate.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const { withHardware } = await import("../sim/hardware-task.ts");
  if (path !== undefined) {
    throw new SinewError("usage", `--random judges no policy: leave ${path} out`);
  }
  const hardware = { ...ideal, ...hardwareGiven(options) };
  const task = withHardware(await openTask(options.env ?? "pendulum"), hardware);
  const evaluation = await evaluateRandom(task, startsOf(task, options));
  return { task, world: textOfHardware(hardware) || "ideal", proofError: null, evaluation };
}

function startsOf(task: Task, { first, starts }: Options): Starts {
  return { first, count: starts ?? task.judgedStarts };
}
