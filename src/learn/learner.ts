import { createHash } from "node:crypto";
import { Rng } from "../core/rng.ts";
import type { ObservationScale } from "./actor-forward.ts";
import { checkMetrics } from "./divergence.ts";
import type { Carried, Engine } from "./engine.ts";
import { type Losses, metricNames, type StepMetrics, scheduleOf } from "./losses.ts";
import { initialParameters, initialStatistics, networksOf } from "./networks.ts";
import type { Program } from "./program.ts";

/** All that learning has changed: the carried values by name, and how often. */
export interface LearnerState {
  readonly carried: Carried;
  /** Critic steps taken so far. */
  readonly steps: number;
}

/** What the learner is given for some rounds. */
export interface Minibatches {
  /** [capacity, width]; a row is observation | action in [-1, 1] | return | discount. */
  readonly rows: Float32Array;
  /** Rows of the transitions, [rounds * policyDelay * batch]. */
  readonly index: Int32Array;
  /** Rows whose observation is the one to bootstrap from, as many. */
  readonly nextIndex: Int32Array;
  /** Importance weights, as many, where the losses are weighted. */
  readonly weight?: Float32Array;
  readonly observation: ObservationScale;
  /** Rewards are multiplied by this. */
  readonly rewardScale: number;
  /** Both learning rates are multiplied by this. */
  readonly rateShare: number;
  /** The noise on the actor's own actions is multiplied by this. */
  readonly noiseShare: number;
}

/** What some rounds told: metrics, and where asked for each draw's error. */
export interface Learning {
  readonly metrics: StepMetrics;
  /** Q(s, a) - y of each draw, where the losses are weighted; else empty. */
  readonly tdError: Float32Array;
}

/** Inputs that are standard normal numbers. */
const noises: readonly string[] = ["targetNoise", "neighbour", "actorNoise"];

/** The learner's state before its first step. */
export function initialState(losses: Losses, finalBound: number, rng: Rng): LearnerState {
  const { shape, popArt } = losses;
  const { actor, critic } = networksOf(shape);
  const copies = Array.from({ length: shape.critics }, () => critic);
  const joined = (parts: readonly Float32Array[]): Float32Array =>
    Float32Array.from(parts.flatMap((part) => [...part]));
  const carried: Record<string, Float32Array> = {};
  for (const [name, networks] of [
    ["actor", [actor]],
    ["critic", copies],
  ] as const) {
    const online = joined(networks.map((each) => initialParameters(each, finalBound, rng)));
    carried[`${name}.online`] = online;
    carried[`${name}.target`] = online.slice();
    carried[`${name}.firstMoment`] = new Float32Array(online.length);
    carried[`${name}.secondMoment`] = new Float32Array(online.length);
    const statistics = joined(networks.map(initialStatistics));
    if (statistics.length > 0) carried[`${name}.statistics`] = statistics;
  }
  if (popArt) carried["critic.moments"] = Float32Array.of(0, 1);
  return { carried, steps: 0 };
}

/** SHA-256, in hexadecimal, of all carried values, in the order of their names. */
export function hashOfCarried(carried: Carried): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(carried).sort()) hash.update(carried[name]);
  return hash.digest("hex");
}

/** Gradient steps on an engine: feeds it schedule and chance, counts the steps. */
export class Learner {
  readonly engine: Engine;
  readonly #losses: Losses;
  readonly #program: Program;
  readonly #rng: Rng;
  #steps: number;

  /** `program` is `gradientStep(losses)`, which `engine` runs. */
  constructor(engine: Engine, losses: Losses, program: Program, steps: number, seed: number) {
    this.engine = engine;
    this.#losses = losses;
    this.#program = program;
    this.#steps = steps;
    this.#rng = new Rng(seed, 4);
  }

  /** The state of what it draws, for a checkpoint. */
  get chance(): Uint32Array {
    return this.#rng.state;
  }

  /** The actor's flat parameters; read them before the next call of `learn`. */
  get actor(): Float32Array {
    return this.engine.carried("actor.online");
  }

  /** Running statistics of a batch-normalised actor; else empty. */
  get actorStatistics(): Float32Array {
    return this.#losses.shape.actorNorm === "batch"
      ? this.engine.carried("actor.statistics")
      : new Float32Array(0);
  }

  /**
   * Writes mu(observation), in [-1, 1], to `action`, on the engine's own memory; returns false, and
   * writes nothing, where the engine does not act. Not while `learn` is under way.
   */
  act({ mean, scale }: ObservationScale, observation: Float32Array, action: Float32Array): boolean {
    const { beside } = this.engine;
    if (beside === null) return false;
    beside.view("observation").set(observation);
    beside.view("observationMean").set(mean);
    beside.view("observationScale").set(scale);
    beside.step();
    action.set(beside.view("action"));
    return true;
  }

  /** Critic steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** As of the newest finished call, a view: copy it to keep it. */
  get state(): LearnerState {
    const names = this.#program.carried.map(({ name }) => name);
    return {
      carried: Object.fromEntries(names.map((name) => [name, this.engine.carried(name)])),
      steps: this.#steps,
    };
  }

  /**
   * Some rounds in order, as many as `data` holds draws for. One call at a time. Throws
   * `SinewError("diverged")` where a loss or a gradient of theirs is not finite.
   */
  async learn(data: Minibatches): Promise<Learning> {
    const { batch, policyDelay } = this.#losses;
    const rounds = data.index.length / (batch * policyDelay);
    const inputs: Record<string, Float32Array | Int32Array> = {
      rows: data.rows,
      index: data.index,
      nextIndex: data.nextIndex,
      observationMean: data.observation.mean,
      observationScale: data.observation.scale,
      rewardScale: Float32Array.of(data.rewardScale),
      schedule: scheduleOf(this.#losses, this.#steps, rounds, data),
    };
    if (data.weight !== undefined) inputs["weight"] = data.weight;
    for (const { name, dims } of this.#program.each) {
      if (!noises.includes(name)) continue;
      const noise = new Float32Array(dims[0] * dims[1] * rounds);
      for (let i = 0; i < noise.length; i++) noise[i] = this.#rng.normal();
      inputs[name] = noise;
    }
    const kept = await this.engine.run(rounds, inputs);
    const metrics = columnsOf(kept["metrics"]!, rounds);
    checkMetrics(metrics, this.#steps, policyDelay);
    this.#steps += rounds * policyDelay;
    return { metrics, tdError: kept["tdError"] ?? new Float32Array(0) };
  }
}

function columnsOf(history: Float32Array, rounds: number): StepMetrics {
  const width = metricNames.length;
  return Object.fromEntries(
    metricNames.map((name, at) => [
      name,
      Float32Array.from({ length: rounds }, (_, k) => history[k * width + at]),
    ]),
  ) as unknown as StepMetrics;
}
