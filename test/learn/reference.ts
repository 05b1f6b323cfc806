import type { Minibatches } from "../../src/learn/learner.ts";
import type { Losses } from "../../src/learn/losses.ts";
import { type Network, networksOf } from "../../src/learn/networks.ts";
import type { Flat } from "./problem.ts";

/** The learner's vectors in float64, laid out as in `Flat`. */
export interface ReferenceState {
  readonly online: Float64Array;
  readonly target: Float64Array;
  readonly firstMoment: Float64Array;
  readonly secondMoment: Float64Array;
  steps: number;
}

export interface ReferenceMetrics {
  readonly msbe: number;
  readonly actorLoss: number;
  readonly q: number;
  readonly criticGradientNorm: number;
  readonly actorGradientNorm: number;
  readonly saturation: number;
}

/** Activations of one transition: [0] the input, [i] the output of layer i before any relu. */
type Trace = Float64Array[];

/**
 * DDPG's gradient step in float64, one transition at a time, derivatives by hand: shares nothing
 * with the engines but the layout of the vectors. The judge of all engines.
 */
export class Reference {
  readonly state: ReferenceState;
  readonly #settings: Losses;
  readonly #actor: Network;
  readonly #critic: Network;

  constructor(settings: Losses, state: Flat) {
    this.#settings = settings;
    this.state = {
      online: Float64Array.from(state.online),
      target: Float64Array.from(state.target),
      firstMoment: Float64Array.from(state.firstMoment),
      secondMoment: Float64Array.from(state.secondMoment),
      steps: state.steps,
    };
    ({ actor: this.#actor, critic: this.#critic } = networksOf(settings.shape));
  }

  /** Gradient step `k` of `data`. */
  step(data: Minibatches, k: number): ReferenceMetrics {
    const { online, target } = this.state;
    this.state.steps++;
    const critic = this.#criticGradient(data, k);
    this.#adam(this.#actor.size, critic.gradient, this.#settings.criticRate);
    const actor = this.#actorGradient(data, k);
    this.#adam(0, actor.gradient, this.#settings.actorRate);
    const { tau } = this.#settings;
    for (let i = 0; i < online.length; i++) target[i] = (1 - tau) * target[i] + tau * online[i];
    return {
      msbe: critic.loss,
      actorLoss: actor.loss,
      q: critic.q,
      criticGradientNorm: normOf(critic.gradient),
      actorGradientNorm: normOf(actor.gradient),
      saturation: actor.saturation,
    };
  }

  /** mu(s) for a normalised observation. */
  actor(parameters: Float64Array, s: Float64Array): { trace: Trace; action: Float64Array } {
    const trace = forward(this.#actor, parameters, 0, s);
    return { trace, action: trace[trace.length - 1].map(Math.tanh) };
  }

  critic(parameters: Float64Array, s: Float64Array, a: Float64Array): Trace {
    return forward(this.#critic, parameters, this.#actor.size, Float64Array.of(...s, ...a));
  }

  #criticGradient(data: Minibatches, k: number) {
    const { batch } = this.#settings;
    const gradient = new Float64Array(this.#critic.size);
    let [loss, meanQ] = [0, 0];
    for (let i = k * batch; i < (k + 1) * batch; i++) {
      const { s, a, r, discount, sNext } = this.#transition(data, i);
      const { online, target } = this.state;
      const aNext = this.actor(target, sNext).action;
      const qNext = this.critic(target, sNext, aNext).at(-1)![0];
      const y = discount === 0 ? r : r + discount * qNext;
      const trace = this.critic(online, s, a);
      const q = trace.at(-1)![0];
      loss += (q - y) ** 2 / batch;
      meanQ += q / batch;
      const dq = Float64Array.of((2 * (q - y)) / batch);
      backward(this.#critic, online, this.#actor.size, trace, dq, gradient);
    }
    return { gradient, loss, q: meanQ };
  }

  #actorGradient(data: Minibatches, k: number) {
    const { batch, shape } = this.#settings;
    const gradient = new Float64Array(this.#actor.size);
    let [loss, saturation] = [0, 0];
    for (let i = k * batch; i < (k + 1) * batch; i++) {
      const { s } = this.#transition(data, i);
      const { online } = this.state;
      const { trace, action } = this.actor(online, s);
      const q = this.critic(online, s, action);
      loss -= q.at(-1)![0] / batch;
      const dq = Float64Array.of(-1 / batch);
      const dInput = backward(this.#critic, online, this.#actor.size, q, dq, null);
      const beyond = action.filter((one) => Math.abs(one) > 0.99).length;
      saturation += beyond / action.length / batch;
      const dAction = dInput.subarray(shape.observations);
      const dPre = dAction.map((d, j) => d * (1 - action[j] ** 2));
      backward(this.#actor, online, 0, trace, dPre, gradient);
    }
    return { gradient, loss, saturation };
  }

  #transition(data: Minibatches, i: number) {
    const { observations, actions } = this.#settings.shape;
    const { mean, scale } = data.observation;
    const width = observations + actions + 2;
    const row = Float64Array.from(data.rows.subarray(data.index[i] * width).subarray(0, width));
    const next = data.rows.subarray(data.nextIndex[i] * width).subarray(0, observations);
    const normalised = (raw: Float64Array) => raw.map((one, j) => (one - mean[j]) * scale[j]);
    return {
      s: normalised(row.subarray(0, observations)),
      a: row.subarray(observations, observations + actions),
      r: row[observations + actions] * data.rewardScale,
      discount: row[observations + actions + 1],
      sNext: normalised(Float64Array.from(next)),
    };
  }

  /** Adam as PyTorch writes it, on the parameters from `start`. */
  #adam(start: number, gradient: Float64Array, rate: number): void {
    const { beta1, beta2, epsilon } = this.#settings;
    const { online, firstMoment, secondMoment, steps } = this.state;
    for (let i = 0; i < gradient.length; i++) {
      const at = start + i;
      firstMoment[at] = beta1 * firstMoment[at] + (1 - beta1) * gradient[i];
      secondMoment[at] = beta2 * secondMoment[at] + (1 - beta2) * gradient[i] ** 2;
      const m = firstMoment[at] / (1 - beta1 ** steps);
      const v = secondMoment[at] / (1 - beta2 ** steps);
      online[at] -= (rate * m) / (Math.sqrt(v) + epsilon);
    }
  }
}

function normOf(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

function relu(x: Float64Array): Float64Array {
  return x.map((value) => Math.max(value, 0));
}

function forward(
  network: Network,
  parameters: Float64Array,
  start: number,
  x: Float64Array,
): Trace {
  const trace = [x];
  for (const [i, { inputs, outputs, at, biasAt }] of network.layers.entries()) {
    const input = i === 0 ? x : relu(trace[i]);
    const y = parameters.slice(start + biasAt, start + biasAt + outputs);
    for (let row = 0; row < inputs; row++) {
      for (let j = 0; j < outputs; j++) {
        y[j] += input[row] * parameters[start + at + row * outputs + j];
      }
    }
    trace.push(y);
  }
  return trace;
}

/** Adds the parameters' derivatives to `gradient` (unless null); returns that of the input. */
function backward(
  network: Network,
  parameters: Float64Array,
  start: number,
  trace: Trace,
  dOutput: Float64Array,
  gradient: Float64Array | null,
): Float64Array {
  let dy = dOutput;
  for (let i = network.layers.length - 1; i >= 0; i--) {
    const { inputs, outputs, at, biasAt } = network.layers[i];
    const input = i === 0 ? trace[0] : relu(trace[i]);
    const dx = new Float64Array(inputs);
    for (let j = 0; j < outputs; j++) {
      if (gradient !== null) gradient[biasAt + j] += dy[j];
      for (let row = 0; row < inputs; row++) {
        const weight = at + row * outputs + j;
        if (gradient !== null) gradient[weight] += input[row] * dy[j];
        dx[row] += parameters[start + weight] * dy[j];
      }
    }
    dy = i === 0 ? dx : dx.map((value, row) => (trace[i][row] > 0 ? value : 0));
  }
  return dy;
}

/** norm(actual - expected) / norm(expected) of each layer's weights and bias in every vector. */
export function relativeErrors(
  settings: Losses,
  actual: Flat | ReferenceState,
  expected: ReferenceState,
): Map<string, number> {
  const { actor, critic } = networksOf(settings.shape);
  const errors = new Map<string, number>();
  for (const vector of ["online", "target", "firstMoment", "secondMoment"] as const) {
    for (const [name, start, { layers }] of [
      ["actor", 0, actor],
      ["critic", actor.size, critic],
    ] as const) {
      for (const [i, { at, biasAt, outputs }] of layers.entries()) {
        const compare = (from: number, to: number): number => {
          const want = expected[vector].subarray(start + from, start + to);
          const have = actual[vector].subarray(start + from, start + to);
          const difference = want.map((value, j) => have[j] - value);
          return normOf(difference) / normOf(want);
        };
        errors.set(`${vector} ${name} weights ${i}`, compare(at, biasAt));
        errors.set(`${vector} ${name} bias ${i}`, compare(biasAt, biasAt + outputs));
      }
    }
  }
  return errors;
}
