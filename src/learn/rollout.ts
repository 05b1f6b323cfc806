import { Rng } from "../core/rng.ts";
import type { Env, Task } from "../sim/env.ts";
import type { ObservationScale } from "./actor-forward.ts";
import { checkNumbers } from "./episode.ts";
import { type Explored, Explorer } from "./explorer.ts";
import { isCut, lossesOf, type TrainSettings } from "./settings.ts";

/** The actor that is to drive for a while. Plain data, so that it can cross to another thread. */
export interface Driver extends Explored {
  readonly observation: ObservationScale;
  /** Environment steps that the run had taken, by which the noise falls. */
  readonly step: number;
}

/** What some worlds did for some steps. Plain data. */
export interface Chunk {
  /** Whose worlds they are: its number among the workers. */
  readonly worker: number;
  /**
   * [lanes * steps, width]: lane after lane, step after step, s | a in [-1, 1] | reward | end | s',
   * where end is 0, 1 (terminated) or 2 (truncated).
   */
  readonly rows: Float32Array;
  /** Return and length of each episode that ended, in the order of the rows. */
  readonly episodes: readonly { readonly return: number; readonly length: number }[];
}

/** One of the worlds: where it is in its episode. */
interface Lane {
  readonly env: Env;
  readonly explorer: Explorer;
  readonly s: Float32Array;
  readonly seeds: Rng;
  running: boolean;
  return: number;
  length: number;
}

/**
 * Worlds side by side, driven by copies of one actor. What they do depends on the settings, the
 * drivers and the numbers of worker and epoch alone.
 */
export class Rollout {
  readonly #task: Task;
  readonly #settings: TrainSettings;
  readonly #worker: number;
  readonly #scale: { mean: Float32Array; scale: Float32Array; clip: number };
  #lanes: Lane[] = [];

  constructor(task: Task, settings: TrainSettings, worker: number) {
    const { observation } = task.spec;
    this.#task = task;
    this.#settings = settings;
    this.#worker = worker;
    const channels = observation.length;
    const scale = { mean: new Float32Array(channels), scale: new Float32Array(channels) };
    this.#scale = { ...scale, clip: settings.observationClip };
  }

  /** Starts every world anew: an epoch has its own seeds, so a resumed run can begin at one. */
  restart(epoch: number): void {
    const { lanes, seed } = this.#settings;
    const { shape } = lossesOf(this.#settings, this.#task.spec);
    this.#lanes = Array.from({ length: lanes }, (_, lane) => {
      const own = new Rng(seed, 1000 + this.#worker * lanes + lane);
      for (let i = 0; i < epoch; i++) own.word();
      const settings = { ...this.#settings, seed: own.word() };
      return {
        env: this.#lanes[lane]?.env ?? this.#task.makeEnv(),
        explorer: new Explorer(settings, shape, this.#scale),
        s: new Float32Array(shape.observations),
        seeds: new Rng(own.word()),
        running: false,
        return: 0,
        length: 0,
      };
    });
  }

  /**
   * Takes `steps` steps in each world. Throws `SinewError("environment")` where a world gives what
   * is not a number, and "diverged" where the actor does.
   */
  collect(driver: Driver, steps: number): Chunk {
    this.#scale.mean.set(driver.observation.mean);
    this.#scale.scale.set(driver.observation.scale);
    const { observation, action } = this.#task.spec;
    const width = 2 * observation.length + action.length + 2;
    const rows = new Float32Array(this.#lanes.length * steps * width);
    const episodes: { return: number; length: number }[] = [];
    for (const [at, lane] of this.#lanes.entries()) {
      for (let t = 0; t < steps; t++) {
        const row = rows.subarray((at * steps + t) * width, (at * steps + t + 1) * width);
        this.#step(lane, driver, row, episodes);
      }
    }
    return { worker: this.#worker, rows, episodes };
  }

  #step(
    lane: Lane,
    driver: Driver,
    row: Float32Array,
    episodes: { return: number; length: number }[],
  ): void {
    const { env, explorer, s } = lane;
    const { action } = this.#task.spec;
    if (!lane.running) {
      explorer.begin(driver);
      env.reset(lane.seeds.word(), s);
      checkNumbers(this.#task, s, 0);
      Object.assign(lane, { running: true, return: 0, length: 0 });
    }
    row.set(s);
    const a = row.subarray(s.length, s.length + action.length);
    explorer.act(driver, s, driver.step, a);
    const command = Float32Array.from(action, ({ low, high }, i) => {
      return (low + high) / 2 + ((high - low) / 2) * a[i];
    });
    const outcome = env.step(command, s);
    const { reward, terminated } = outcome;
    checkNumbers(this.#task, s, reward);
    lane.return += reward;
    lane.length++;
    const truncated = outcome.truncated || isCut(this.#settings, lane.length);
    row[s.length + action.length] = reward;
    row[s.length + action.length + 1] = terminated ? 1 : truncated ? 2 : 0;
    row.set(s, s.length + action.length + 2);
    if (!terminated && !truncated) return;
    lane.running = false;
    episodes.push({ return: lane.return, length: lane.length });
  }
}
