import { SinewError } from "../core/errors.ts";
import type { Actor } from "./actor.ts";
import { actorOfGraph } from "./actor-graph.ts";
import type { Contract } from "./contract.ts";
import { type PolicyFile, readPolicyFile } from "./file.ts";
import { deployed } from "./history-policy.ts";
import { imageOf, Perceptron, type PerceptronImage } from "./perceptron.ts";
import { loadPolicy, type Policy } from "./policy.ts";
import { errorOfProof } from "./proof.ts";

/** What computes a policy in the control cycle; its number goes up where its bits change. */
export const perceptronRunner = "perceptron 1";
export const ortRunner = "onnxruntime";

/** A proved policy as a robot meets it, with what computes it. Close it after use. */
export interface Driver {
  readonly id: string;
  readonly contract: Contract;
  readonly policy: Policy;
  /** `perceptronRunner` or `ortRunner`; a log keeps it. */
  readonly runner: string;
  /** The largest absolute error of the proof on this machine, in the unit of its channel. */
  readonly proofError: number;
  close(): Promise<void>;
}

/**
 * Loads a policy file to drive, by `runner`, as a log names it; where that is left out, a network
 * that Sinew exported by our own perceptron, and what is none by ONNX Runtime. Throws
 * `SinewError("policy-file")` for what is no policy file or cannot be run so, and
 * `SinewError("proof")` for one that was changed or computes something else here.
 */
export async function openDriver(bytes: Uint8Array, runner?: string): Promise<Driver> {
  const file = readPolicyFile(bytes);
  const actor = runner === ortRunner ? null : plainActorOf(file);
  if (actor !== null && (runner === undefined || runner === perceptronRunner)) {
    return perceptronDriver(file, actor);
  }
  if (runner !== undefined && runner !== ortRunner) {
    throw new SinewError("policy-file", `this policy cannot be run by "${runner}" here`);
  }
  const loaded = await loadPolicy(bytes);
  const { id, contract, proofError } = loaded;
  const policy = deployed(loaded, contract);
  return { id, contract, policy, runner: ortRunner, proofError, close: () => loaded.close() };
}

/** A network that Sinew exported, made ready for another thread to take over in a moment. */
export interface PlainPolicy {
  readonly id: string;
  readonly contract: Contract;
  readonly image: PerceptronImage;
}

/**
 * Reads and proves a policy file whose network is to be handed to another thread. Throws as
 * `openDriver`, and `SinewError("policy-file")` for one that our perceptron does not run.
 */
export function readPlainPolicy(bytes: Uint8Array): PlainPolicy {
  const file = readPolicyFile(bytes);
  const actor = plainActorOf(file);
  if (actor === null) {
    throw new SinewError(
      "policy-file",
      "this policy is no plain network that Sinew exported: it can drive a run from its start only",
    );
  }
  const image = imageOf(file.contract.spec, actor);
  proveBy(file, image);
  return { id: file.id, contract: file.contract, image };
}

/** What `readPlainPolicy` read, as a robot meets it. */
export function policyOfPlain({ id, contract, image }: PlainPolicy): Policy {
  return deployed(new Perceptron(id, contract.spec, image), contract);
}

function perceptronDriver(file: PolicyFile, actor: Actor): Driver {
  const { id, contract } = file;
  const { perceptron, proofError } = proveBy(file, imageOf(contract.spec, actor));
  return {
    ...{ id, contract, proofError, runner: perceptronRunner },
    policy: deployed(perceptron, contract),
    close: () => Promise.resolve(),
  };
}

/** The perceptron of a file, which has answered as the file proves. */
function proveBy(
  { id, contract, proof }: PolicyFile,
  image: PerceptronImage,
): { readonly perceptron: Perceptron; readonly proofError: number } {
  const perceptron = new Perceptron(id, contract.spec, image);
  const { observation, action } = contract.spec;
  const answer = new Float32Array(action.length);
  let proofError = 0;
  for (let point = 0; point < proof.count; point++) {
    const at = point * observation.length;
    perceptron.act(proof.inputs.subarray(at, at + observation.length), answer);
    proofError = Math.max(proofError, errorOfProof(contract.spec, proof, answer, point, 1));
  }
  return { perceptron, proofError };
}

/** The network of a file that Sinew exported; null for another graph. */
function plainActorOf({ model, contract }: PolicyFile): Actor | null {
  try {
    return actorOfGraph(contract.spec, model.graph);
  } catch (thrown) {
    if (thrown instanceof SinewError && thrown.code === "policy-file") return null;
    throw thrown;
  }
}
