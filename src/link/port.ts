/**
 * Bytes to and from a device, without waiting: the only thing that a control cycle does to a wire.
 */
export interface Port {
  /** Bytes put into `into`: 0 when there are none, -1 for ever once the link is lost. */
  read(into: Uint8Array): number;
  /**
   * Sends the first `length` of `bytes`, which are whole frames. False when they could not be taken
   * now; they are dropped then, never kept to be sent later.
   */
  write(bytes: Uint8Array, length: number): boolean;
  /** Blocks the thread until bytes may have come, for at most `timeoutUs`. */
  wait(timeoutUs: number): void;
  close(): void;
}
