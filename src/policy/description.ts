import { messageOf } from "../core/errors.ts";
import type { Channel } from "../core/spec.ts";
import { decodeModel, type ValueInfo } from "../onnx/model.ts";
import { type Contract, contractKey, parseContract } from "./contract.ts";
import { idOf, readPolicyFile } from "./file.ts";
import { type ImportRecord, importKey, recordOf } from "./import-record.ts";
import { proofKey } from "./proof.ts";

const ours: readonly string[] = [contractKey, proofKey, importKey];

/** One row of the contract's table. */
export interface ChannelRow extends Channel {
  readonly group: "observation" | "action";
  /** Place in its group, from 0. */
  readonly index: number;
}

/** What can be said of an ONNX file without running it. */
export interface PolicyDescription {
  /** SHA-256 of the file. */
  readonly id: string;
  readonly bytes: number;
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** The operations in order, such as `Sub Mul Gemm Relu ...`. */
  readonly operations: readonly string[];
  /** Numbers in all constants. */
  readonly parameters: number;
  /** What it was imported from; null where it was trained with Sinew. */
  readonly imported: ImportRecord | null;
  /** Null where the file states none. */
  readonly contract: Contract | null;
  readonly channels: readonly ChannelRow[];
  /** Null where the file carries none that holds; see `problem`. */
  readonly proof: { readonly points: number; readonly tolerance: number } | null;
  /** Why the file cannot be deployed, or null where only running the proof could tell. */
  readonly problem: string | null;
  /** Keys of other metadata. */
  readonly otherMetadata: readonly string[];
}

/**
 * Describes any ONNX file, a policy of ours or not. Throws `SinewError("policy-file")` for what is
 * not an ONNX file, or holds a contract that cannot be read.
 */
export function describePolicy(bytes: Uint8Array): PolicyDescription {
  const model = decodeModel(bytes);
  const { graph, metadata } = model;
  const text = metadata.get(contractKey);
  const contract = text === undefined ? null : parseContract(text);
  let proof: PolicyDescription["proof"] = null;
  let problem: string | null = null;
  try {
    const read = readPolicyFile(bytes).proof;
    proof = { points: read.count, tolerance: read.tolerance };
  } catch (thrown) {
    problem = messageOf(thrown);
  }
  return {
    id: idOf(bytes),
    bytes: bytes.length,
    irVersion: model.irVersion,
    opset: model.opset,
    producer: model.producer,
    inputs: graph.inputs,
    outputs: graph.outputs,
    operations: graph.nodes.map((node) => node.op),
    parameters: graph.initializers.reduce(
      (sum, { dims }) => sum + dims.reduce((product, size) => product * size, 1),
      0,
    ),
    imported: recordOf(metadata),
    contract,
    channels: contract === null ? [] : rowsOf(contract),
    proof,
    problem,
    otherMetadata: [...metadata.keys()].filter((key) => !ours.includes(key)),
  };
}

function rowsOf({ spec }: Contract): ChannelRow[] {
  return [
    ...spec.observation.map((channel, index) => ({
      group: "observation" as const,
      index,
      ...channel,
    })),
    ...spec.action.map((channel, index) => ({ group: "action" as const, index, ...channel })),
  ];
}
