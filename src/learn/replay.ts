import assert from "node:assert";
import type { Rng } from "../core/rng.ts";
import type { Priorities } from "./priorities.ts";

/**
 * Minibatches drawn from a replay: which rows to learn from, and where the observation is that each
 * one's value is taken from.
 */
export interface Sample {
  /** Rows that hold s, a, the return and the discount: [draws]. */
  readonly index: Int32Array;
  /** Rows whose observation part is the one to bootstrap from: [draws]. */
  readonly nextIndex: Int32Array;
}

/** A replay as a checkpoint holds it. */
export interface ReplayState {
  readonly rows: Float32Array;
  readonly span: Uint8Array;
  /** Of each lane. */
  readonly heads: readonly number[];
  readonly pending: readonly number[];
}

/**
 * The replay buffer: a ring of float32 rows `observation | action in [-1, 1] | return | discount`.
 *
 * Each observation is stored once: a transition from row i leads to the observation of row i + its
 * span, where the span is n steps (Sutton 1988), fewer at an episode's end. The return is r0 +
 * gamma r1 + ... over the span; the discount is gamma^span, and 0 where the episode terminated. An
 * episode's end adds one row that holds only the final observation, so a truncated episode
 * bootstraps from where it was cut.
 *
 * Worlds side by side each write a lane of their own, so that an episode lies in one piece however
 * they take turns: lane l of L is the rows l, l + L, l + 2 L, ... and the next of row i is i + L.
 */
export class Replay {
  readonly observations: number;
  readonly actions: number;
  readonly capacity: number;
  readonly width: number;
  readonly lanes: number;
  readonly rows: Float32Array;
  readonly #gamma: number;
  readonly #steps: number;
  /** Steps that the row's transition spans; 0 for a row without one. */
  readonly #span: Uint8Array;
  readonly #priorities: Priorities | null;
  /** Of each lane, where its next row goes. */
  readonly #heads: Int32Array;
  /** Of each lane, rows before the head that wait for rewards and observations, at most n. */
  readonly #pending: Int32Array;
  readonly #terminated: boolean[];
  /** No row from here on has been written. */
  #filled = 0;
  #transitions = 0;

  /**
   * `rows` counts one a transition and one more an episode; each of the `lanes` has an equal part,
   * longer than n, and what is left over is not used. `gamma` is the discount of one step, `steps`
   * the n of the n-step returns, 1 to 255. With `priorities`, as many rows long, transitions are
   * drawn by them.
   */
  constructor(
    observations: number,
    actions: number,
    rows: number,
    gamma: number,
    steps: number = 1,
    priorities: Priorities | null = null,
    lanes: number = 1,
  ) {
    assert(Number.isInteger(steps) && steps >= 1 && steps <= 255);
    assert(Number.isInteger(rows) && Number.isInteger(lanes) && Math.floor(rows / lanes) > steps);
    this.observations = observations;
    this.actions = actions;
    this.lanes = lanes;
    this.capacity = rows - (rows % lanes);
    this.width = observations + actions + 2;
    this.rows = new Float32Array(this.capacity * this.width);
    this.#heads = Int32Array.from({ length: lanes }, (_, lane) => lane);
    this.#pending = new Int32Array(lanes);
    this.#terminated = new Array<boolean>(lanes).fill(false);
    this.#gamma = gamma;
    this.#steps = steps;
    this.#span = new Uint8Array(this.capacity);
    this.#priorities = priorities;
  }

  /** Transitions that can be drawn now. */
  get transitions(): number {
    return this.#transitions;
  }

  /**
   * Stores one transition. `observation` is s, [observations]; `action` is scaled to [-1, 1],
   * [actions]; `terminated` says that no reward can follow. Follow it in the same lane by the
   * transition from s', or by `endEpisode(s')`.
   */
  add(
    observation: Float32Array,
    action: Float32Array,
    reward: number,
    terminated: boolean,
    lane: number = 0,
  ): void {
    assert(observation.length === this.observations && action.length === this.actions);
    const row = this.#push(observation, lane);
    this.rows.set(action, row * this.width + this.observations);
    this.#pending[lane] = Math.min(this.#pending[lane] + 1, this.#steps);
    let factor = 1;
    for (let back = 0; back < this.#pending[lane]; back++) {
      this.rows[this.#before(row, back) * this.width + this.width - 2] += factor * reward;
      factor *= this.#gamma;
    }
    this.#terminated[lane] = terminated;
  }

  /** Closes the episode with its final observation, whether it terminated or was truncated. */
  endEpisode(final: Float32Array, lane: number = 0): void {
    assert(this.#pending[lane] > 0, "an episode ends after a step");
    // The push completes the oldest row; the others end here too, on a shorter way.
    const row = this.#push(final, lane);
    for (let span = 1; span <= this.#pending[lane]; span++) {
      const discount = this.#terminated[lane] ? 0 : this.#gamma ** span;
      this.#complete(this.#before(row, span), span, discount);
    }
    this.#pending[lane] = 0;
    this.#terminated[lane] = false;
  }

  /** Gives up a lane's episode under way: its newest steps, which lead nowhere, are never drawn. */
  abandonEpisode(lane: number = 0): void {
    this.#pending[lane] = 0;
    this.#terminated[lane] = false;
  }

  /** Where the next row of the first lane goes. */
  get head(): number {
    return this.#heads[0];
  }

  /**
   * Overwrites all of `into` with transitions, drawn with replacement: each equally likely, or by
   * the priorities, minibatch by minibatch of `batch` draws. The cost does not depend on how full
   * the replay is.
   */
  sample(rng: Rng, into: Sample, batch: number = into.index.length): void {
    if (this.#priorities === null) {
      this.sampleRows(rng, into, 0, this.#filled);
      return;
    }
    for (let at = 0; at < into.index.length; at += batch) {
      this.#priorities.draw(rng, into.index.subarray(at, at + batch));
    }
    for (let i = 0; i < into.index.length; i++) into.nextIndex[i] = this.following(into.index[i]);
  }

  /**
   * Draws with equal chance from `count` rows, `first` and every `stride`-th behind it, of which
   * one must be a transition.
   */
  sampleRows(rng: Rng, into: Sample, first: number, count: number, stride: number = 1): void {
    assert(this.#transitions > 0 && count > 0, "nothing to sample from");
    assert(first < this.capacity && count * stride <= this.capacity, "rows that are there");
    const { capacity } = this;
    const { index, nextIndex } = into;
    const span = this.#span;
    for (let i = 0; i < index.length; i++) {
      let row = -1;
      do {
        row = first + rng.below(count) * stride;
        if (row >= capacity) row -= capacity;
      } while (span[row] === 0);
      index[i] = row;
      nextIndex[i] = this.following(row);
    }
  }

  /** The row whose observation the transition of `row` leads to. */
  following(row: number): number {
    const next = row + this.#span[row] * this.lanes;
    return next < this.capacity ? next : next - this.capacity;
  }

  /** Whether `row` holds a transition that can be drawn. */
  holds(row: number): boolean {
    return this.#span[row] > 0;
  }

  /** The ring as it stands, for a checkpoint; views, so write them before the next `add`. */
  save(): ReplayState {
    return {
      rows: this.rows.subarray(0, this.#filled * this.width),
      span: this.#span.subarray(0, this.#filled),
      heads: [...this.#heads],
      pending: [...this.#pending],
    };
  }

  /** Takes up what `save` gave. */
  restore(saved: ReplayState): void {
    assert(saved.rows.length <= this.rows.length, "the replay is too small");
    assert.equal(saved.rows.length, saved.span.length * this.width, "rows of another width");
    assert.equal(saved.heads.length, this.lanes, "as many lanes");
    this.rows.set(saved.rows);
    this.#span.fill(0);
    this.#span.set(saved.span);
    this.#filled = saved.span.length;
    this.#heads.set(saved.heads);
    this.#pending.set(saved.pending);
    this.#transitions = saved.span.reduce((sum, span) => sum + (span > 0 ? 1 : 0), 0);
  }

  #before(row: number, back: number): number {
    const before = row - back * this.lanes;
    return before >= 0 ? before : before + this.capacity;
  }

  /** Writes an observation at the lane's head, which completes the row n steps before it. */
  #push(observation: Float32Array, lane: number): number {
    const row = this.#heads[lane];
    if (this.#span[row] > 0) this.#forget(row);
    if (this.#pending[lane] === this.#steps) {
      this.#complete(this.#before(row, this.#steps), this.#steps, this.#gamma ** this.#steps);
    }
    this.rows.fill(0, row * this.width, (row + 1) * this.width);
    this.rows.set(observation, row * this.width);
    this.#heads[lane] = row + this.lanes < this.capacity ? row + this.lanes : lane;
    this.#filled = Math.max(this.#filled, row + 1);
    return row;
  }

  #forget(row: number): void {
    this.#transitions--;
    this.#span[row] = 0;
    this.#priorities?.leave(row);
  }

  #complete(row: number, span: number, discount: number): void {
    if (this.#span[row] === 0) {
      this.#transitions++;
      this.#priorities?.enter(row);
    }
    this.#span[row] = span;
    this.rows[row * this.width + this.width - 1] = discount;
  }
}
