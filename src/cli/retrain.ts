import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import { wholeNumber } from "./option.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { bar, Terminal, table } from "./terminal.ts";

interface Options {
  readonly run: string;
  readonly policy: string;
  readonly gradientSteps: number;
  readonly out: string;
  readonly json: boolean;
}

/** `sinew retrain`. */
export function retrainCommand(): Command {
  return new Command("retrain")
    .description("Go on training from what the robot logged, and let the gate judge the candidate.")
    .argument("<logs...>", "log files of the robot, .mcap")
    .requiredOption("--run <folder>", "the run that made the policy; its checkpoint is read")
    .requiredOption("--policy <path>", "the policy that drove the robot")
    .option("--gradient-steps <count>", "gradient steps", wholeNumber(1, 1e9), 2000)
    .option("--out <path>", "where an accepted candidate is written", "candidate.onnx")
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
The gate's answer: exit code 0 accepted (the candidate is written), 1 rejected (nothing is).

Example:
  npx sinew retrain logs/arm-1-*.mcap --run runs/pendulum-0 --policy runs/pendulum-0/policy.onnx`,
    )
    .action(act);
}

async function act(logs: string[], options: Options): Promise<void> {
  const { readLog } = await import("../log/reader.ts");
  const { segmentsOf } = await import("../log/transitions.ts");
  const { controlSpecOf, decimationOf } = await import("../core/decimation.ts");
  const { differenceOfSpecs } = await import("../core/spec.ts");
  const { retrain } = await import("../learn/retrain.ts");
  const { deviceSpecOf } = await import("../policy/history-policy.ts");
  const { loadPolicy } = await import("../policy/policy.ts");
  const { openTask } = await import("../sim/tasks.ts");
  const terminal = new Terminal(options);
  const deployed = readPolicyFile(options.policy);
  const policy = await ofPolicyFile(options.policy, () => loadPolicy(deployed));
  await policy.close();
  const task = await openTask(policy.contract.task);
  const segments = logs.flatMap((path) => {
    const log = readLog(path);
    if (log.metadata.has("wiggle")) {
      throw new SinewError("log-file", `${path} is the log of a wiggle, no policy's: leave it out`);
    }
    const spec = controlSpecOf(deviceSpecOf(policy.contract), decimationOf(log.metadata));
    const difference = differenceOfSpecs(spec, log.spec);
    if (difference !== null) throw new SinewError("contract-mismatch", `${path}: ${difference}`);
    const { actionHistory, observationHistory } = policy.contract;
    return [...segmentsOf(log, actionHistory, observationHistory)];
  });
  const { decision, candidate, transitions } = await retrain({
    folder: options.run,
    task,
    deployed,
    segments,
    gradientSteps: options.gradientSteps,
    onProgress: ({ step, steps }) => terminal.live(`${bar(step / steps)} retraining`),
  });
  const accepted = decision.verdict === "accepted";
  if (accepted) writeFileSync(options.out, candidate);
  else process.exitCode = 1;
  const rows = [
    ["log", `${transitions} transitions of the robot`],
    ["deployed", decision.deployedReturn.toFixed(2)],
    ["candidate", decision.candidateReturn.toFixed(2)],
    ["gain", `${decision.gain.toFixed(2)} +- ${decision.gainError.toFixed(2)} (paired)`],
    ["actions moved", `${(100 * decision.actionChangeRms).toFixed(1)} % rms of their range`],
    ["gate", `${decision.verdict}: ${decision.reasons.join("; ")}`],
    ...(accepted ? [["written", options.out]] : []),
  ];
  for (const line of table(rows)) terminal.line(line);
  terminal.result({ ...decision, transitions, path: accepted ? options.out : null });
}
