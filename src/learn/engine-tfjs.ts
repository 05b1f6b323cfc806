import assert from "node:assert/strict";
import { createRequire } from "node:module";
import util from "node:util";
import type * as TensorFlow from "@tensorflow/tfjs";
import { messageOf, SinewError } from "../core/errors.ts";
import { metricNames } from "./ddpg.ts";
import {
  copyState,
  type DdpgSettings,
  type Engine,
  type LearnerState,
  type Minibatches,
  type StepMetrics,
} from "./engine.ts";
import { type Network, networksOf } from "./networks.ts";

type Tf = typeof TensorFlow;
type Scalar = TensorFlow.Scalar;
type Matrix = TensorFlow.Tensor2D;
type Weights = TensorFlow.Tensor[];

/** What the tfjs engine offers beside `Engine`. */
export interface TfjsEngine extends Engine {
  /** Tensors that TensorFlow.js holds now, of this engine and of anyone else in the process. */
  tensorCount(): number;
}

/**
 * The same losses differentiated by TensorFlow.js: a second, independent implementation of the onnx
 * engine's. Uses `@tensorflow/tfjs-node` where it is installed and loads, else `@tensorflow/tfjs`
 * with its plain JavaScript backend. Throws `SinewError("engine")` where neither is there.
 *
 * `importer` is the path or URL of the file from which the two packages are looked up: this one,
 * unless they are installed in another folder.
 */
export async function openTfjsEngine(
  settings: DdpgSettings,
  state: LearnerState,
  importer: string = import.meta.url,
): Promise<TfjsEngine> {
  const { tf, name } = await loadTensorFlow(importer);
  return new TfjsEngineOnTensors(tf, name, settings, state);
}

async function loadTensorFlow(importer: string): Promise<{ tf: Tf; name: string }> {
  const require = createRequire(importer);
  try {
    require.resolve("@tensorflow/tfjs-node");
    mendNode23();
    const tf = require("@tensorflow/tfjs-node") as Tf;
    await tf.setBackend("tensorflow");
    return { tf, name: `tfjs-node ${tf.version["tfjs-core"]}` };
  } catch {
    // Not installed, or installed without its native part: the plain package does the same slowly.
  }
  try {
    const tf = require("@tensorflow/tfjs") as Tf;
    // Production mode is also what keeps its greeting off the terminal.
    tf.enableProdMode();
    await tf.setBackend("cpu");
    return { tf, name: `tfjs ${tf.version["tfjs-core"]}` };
  } catch (thrown) {
    const why = messageOf(thrown).split(" Require stack")[0];
    throw new SinewError(
      "engine",
      `the tfjs engine needs TensorFlow.js: run "npm i @tensorflow/tfjs" (${why})`,
      { cause: thrown },
    );
  }
}

/** tfjs-node 4.22 calls two functions of node:util that Node 23 removed. */
function mendNode23(): void {
  const old: { isNullOrUndefined?: unknown; isArray?: unknown } = util;
  old.isNullOrUndefined ??= (value: unknown): boolean => value === null || value === undefined;
  old.isArray ??= Array.isArray;
}

/** A network that learns, layer by layer: weights, bias, weights, bias, ... */
interface Learner {
  readonly network: Network;
  online: Weights;
  target: Weights;
  firstMoment: Weights;
  secondMoment: Weights;
}

interface Batch {
  readonly s: Matrix;
  readonly a: Matrix;
  readonly r: Matrix;
  readonly terminated: Matrix;
  readonly sNext: Matrix;
}

const vectors = ["online", "target", "firstMoment", "secondMoment"] as const;

class TfjsEngineOnTensors implements TfjsEngine {
  readonly name: string;
  readonly #tf: Tf;
  readonly #settings: DdpgSettings;
  readonly #state: LearnerState;
  readonly #actor: Learner;
  readonly #critic: Learner;
  readonly #mean: TensorFlow.Tensor1D;
  readonly #scale: TensorFlow.Tensor1D;

  constructor(tf: Tf, name: string, settings: DdpgSettings, state: LearnerState) {
    this.#tf = tf;
    this.name = name;
    this.#settings = settings;
    this.#state = copyState(state);
    const { actor, critic, size } = networksOf(settings.shape);
    assert.equal(state.online.length, size);
    this.#actor = this.#upload(actor, 0);
    this.#critic = this.#upload(critic, actor.size);
    this.#mean = tf.tensor1d(settings.observationMean);
    this.#scale = tf.tensor1d(settings.observationScale);
  }

  get state(): LearnerState {
    return this.#state;
  }

  async learn(data: Minibatches): Promise<StepMetrics> {
    const { batch, stepsPerCall } = this.#settings.shape;
    const count = data.index.length / batch;
    assert(Number.isInteger(count) && count >= 1 && count <= stepsPerCall, `${count} steps`);
    const metrics = Object.fromEntries(
      metricNames.map((name) => [name, new Float32Array(count)]),
    ) as unknown as StepMetrics;
    for (let k = 0; k < count; k++) {
      const values = this.#tf.tidy(() => this.#step(this.#batchOf(data, k)));
      for (const [i, name] of metricNames.entries()) metrics[name][k] = values[i];
    }
    this.#download(this.#actor, 0);
    this.#download(this.#critic, this.#actor.network.size);
    return metrics;
  }

  async close(): Promise<void> {
    const { dispose } = this.#tf;
    for (const learner of [this.#actor, this.#critic]) {
      for (const vector of vectors) dispose(learner[vector]);
    }
    dispose([this.#mean, this.#scale]);
  }

  tensorCount(): number {
    return this.#tf.memory().numTensors;
  }

  /** One gradient step; returns the metrics in the order of `metricNames`. */
  #step({ s, a, r, terminated, sNext }: Batch): number[] {
    const tf = this.#tf;
    const { gamma, tau, criticRate, actorRate } = this.#settings;
    const [actor, critic] = [this.#actor, this.#critic];
    const mu = (weights: Weights, observation: Matrix): Matrix =>
      tf.tanh(this.#perceptron(weights, observation));
    const Q = (weights: Weights, observation: Matrix, action: Matrix): Matrix =>
      this.#perceptron(weights, tf.concat2d([observation, action], 1));
    this.#state.steps++;

    const qNext = Q(critic.target, sNext, mu(actor.target, sNext));
    const y = tf.add(r, tf.mul(tf.mul(tf.sub(1, terminated), gamma), qNext));
    const q = Q(critic.online, s, a);
    const mse = (...weights: Weights): Scalar =>
      tf.mean(tf.square(tf.sub(Q(weights, s, a), y))) as Scalar;
    const criticStep = tf.valueAndGrads(mse)(critic.online);
    this.#adam(critic, criticStep.grads, criticRate);

    const minusQ = (...weights: Weights): Scalar =>
      tf.neg(tf.mean(Q(critic.online, s, mu(weights, s)))) as Scalar;
    const actorStep = tf.valueAndGrads(minusQ)(actor.online);
    this.#adam(actor, actorStep.grads, actorRate);

    for (const learner of [actor, critic]) {
      this.#replace(learner, "target", (target, i) =>
        tf.add(target, tf.mul(tf.sub(learner.online[i], target), tau)),
      );
    }
    const norm = (grads: Weights): TensorFlow.Tensor =>
      tf.sqrt(tf.addN(grads.map((grad) => tf.sum(tf.square(grad)))));
    const metrics: Record<keyof StepMetrics, TensorFlow.Tensor> = {
      criticLoss: criticStep.value,
      actorLoss: actorStep.value,
      q: tf.mean(q),
      criticGradientNorm: norm(criticStep.grads),
      actorGradientNorm: norm(actorStep.grads),
    };
    return metricNames.map((name) => metrics[name].dataSync()[0]);
  }

  /** Adam by tensors, because `tf.train.adam` adds its epsilon before the bias correction. */
  #adam(learner: Learner, grads: Weights, rate: number): void {
    const tf = this.#tf;
    const { beta1, beta2, epsilon } = this.#settings;
    const t = this.#state.steps;
    const [c1, c2] = [1 - beta1 ** t, 1 - beta2 ** t];
    this.#replace(learner, "firstMoment", (m, i) =>
      tf.add(tf.mul(m, beta1), tf.mul(grads[i], 1 - beta1)),
    );
    this.#replace(learner, "secondMoment", (v, i) =>
      tf.add(tf.mul(v, beta2), tf.mul(tf.square(grads[i]), 1 - beta2)),
    );
    this.#replace(learner, "online", (parameters, i) => {
      const root = tf.div(tf.sqrt(learner.secondMoment[i]), Math.sqrt(c2));
      const direction = tf.div(learner.firstMoment[i], tf.add(root, epsilon));
      return tf.sub(parameters, tf.mul(direction, rate / c1));
    });
  }

  /** Puts new tensors in the place of old ones; they outlive the step's `tidy`. */
  #replace(
    learner: Learner,
    vector: (typeof vectors)[number],
    next: (old: TensorFlow.Tensor, i: number) => TensorFlow.Tensor,
  ): void {
    const fresh = learner[vector].map((old, i) => this.#tf.keep(next(old, i)));
    this.#tf.dispose(learner[vector]);
    learner[vector] = fresh;
  }

  #perceptron(weights: Weights, x: Matrix): Matrix {
    const tf = this.#tf;
    let activation = x;
    for (let i = 0; i < weights.length; i += 2) {
      if (i > 0) activation = tf.relu(activation);
      const product = tf.matMul(activation, weights[i] as Matrix);
      activation = tf.add(product, weights[i + 1]);
    }
    return activation;
  }

  /**
   * Gathers here, because sending the whole replay to TensorFlow.js would cost more than the step.
   */
  #batchOf(data: Minibatches, k: number): Batch {
    const tf = this.#tf;
    const { batch, observations, actions } = this.#settings.shape;
    const width = observations + actions + 2;
    const taken = new Float32Array(batch * width);
    const following = new Float32Array(batch * observations);
    for (let i = 0; i < batch; i++) {
      const from = data.index[k * batch + i] * width;
      taken.set(data.rows.subarray(from, from + width), i * width);
      const next = data.nextIndex[k * batch + i] * width;
      following.set(data.rows.subarray(next, next + observations), i * observations);
    }
    const normalised = (raw: Matrix): Matrix => tf.mul(tf.sub(raw, this.#mean), this.#scale);
    const table = tf.tensor2d(taken, [batch, width]);
    const pieces = tf.split(table, [observations, actions, 1, 1], 1);
    const [s, a, r, terminated] = pieces as [Matrix, Matrix, Matrix, Matrix];
    const sNext = tf.tensor2d(following, [batch, observations]);
    return { s: normalised(s), a, r, terminated, sNext: normalised(sNext) };
  }

  #upload(network: Network, start: number): Learner {
    const tensors = (values: Float32Array): Weights =>
      network.layers.flatMap(({ inputs, outputs, at, biasAt }) => {
        const bias = start + biasAt;
        return [
          this.#tf.tensor2d(values.slice(start + at, bias), [inputs, outputs]),
          this.#tf.tensor1d(values.slice(bias, bias + outputs)),
        ];
      });
    const { online, target, firstMoment, secondMoment } = this.#state;
    return {
      network,
      online: tensors(online),
      target: tensors(target),
      firstMoment: tensors(firstMoment),
      secondMoment: tensors(secondMoment),
    };
  }

  #download(learner: Learner, start: number): void {
    for (const vector of vectors) {
      let at = start;
      for (const tensor of learner[vector]) {
        this.#state[vector].set(tensor.dataSync(), at);
        at += tensor.size;
      }
    }
  }
}
