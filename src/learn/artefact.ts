import type { Spec } from "../core/spec.ts";
import { exportPolicy } from "../policy/export.ts";
import { networksOf } from "./networks.ts";
import { lossesOf, type TrainSettings } from "./settings.ts";

/**
 * The policy file of an actor as it stands: contract, normaliser, layers, scale and proof. The same
 * settings, parameters and step give the same bytes. `online` is flat, as in `LearnerState`.
 */
export function policyFile(
  settings: TrainSettings,
  spec: Spec,
  online: Float32Array,
  origin: Readonly<Record<string, string | number>>,
): Promise<Uint8Array> {
  const { shape, observationMean, observationScale } = lossesOf(settings, spec);
  const layers = networksOf(shape).actor.layers.map(({ inputs, outputs, at, biasAt }) => ({
    inputs,
    outputs,
    weights: online.slice(at, biasAt),
    bias: online.slice(biasAt, biasAt + outputs),
  }));
  return exportPolicy({
    contract: {
      format: 1,
      task: settings.task,
      spec,
      algorithm: "ddpg",
      training: { seed: settings.seed, steps: settings.steps, ...origin },
    },
    normaliser: { mean: observationMean, scale: observationScale },
    layers,
  });
}
