import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { SinewError } from "../core/errors.ts";
import { Terminal } from "./terminal.ts";

interface Options {
  readonly last: boolean;
  readonly out: string;
  readonly json: boolean;
}

/** `sinew export`. */
export function exportCommand(): Command {
  return new Command("export")
    .description("Write a run's policy as one ONNX file with contract and proof.")
    .argument("<folder>", "the run's folder, such as runs/pendulum-0")
    .option("--last", "the policy of the last checkpoint in place of the best by evaluation", false)
    .option("--out <path>", "the file to write", "policy.onnx")
    .option("--json", "print the result as one JSON object on stdout", false)
    .addHelpText("after", "\nExample:\n  npx sinew export runs/pendulum-0 --out policy.onnx")
    .action(act);
}

async function act(folder: string, options: Options): Promise<void> {
  const { exportFromCheckpoint } = await import("../learn/training.ts");
  const { loadPolicy } = await import("../policy/policy.ts");
  const terminal = new Terminal(options);
  const file = await exportFromCheckpoint(join(folder, "checkpoint"), options.last);
  const policy = await loadPolicy(file);
  await policy.close();
  try {
    writeFileSync(options.out, file);
  } catch (error) {
    throw new SinewError("usage", `cannot write ${options.out}`, { cause: error });
  }
  terminal.line(`${options.out}: ${file.length} bytes, id ${policy.id.slice(0, 16)}`);
  terminal.line(`proved on this machine: max error ${policy.proofError.toExponential(1)}`);
  terminal.result({
    path: options.out,
    id: policy.id,
    bytes: file.length,
    proof: { maxAbsError: policy.proofError },
  });
}
