import { SinewError } from "../core/errors.ts";
import { encodeModel, type Model } from "../onnx/model.ts";
import { withinLimits } from "./export.ts";
import { evaluateFormula } from "./formula-value.ts";
import type { Layout } from "./import-layout.ts";
import type { Network } from "./import-network.ts";
import { createSession, type OrtTensor } from "./ort.ts";
import { type Proof, spanOf, toleranceMax } from "./proof.ts";

/**
 * Runs the imported file itself in ONNX Runtime at the points of the proof, one by one, and gives
 * the largest difference from what the proof says, in the unit of its channel. Throws
 * `SinewError("proof")` where it is beyond the proof's tolerance: Sinew has read the file wrongly.
 */
export async function compareWithOriginal(
  model: Model,
  network: Network,
  output: string,
  { spec, front, back }: Layout,
  proof: Proof,
): Promise<number> {
  const { input } = network;
  const dims = input.dims.map((size) => (typeof size === "number" ? size : 1));
  const session = await createSession(encodeModel(partOf(model, input.name, output)));
  let largest = 0;
  try {
    for (let point = 0; point < proof.count; point++) {
      const width = spec.observation.length;
      const observation = proof.inputs.subarray(point * width, (point + 1) * width);
      const seen = tensorOf(input.type, dims, evaluateFormula(front, observation));
      const { data } = (await session.run({ [input.name]: seen }))[output];
      const actions = withinLimits(
        spec,
        Float64Array.from(evaluateFormula(back, data as Float32Array)),
      );
      for (const [j, channel] of spec.action.entries()) {
        const expected = proof.outputs[point * spec.action.length + j];
        const error = Math.abs(actions[j] - expected);
        largest = Math.max(largest, error);
        // Written so that NaN fails.
        if (error <= toleranceMax * spanOf(channel)) continue;
        throw new SinewError(
          "proof",
          `at proof point ${point} the file gives ${actions[j]} ${channel.unit} for ` +
            `"${channel.name}" in ONNX Runtime, and ${expected} as Sinew reads it: report this`,
        );
      }
    }
  } finally {
    await session.release();
  }
  return largest;
}

function tensorOf(type: string, dims: readonly number[], row: ArrayLike<number>): OrtTensor {
  return type === "float64"
    ? { type, data: Float64Array.from(row), dims }
    : { type: "float32", data: Float32Array.from(row), dims };
}

/** What of a graph gives `output`, with weights that lay in a second file inside. */
function partOf({ graph, ...model }: Model, input: string, output: string): Model {
  const needed = new Set([output]);
  const nodes = graph.nodes.toReversed().filter(({ inputs, outputs }) => {
    const gives = outputs.some((name) => needed.has(name));
    if (gives) for (const name of inputs) needed.add(name);
    return gives;
  });
  return {
    ...model,
    graph: {
      name: graph.name,
      nodes: nodes.toReversed(),
      initializers: graph.initializers.filter(({ name }) => needed.has(name)),
      inputs: graph.inputs.filter(({ name }) => name === input),
      outputs: graph.outputs.filter(({ name }) => name === output),
    },
  };
}
