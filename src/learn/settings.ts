import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import type { DdpgSettings } from "./engine.ts";

/**
 * The random process that is added to actions while training, in units of half the action's
 * range.
 */
export type NoiseSettings =
  | { readonly kind: "gaussian"; readonly sigma: number }
  | { readonly kind: "ou"; readonly theta: number; readonly sigma: number; readonly dt: number };

/** Everything that decides a training run, beside the machine it runs on. */
export interface TrainSettings {
  readonly task: string;
  readonly engine: "onnx" | "tfjs";
  readonly seed: number;
  /** Environment steps in all; each is one gradient step too, once the warm-up is over. */
  readonly steps: number;
  /** Environment steps with uniform actions before the first gradient step. */
  readonly warmupSteps: number;
  /** Widths of the hidden layers of actor and critic. */
  readonly hidden: readonly number[];
  /** Transitions in a minibatch. */
  readonly batch: number;
  /** Gradient steps in one call of the engine, after as many environment steps. */
  readonly stepsPerCall: number;
  /** Discount of one step. */
  readonly gamma: number;
  /** Share of the online network that a target takes up at each gradient step. */
  readonly tau: number;
  readonly actorRate: number;
  readonly criticRate: number;
  /** The share of its rate at which each optimiser ends; in between it falls linearly. */
  readonly finalRateShare: number;
  /** Rewards are multiplied by this before they are stored; returns are told unscaled. */
  readonly rewardScale: number;
  /** Rows of the replay. */
  readonly replayRows: number;
  readonly noise: NoiseSettings;
  /** The share of the noise that is left at the last step; in between it falls linearly. */
  readonly finalNoiseShare: number;
  /** Environment steps between two evaluations on the selection starts. */
  readonly evaluateEverySteps: number;
  /** Environment steps between two checkpoints, each at the first episode's end after it. */
  readonly checkpointEverySteps: number;
}

/** What `sinew train` does when it is told nothing: solves Pendulum within seconds. */
export const defaultSettings: TrainSettings = {
  task: "pendulum",
  engine: "onnx",
  seed: 0,
  steps: 20_000,
  warmupSteps: 1_000,
  hidden: [64, 64],
  batch: 64,
  stepsPerCall: 8,
  gamma: 0.98,
  tau: 0.01,
  actorRate: 1e-3,
  criticRate: 1e-3,
  finalRateShare: 0.1,
  rewardScale: 0.1,
  replayRows: 200_000,
  noise: { kind: "gaussian", sigma: 0.2 },
  finalNoiseShare: 0.25,
  evaluateEverySteps: 1_000,
  checkpointEverySteps: 5_000,
};

/**
 * Centre and reciprocal half-range of each observation channel, so that networks see [-1, 1]; a
 * channel without finite limits passes unchanged.
 */
export function normaliserOf(spec: Spec): { mean: Float32Array; scale: Float32Array } {
  const mean = new Float32Array(spec.observation.length);
  const scale = new Float32Array(spec.observation.length).fill(1);
  spec.observation.forEach(({ low, high }, at) => {
    if (!Number.isFinite(low) || !Number.isFinite(high)) return;
    mean[at] = (low + high) / 2;
    scale[at] = 2 / (high - low);
  });
  return { mean, scale };
}

/** The part of the settings that the engine needs, for a task of the shape of `spec`. */
export function lossesOf(settings: TrainSettings, spec: Spec): DdpgSettings {
  const { mean, scale } = normaliserOf(spec);
  const { hidden, batch, stepsPerCall, gamma, tau, actorRate, criticRate } = settings;
  return {
    shape: {
      observations: spec.observation.length,
      actions: spec.action.length,
      hidden,
      batch,
      stepsPerCall,
    },
    gamma,
    tau,
    actorRate,
    criticRate,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    observationMean: mean,
    observationScale: scale,
  };
}

/** Throws `SinewError("usage")` that names the first setting that cannot be. */
export function checkSettings(settings: TrainSettings): void {
  const within = (name: keyof TrainSettings, low: number, high: number): void => {
    const value = settings[name] as number;
    if (!(value >= low && value <= high)) {
      throw new SinewError("usage", `${name} is ${value}: give a number from ${low} to ${high}`);
    }
  };
  within("steps", 1, 1e9);
  within("warmupSteps", 1, settings.steps);
  within("batch", 1, 65_536);
  within("stepsPerCall", 1, 1_000);
  within("gamma", 0, 1);
  within("tau", 0, 1);
  within("actorRate", 0, 1);
  within("criticRate", 0, 1);
  within("replayRows", 2, 1e8);
  if (settings.hidden.length === 0 || settings.hidden.some((width) => !(width >= 1))) {
    throw new SinewError("usage", `hidden is [${settings.hidden}]: give at least one width`);
  }
}
