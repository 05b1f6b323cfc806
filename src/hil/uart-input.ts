/** Time of one byte on the emulated wire, start and stop bit included: 1 Mbaud. */
const byteNs = 10_000;

interface Chunk {
  readonly bytes: Uint8Array;
  readonly arrivedNs: number;
  next: number;
}

/**
 * Bytes on their way into a UART. None comes out before it arrived, nor sooner after the one before
 * it than a wire of 1 Mbaud would carry it.
 */
export class UartInput {
  readonly #chunks: Chunk[] = [];
  #takenNs = 0;
  /** Bytes that wait. */
  length = 0;
  /** When the next byte is complete on the board's clock; Infinity where none waits. */
  dueNs: number = Number.POSITIVE_INFINITY;

  /** Takes bytes that arrived at `arrivedNs` on the board's clock. */
  push(bytes: Uint8Array, arrivedNs: number): void {
    if (bytes.length === 0) return;
    this.#chunks.push({ bytes, arrivedNs, next: 0 });
    this.length += bytes.length;
    this.#choose();
  }

  /** The next byte, which must be due at `nowNs`. */
  take(nowNs: number): number {
    const chunk = this.#chunks[0]!;
    const byte = chunk.bytes[chunk.next++];
    if (chunk.next === chunk.bytes.length) this.#chunks.shift();
    this.length--;
    this.#takenNs = nowNs;
    this.#choose();
    return byte;
  }

  #choose(): void {
    const chunk = this.#chunks[0];
    if (chunk === undefined) this.dueNs = Number.POSITIVE_INFINITY;
    else this.dueNs = Math.max(chunk.arrivedNs, this.#takenNs) + byteNs;
  }
}
