import assert from "node:assert";
import type { Rng } from "../core/rng.ts";

/** Added to every error, so that no transition is left out for good (Schaul et al. 2016). */
const errorMin = 1e-6;

/**
 * Priorities of a replay's rows (Schaul et al. 2016, proportional): row i is drawn with the
 * probability p_i^alpha / sum p^alpha. A sum tree, so drawing and changing cost log2(rows).
 */
export class Priorities {
  /** Node k has the children 2k and 2k + 1; the leaves begin at `#leaves`. */
  readonly #tree: Float64Array;
  readonly #leaves: number;
  readonly #exponent: number;
  /** The largest priority yet: what a new transition starts with. */
  #highest = 1;

  constructor(rows: number, exponent: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(rows));
    this.#tree = new Float64Array(2 * this.#leaves);
    this.#exponent = exponent;
  }

  /** A row with a new transition: it is drawn as often as the most surprising one. */
  enter(row: number): void {
    this.#set(row, this.#highest);
  }

  /** A row without a transition: it is never drawn. */
  leave(row: number): void {
    this.#set(row, 0);
  }

  /** The row's transition was off by `error`, of either sign. */
  update(row: number, error: number): void {
    assert(Number.isFinite(error), "a priority is a number");
    const priority = (Math.abs(error) + errorMin) ** this.#exponent;
    this.#highest = Math.max(this.#highest, priority);
    this.#set(row, priority);
  }

  /**
   * Fills `rows`, one minibatch, by strata of equal mass: the k-th of n draws comes from the k-th
   * n-th of it. Each minibatch is drawn by itself, or each would see one stretch of the ring only.
   */
  draw(rng: Rng, rows: Int32Array): void {
    const total = this.#tree[1];
    assert(total > 0, "nothing to sample from");
    for (let i = 0; i < rows.length; i++) {
      let mass = ((i + rng.uniform()) / rows.length) * total;
      let node = 1;
      while (node < this.#leaves) {
        node *= 2;
        // Rounding may lead to an empty right half: the left one holds what there is.
        if (mass >= this.#tree[node] && this.#tree[node + 1] > 0) {
          mass -= this.#tree[node];
          node++;
        }
      }
      rows[i] = node - this.#leaves;
    }
  }

  /**
   * Importance weights of one minibatch: (count P(i))^-beta, divided by the largest of that
   * minibatch, so weights only scale steps down; 1 where all are alike. `count` is how many
   * transitions there are.
   */
  weigh(rows: Int32Array, count: number, beta: number, weights: Float32Array): void {
    let largest = 0;
    for (let i = 0; i < rows.length; i++) {
      const share = this.#tree[this.#leaves + rows[i]] / this.#tree[1];
      weights[i] = (count * share) ** -beta;
      largest = Math.max(largest, weights[i]);
    }
    for (let i = 0; i < rows.length; i++) weights[i] /= largest;
  }

  /** The leaves of the first `rows` rows, then the highest, for a checkpoint. */
  save(rows: number): Float64Array {
    const saved = new Float64Array(rows + 1);
    saved.set(this.#tree.subarray(this.#leaves, this.#leaves + rows));
    saved[rows] = this.#highest;
    return saved;
  }

  restore(saved: Float64Array): void {
    this.#tree.fill(0);
    this.#tree.set(saved.subarray(0, saved.length - 1), this.#leaves);
    this.#highest = saved[saved.length - 1];
    for (let node = this.#leaves - 1; node >= 1; node--) {
      this.#tree[node] = this.#tree[2 * node] + this.#tree[2 * node + 1];
    }
  }

  #set(row: number, priority: number): void {
    let node = this.#leaves + row;
    this.#tree[node] = priority;
    // Sums are made anew on the way up: differences would let rounding errors pile up.
    for (node >>= 1; node >= 1; node >>= 1) {
      this.#tree[node] = this.#tree[2 * node] + this.#tree[2 * node + 1];
    }
  }
}
