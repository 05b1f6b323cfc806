import type { Spec } from "../core/spec.ts";
import { type Layer, normEpsilon } from "../policy/actor.ts";
import { exportPolicy } from "../policy/export.ts";
import { textOfHardware } from "../sim/hardware.ts";
import type { ObservationScale } from "./actor-forward.ts";
import { type Network, networksOf } from "./networks.ts";
import { algorithmOf, lossesOf, type TrainSettings } from "./settings.ts";

/** An actor as it stands. */
export interface TrainedActor {
  /** Flat, as `networksOf` lays it out. */
  readonly parameters: Float32Array;
  /** Running statistics of batch normalisation; empty without it. */
  readonly statistics: Float32Array;
  readonly observation: ObservationScale;
}

/**
 * The policy file of an actor: contract, normaliser (frozen), layers, scale and proof. The same
 * settings, actor and origin give the same bytes.
 */
export function policyFile(
  settings: TrainSettings,
  spec: Spec,
  { parameters, statistics, observation }: TrainedActor,
  origin: Readonly<Record<string, string | number>>,
): Promise<Uint8Array> {
  const { actor } = networksOf(lossesOf(settings, spec).shape);
  const { mean, scale, clip } = observation;
  const { observationHistory, actionHistory } = settings;
  const world = textOfHardware(settings);
  return exportPolicy({
    contract: {
      format: 1,
      task: settings.task,
      spec,
      algorithm: algorithmOf(settings),
      ...(observationHistory > 0 && { observationHistory }),
      ...(actionHistory > 0 && { actionHistory }),
      training: {
        ...{ seed: settings.seed, steps: settings.steps, ...origin },
        ...(world !== "" && { world }),
      },
    },
    normaliser: { mean: mean.slice(), scale: scale.slice(), clip },
    layers: layersOf(actor, parameters, statistics),
    activation: actor.activation,
  });
}

/**
 * A network's layers as an ONNX file holds them, from its flat parameters: batch normalisation by
 * its running `statistics` (else empty) is worked into the weights.
 */
export function layersOf(
  { layers, norm }: Network,
  parameters: Float32Array,
  statistics: Float32Array,
): Layer[] {
  let seen = 0;
  return layers.map(({ inputs, outputs, at, biasAt, gainAt }) => {
    const weights = parameters.slice(at, biasAt);
    const bias = parameters.slice(biasAt, biasAt + outputs);
    if (gainAt < 0) return { inputs, outputs, weights, bias };
    const gain = parameters.slice(gainAt, gainAt + outputs);
    const shift = parameters.slice(gainAt + outputs, gainAt + 2 * outputs);
    if (norm === "layer") {
      return { inputs, outputs, weights, bias, norm: { gain, shift } };
    }
    for (let j = 0; j < outputs; j++) {
      const factor = gain[j] / Math.sqrt(statistics[seen + outputs + j] + normEpsilon);
      for (let i = 0; i < inputs; i++) weights[i * outputs + j] *= factor;
      bias[j] = (bias[j] - statistics[seen + j]) * factor + shift[j];
    }
    seen += 2 * outputs;
    return { inputs, outputs, weights, bias };
  });
}
