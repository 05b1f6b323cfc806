import type { GraphBuilder, Value } from "../onnx/graph.ts";
import type { Learned } from "./adam.ts";
import { type Losses, scheduleColumns } from "./losses.ts";
import { networksOf, statisticsSize } from "./networks.ts";
import type { Program } from "./program.ts";

/** All that learning changes. */
export interface State {
  readonly actor: Learned;
  readonly critic: Learned;
  /** Running statistics of batch normalisation, flat; null where the network has none. */
  readonly actorStatistics: Value | null;
  readonly criticStatistics: Value | null;
  /** PopArt's moments of the targets, [2]; null where values are not normalised. */
  readonly moments: Value | null;
}

/** The transitions of one critic step, observations normalised; [batch, ...] each. */
export interface Minibatch {
  readonly s: Value;
  readonly a: Value;
  readonly r: Value;
  /** What the value of s' counts for: gamma to the steps between, 0 where the episode ended. */
  readonly discount: Value;
  readonly sNext: Value;
  /** Standard normal numbers [batch, actions]; null where the target's action is not noisy. */
  readonly targetNoise: Value | null;
  /** Importance weights [batch, 1]; null where all count alike. */
  readonly weight: Value | null;
  /** This step's numbers, [1] each, by the names of `scheduleColumns`. */
  readonly schedule: Readonly<Record<(typeof scheduleColumns)[number], Value>>;
}

/** What a round reads, and which of it lives how long. */
export interface RoundInputs extends Pick<Program, "carried" | "shared" | "each"> {
  readonly state: State;
  /** One for each critic step of the round. */
  readonly batches: readonly Minibatch[];
  /** Standard normal numbers [batch, observations], where the losses ask for a neighbour of s. */
  readonly neighbour: Value | null;
  /** Standard normal numbers [batch, actions], where the actor's own action is noisy. */
  readonly actorNoise: Value | null;
}

/** Declares the inputs of `gradientStep` (`gradient-step.ts`). */
export function roundInputs(g: GraphBuilder, losses: Losses): RoundInputs {
  const carried: Value[] = [];
  const shared: Value[] = [];
  const each: Value[] = [];
  const input = (list: Value[], name: string, dims: readonly number[]): Value => {
    const value = g.input(name, "float32", dims);
    list.push(value);
    return value;
  };
  const state = stateInputs(losses, (name, size) => input(carried, name, [size]));
  const { batch } = losses;
  const { observations } = losses.shape;
  const batches = minibatches(
    g,
    losses,
    (name, dims) => input(shared, name, dims),
    (name, dims) => input(each, name, dims),
    (name) => {
      const value = g.input(name, "int32", [losses.policyDelay * batch]);
      each.push(value);
      return value;
    },
  );
  const neighbour =
    losses.smoothSpatial > 0 ? input(each, "neighbour", [batch, observations]) : null;
  const { actions } = losses.shape;
  const actorNoise = losses.actorNoise > 0 ? input(each, "actorNoise", [batch, actions]) : null;
  return { carried, shared, each, state, batches, neighbour, actorNoise };
}

type Declare = (name: string, dims: readonly number[]) => Value;

function stateInputs(losses: Losses, carry: (name: string, size: number) => Value): State {
  const { actor, critic } = networksOf(losses.shape);
  const { critics } = losses.shape;
  const learned = (name: string, size: number): Learned => ({
    online: carry(`${name}.online`, size),
    target: carry(`${name}.target`, size),
    firstMoment: carry(`${name}.firstMoment`, size),
    secondMoment: carry(`${name}.secondMoment`, size),
  });
  const statistics = (name: string, size: number): Value | null =>
    size === 0 ? null : carry(`${name}.statistics`, size);
  return {
    actor: learned("actor", actor.size),
    critic: learned("critic", critic.size * critics),
    actorStatistics: statistics("actor", statisticsSize(actor)),
    criticStatistics: statistics("critic", statisticsSize(critic) * critics),
    moments: losses.popArt ? carry("critic.moments", 2) : null,
  };
}

function minibatches(
  g: GraphBuilder,
  losses: Losses,
  shared: Declare,
  each: Declare,
  indices: (name: string) => Value,
): Minibatch[] {
  const { batch, policyDelay, shape } = losses;
  const { observations, actions } = shape;
  const rows = shared("rows", [-1, observations + actions + 2]);
  const mean = shared("observationMean", [observations]);
  const scale = shared("observationScale", [observations]);
  const rewardScale = shared("rewardScale", [1]);
  const draws = policyDelay * batch;
  const [index, nextIndex] = [indices("index"), indices("nextIndex")];
  const schedule = each("schedule", [policyDelay, scheduleColumns.length]);
  const targetNoise = losses.targetNoise > 0 ? each("targetNoise", [draws, actions]) : null;
  const weight = losses.weighted ? each("weight", [draws, 1]) : null;
  const normalised = (raw: Value): Value => {
    const x = g.mul(g.sub(raw, mean), scale);
    const limit = losses.observationClip;
    return limit > 0 ? g.clip(x, -limit, limit) : x;
  };
  return Array.from({ length: policyDelay }, (_, k) => {
    const part = <V extends Value | null>(value: V): V =>
      (value === null ? null : g.slice(value, 0, k * batch, (k + 1) * batch)) as V;
    const taken = g.gather(rows, part(index));
    const [raw, a, r, discount] = g.split(taken, [observations, actions, 1, 1], 1);
    const following = g.gather(rows, part(nextIndex));
    const numbers = g.split(
      g.reshape(g.slice(schedule, 0, k, k + 1), [scheduleColumns.length]),
      scheduleColumns.map(() => 1),
      0,
    );
    return {
      s: normalised(raw),
      a,
      r: g.mul(r, rewardScale),
      discount,
      sNext: normalised(g.slice(following, 1, 0, observations)),
      targetNoise: part(targetNoise),
      weight: part(weight),
      schedule: Object.fromEntries(
        scheduleColumns.map((name, i) => [name, numbers[i]]),
      ) as unknown as Minibatch["schedule"],
    };
  });
}
