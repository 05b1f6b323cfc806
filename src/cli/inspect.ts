import { Command } from "commander";
import type { PolicyDescription } from "../policy/description.ts";
import { ofPolicyFile, readPolicyFile } from "./policy-file.ts";
import { Terminal, table } from "./terminal.ts";

interface Options {
  readonly json: boolean;
}

/** `sinew inspect`. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Print what a policy file promises: its contract, its graph and its proof.")
    .argument("<policy>", "an ONNX file")
    .option("--json", "print the description as one JSON object on stdout", false)
    .addHelpText(
      "after",
      `
Exit code 1: it is an ONNX file, but not one that may be deployed.

Example:
  npx sinew inspect runs/pendulum-0/policy.onnx`,
    )
    .action(act);
}

async function act(path: string, options: Options): Promise<void> {
  const { describePolicy } = await import("../policy/description.ts");
  const terminal = new Terminal(options);
  const description = await ofPolicyFile(path, () => describePolicy(readPolicyFile(path)));
  let problem = description.problem;
  let proofError: number | null = null;
  if (problem === null) {
    const { loadPolicy } = await import("../policy/policy.ts");
    const { messageOf } = await import("../core/errors.ts");
    try {
      const policy = await loadPolicy(readPolicyFile(path));
      proofError = policy.proofError;
      await policy.close();
    } catch (error) {
      problem = messageOf(error);
    }
  }
  for (const line of linesOf(description, proofError, problem)) terminal.line(line);
  terminal.result({ ...description, problem, proofError });
  if (problem !== null) process.exitCode = 1;
}

function linesOf(
  description: PolicyDescription,
  proofError: number | null,
  problem: string | null,
): string[] {
  const { contract, proof, channels, imported } = description;
  const facts = [
    ["id", description.id],
    ["file", `${description.bytes} bytes, ${description.parameters} parameters`],
    ["format", `IR ${description.irVersion}, opset ${description.opset}`],
    ["graph", description.operations.join(" ")],
  ];
  if (contract !== null) {
    const { periodUs } = contract.spec;
    facts.push(["task", `${contract.task}, ${contract.algorithm}`]);
    facts.push(["rate", `${(1e6 / periodUs).toFixed(1)} Hz (period ${periodUs} us)`]);
    const training = Object.entries(contract.training).map(([key, value]) => `${key} ${value}`);
    facts.push(["training", training.join(", ")]);
    const { observationHistory, actionHistory } = contract;
    const past = [
      ...(observationHistory === undefined ? [] : [`the last ${observationHistory} observations`]),
      ...(actionHistory === undefined ? [] : [`its last ${actionHistory} actions`]),
    ];
    if (past.length > 0) facts.push(["history", `${past.join(", then ")}, newest first`]);
  }
  if (imported !== null) {
    const { kind, file, findings } = imported;
    facts.push(["imported", `${file.name}, as ${kind}, with ${findings.length} warnings`]);
    for (const { code, message } of findings) facts.push(["", `${message} [${code}]`]);
  }
  if (proof !== null) {
    facts.push(["proof", `${proof.points} points, tolerance ${proof.tolerance}`]);
  }
  if (proofError !== null) {
    facts.push(["", `holds on this machine: max error ${proofError.toExponential(1)}`]);
  }
  if (problem !== null) facts.push(["refused", problem]);
  const rows = channels.map(({ group, index, name, unit, low, high }) => [
    `${group}[${index}]`,
    name,
    unit,
    String(low),
    String(high),
  ]);
  const header = ["channel", "name", "unit", "low", "high"];
  return [...table(facts), "", ...table(rows.length === 0 ? [] : [header, ...rows])];
}
