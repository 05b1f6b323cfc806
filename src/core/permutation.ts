/** Float32 values put into another order, bit by bit as they are. Allocates nothing once made. */
export class Permutation {
  /** Of each value that comes out, from 0, the place that it has before. */
  readonly #from: Uint8Array;
  readonly #before: Float32Array;
  readonly #after: Float32Array;
  // As a number a signalling NaN would come out as another one.
  readonly #bitsBefore: Int32Array;
  readonly #bitsAfter: Int32Array;

  constructor(from: readonly number[]) {
    this.#from = Uint8Array.from(from);
    this.#before = new Float32Array(from.length);
    this.#after = new Float32Array(from.length);
    this.#bitsBefore = new Int32Array(this.#before.buffer);
    this.#bitsAfter = new Int32Array(this.#after.buffer);
  }

  /** `values`, as many as there are places, in the other order; overwritten by the next call. */
  of(values: Float32Array): Float32Array {
    this.#before.set(values);
    for (let at = 0; at < this.#from.length; at++) {
      this.#bitsAfter[at] = this.#bitsBefore[this.#from[at]];
    }
    return this.#after;
  }
}
