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
  readonly head: number;
  readonly pending: number;
}

/**
 * The replay buffer: a ring of float32 rows `observation | action in [-1, 1] | return | discount`.
 *
 * Each observation is stored once: a transition from row i leads to the observation of row i + its
 * span, where the span is n steps (Sutton 1988), fewer at an episode's end. The return is r0 +
 * gamma r1 + ... over the span; the discount is gamma^span, and 0 where the episode terminated. An
 * episode's end adds one row that holds only the final observation, so a truncated episode
 * bootstraps from where it was cut.
 */
export class Replay {
  readonly observations: number;
  readonly actions: number;
  readonly capacity: number;
  readonly width: number;
  readonly rows: Float32Array;
  readonly #gamma: number;
  readonly #steps: number;
  /** Steps that the row's transition spans; 0 for a row without one. */
  readonly #span: Uint8Array;
  readonly #priorities: Priorities | null;
  #head = 0;
  #filled = 0;
  #transitions = 0;
  /** Rows before the head that still wait for rewards and observations to come, at most n. */
  #pending = 0;
  #terminated = false;

  /**
   * `capacity` counts rows: one a transition and one more an episode. `gamma` is the discount of
   * one step, `steps` the n of the n-step returns, 1 to 255. With `priorities`, as many rows long,
   * transitions are drawn by them.
   */
  constructor(
    observations: number,
    actions: number,
    capacity: number,
    gamma: number,
    steps: number = 1,
    priorities: Priorities | null = null,
  ) {
    assert(Number.isInteger(steps) && steps >= 1 && steps <= 255);
    assert(Number.isInteger(capacity) && capacity > steps);
    this.observations = observations;
    this.actions = actions;
    this.capacity = capacity;
    this.width = observations + actions + 2;
    this.rows = new Float32Array(capacity * this.width);
    this.#gamma = gamma;
    this.#steps = steps;
    this.#span = new Uint8Array(capacity);
    this.#priorities = priorities;
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
    this.rows.set(action, row * this.width + this.observations);
    this.#pending = Math.min(this.#pending + 1, this.#steps);
    let factor = 1;
    for (let back = 0; back < this.#pending; back++) {
      this.rows[this.#before(row, back) * this.width + this.width - 2] += factor * reward;
      factor *= this.#gamma;
    }
    this.#terminated = terminated;
  }

  /** Closes the episode with its final observation, whether it terminated or was truncated. */
  endEpisode(final: Float32Array): void {
    assert(this.#pending > 0, "an episode ends after a step");
    // The push completes the oldest row; the others end here too, on a shorter way.
    const row = this.#push(final);
    const open = Math.min(this.#pending, this.#steps);
    for (let span = 1; span <= open; span++) {
      const discount = this.#terminated ? 0 : this.#gamma ** span;
      this.#complete(this.#before(row, span), span, discount);
    }
    this.#pending = 0;
    this.#terminated = false;
  }

  /** Gives up the episode under way: its newest steps, which lead nowhere, are never drawn. */
  abandonEpisode(): void {
    this.#pending = 0;
    this.#terminated = false;
  }

  /** Where the next row goes. */
  get head(): number {
    return this.#head;
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
   * Draws with equal chance from the `count` rows that begin at `first`, of which one must be a
   * transition.
   */
  sampleRows(rng: Rng, into: Sample, first: number, count: number): void {
    assert(this.#transitions > 0 && count > 0, "nothing to sample from");
    for (let i = 0; i < into.index.length; i++) {
      let row = -1;
      do row = (first + rng.below(count)) % this.capacity;
      while (this.#span[row] === 0);
      into.index[i] = row;
      into.nextIndex[i] = this.following(row);
    }
  }

  /** The row whose observation the transition of `row` leads to. */
  following(row: number): number {
    const next = row + this.#span[row];
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
      head: this.#head,
      pending: this.#pending,
    };
  }

  /** Takes up what `save` gave. */
  restore(saved: ReplayState): void {
    assert(saved.rows.length <= this.rows.length && saved.rows.length % this.width === 0);
    this.rows.set(saved.rows);
    this.#span.fill(0);
    this.#span.set(saved.span);
    this.#filled = saved.span.length;
    this.#head = saved.head;
    this.#pending = saved.pending;
    this.#transitions = saved.span.reduce((sum, span) => sum + (span > 0 ? 1 : 0), 0);
  }

  #before(row: number, back: number): number {
    return row >= back ? row - back : row - back + this.capacity;
  }

  /** Writes an observation at the head, which completes the row n steps before it. */
  #push(observation: Float32Array): number {
    const row = this.#head;
    if (this.#span[row] > 0) this.#forget(row);
    if (this.#pending === this.#steps) {
      this.#complete(this.#before(row, this.#steps), this.#steps, this.#gamma ** this.#steps);
    }
    this.rows.fill(0, row * this.width, (row + 1) * this.width);
    this.rows.set(observation, row * this.width);
    this.#head = row + 1 === this.capacity ? 0 : row + 1;
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
