import type { Spec } from "../core/spec.ts";
import { encodeModel, type ValueInfo } from "../onnx/model.ts";
import { addLayers, addNormaliser, GraphParts } from "../policy/layer-graph.ts";
import type { ObservationScale } from "./actor-forward.ts";
import { layersOf } from "./artefact.ts";
import type { Carried } from "./engine.ts";
import { networksOf, statisticsSize } from "./networks.ts";
import { scaleOfMoments } from "./pop-art.ts";
import { lossesOf, type TrainSettings } from "./settings.ts";

/** The four networks of DDPG by name: what learns, and the slow copies that targets come from. */
export type NetworkFiles = Readonly<
  Record<"actor" | "actor-target" | "critic" | "critic-target", Uint8Array>
>;

/** All that the networks of a run are. */
export interface Learnt {
  readonly settings: TrainSettings;
  /** Of the task on the hardware of the settings. */
  readonly spec: Spec;
  /** What the learner carries, by name (`gradientStep`). */
  readonly carried: Carried;
  readonly observation: ObservationScale;
}

type Copy = "online" | "target";

/**
 * The four networks of a run as plain ONNX files, without contract or proof: to look into, to go on
 * with elsewhere, not to drive with. All take the raw `observation` [batch, observations]; actors
 * give `action` [batch, actions] in [-1, 1]; critics take such an action too and give `q` [batch,
 * critics], a column a critic, in units of the reward as the run scales it (`rewardScale`,
 * `returnNorm`). With batch normalisation targets use the online networks' running statistics, as
 * in training.
 */
export function networkFiles(learnt: Learnt): NetworkFiles {
  return {
    actor: actorFile(learnt, "online"),
    "actor-target": actorFile(learnt, "target"),
    critic: criticFile(learnt, "online"),
    "critic-target": criticFile(learnt, "target"),
  };
}

function actorFile({ settings, spec, carried, observation }: Learnt, copy: Copy): Uint8Array {
  const { actor } = networksOf(lossesOf(settings, spec).shape);
  const parts = new GraphParts();
  const seen = addNormaliser(parts, observation, "observation");
  const layers = layersOf(actor, carried[`actor.${copy}`], statisticsOf(carried, "actor"));
  parts.node("Tanh", [addLayers(parts, layers, actor.activation, seen)], "action");
  return fileOf(parts, "actor", [observations(spec)], actions(spec));
}

function criticFile({ settings, spec, carried, observation }: Learnt, copy: Copy): Uint8Array {
  const { shape } = lossesOf(settings, spec);
  const { critic } = networksOf(shape);
  const parts = new GraphParts();
  const seen = addNormaliser(parts, observation, "observation");
  const own = (values: Float32Array, size: number, at: number): Float32Array =>
    values.subarray(at * size, (at + 1) * size);
  const values = Array.from({ length: shape.critics }, (_, at) => {
    const parameters = own(carried[`critic.${copy}`], critic.size, at);
    const statistics = own(statisticsOf(carried, "critic"), statisticsSize(critic), at);
    const layers = layersOf(critic, parameters, statistics);
    const late = { name: "action", at: shape.actionLayer };
    return addLayers(parts, layers, critic.activation, seen, { late, prefix: `critic_${at}_` });
  });
  const moments = carried["critic.moments"];
  const joined = moments === undefined ? "q" : "normalised_q";
  const q = parts.node("Concat", values, joined, { axis: { int: 1 } });
  if (moments !== undefined) {
    const { mean, deviation } = scaleOfMoments(moments);
    const scale = parts.constant("q_deviation", [1], Float32Array.of(deviation));
    const shift = parts.constant("q_mean", [1], Float32Array.of(mean));
    parts.node("Add", [parts.node("Mul", [q, scale], "scaled_q"), shift], "q");
  }
  const output: ValueInfo = { name: "q", type: "float32", dims: ["batch", shape.critics] };
  return fileOf(parts, "critic", [observations(spec), actions(spec)], output);
}

/** Running statistics of a batch-normalised network; else empty. */
function statisticsOf(carried: Carried, net: "actor" | "critic"): Float32Array {
  return carried[`${net}.statistics`] ?? new Float32Array(0);
}

function observations({ observation }: Spec): ValueInfo {
  return { name: "observation", type: "float32", dims: ["batch", observation.length] };
}

function actions({ action }: Spec): ValueInfo {
  return { name: "action", type: "float32", dims: ["batch", action.length] };
}

function fileOf(
  { nodes, initializers }: GraphParts,
  name: string,
  inputs: readonly ValueInfo[],
  output: ValueInfo,
): Uint8Array {
  const graph = { name, nodes, initializers, inputs, outputs: [output] };
  return encodeModel({ irVersion: 8, opset: 17, producer: "sinew", graph, metadata: new Map() });
}
