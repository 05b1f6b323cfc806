import { GraphBuilder } from "../onnx/graph.ts";
import type { Losses } from "./losses.ts";
import { networksOf, statisticsSize } from "./networks.ts";
import { perceptron } from "./perceptron.ts";
import type { Program } from "./program.ts";

/**
 * The actor on one observation, as a program beside `gradientStep`'s, whose parameters it reads
 * where they lie. Shared: `observation` [observations], raw; `observationMean`, `observationScale`
 * as many; `actor.online`, and `actor.statistics` of a batch-normalised actor. Kept: `action`
 * [actions], mu(observation) in [-1, 1].
 */
export function acting({ shape, observationClip: limit }: Losses): Program {
  const g = new GraphBuilder();
  const { actor } = networksOf(shape);
  const { observations, actions } = shape;
  const input = (name: string, size: number) => g.input(name, "float32", [size]);
  const raw = input("observation", observations);
  const mean = input("observationMean", observations);
  const scale = input("observationScale", observations);
  const parameters = input("actor.online", actor.size);
  const size = statisticsSize(actor);
  const running = size > 0 ? input("actor.statistics", size) : null;
  const x = g.mul(g.sub(raw, mean), scale);
  const s = g.reshape(limit > 0 ? g.clip(x, -limit, limit) : x, [1, observations]);
  const statistics = running === null ? null : { running, momentum: null };
  const { output } = perceptron(g, actor, parameters, s, null, statistics);
  g.output("action", g.reshape(g.tanh(output), [actions]));
  const shared = [raw, mean, scale, parameters, ...(running === null ? [] : [running])];
  return { graph: g, carried: [], shared, each: [], kept: [{ name: "action", dims: [actions] }] };
}
