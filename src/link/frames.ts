const framesMax = 4096;

/**
 * Cuts a stream of bytes into runs of whole frames, which end in 0x00, without looking inside them.
 * The start of a frame waits for its end; one that grows beyond 4096 bytes is no frame and is
 * dropped.
 */
export class FrameRuns {
  readonly #start: Uint8Array = new Uint8Array(framesMax);
  #length = 0;
  #overlong = false;
  /** Pieces that were too long to be frames. */
  dropped = 0;

  /**
   * The whole frames that end in `bytes`, as one run in new memory, or null where none ends there.
   */
  push(bytes: Uint8Array): Uint8Array | null {
    const end = bytes.lastIndexOf(0) + 1;
    if (end === 0) {
      this.#keep(bytes);
      return null;
    }
    // What follows the end of an overlong piece is whole again.
    const from = this.#overlong ? bytes.indexOf(0) + 1 : 0;
    const run = new Uint8Array(this.#length + end - from);
    run.set(this.#start.subarray(0, this.#length));
    run.set(bytes.subarray(from, end), this.#length);
    this.#length = 0;
    this.#overlong = false;
    this.#keep(bytes.subarray(end));
    return run.length > 0 ? run : null;
  }

  #keep(bytes: Uint8Array): void {
    if (this.#overlong) return;
    if (this.#length + bytes.length > framesMax) {
      this.#overlong = true;
      this.#length = 0;
      this.dropped++;
      return;
    }
    this.#start.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}
