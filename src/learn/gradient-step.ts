import { gradients } from "../onnx/gradient.ts";
import { GraphBuilder, type Value } from "../onnx/graph.ts";
import { adam, type Learned } from "./adam.ts";
import { type Losses, metricNames } from "./losses.ts";
import { hiddenWeights, networksOf } from "./networks.ts";
import { type Pass, perceptron, type Statistics } from "./perceptron.ts";
import { movedMoments, preserveOutputs, type Scale, scaleOf } from "./pop-art.ts";
import type { Program } from "./program.ts";
import { type Minibatch, type RoundInputs, roundInputs, type State } from "./round.ts";

/** Keeps the length of a difference smooth where it is zero. */
const distanceEpsilon = 1e-8;

/**
 * One round of learning as a graph: `policyDelay` critic steps, D of them, then one step of the
 * actor and of the targets.
 *
 * Carried, for NET in `actor`, `critic`: `NET.online`, `NET.target`, `NET.firstMoment`,
 * `NET.secondMoment`, flat, critics one behind the other; `NET.statistics` with batch
 * normalisation; `critic.moments` [2] with PopArt. Shared: `rows` [-1, width], as the replay holds
 * them; `observationMean`, `observationScale` [observations]; `rewardScale` [1]. Each: `index`,
 * `nextIndex` int32 [D batch]; `schedule` [D, 7] (`scheduleOf`); and where the losses ask for them
 * `targetNoise` [D batch, actions], `weight` [D batch, 1], `neighbour` [batch, observations],
 * `actorNoise` [batch, actions] (standard normal). Kept: `metrics` [6] in the order of
 * `metricNames`, and with weights `tdError` [D batch, 1], Q(s, a) - y.
 */
export function gradientStep(losses: Losses): Program {
  const g = new GraphBuilder();
  const { carried, shared, each, state: start, batches, ...noise } = roundInputs(g, losses);
  const errors: Value[] = [];
  let state = start;
  let metrics: Partial<Record<(typeof metricNames)[number], Value>> = {};
  for (const batch of batches) {
    const learned = criticStep(g, losses, state, batch);
    state = learned.state;
    metrics = learned.metrics;
    errors.push(learned.tdError);
  }
  const last = batches[batches.length - 1];
  const acted = actorStep(g, losses, state, last, noise);
  metrics = { ...metrics, ...acted.metrics };
  state = withTargets(g, acted.state, last.schedule.tau);

  publish(g, state);
  const scalars = metricNames.map((name) => g.reshape(metrics[name]!, [1]));
  g.output("metrics", g.concat(scalars, 0));
  const kept = [{ name: "metrics", dims: [metricNames.length] as readonly number[] }];
  if (losses.weighted) {
    const tdError = g.concat(errors, 0);
    g.output("tdError", tdError);
    kept.push({ name: "tdError", dims: tdError.dims });
  }
  return { graph: g, carried, shared, each, kept };
}

/** The critic minimises the mean of (Q(s, a) - y)^2; y counts as given. */
function criticStep(g: GraphBuilder, losses: Losses, before: State, batch: Minibatch) {
  const { s, a, weight, schedule } = batch;
  let state = before;
  let y = targetOf(g, losses, state, batch);
  if (state.moments !== null) {
    state = rescaled(g, losses, state, y);
    const scale = scaleOf(g, state.moments!);
    y = g.div(g.sub(y, scale.mean), scale.deviation);
  }
  const share = losses.statisticsShare;
  const passes = Q(g, losses, state, state.critic.online, s, a, share);
  const differences = passes.map(({ output }) => g.sub(output, y));
  const squares = differences.map((difference) => g.square(difference));
  const loss = total(
    g,
    squares.map((square) => g.mean(weight === null ? square : g.mul(weight, square))),
  );
  const [gradient] = gradients(g, loss, [state.critic.online]);
  const critic = adam(
    g,
    losses,
    state.critic,
    gradient,
    { rate: schedule.criticRate, epsilon: schedule.criticEpsilon },
    decayOf(g, losses, schedule.criticShrink),
  );
  const statistics = passes.map((pass) => pass.statistics).filter((value) => value !== null);
  return {
    state: {
      ...state,
      critic,
      criticStatistics: statistics.length > 0 ? g.concat(statistics, 0) : null,
    },
    tdError: differences[0],
    metrics: {
      msbe: g.mul(
        total(
          g,
          squares.map((square) => g.mean(square)),
        ),
        1 / squares.length,
      ),
      q: g.mean(denormalised(g, state, passes[0].output)),
      criticGradientNorm: g.norm(gradient),
    },
  };
}

/**
 * y = r + discount Q'(s', mu'(s')), of two critics the smaller; TD3 draws the target's action from
 * around mu'(s'). The discount is 0 where the episode ended by itself, not where time ran out.
 */
function targetOf(
  g: GraphBuilder,
  losses: Losses,
  state: State,
  { r, discount, sNext, targetNoise }: Minibatch,
): Value {
  let aNext = g.tanh(mu(g, losses, state, state.actor.target, sNext).output);
  if (targetNoise !== null) {
    const limit = losses.targetNoiseClip;
    const noise = g.clip(g.mul(targetNoise, losses.targetNoise), -limit, limit);
    aNext = g.clip(g.add(aNext, noise), -1, 1);
  }
  const [first, second] = Q(g, losses, state, state.critic.target, sNext, aNext);
  const qNext = second === undefined ? first.output : g.min(first.output, second.output);
  return g.add(r, g.mul(discount, denormalised(g, state, qNext)));
}

/** The actor minimises the mean of -Q(s, mu(s)), through the new critic, which it leaves alone. */
function actorStep(
  g: GraphBuilder,
  losses: Losses,
  state: State,
  batch: Minibatch,
  { neighbour, actorNoise }: Pick<RoundInputs, "neighbour" | "actorNoise">,
) {
  const { s, sNext, schedule } = batch;
  const { online } = state.actor;
  const pass = mu(g, losses, state, online, s, losses.statisticsShare);
  const action = g.tanh(pass.output);
  const tried =
    actorNoise === null
      ? action
      : g.clip(g.add(action, g.mul(actorNoise, schedule.actorNoise)), -1, 1);
  const [first] = Q(g, losses, state, state.critic.online, s, tried);
  const terms = [g.neg(g.mean(denormalised(g, state, first.output)))];
  if (losses.actionPenalty > 0) {
    terms.push(g.mul(g.mean(g.square(pass.output)), losses.actionPenalty));
  }
  const distanceTo = (other: Value): Value => {
    const there = g.tanh(mu(g, losses, state, online, other).output);
    const square = g.sum(g.square(g.sub(action, there)), [1]);
    return g.mean(g.sqrt(g.add(square, distanceEpsilon)));
  };
  if (losses.smoothTemporal > 0) terms.push(g.mul(distanceTo(sNext), losses.smoothTemporal));
  if (neighbour !== null) {
    const near = g.add(s, g.mul(neighbour, losses.smoothSigma));
    terms.push(g.mul(distanceTo(near), losses.smoothSpatial));
  }
  const actorLoss = total(g, terms);
  const [gradient] = gradients(g, actorLoss, [online]);
  const rates = { rate: schedule.actorRate, epsilon: schedule.actorEpsilon };
  const actor = adam(g, losses, state.actor, gradient, rates);
  const beyond = g.where(g.greater(g.square(action), 0.99 ** 2), 1, 0);
  return {
    state: { ...state, actor, actorStatistics: pass.statistics },
    metrics: { actorLoss, actorGradientNorm: g.norm(gradient), saturation: g.mean(beyond) },
  };
}

/** target <- target + tau (online - target) */
function withTargets(g: GraphBuilder, state: State, tau: Value): State {
  const moved = ({ online, target, ...rest }: Learned): Learned => ({
    ...rest,
    online,
    target: g.add(target, g.mul(g.sub(online, target), tau)),
  });
  return { ...state, actor: moved(state.actor), critic: moved(state.critic) };
}

/** The actor's outputs before tanh; `share` marks a training pass. */
function mu(
  g: GraphBuilder,
  losses: Losses,
  state: State,
  parameters: Value,
  s: Value,
  share: number | null = null,
): Pass {
  const { actor } = networksOf(losses.shape);
  const running = state.actorStatistics;
  return perceptron(g, actor, parameters, s, null, statisticsOf(running, share));
}

/** The values that each critic gives; `share` marks a training pass. */
function Q(
  g: GraphBuilder,
  losses: Losses,
  state: State,
  parameters: Value,
  s: Value,
  a: Value,
  share: number | null = null,
): Pass[] {
  const { critics } = losses.shape;
  const { critic } = networksOf(losses.shape);
  const copies = (value: Value): Value[] =>
    g.split(value, new Array<number>(critics).fill(value.dims[0] / critics), 0);
  const running = state.criticStatistics === null ? null : copies(state.criticStatistics);
  return copies(parameters).map((own, i) =>
    perceptron(g, critic, own, s, a, statisticsOf(running?.[i] ?? null, share)),
  );
}

function statisticsOf(running: Value | null, momentum: number | null): Statistics | null {
  return running === null ? null : { running, momentum };
}

/** The state once PopArt has seen the targets y: no value changes, only the scale it is kept in. */
function rescaled(g: GraphBuilder, losses: Losses, state: State, y: Value): State {
  const { critic: network } = networksOf(losses.shape);
  const { critics } = losses.shape;
  const moments = movedMoments(g, state.moments!, y, losses.statisticsShare);
  const [from, to]: Scale[] = [scaleOf(g, state.moments!), scaleOf(g, moments)];
  const preserved = (parameters: Value): Value =>
    preserveOutputs(g, network, critics, parameters, from, to);
  const { online, target, ...rest } = state.critic;
  const critic = { ...rest, online: preserved(online), target: preserved(target) };
  return { ...state, critic, moments };
}

function denormalised(g: GraphBuilder, { moments }: State, q: Value): Value {
  if (moments === null) return q;
  const { mean, deviation } = scaleOf(g, moments);
  return g.add(g.mul(q, deviation), mean);
}

function decayOf(g: GraphBuilder, losses: Losses, shrink: Value) {
  const { criticDecay, decayKind: kind, shape } = losses;
  if (criticDecay === 0) return null;
  const mask = hiddenWeights(networksOf(shape).critic);
  const factor = kind === "l2" ? criticDecay : 1;
  const copies = Array.from({ length: shape.critics }, () => [...mask]).flat();
  const of = g.constant(
    copies.map((one) => one * factor),
    [copies.length],
  );
  return { kind, of, shrink };
}

function publish(g: GraphBuilder, state: State): void {
  for (const net of ["actor", "critic"] as const) {
    for (const [name, value] of Object.entries(state[net])) g.output(`${net}.${name}.next`, value);
  }
  const { actorStatistics, criticStatistics, moments } = state;
  if (actorStatistics !== null) g.output("actor.statistics.next", actorStatistics);
  if (criticStatistics !== null) g.output("critic.statistics.next", criticStatistics);
  if (moments !== null) g.output("critic.moments.next", moments);
}

function total(g: GraphBuilder, terms: readonly Value[]): Value {
  return terms.slice(1).reduce((sum, term) => g.add(sum, term), terms[0]);
}
