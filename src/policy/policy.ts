import assert from "node:assert/strict";
import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import type { Model } from "../onnx/model.ts";
import type { Contract } from "./contract.ts";
import { type PolicyFile, readPolicyFile } from "./file.ts";
import { createSession, type OrtSession, type OrtTensor } from "./ort.ts";
import { inputName, outputName } from "./policy-graph.ts";
import { errorOfProof, type Proof } from "./proof.ts";

/** What decides: one observation in, one action out, both in the spec's physical units. */
export interface Policy {
  /** SHA-256 of the policy's file, in hexadecimal. */
  readonly id: string;
  readonly spec: Spec;
  /**
   * Writes the action for `observation` into `action`, one call at a time. Never throws on numbers:
   * what is not finite in may be not finite out, and the gate deals with it. May reject where the
   * runtime fails; `action` is then as before.
   */
  act(observation: Float32Array, action: Float32Array): void | Promise<void>;
  /** Told while it does not drive: nothing that it asked for is done. Absent: it needs not know. */
  rest?(): void;
  /** Told in a replay what it had really asked for last. Absent: it does not remember. */
  recall?(action: Float32Array): void;
}

// What onnxruntime-node 1.30.0 loads.
const irVersionMax = 13;
const opsetMax = 26;

/** Proof points that are also put through `act`, which runs with a batch of one. */
const singlePoints = 16;

/**
 * Loads a policy file: reads the contract, compares it with the graph, and runs the proof on this
 * machine. Throws `SinewError("policy-file")` for what is no policy file, and `SinewError("proof")`
 * for one that was changed or that does not compute here what it computed at export.
 */
export async function loadPolicy(bytes: Uint8Array): Promise<LoadedPolicy> {
  const file = readPolicyFile(bytes);
  checkVersions(file.model);
  const policy = new LoadedPolicy(file, await createSession(bytes));
  try {
    await policy.prove();
  } catch (thrown) {
    await policy.close();
    throw thrown;
  }
  return policy;
}

/** Throws `SinewError("policy-file")` for what ONNX Runtime here does not load. */
export function checkVersions({ irVersion, opset }: Model): void {
  if (irVersion <= irVersionMax && opset <= opsetMax) return;
  throw new SinewError(
    "policy-file",
    `this ONNX is of IR version ${irVersion} and operator set ${opset}: ONNX Runtime here loads ` +
      `up to ${irVersionMax} and ${opsetMax}`,
  );
}

/** A policy in ONNX Runtime on this machine's CPU, one thread, proved. Close it after use. */
export class LoadedPolicy implements Policy {
  readonly id: string;
  readonly contract: Contract;
  readonly spec: Spec;
  #proofError = Number.NaN;
  readonly #proof: Proof;
  readonly #session: OrtSession;
  readonly #input: Float32Array;
  readonly #output: Float32Array;
  readonly #feeds: Readonly<Record<string, OrtTensor>>;
  readonly #fetches: Readonly<Record<string, OrtTensor>>;
  #busy = false;
  #closed = false;

  constructor(file: PolicyFile, session: OrtSession) {
    this.id = file.id;
    this.contract = file.contract;
    this.spec = file.contract.spec;
    this.#proof = file.proof;
    this.#session = session;
    const { observation, action } = this.spec;
    this.#input = new Float32Array(observation.length);
    this.#output = new Float32Array(action.length);
    this.#feeds = {
      [inputName]: { type: "float32", data: this.#input, dims: [1, observation.length] },
    };
    this.#fetches = {
      [outputName]: { type: "float32", data: this.#output, dims: [1, action.length] },
    };
  }

  /** The largest absolute error of the proof on this machine, in the unit of its channel. */
  get proofError(): number {
    return this.#proofError;
  }

  async act(observation: Float32Array, action: Float32Array): Promise<void> {
    assert(observation.length === this.#input.length && action.length === this.#output.length);
    this.#begin();
    try {
      this.#input.set(observation);
      // NaN is what stands here if the runtime ever stopped writing into tensors that it is given.
      this.#output.fill(Number.NaN);
      await this.#session.run(this.#feeds, this.#fetches);
      action.set(this.#output);
    } finally {
      this.#busy = false;
    }
  }

  /** Actions [count, action channels] for `observations` [count, observation channels]. */
  async actBatch(observations: Float32Array, count: number): Promise<Float32Array> {
    const width = this.#input.length;
    assert(count > 0 && observations.length === count * width);
    this.#begin();
    try {
      const result = await this.#session.run({
        [inputName]: { type: "float32", data: observations, dims: [count, width] },
      });
      const { data } = result[outputName];
      assert(data instanceof Float32Array && data.length === count * this.#output.length);
      return data;
    } finally {
      this.#busy = false;
    }
  }

  /** Runs the proof, which `loadPolicy` has done. Throws `SinewError("proof")` where it fails. */
  async prove(): Promise<void> {
    const { count, inputs } = this.#proof;
    const width = this.#input.length;
    const all = await this.actBatch(inputs, count);
    let error = errorOfProof(this.spec, this.#proof, all, 0, count);
    const one = new Float32Array(this.#output.length);
    for (let point = 0; point < Math.min(count, singlePoints); point++) {
      await this.act(inputs.subarray(point * width, (point + 1) * width), one);
      error = Math.max(error, errorOfProof(this.spec, this.#proof, one, point, 1));
    }
    this.#proofError = error;
  }

  /** Frees the runtime's memory; the policy cannot act any more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#session.release();
  }

  #begin(): void {
    if (this.#closed) throw new SinewError("policy-file", "this policy is closed");
    assert(!this.#busy, "a policy acts one call at a time");
    this.#busy = true;
  }
}
