import type { Spec } from "../core/spec.ts";
import type { Graph } from "../onnx/model.ts";
import type { GraphParts } from "./layer-graph.ts";

/** Name of the graph's input, [batch, observation channels] float32, in physical units. */
export const inputName = "observation";
/** Name of the graph's output, [batch, action channels] float32, in physical units. */
export const outputName = "action";

/**
 * The graph of a policy whose `parts` compute the action as `wanted`: Max and Min stand behind it,
 * limits that are exact in float32, each channel its own.
 */
export function policyGraph(parts: GraphParts, spec: Spec, wanted: string): Graph {
  const limits = (name: string, values: readonly number[]): string =>
    parts.constant(name, [values.length], Float32Array.from(values));
  const lowest = limits(
    "action_low",
    spec.action.map(({ low }) => low),
  );
  const above = parts.node("Max", [wanted, lowest], "above_low");
  const highest = limits(
    "action_high",
    spec.action.map(({ high }) => high),
  );
  parts.node("Min", [above, highest], outputName);
  return {
    name: "policy",
    nodes: parts.nodes,
    initializers: parts.initializers,
    inputs: [{ name: inputName, type: "float32", dims: ["batch", spec.observation.length] }],
    outputs: [{ name: outputName, type: "float32", dims: ["batch", spec.action.length] }],
  };
}
