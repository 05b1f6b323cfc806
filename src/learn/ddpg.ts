/**
 * Deep Deterministic Policy Gradient: Lillicrap et al. 2016, "Continuous control with deep
 * reinforcement learning", Algorithm 1.
 */
import type { Rng } from "../core/rng.ts";
import { gradients } from "../onnx/gradient.ts";
import { GraphBuilder, type Value } from "../onnx/graph.ts";
import type { Env } from "../sim/env.ts";
import type { DdpgSettings, Engine, StepMetrics } from "./engine.ts";
import { ActorForward, type Network, networksOf } from "./networks.ts";
import type { Noise } from "./noise.ts";
import type { Replay } from "./replay.ts";

/** Everything that one training run changes as it goes; a checkpoint holds all of it. */
export interface Run {
  readonly env: Env;
  readonly engine: Engine;
  readonly replay: Replay;
  readonly noise: Noise;
  /** Draws the episodes' seeds, the warm-up's actions and the minibatches. */
  readonly rng: Rng;
  /** Environment steps taken so far. */
  step: number;
  episode: number;
}

/** How long a run is and how it explores. */
export interface Schedule {
  readonly steps: number;
  /** Uniform actions before the first gradient step. */
  readonly warmupSteps: number;
  readonly rewardScale: number;
  /** The share of the noise that is left at the last step; in between it falls linearly. */
  readonly finalNoiseShare: number;
}

/** What a run tells after each call of the engine, and after each episode. */
export type Report =
  | { readonly kind: "learned"; readonly metrics: StepMetrics }
  | { readonly kind: "episode"; readonly return: number };

/**
 * Algorithm 1, from `run.step` to `schedule.steps`. Differs from the paper in three things:
 * actions are uniform at first, the noise decays, and K gradient steps follow every K environment
 * steps in place of one after each.
 */
export async function* ddpg(
  run: Run,
  losses: DdpgSettings,
  schedule: Schedule,
): AsyncGenerator<Report> {
  const { env, engine, replay, noise, rng } = run;
  const { shape } = losses;
  const actor = new ActorForward(shape, losses.observationMean, losses.observationScale);
  const s = new Float32Array(shape.observations);
  const sNext = new Float32Array(shape.observations);
  const a = new Float32Array(shape.actions);
  const n = new Float32Array(shape.actions);
  const command = new Float32Array(shape.actions);
  const draws = shape.stepsPerCall * shape.batch;
  const sample = { index: new Int32Array(draws), nextIndex: new Int32Array(draws) };

  // for episode = 1, M do: initialise a random process N, receive the first observation
  while (run.step < schedule.steps) {
    noise.reset();
    env.reset(rng.word(), s);
    let total = 0;
    let over = false;
    // for t = 1, T do
    while (!over && run.step < schedule.steps) {
      // Select the action a = mu(s) + N, inside the box.
      if (run.step < schedule.warmupSteps) {
        for (let i = 0; i < a.length; i++) a[i] = rng.uniform(-1, 1);
      } else {
        actor.act(engine.state.online, s, a);
        noise.sample(1 - (1 - schedule.finalNoiseShare) * (run.step / schedule.steps), n);
        for (let i = 0; i < a.length; i++) a[i] = Math.min(1, Math.max(-1, a[i] + n[i]));
      }
      // Execute it, observe the reward and the new state, store the transition.
      env.spec.action.forEach(({ low, high }, i) => {
        command[i] = (low + high) / 2 + ((high - low) / 2) * a[i];
      });
      const { reward, terminated, truncated } = env.step(command, sNext);
      replay.add(s, a, reward * schedule.rewardScale, terminated);
      s.set(sNext);
      total += reward;
      run.step++;
      over = terminated || truncated;
      // Sample minibatches; critic, actor and targets each take their step, K times.
      if (run.step >= schedule.warmupSteps && run.step % shape.stepsPerCall === 0) {
        replay.sample(rng, sample);
        const data = { rows: replay.rows, capacity: replay.capacity, ...sample };
        yield { kind: "learned", metrics: await engine.learn(data) };
      }
    }
    replay.endEpisode(s);
    run.episode++;
    yield { kind: "episode", return: total };
  }
}

/** Columns of the schedule, one row a gradient step: what changes from step to step by plan. */
export const scheduleColumns = ["criticRate", "actorRate", "epsilon"] as const;

/** Rows of the metrics that a gradient step reports. */
export const metricNames = [
  "criticLoss",
  "actorLoss",
  "q",
  "criticGradientNorm",
  "actorGradientNorm",
] as const;

/**
 * A network that learns: its parameters, its target's, and Adam's two moments. Flat, equally
 * long.
 */
interface Learner {
  readonly online: Value;
  readonly target: Value;
  readonly firstMoment: Value;
  readonly secondMoment: Value;
}

/**
 * One gradient step of critic and actor as a graph. Inputs, for NET in `actor`, `critic`:
 * `NET.online`, `NET.target`, `NET.firstMoment`, `NET.secondMoment`, flat; `rows` [capacity, width]
 * (`Minibatches`); `index`, `nextIndex` int32 [batch]; `schedule` [3] (`scheduleOf`). Outputs: the
 * same
 * eight with `.next` behind their names, and `metrics` [5] in the order of `metricNames`.
 */
export function buildGradientStep(settings: DdpgSettings): GraphBuilder {
  const { gamma, tau } = settings;
  const networks = networksOf(settings.shape);
  const g = new GraphBuilder();
  const actor = learnerInputs(g, "actor", networks.actor);
  const critic = learnerInputs(g, "critic", networks.critic);
  const { s, a, r, terminated, sNext } = minibatch(g, settings);
  const schedule = g.input("schedule", "float32", [scheduleColumns.length]);
  const [criticRate, actorRate, epsilon] = g.split(schedule, [1, 1, 1], 0);

  const mu = (parameters: Value, observation: Value): Value =>
    g.tanh(perceptron(g, networks.actor, parameters, observation));
  const Q = (parameters: Value, observation: Value, action: Value): Value =>
    perceptron(g, networks.critic, parameters, g.concat([observation, action], 1));

  // y = r + gamma Q'(s', mu'(s')), and y = r where the episode ended by itself (not by a time
  // limit).
  const qNext = Q(critic.target, sNext, mu(actor.target, sNext));
  const y = g.add(r, g.mul(g.mul(g.sub(1, terminated), gamma), qNext));

  // The critic minimises the mean of (Q(s, a) - y)^2; y counts as given.
  const q = Q(critic.online, s, a);
  const criticLoss = g.mean(g.square(g.sub(q, y)));
  const [criticGradient] = gradients(g, criticLoss, [critic.online]);
  const criticNext = adam(g, settings, critic, criticGradient, criticRate, epsilon);

  // The actor minimises the mean of -Q(s, mu(s)), through the critic just updated, which it leaves
  // alone.
  const actorLoss = g.neg(g.mean(Q(criticNext.online, s, mu(actor.online, s))));
  const [actorGradient] = gradients(g, actorLoss, [actor.online]);
  const actorNext = adam(g, settings, actor, actorGradient, actorRate, epsilon);

  for (const [name, before, after] of [
    ["actor", actor, actorNext],
    ["critic", critic, criticNext],
  ] as const) {
    // target <- target + tau (online - target)
    const step = g.mul(g.sub(after.online, before.target), tau);
    g.output(`${name}.online.next`, after.online);
    g.output(`${name}.target.next`, g.add(before.target, step));
    g.output(`${name}.firstMoment.next`, after.firstMoment);
    g.output(`${name}.secondMoment.next`, after.secondMoment);
  }
  const metrics = [criticLoss, actorLoss, g.mean(q), g.norm(criticGradient), g.norm(actorGradient)];
  const scalars = metrics.map((metric) => g.reshape(metric, [1]));
  g.output("metrics", g.concat(scalars, 0));
  return g;
}

/**
 * Adam (Kingma and Ba 2015, Algorithm 1): m <- b1 m + (1 - b1) grad, v <- b2 v + (1 - b2) grad^2,
 * parameters <- parameters - rate m / (sqrt(v) + epsilon), where `scheduleOf` has worked the two
 * bias corrections into this step's rate and epsilon.
 */
function adam(
  g: GraphBuilder,
  { beta1, beta2 }: DdpgSettings,
  learner: Learner,
  gradient: Value,
  rate: Value,
  epsilon: Value,
): Omit<Learner, "target"> {
  const { online, firstMoment, secondMoment } = learner;
  const m = g.add(g.mul(firstMoment, beta1), g.mul(gradient, 1 - beta1));
  const v = g.add(g.mul(secondMoment, beta2), g.mul(g.square(gradient), 1 - beta2));
  const step = g.mul(rate, g.div(m, g.add(g.sqrt(v), epsilon)));
  return { online: g.sub(online, step), firstMoment: m, secondMoment: v };
}

/**
 * The schedule of the `count` steps that follow `steps` finished ones, [count, 3], row-major. With
 * the corrections c1 = 1 - b1^t and c2 = 1 - b2^t, Adam's rate (m / c1) / (sqrt(v / c2) + epsilon)
 * is rate sqrt(c2) / c1 times m / (sqrt(v) + epsilon sqrt(c2)); computed in double.
 */
export function scheduleOf(settings: DdpgSettings, steps: number, count: number): Float32Array {
  const { beta1, beta2, epsilon, criticRate, actorRate } = settings;
  const width = scheduleColumns.length;
  const schedule = new Float32Array(count * width);
  for (let k = 0; k < count; k++) {
    const t = steps + k + 1;
    const root = Math.sqrt(1 - beta2 ** t);
    const correction = root / (1 - beta1 ** t);
    schedule[k * width] = criticRate * correction;
    schedule[k * width + 1] = actorRate * correction;
    schedule[k * width + 2] = epsilon * root;
  }
  return schedule;
}

function learnerInputs(g: GraphBuilder, name: string, { size }: Network): Learner {
  return {
    online: g.input(`${name}.online`, "float32", [size]),
    target: g.input(`${name}.target`, "float32", [size]),
    firstMoment: g.input(`${name}.firstMoment`, "float32", [size]),
    secondMoment: g.input(`${name}.secondMoment`, "float32", [size]),
  };
}

/** The batch's transitions, taken from the replay rows; observations normalised. */
function minibatch(g: GraphBuilder, settings: DdpgSettings) {
  const { observations, actions, batch } = settings.shape;
  const mean = g.constant([...settings.observationMean], [observations]);
  const scale = g.constant([...settings.observationScale], [observations]);
  const normalised = (raw: Value): Value => g.mul(g.sub(raw, mean), scale);
  const rows = g.input("rows", "float32", [-1, observations + actions + 2]);
  const taken = g.gather(rows, g.input("index", "int32", [batch]));
  const [raw, a, r, terminated] = g.split(taken, [observations, actions, 1, 1], 1);
  const following = g.gather(rows, g.input("nextIndex", "int32", [batch]));
  const rawNext = g.slice(following, 1, 0, observations);
  return { s: normalised(raw), a, r, terminated, sNext: normalised(rawNext) };
}

/** Affine layers with relu between them; `parameters` is the network's flat vector. */
function perceptron(g: GraphBuilder, network: Network, parameters: Value, x: Value): Value {
  const sizes = network.layers.flatMap(({ inputs, outputs }) => [inputs * outputs, outputs]);
  const pieces = g.split(parameters, sizes, 0);
  let activation = x;
  for (const [i, { inputs, outputs }] of network.layers.entries()) {
    if (i > 0) activation = g.relu(activation);
    const weights = g.reshape(pieces[2 * i], [inputs, outputs]);
    activation = g.gemm(activation, weights, pieces[2 * i + 1]);
  }
  return activation;
}
