import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { encodeModel, type Graph } from "../onnx/model.ts";
import type { Actor } from "./actor.ts";
import { actorOfGraph, graphOfActor } from "./actor-graph.ts";
import { type Contract, contractKey, formatContract } from "./contract.ts";
import { readPolicyFile } from "./file.ts";
import type { Formula } from "./formula.ts";
import { graphOfFormula } from "./formula-graph.ts";
import type { Scaling } from "./formula-scale.ts";
import { evaluateFormula } from "./formula-value.ts";
import { loadPolicy } from "./policy.ts";
import { appendProof, makeProof, type Proof, proofOf } from "./proof.ts";

/** All that a policy file is made of. */
export interface PolicyParts extends Actor {
  readonly contract: Contract;
}

/**
 * Writes a policy file: one ONNX graph with normaliser, layers, scale and limits, its contract and
 * its proof. The same parts give the same bytes. The file has been loaded and proved on this
 * machine. Throws `SinewError("proof")` where that fails or numbers are not finite, and
 * `SinewError("policy-file")` where the contract is not valid.
 */
export async function exportPolicy(parts: PolicyParts): Promise<Uint8Array> {
  const { contract } = parts;
  const graph = graphOfActor(contract.spec, parts);
  return sealed(contract, graph, new Map(), () => makeProof(contract.spec, parts));
}

/** All that a policy file is made of whose network is not one of our actors. */
export interface FormulaParts {
  readonly contract: Contract;
  /** From observation to action, both in physical units, before the limits. */
  readonly formula: Formula;
  /** What the network sees of each channel first. */
  readonly scaling: Scaling;
  /** Metadata beside contract and proof. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The same of a formula. Throws as `exportPolicy`. */
export async function exportFormula(parts: FormulaParts): Promise<Uint8Array> {
  const { contract, formula, scaling, metadata } = parts;
  const { spec } = contract;
  checkFinite(formula);
  const graph = graphOfFormula(spec, formula);
  const inside = (arrays: typeof Float64Array | typeof Float32Array) => (point: Float32Array) =>
    withinLimits(spec, evaluateFormula(formula, point, arrays));
  const provable = { ...scaling, evaluate: inside(Float64Array), rounded: [inside(Float32Array)] };
  return sealed(contract, graph, metadata, () => proofOf(spec, provable));
}

/** A limit may be infinite; nothing else may. */
function checkFinite({ steps }: Formula): void {
  for (const step of steps) {
    const numbers =
      step.kind === "dense"
        ? [...step.weights, ...step.bias]
        : step.kind === "norm"
          ? [...step.gain, ...step.shift]
          : [];
    const isNumber = step.kind !== "constant" || !step.values.some(Number.isNaN);
    if (isNumber && numbers.every(Number.isFinite)) continue;
    throw new SinewError("proof", "its weights are not all finite: did training diverge?");
  }
}

/** The actions, cut to their limits in place. */
export function withinLimits<T extends Float64Array | Float32Array>(spec: Spec, actions: T): T {
  spec.action.forEach(({ low, high }, i) => {
    actions[i] = Math.min(Math.fround(high), Math.max(Math.fround(low), actions[i]));
  });
  return actions;
}

async function sealed(
  contract: Contract,
  graph: Graph,
  metadata: ReadonlyMap<string, string>,
  prove: () => Proof,
): Promise<Uint8Array> {
  const text = formatContract(contract);
  const file = encodeModel({
    irVersion: 8,
    opset: 17,
    producer: "sinew",
    graph,
    metadata: new Map([[contractKey, text], ...metadata]),
  });
  const proved = appendProof(file, prove());
  const policy = await loadPolicy(proved);
  await policy.close();
  return proved;
}

/**
 * The parts that a policy file was made of, for retraining. Throws `SinewError("policy-file")`
 * where it was not exported by Sinew and `SinewError("proof")` where it was changed since.
 */
export function readLayers(bytes: Uint8Array): PolicyParts {
  const { contract, model } = readPolicyFile(bytes);
  return { contract, ...actorOfGraph(contract.spec, model.graph) };
}
