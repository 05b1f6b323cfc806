import type { Evaluation } from "./evaluate.ts";
import type { StepMetrics } from "./losses.ts";
import { ProgressFile } from "./progress-csv.ts";
import { cutEvents, EventFile } from "./tensorboard.ts";

/** Where a run stands. */
export interface Moment {
  readonly step: number;
  readonly episode: number;
  /** Wall time of this process's part of the run. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
}

/** What goes by plan, as it was in the newest round: for `progress.csv`. */
export type Plan = Readonly<
  Partial<Record<"gradientSteps" | "noise" | "actorRate" | "criticRate", number>>
>;

/** What a run writes down as it goes: a TensorBoard event file and `progress.csv`. */
export class Journal {
  readonly #events: EventFile;
  readonly #progress: ProgressFile;
  readonly #wallSeconds: () => number;
  #metrics: StepMetrics | null = null;
  #plan: Plan = {};

  /** `wallSeconds` is Unix time; a run that goes on drops what was written behind `resumedStep`. */
  constructor(folder: string, wallSeconds: () => number, resumedStep: number) {
    if (resumedStep > 0) cutEvents(folder, resumedStep);
    this.#events = new EventFile(folder, wallSeconds());
    this.#progress = new ProgressFile(folder, resumedStep);
    this.#wallSeconds = wallSeconds;
  }

  /** Wall time of the run's earlier parts. */
  get secondsBefore(): number {
    return this.#progress.secondsBefore;
  }

  /**
   * Some rounds of learning: the newest one's numbers. The mean squared Bellman error goes by its
   * own name and by Stable-Baselines3's, so that runs of both lie in one chart.
   */
  learned(step: number, metrics: StepMetrics, plan: Plan): void {
    this.#metrics = metrics;
    this.#plan = plan;
    this.#events.scalars(step, this.#wallSeconds(), {
      "train/critic_loss": metrics.msbe.at(-1)!,
      "train/msbe": metrics.msbe.at(-1)!,
      "train/actor_loss": metrics.actorLoss.at(-1)!,
      "train/q": metrics.q.at(-1)!,
      "train/critic_gradient_norm": metrics.criticGradientNorm.at(-1)!,
      "train/actor_gradient_norm": metrics.actorGradientNorm.at(-1)!,
      "train/saturation": metrics.saturation.at(-1)!,
    });
  }

  /** A training episode, with noise; `recent` is the mean return of the last ten. */
  episode(moment: Moment, earned: number, length: number, recent: number): void {
    this.#events.scalars(moment.step, this.#wallSeconds(), {
      "rollout/ep_rew_mean": recent,
      "rollout/ep_len": length,
      "time/steps_per_second": moment.stepsPerSecond,
    });
    this.#progress.append({ ...moment, return: earned, length, ...this.#newest() });
  }

  /** An evaluation, noise off. */
  evaluated(moment: Moment, evaluation: Evaluation): void {
    const { mean, interquartileMean, low, high, worst } = evaluation;
    this.#events.scalars(moment.step, this.#wallSeconds(), {
      "eval/mean_reward": mean,
      "eval/iqm": interquartileMean,
    });
    this.#progress.append({
      ...moment,
      evalMean: mean,
      evalIqm: interquartileMean,
      evalLow: low,
      evalHigh: high,
      evalWorst: worst,
      ...this.#newest(),
    });
  }

  close(): void {
    this.#events.close();
    this.#progress.close();
  }

  #newest(): Plan & Partial<Record<keyof StepMetrics, number>> {
    const metrics = this.#metrics;
    if (metrics === null) return {};
    return {
      ...this.#plan,
      msbe: metrics.msbe.at(-1)!,
      actorLoss: metrics.actorLoss.at(-1)!,
      q: metrics.q.at(-1)!,
      criticGradientNorm: metrics.criticGradientNorm.at(-1)!,
      actorGradientNorm: metrics.actorGradientNorm.at(-1)!,
      saturation: metrics.saturation.at(-1)!,
    };
  }
}
