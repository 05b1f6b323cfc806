import { createHash } from "node:crypto";
import { aboutPolicy, SinewError } from "../core/errors.ts";
import { decodeModel, type Model, type ValueInfo } from "../onnx/model.ts";
import { type Contract, contractKey, parseContract } from "./contract.ts";
import { inputName, outputName } from "./policy-graph.ts";
import { type Proof, parseProof, proofKey } from "./proof.ts";

/** A policy file, read and checked, but not yet run. */
export interface PolicyFile {
  /** SHA-256 of the file, in hexadecimal. */
  readonly id: string;
  readonly model: Model;
  readonly contract: Contract;
  readonly proof: Proof;
}

/** SHA-256 of the file, in hexadecimal: what logs and robots call the policy. */
export function idOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Reads a policy file. Throws `SinewError("policy-file")` for what is no ONNX file, states no
 * contract or proof, or contradicts its contract, and `SinewError("proof")` for what was changed.
 */
export function readPolicyFile(bytes: Uint8Array): PolicyFile {
  const model = decodeModel(bytes);
  const contract = contractOf(model);
  const text = model.metadata.get(proofKey);
  if (text === undefined) {
    throw new SinewError(
      "policy-file",
      `this ONNX carries no proof: its metadata have no "${proofKey}" (cut short?)`,
    );
  }
  const proof = parseProof(bytes, text, contract.spec);
  checkGraph(model, contract);
  return { id: idOf(bytes), model, contract, proof };
}

/** The same of what was read from `path`, which it names. Throws as `readPolicyFile`. */
export function readPolicyFileAt(path: string, bytes: Uint8Array): PolicyFile {
  try {
    return readPolicyFile(bytes);
  } catch (error) {
    throw aboutPolicy(error, path);
  }
}

function contractOf(model: Model): Contract {
  const text = model.metadata.get(contractKey);
  if (text !== undefined) return parseContract(text);
  throw new SinewError(
    "policy-file",
    `this ONNX states no contract: its metadata have no "${contractKey}", so its channels, ` +
      "units, limits and rate are unknown; export it with Sinew",
  );
}

/** That the graph takes and gives what the contract says, for any batch. */
function checkGraph({ graph }: Model, { spec }: Contract): void {
  checkValues("input", graph.inputs, inputName, spec.observation.length, "observation");
  checkValues("output", graph.outputs, outputName, spec.action.length, "action");
}

function checkValues(
  kind: string,
  values: readonly ValueInfo[],
  name: string,
  channels: number,
  group: string,
): void {
  const names = values.map((value) => `"${value.name}"`).join(", ");
  if (values.length !== 1 || values[0].name !== name) {
    throw contradiction(`its ${kind} must be "${name}" alone, not ${names || "none"}`);
  }
  const { type, dims } = values[0];
  if (type !== "float32") throw contradiction(`its ${kind} "${name}" is ${type}, not float32`);
  if (dims.length !== 2 || typeof dims[0] !== "string") {
    throw contradiction(`its ${kind} "${name}" is not [batch, channels] with a batch of any size`);
  }
  if (dims[1] !== channels) {
    throw contradiction(
      `its contract names ${channels} ${group} channels, but its ${kind} "${name}" has ${dims[1]}`,
    );
  }
}

function contradiction(problem: string): SinewError {
  const line = problem.replaceAll(/\p{Cc}/gu, "?");
  return new SinewError("policy-file", `this ONNX file is no policy: ${line}`);
}
