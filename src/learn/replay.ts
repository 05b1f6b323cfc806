import assert from "node:assert";
import type { Rng } from "../core/rng.ts";

/**
 * Minibatches drawn from a replay: which rows to learn from, and where each one's next
 * observation is.
 */
export interface Sample {
  /** Rows that hold s, a, r and the terminated flag: [steps * batch]. */
  readonly index: Int32Array;
  /** Rows whose observation part is s': [steps * batch]. */
  readonly nextIndex: Int32Array;
}

/**
 * The replay buffer: a ring of float32 rows `observation | action in [-1, 1] | reward |
 * terminated`.
 *
 * Each observation is stored once: the next observation of a row is the observation of the row
 * behind it. An episode's end, terminated or truncated, adds one row that holds only the final
 * observation, so a truncated episode can bootstrap from where it was cut.
 */
export class Replay {
  readonly observations: number;
  readonly actions: number;
  readonly capacity: number;
  readonly width: number;
  readonly rows: Float32Array;
  /** 1 for a row that holds a whole transition. */
  readonly #whole: Uint8Array;
  #head = 0;
  #filled = 0;
  #transitions = 0;
  /** Whether the row behind the head still waits for the observation that follows it. */
  #open = false;

  /** `capacity` counts rows, at least 2: one a transition and one more an episode. */
  constructor(observations: number, actions: number, capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 2);
    this.observations = observations;
    this.actions = actions;
    this.capacity = capacity;
    this.width = observations + actions + 2;
    this.rows = new Float32Array(capacity * this.width);
    this.#whole = new Uint8Array(capacity);
  }

  /** Transitions that can be drawn now. */
  get transitions(): number {
    return this.#transitions;
  }

  /**
   * Stores one transition. `observation` is s, [observations]; `action` is scaled to [-1, 1],
   * [actions]; `terminated` says that no reward can follow. Follow it by the transition from s', or
   * by `endEpisode(s')`.
   */
  add(observation: Float32Array, action: Float32Array, reward: number, terminated: boolean): void {
    assert(observation.length === this.observations && action.length === this.actions);
    const row = this.#push(observation);
    const at = row * this.width + this.observations;
    this.rows.set(action, at);
    this.rows[at + this.actions] = reward;
    this.rows[at + this.actions + 1] = terminated ? 1 : 0;
    this.#open = true;
  }

  /** Closes the episode with its final observation, whether it terminated or was truncated. */
  endEpisode(final: Float32Array): void {
    assert(this.#open, "an episode ends after a step");
    this.#push(final);
    this.#open = false;
  }

  /** Where the next row goes. */
  get head(): number {
    return this.#head;
  }

  /**
   * Overwrites all of `into` with transitions, each equally likely, drawn with replacement. The
   * cost does not depend on how full the replay is.
   */
  sample(rng: Rng, into: Sample): void {
    this.sampleRows(rng, into, 0, this.#filled);
  }

  /**
   * As `sample`, from the `count` rows that begin at `first`, of which one must be a
   * transition.
   */
  sampleRows(rng: Rng, into: Sample, first: number, count: number): void {
    assert(this.#transitions > 0 && count > 0, "nothing to sample from");
    for (let i = 0; i < into.index.length; i++) {
      let row = -1;
      do row = (first + rng.below(count)) % this.capacity;
      while (this.#whole[row] === 0);
      into.index[i] = row;
      into.nextIndex[i] = row + 1 === this.capacity ? 0 : row + 1;
    }
  }

  /** The ring as it stands, for a checkpoint: the filled rows and where the next one goes. */
  save(): { rows: Float32Array; whole: Uint8Array; head: number; open: boolean } {
    return {
      rows: this.rows.slice(0, this.#filled * this.width),
      whole: this.#whole.slice(0, this.#filled),
      head: this.#head,
      open: this.#open,
    };
  }

  /** Takes up what `save` gave. */
  restore(saved: { rows: Float32Array; whole: Uint8Array; head: number; open: boolean }): void {
    assert(saved.rows.length <= this.rows.length && saved.rows.length % this.width === 0);
    this.rows.set(saved.rows);
    this.#whole.fill(0);
    this.#whole.set(saved.whole);
    this.#filled = saved.whole.length;
    this.#head = saved.head;
    this.#open = saved.open;
    this.#transitions = saved.whole.reduce((sum, flag) => sum + flag, 0);
  }

  /** Writes an observation at the head, which completes the row before it. */
  #push(observation: Float32Array): number {
    const row = this.#head;
    this.#forget(row);
    if (this.#open) {
      const before = (row === 0 ? this.capacity : row) - 1;
      this.#whole[before] = 1;
      this.#transitions++;
    }
    this.rows.fill(0, row * this.width, (row + 1) * this.width);
    this.rows.set(observation, row * this.width);
    this.#head = row + 1 === this.capacity ? 0 : row + 1;
    this.#filled = Math.max(this.#filled, row + 1);
    return row;
  }

  #forget(row: number): void {
    if (this.#whole[row] === 1) {
      this.#whole[row] = 0;
      this.#transitions--;
    }
  }
}
