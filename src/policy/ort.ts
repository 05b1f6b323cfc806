import type { InferenceSession, Tensor } from "onnxruntime-node";
import { messageOf, SinewError } from "../core/errors.ts";

/** A tensor to feed or to fetch into. `data` is neither copied nor kept beyond the run. */
export type OrtTensor =
  | {
      readonly type: "float32";
      readonly data: Float32Array;
      readonly dims: readonly number[];
    }
  | {
      readonly type: "float64";
      readonly data: Float64Array;
      readonly dims: readonly number[];
    }
  | {
      readonly type: "int64";
      readonly data: BigInt64Array;
      readonly dims: readonly number[];
    }
  | {
      readonly type: "int32";
      readonly data: Int32Array;
      readonly dims: readonly number[];
    };

/** What a run returns: copies, whether or not it also wrote into tensors to fetch into. */
export interface OrtResult {
  readonly data: Tensor["data"];
  readonly dims: readonly number[];
}

/** A model that ONNX Runtime has loaded. */
export interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model. Where `fetches` holds a tensor of the output's shape, the result is written
   * into its data too. The native call runs on this thread, one turn of the event loop later.
   * Rejects with `SinewError("policy-file")` where a shape, type or name does not fit the model.
   */
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches?: Readonly<Record<string, OrtTensor>>,
  ): Promise<Readonly<Record<string, OrtResult>>>;
  release(): Promise<void>;
}

/**
 * Loads an ONNX model into ONNX Runtime on the CPU with `threads` threads (1 unless told: more make
 * small networks slower and late). Throws `SinewError("policy-file")` with ORT's own reason.
 */
export async function createSession(
  model: Uint8Array,
  options?: { readonly threads?: number },
): Promise<OrtSession> {
  const ort = await import("onnxruntime-node");
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: ["cpu"],
      executionMode: "sequential",
      intraOpNumThreads: options?.threads ?? 1,
      interOpNumThreads: 1,
      // Fatal only: every error also arrives as an exception.
      logSeverityLevel: 4,
    });
  } catch (thrown) {
    throw failure("cannot load this ONNX file", thrown);
  }
  // The loop feeds the same objects each cycle, so each is wrapped once.
  const wrapped = new WeakMap<OrtTensor, Tensor>();
  const wrap = (given: OrtTensor): Tensor => {
    const known = wrapped.get(given);
    if (known !== undefined && known.data === given.data) return known;
    const tensor: Tensor = new ort.Tensor(given.type, given.data, given.dims);
    wrapped.set(given, tensor);
    return tensor;
  };
  const wrapAll = (given: Readonly<Record<string, OrtTensor>>): Record<string, Tensor> => {
    const tensors: Record<string, Tensor> = {};
    for (const name in given) tensors[name] = wrap(given[name]);
    return tensors;
  };
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, fetches) {
      try {
        const inputs = wrapAll(feeds);
        return await (fetches === undefined
          ? session.run(inputs)
          : session.run(inputs, wrapAll(fetches)));
      } catch (thrown) {
        throw failure("cannot run this ONNX file", thrown);
      }
    },
    release: () => session.release(),
  };
}

function failure(what: string, thrown: unknown): SinewError {
  return new SinewError("policy-file", `${what}: ${messageOf(thrown)}`, { cause: thrown });
}
