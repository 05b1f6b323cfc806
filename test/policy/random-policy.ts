import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { decodeModel, encodeModel, type Model } from "../../src/onnx/model.ts";
import type { Actor } from "../../src/policy/actor.ts";
import type { PolicyParts } from "../../src/policy/export.ts";
import { appendProof, parseProof, proofKey } from "../../src/policy/proof.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

/**
 * Two actions of unlike, lopsided range and an observation without limits. In float32, middle plus
 * half range is above 0.7 and middle minus half range below -0.7, so limits must be kept besides.
 */
export const unevenSpec: Spec = {
  observation: [
    { name: "height", unit: "m", low: 0.1, high: 0.3 },
    { name: "speed", unit: "m/s", low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
    { name: "pitch", unit: "rad", low: -Math.PI, high: Number.POSITIVE_INFINITY },
    { name: "roll", unit: "rad", low: -1 / 3, high: 1 / 3 },
    { name: "yaw", unit: "rad", low: -1, high: 1 },
    { name: "contact", unit: "1", low: 0, high: 1 },
  ],
  action: [
    { name: "hip", unit: "rad", low: -0.1, high: 0.7 },
    { name: "knee", unit: "rad", low: -0.7, high: 0.1 },
  ],
  periodUs: 2500,
};

/** An untrained policy; weights uniform within `gain` / sqrt(inputs). */
export function randomPolicy(
  seed: number,
  spec: Spec = pendulumSpec,
  hidden: readonly number[] = [64, 64],
  gain: number = 1,
): PolicyParts {
  const rng = new Rng(seed);
  const widths = [spec.observation.length, ...hidden, spec.action.length];
  const layers = widths.slice(1).map((outputs, depth) => {
    const inputs = widths[depth];
    const reach = gain / Math.sqrt(inputs);
    const random = (length: number): Float32Array =>
      Float32Array.from({ length }, () => rng.uniform(-reach, reach));
    return { inputs, outputs, weights: random(inputs * outputs), bias: random(outputs) };
  });
  return {
    contract: {
      format: 1,
      task: "pendulum",
      spec,
      algorithm: "ddpg",
      training: { seed, return: -150.25 },
    },
    normaliser: { ...randomNormaliser(rng, spec), clip: 0 },
    layers,
    activation: "relu",
  };
}

/** The same policy with all that an actor may have: a clip, normalised layers, tanh in them. */
export function enriched(parts: PolicyParts): PolicyParts {
  const rng = new Rng(parts.layers.length, 9);
  const last = parts.layers.length - 1;
  const random = (length: number): Float32Array =>
    Float32Array.from({ length }, () => rng.uniform(0.5, 1.5));
  return {
    ...parts,
    normaliser: { ...parts.normaliser, clip: 0.75 },
    layers: parts.layers.map((layer, depth) => {
      if (depth === last) return layer;
      return { ...layer, norm: { gain: random(layer.outputs), shift: random(layer.outputs) } };
    }),
    activation: "tanh",
  };
}

function randomNormaliser(rng: Rng, spec: Spec): Omit<Actor["normaliser"], "clip"> {
  return {
    mean: Float32Array.from(spec.observation, () => rng.uniform(-0.2, 0.2)),
    scale: Float32Array.from(spec.observation, ({ high, low }) =>
      Number.isFinite(high - low) ? 2 / (high - low) : rng.uniform(0.5, 1),
    ),
  };
}

/**
 * The policy file `bytes` with its model changed and the digest made anew, as somebody would who
 * wants to get past the digest: only the numbers of the proof are left to tell.
 */
export function forge(bytes: Uint8Array, change: (model: Model) => Model, spec: Spec): Uint8Array {
  const model = decodeModel(bytes);
  const proof = parseProof(bytes, model.metadata.get(proofKey)!, spec);
  const metadata = new Map(model.metadata);
  metadata.delete(proofKey);
  return appendProof(encodeModel(change({ ...model, metadata })), proof);
}
