import type { Rng } from "../core/rng.ts";
import { initialParameters } from "./networks.ts";

/** Sizes of the networks and of the work given to an engine. */
export interface DdpgShape {
  readonly observations: number;
  readonly actions: number;
  /** Width of each hidden layer, of the actor and of the critic alike. */
  readonly hidden: readonly number[];
  /** Transitions in one gradient step. */
  readonly batch: number;
  /** The most gradient steps that one call of `learn` takes. */
  readonly stepsPerCall: number;
}

/** What a gradient step depends on. All of it is fixed while an engine lives. */
export interface DdpgSettings {
  readonly shape: DdpgShape;
  /** Discount, in [0, 1]. */
  readonly gamma: number;
  /** Share of the online network that enters its target in each step, in [0, 1]. */
  readonly tau: number;
  readonly actorRate: number;
  readonly criticRate: number;
  /** Adam's, as in Kingma and Ba 2015: 0.9, 0.999 and 1e-8 unless there is a reason. */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Networks see (observation - mean) * scale. [observations] each. */
  readonly observationMean: Float32Array;
  readonly observationScale: Float32Array;
}

/**
 * All that gradient steps change. The vectors are flat: actor then critic, each layer's weights
 * [inputs, outputs] row-major, then its bias (`networks.ts`). The moments are Adam's m and v.
 */
export interface LearnerState {
  readonly online: Float32Array;
  readonly target: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Gradient steps taken so far. */
  steps: number;
}

/**
 * The transitions of K gradient steps: K * batch indices into the replay rows, 1 <= K <=
 * stepsPerCall.
 */
export interface Minibatches {
  /** [capacity, width]; a row is observation | action in [-1, 1] | reward | terminated (0 or 1). */
  readonly rows: Float32Array;
  readonly capacity: number;
  /** Rows of the transitions, [K * batch]. */
  readonly index: Int32Array;
  /** Rows whose observation is the one that follows, [K * batch]. */
  readonly nextIndex: Int32Array;
}

/** One number for each of the K steps. */
export interface StepMetrics {
  /** Mean of (Q(s, a) - y)^2, before the step. */
  readonly criticLoss: Float32Array;
  /** Mean of -Q(s, mu(s)), through the critic as this step has just updated it. */
  readonly actorLoss: Float32Array;
  /** Mean of Q(s, a). */
  readonly q: Float32Array;
  /** Euclidean norms of the gradients over all parameters of the network. */
  readonly criticGradientNorm: Float32Array;
  readonly actorGradientNorm: Float32Array;
}

/**
 * Runs gradient steps. Engines differ in speed and rounding only; one contract suite judges
 * them all.
 */
export interface Engine {
  /** What runs it, such as `onnx` or `tfjs-node 4.22.0`. */
  readonly name: string;
  /** As of the newest finished call. Read it before the next: `learn` may write over its arrays. */
  readonly state: LearnerState;
  /** K gradient steps in order. One call at a time. */
  learn(data: Minibatches): Promise<StepMetrics>;
  close(): Promise<void>;
}

export type EngineKind = "onnx" | "tfjs";

/**
 * Opens an engine that starts from a copy of `state`. Throws `SinewError("engine")` where it
 * cannot run.
 */
export async function openEngine(
  kind: EngineKind,
  settings: DdpgSettings,
  state: LearnerState,
): Promise<Engine> {
  switch (kind) {
    case "onnx": {
      const { openOnnxEngine } = await import("./engine-onnx.ts");
      return openOnnxEngine(settings, state);
    }
    case "tfjs": {
      const { openTfjsEngine } = await import("./engine-tfjs.ts");
      return openTfjsEngine(settings, state);
    }
  }
}

/** A fresh start: random online networks, targets equal to them, moments zero. */
export function initialState(shape: DdpgShape, rng: Rng): LearnerState {
  const online = initialParameters(shape, rng);
  return {
    online,
    target: online.slice(),
    firstMoment: new Float32Array(online.length),
    secondMoment: new Float32Array(online.length),
    steps: 0,
  };
}

/** A copy that shares no memory. */
export function copyState(state: LearnerState): LearnerState {
  return {
    online: state.online.slice(),
    target: state.target.slice(),
    firstMoment: state.firstMoment.slice(),
    secondMoment: state.secondMoment.slice(),
    steps: state.steps,
  };
}
