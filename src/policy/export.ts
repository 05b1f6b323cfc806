import { encodeModel } from "../onnx/model.ts";
import type { Actor } from "./actor.ts";
import { actorOfGraph, graphOfActor } from "./actor-graph.ts";
import { type Contract, contractKey, formatContract } from "./contract.ts";
import { readPolicyFile } from "./file.ts";
import { loadPolicy } from "./policy.ts";
import { appendProof, makeProof } from "./proof.ts";

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
  const text = formatContract(contract);
  const file = encodeModel({
    irVersion: 8,
    opset: 17,
    producer: "sinew",
    graph: graphOfActor(contract.spec, parts),
    metadata: new Map([[contractKey, text]]),
  });
  const proved = appendProof(file, makeProof(contract.spec, parts));
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
