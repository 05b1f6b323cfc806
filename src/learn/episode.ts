import { SinewError } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { type Reflection, reflect, type Task } from "../sim/env.ts";
import type { Replay } from "./replay.ts";

/** One step of an episode. */
interface Moment {
  readonly s: Float32Array;
  /** In [-1, 1]. */
  readonly a: Float32Array;
  readonly reward: number;
  readonly terminated: boolean;
  readonly sNext: Float32Array;
}

/** The least and the greatest of some rewards. */
export interface Rewards {
  lowest: number;
  highest: number;
}

/** What is stored of an episode beside itself. */
export interface Beside {
  /** Its mirror image, where the task has one. */
  readonly mirror: boolean;
  /** Goals reached later, for each transition so many (Andrychowicz et al. 2017, "future"). */
  readonly hindsight: number;
}

/**
 * The episode that is being driven: checks that the world gives numbers, sums up the return, and
 * once it is over stores what else can be learnt from it.
 */
export class Episode {
  /** The least and the greatest reward of the run so far, or 0 where that is beyond it. */
  readonly rewards: Rewards = { lowest: 0, highest: 0 };
  readonly task: Task;
  #return = 0;
  #length = 0;
  readonly #beside: Beside;
  readonly #moments: Moment[] = [];
  #s = new Float32Array(0);

  /** Throws `SinewError("usage")` where the task lacks the mirror or the goals asked for. */
  constructor(task: Task, beside: Beside) {
    const { mirror, hindsight } = beside;
    if (mirror && task.mirror === undefined) throw lacks(task, "mirror image", "mirror");
    if (hindsight > 0 && task.relabel === undefined) throw lacks(task, "goals", "hindsight");
    this.task = task;
    this.#beside = beside;
  }

  /** Sum of the rewards so far. */
  get return(): number {
    return this.#return;
  }

  /** Steps so far. */
  get length(): number {
    return this.#length;
  }

  /** Throws `SinewError("environment")` where the observation is not all numbers. */
  begin(s: Float32Array): void {
    checkNumbers(this.task, s, 0);
    this.#return = 0;
    this.#length = 0;
    this.#moments.length = 0;
    this.#s = s.slice();
  }

  /** Throws `SinewError("environment")` where reward or observation are not all numbers. */
  step(a: Float32Array, reward: number, terminated: boolean, sNext: Float32Array): void {
    checkNumbers(this.task, sNext, reward);
    this.#return += reward;
    this.#length++;
    this.seeReward(reward);
    if (!this.#beside.mirror && this.#beside.hindsight === 0) return;
    const moment = { s: this.#s, a: a.slice(), reward, terminated, sNext: sNext.slice() };
    this.#moments.push(moment);
    this.#s = moment.sNext;
  }

  /** Counts a reward of the run. */
  seeReward(reward: number): void {
    this.rewards.lowest = Math.min(this.rewards.lowest, reward);
    this.rewards.highest = Math.max(this.rewards.highest, reward);
  }

  /** Stores what the episode that has just ended teaches beside itself. */
  store(replay: Replay, rng: Rng): void {
    const { mirror, relabel } = this.task;
    if (this.#beside.mirror && mirror !== undefined) {
      for (const { s, a, reward, terminated } of this.#moments) {
        replay.add(
          reflected(s, mirror.observation),
          reflected(a, mirror.action),
          reward,
          terminated,
        );
      }
      replay.endEpisode(reflected(this.#s, mirror.observation));
    }
    if (relabel === undefined) return;
    for (let goal = 0; goal < this.#beside.hindsight; goal++) {
      for (const [t, moment] of this.#moments.entries()) {
        const later = this.#moments[t + rng.below(this.#moments.length - t)];
        this.#storeWithGoal(replay, moment, later.sNext, relabel);
      }
    }
  }

  /** One transition as if the goal had been what `reached` shows. */
  #storeWithGoal(
    replay: Replay,
    { s, a, terminated, sNext }: Moment,
    reached: Float32Array,
    relabel: NonNullable<Task["relabel"]>,
  ): void {
    const [from, to] = [s.slice(), sNext.slice()];
    relabel(from, reached);
    relabel(to, reached);
    const command = Float32Array.from(this.task.spec.action, ({ low, high }, i) => {
      return (low + high) / 2 + ((high - low) / 2) * a[i];
    });
    const reward = this.task.reward(from, command, to);
    checkNumbers(this.task, to, reward);
    this.seeReward(reward);
    replay.add(from, a, reward, terminated);
    replay.endEpisode(to);
  }
}

/**
 * Throws `SinewError("environment")` where a world gave what is not a number, and names it. The
 * replay holds float32, so a reward that is too large for that is none.
 */
export function checkNumbers(task: Task, s: Float32Array, reward: number): void {
  if (!Number.isFinite(Math.fround(reward))) {
    const size = Number.isFinite(reward) ? ", too large for float32" : "";
    throw new SinewError(
      "environment",
      `${task.name} gave the reward ${reward}${size}: run "sinew check-env ${task.name}"`,
    );
  }
  const bad = s.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  const { name } = task.spec.observation[bad];
  throw new SinewError(
    "environment",
    `${task.name} gave ${s[bad]} as the observation "${name}": ` +
      `run "sinew check-env ${task.name}"`,
  );
}

function reflected(values: Float32Array, reflection: Reflection): Float32Array {
  const mirrored = new Float32Array(values.length);
  reflect(reflection, values, mirrored);
  return mirrored;
}

function lacks(task: Task, what: string, setting: string): SinewError {
  return new SinewError("usage", `${task.name} has no ${what}: leave ${setting} off`);
}
