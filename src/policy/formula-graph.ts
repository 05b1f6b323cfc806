import type { Spec } from "../core/spec.ts";
import type { Graph } from "../onnx/model.ts";
import type { Formula, FormulaStep } from "./formula.ts";
import { GraphParts } from "./layer-graph.ts";
import { inputName, policyGraph } from "./policy-graph.ts";

/**
 * A formula from observation to action as an ONNX graph of operator set 17 that takes any batch:
 * one node for each step, Max and Min (limits, exact in float32, each channel its own) behind them.
 */
export function graphOfFormula(spec: Spec, { steps }: Formula): Graph {
  const parts = new GraphParts();
  const names: string[] = [];
  for (const [place, step] of steps.entries()) names.push(addStep(parts, step, place, names));
  return policyGraph(parts, spec, names.at(-1)!);
}

/** Adds the node of one step and gives the name of its output. */
function addStep(
  parts: GraphParts,
  step: FormulaStep,
  place: number,
  names: readonly string[],
): string {
  const own = (what: string): string => `${what}_${place}`;
  switch (step.kind) {
    case "input":
      return inputName;
    case "constant":
      return parts.constant(own("constant"), [step.width], step.values);
    case "pick": {
      const indices = parts.integers(own("indices"), step.indices);
      const axis = { axis: { int: 1 } };
      return parts.node("Gather", [names[step.of], indices], own("picked"), axis);
    }
    case "join": {
      const inputs = step.of.map((at) => names[at]);
      return parts.node("Concat", inputs, own("joined"), { axis: { int: 1 } });
    }
    case "dense": {
      const dims = [step.weights.length / step.width, step.width];
      const weights = parts.constant(own("weights"), dims, step.weights);
      const bias = parts.constant(own("bias"), [step.width], step.bias);
      return parts.node("Gemm", [names[step.of], weights, bias], own("sum"));
    }
    case "map": {
      const takesAlpha = step.op === "Elu" || step.op === "LeakyRelu";
      const attributes = takesAlpha ? { alpha: { float: step.alpha } } : {};
      return parts.node(step.op, [names[step.of]], own(step.op.toLowerCase()), attributes);
    }
    case "pair": {
      const inputs = [names[step.left], names[step.right]];
      const name = own(step.op.toLowerCase());
      if (step.op !== "Greater" && step.op !== "Less") return parts.node(step.op, inputs, name);
      const test = parts.node(step.op, inputs, `${name}_test`);
      return parts.node("Cast", [test], name, { to: { int: 1 } });
    }
    case "choose": {
      const test = parts.node("Cast", [names[step.test]], own("test"), { to: { int: 9 } });
      return parts.node("Where", [test, names[step.yes], names[step.no]], own("chosen"));
    }
    case "mean": {
      const attributes = { axes: { ints: [1] }, keepdims: { int: 1 } };
      return parts.node("ReduceMean", [names[step.of]], own("mean"), attributes);
    }
    case "norm": {
      const gain = parts.constant(own("gain"), [step.width], step.gain);
      const shift = parts.constant(own("shift"), [step.width], step.shift);
      const epsilon = { epsilon: { float: step.epsilon } };
      return parts.node(
        "LayerNormalization",
        [names[step.of], gain, shift],
        own("normed"),
        epsilon,
      );
    }
  }
}
