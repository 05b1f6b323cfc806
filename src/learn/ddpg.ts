/**
 * Deep Deterministic Policy Gradient: Lillicrap et al. 2016, "Continuous control with deep
 * reinforcement learning", Algorithm 1. Its losses are in `gradient-step.ts`.
 */
import type { Rng } from "../core/rng.ts";
import type { Env } from "../sim/env.ts";
import type { Episode } from "./episode.ts";
import type { Explorer } from "./explorer.ts";
import type { Learner } from "./learner.ts";
import type { StepMetrics } from "./losses.ts";
import type { Normaliser, RewardScale } from "./normaliser.ts";
import type { Priorities } from "./priorities.ts";
import type { Replay } from "./replay.ts";
import { isCut, noiseShareAt, progressAt, rateShareAt, type TrainSettings } from "./settings.ts";

/** Everything that one training run changes as it goes; a checkpoint holds all of it. */
export interface Run {
  readonly env: Env;
  readonly learner: Learner;
  /** Why the learner's engine is the one that it is. */
  readonly engineReason: string;
  readonly replay: Replay;
  readonly priorities: Priorities | null;
  readonly explorer: Explorer;
  readonly normaliser: Normaliser;
  readonly rewardScale: RewardScale;
  /** The episode as it happens, and what is stored beside it: mirror images, other goals. */
  readonly episode: Episode;
  /** Draws the episodes' seeds and the minibatches. */
  readonly rng: Rng;
  /** Environment steps taken so far. */
  step: number;
  episodes: number;
  /** Set to end the run after this step. */
  done: boolean;
}

/**
 * What a run tells: after each round of learning, after each episode, and where nothing is under
 * way, so that a checkpoint may be written.
 */
export type Report =
  | { readonly kind: "learned"; readonly metrics: StepMetrics }
  | { readonly kind: "episode"; readonly return: number; readonly length: number }
  | { readonly kind: "boundary" };

/**
 * Algorithm 1, from `run.step` to `settings.steps`. Differs from the paper in three things: actions
 * are uniform at first, the noise decays, and K gradient steps may follow every K environment steps
 * in place of one after each.
 *
 * Throws `SinewError("environment")` where the world gives something that is not a number, and
 * "diverged" where the learner does.
 */
export async function* ddpg(run: Run, settings: TrainSettings): AsyncGenerator<Report> {
  const { env, learner, replay, explorer, episode, rng } = run;
  const s = new Float32Array(replay.observations);
  const sNext = new Float32Array(replay.observations);
  const a = new Float32Array(replay.actions);
  const command = new Float32Array(replay.actions);

  // for episode = 1, M do: initialise a random process N, receive the first observation
  while (run.step < settings.steps && !run.done) {
    explorer.begin(learner);
    env.reset(rng.word(), s);
    episode.begin(s);
    run.normaliser.see(s);
    let over = false;
    // for t = 1, T do
    while (!over && run.step < settings.steps && !run.done) {
      // Select the action a = mu(s) + N, inside the box.
      explorer.act(learner, s, run.step, a);
      // Execute it, observe the reward and the new state, store the transition.
      env.spec.action.forEach(({ low, high }, i) => {
        command[i] = (low + high) / 2 + ((high - low) / 2) * a[i];
      });
      const { reward, terminated, truncated } = env.step(command, sNext);
      episode.step(a, reward, terminated, sNext);
      replay.add(s, a, reward, terminated);
      s.set(sNext);
      run.normaliser.see(s);
      run.step++;
      over = terminated || truncated || isCut(settings, episode.length);
      run.rewardScale.see(reward, over);
      // Sample minibatches; critic, actor and targets each take their step, K times.
      if (run.step % settings.collectSteps === 0 && mayLearn(run, settings)) {
        yield { kind: "learned", metrics: await learn(run, settings) };
      }
    }
    replay.endEpisode(s);
    episode.store(replay, rng);
    run.episodes++;
    yield { kind: "episode", return: episode.return, length: episode.length };
    yield { kind: "boundary" };
  }
}

/** Whether it is time to learn, and there is something to learn from. */
export function mayLearn({ step, replay }: Run, { learnAfter }: TrainSettings): boolean {
  // The first transition is whole once its next observations are there, n steps later.
  return step >= learnAfter && replay.transitions > 0;
}

/** Gives up the episodes under way in all worlds: a failure has torn them off. */
export function abandonEpisodes({ replay, rewardScale }: Run): void {
  for (let world = 0; world < replay.lanes; world++) {
    replay.abandonEpisode(world);
    rewardScale.end(world);
  }
}

/** One call of the engine: K gradient steps on K minibatches. */
export async function learn(run: Run, settings: TrainSettings): Promise<StepMetrics> {
  const { learner, replay, priorities, rng } = run;
  const { gradientSteps, batch } = settings;
  run.explorer.adapt(learner, replay, learner.steps, learner.steps + gradientSteps);
  const draws = gradientSteps * batch;
  const sample = { index: new Int32Array(draws), nextIndex: new Int32Array(draws) };
  replay.sample(rng, sample, batch);
  const weight = priorities === null ? undefined : new Float32Array(draws);
  if (priorities !== null && weight !== undefined) {
    const { priorityCorrection: first } = settings;
    const beta = first + (1 - first) * progressAt(settings, run.step);
    for (let at = 0; at < draws; at += batch) {
      const rows = sample.index.subarray(at, at + batch);
      priorities.weigh(rows, replay.transitions, beta, weight.subarray(at, at + batch));
    }
  }
  const { metrics, tdError } = await learner.learn({
    rows: replay.rows,
    ...sample,
    ...(weight !== undefined && { weight }),
    observation: run.normaliser,
    rewardScale: run.rewardScale.value,
    rateShare: rateShareAt(settings, run.step),
    noiseShare: noiseShareAt(settings, run.step),
  });
  for (let i = 0; i < tdError.length; i++) priorities?.update(sample.index[i], tdError[i]);
  return metrics;
}
