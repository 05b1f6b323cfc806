import { Rng } from "../core/rng.ts";
import { ActorForward, type ObservationScale } from "./actor-forward.ts";
import { diverged } from "./divergence.ts";
import type { NetworkShape } from "./networks.ts";
import { type Noise, noiseOf } from "./noise.ts";
import { distanceOf, ParameterNoise } from "./parameter-noise.ts";
import type { Replay, Sample } from "./replay.ts";
import { noiseShareAt, type TrainSettings } from "./settings.ts";

/** Whose actions are explored around: the learner, or a copy of its actor. */
export interface Explored {
  /** Flat parameters. */
  readonly actor: Float32Array;
  /** Running statistics of batch normalisation; empty without it. */
  readonly actorStatistics: Float32Array;
  /** As `Learner.act`. */
  act?(scale: ObservationScale, observation: Float32Array, action: Float32Array): boolean;
}

/** Observations on which the distance of a perturbed actor is measured. */
const distanceBatch = 64;

/** Gradient steps from one adaption of the parameter noise to the next (OpenAI baselines). */
const adaptEvery = 50;

/** The behaviour policy beta: the actor, and whatever makes it try other actions. */
export class Explorer {
  readonly #settings: TrainSettings;
  readonly #actor: ActorForward;
  readonly #scale: ObservationScale;
  readonly #noise: Noise;
  readonly #parameterNoise: ParameterNoise | null;
  readonly #rng: Rng;
  readonly #draw: Float32Array;

  constructor(settings: TrainSettings, shape: NetworkShape, scale: ObservationScale) {
    this.#settings = settings;
    this.#actor = new ActorForward(shape);
    this.#scale = scale;
    this.#noise = noiseOf(settings, shape.actions);
    this.#rng = new Rng(settings.seed, 5);
    this.#draw = new Float32Array(shape.actions);
    const { parameterNoise: goal, seed } = settings;
    this.#parameterNoise = goal > 0 ? new ParameterNoise(shape, goal, seed) : null;
  }

  /** An episode begins. */
  begin(learner: Explored): void {
    this.#noise.reset();
    this.#parameterNoise?.perturb(learner.actor);
  }

  /**
   * Writes the action to take at `s`, in [-1, 1], to `a`; `step` environment steps were taken. No
   * world is told what is no number: throws `SinewError("diverged")` where the actor gives that.
   */
  act(learner: Explored, s: Float32Array, step: number, a: Float32Array): void {
    const { randomSteps, randomShare } = this.#settings;
    const share = noiseShareAt(this.#settings, step);
    const uniform =
      step < randomSteps || (randomShare > 0 && this.#rng.uniform() < randomShare * share);
    if (uniform) {
      for (let i = 0; i < a.length; i++) a[i] = this.#rng.uniform(-1, 1);
      return;
    }
    const perturbed = this.#parameterNoise?.perturbed;
    if (perturbed !== undefined || learner.act?.(this.#scale, s, a) !== true) {
      const parameters = perturbed ?? learner.actor;
      this.#actor.act(parameters, learner.actorStatistics, this.#scale, s, a);
    }
    this.#noise.sample(share, this.#draw);
    for (let i = 0; i < a.length; i++) {
      if (!Number.isFinite(a[i])) throw diverged(`by step ${step}: its action is ${a[i]}`);
      a[i] = Math.min(1, Math.max(-1, a[i] + this.#draw[i]));
    }
  }

  /**
   * Ahead of the gradient steps `from` up to, not including, `to`: at each fiftieth of the run
   * measures how far an actor perturbed afresh is off on stored observations, and adapts.
   */
  adapt(learner: Explored, replay: Replay, from: number, to: number): void {
    const noise = this.#parameterNoise;
    if (noise === null) return;
    const due = Math.ceil(to / adaptEvery) - Math.ceil(from / adaptEvery);
    for (let i = 0; i < due; i++) {
      noise.adapt(this.#distanceTo(noise.another(learner.actor), learner, replay));
    }
  }

  /** Distance of the actions of another actor from the learner's, on stored observations. */
  #distanceTo(other: Float32Array, learner: Explored, replay: Replay): number {
    const sample: Sample = {
      index: new Int32Array(distanceBatch),
      nextIndex: new Int32Array(distanceBatch),
    };
    replay.sample(this.#rng, sample);
    const actions = this.#draw.length;
    const own = new Float32Array(distanceBatch * actions);
    const others = new Float32Array(distanceBatch * actions);
    sample.index.forEach((row, i) => {
      const at = row * replay.width;
      const s = replay.rows.subarray(at, at + replay.observations);
      for (const [parameters, all] of [
        [learner.actor, own],
        [other, others],
      ]) {
        const a = all.subarray(i * actions, (i + 1) * actions);
        this.#actor.act(parameters, learner.actorStatistics, this.#scale, s, a);
      }
    });
    return distanceOf(own, others);
  }

  /** All state, so that a checkpoint can hold it. */
  save(): { noise: number[]; parameterNoise: number[]; rng: number[] } {
    return {
      noise: this.#noise.save(),
      parameterNoise: this.#parameterNoise?.save() ?? [],
      rng: [...this.#rng.state],
    };
  }

  restore(saved: ReturnType<Explorer["save"]>): void {
    this.#noise.restore(saved.noise);
    this.#parameterNoise?.restore(saved.parameterNoise);
    this.#rng.state.set(saved.rng);
  }
}
