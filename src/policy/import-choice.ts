import type { Graph, ValueInfo } from "../onnx/model.ts";
import { type Finding, type FindingCode, finding, listOf } from "./import-finding.ts";
import { inputsOf, type Network, type NetworkOutput, widthOf } from "./import-network.ts";
import type { UnreadableKind } from "./import-value.ts";

/** One of several, or why none could be told. */
export type Choice<T> =
  | { readonly chosen: T; readonly finding: null }
  | { readonly chosen: null; readonly finding: Finding };

const inputNames = ["obs", "observation", "observations"];
const outputNames = ["action", "actions"];

/** The input that is the observation: the `asked` one, the only one, or the one with its name. */
export function chooseInput(graph: Graph, asked: string | undefined): Choice<ValueInfo> {
  const inputs = inputsOf(graph);
  const names = inputs.map(({ name }) => `"${name}"`);
  const named = inputs.filter(({ name }) =>
    asked === undefined ? inputNames.includes(name) : name === asked,
  );
  const [only] = inputs.length === 1 && asked === undefined ? inputs : named;
  if (only === undefined || (named.length > 1 && inputs.length > 1)) {
    const message = `the observation is one of the inputs ${listOf(names) || "(none)"}`;
    return refused("input-ambiguous", message, "give graph.input in a spec");
  }
  if (widthOf(only) !== null) return { chosen: only, finding: null };
  const dims = only.dims.map((size) => (size === "" ? "?" : size)).join(", ");
  const message = `the input "${only.name}" is ${only.type} [${dims}], not one row of floats`;
  return refused("input-shape", message, "export it with an observation of [1, n] or [batch, n]");
}

const codes: Readonly<Record<UnreadableKind, readonly [FindingCode, advice: string]>> = {
  operation: ["operation", "export an MLP: docs/import.md lists the operations that are read"],
  random: ["output-random", "export the mean: deterministic=True, or the mode of the distribution"],
  training: ["training-mode", "call eval() on the network before you export it"],
  input: ["several-inputs", "export the policy as a function of the observation alone"],
  memory: ["recurrent", "Sinew runs policies without memory"],
  batch: ["batch-coupled", "export the policy as a function of one observation"],
};

/**
 * The output that is the action: the `asked` one, the only one of `width` numbers (where that is
 * known), or the one with its name.
 */
export function chooseOutput(
  { outputs }: Network,
  asked: string | undefined,
  width: number | undefined,
): Choice<NetworkOutput> {
  const told = outputs.map((output) => `"${output.name}" [${output.width ?? "?"}]`);
  const fitting = outputs.filter((output) => {
    if (asked !== undefined) return output.name === asked;
    return outputs.length === 1 || width === undefined || output.width === width;
  });
  const named = fitting.filter(({ name }) => outputNames.includes(name));
  const [output] = fitting.length === 1 ? fitting : named;
  if (asked !== undefined && output === undefined) {
    const message = `there is no output "${asked}" among ${listOf(told)}`;
    return refused("output-unknown", message, "give one of these as graph.output");
  }
  if (output === undefined || (fitting.length > 1 && named.length > 1)) {
    const message = `the action is one of the outputs ${listOf(told)}`;
    return refused("output-ambiguous", message, "give graph.output in a spec");
  }
  if (output.cause === null) return { chosen: output, finding: null };
  const [code, advice] = codes[output.cause.kind];
  return refused(code, `the output "${output.name}": ${output.cause.message}`, advice);
}

function refused(
  code: FindingCode,
  message: string,
  advice: string,
): { readonly chosen: null; readonly finding: Finding } {
  return { chosen: null, finding: finding(code, message, advice) };
}

/** That of a graph's inputs and outputs only the chosen ones are kept. */
export function lintDropped(graph: Graph, input: string, output: string): Finding[] {
  const inputs = inputsOf(graph).filter(({ name }) => name !== input);
  const outputs = graph.outputs.filter(({ name }) => name !== output);
  const names = [...inputs, ...outputs].map(({ name }) => `"${name}"`);
  if (names.length === 0) return [];
  const message = `"${output}" of "${input}" is taken, ${listOf(names)} is left out`;
  return [finding("outputs-dropped", message, "see whether the robot needs what is left out")];
}
