import { ByteRing, makeByteRing } from "./byte-ring.ts";
import type { Port } from "./port.ts";

/** Two ports that are each other's far end, within one process or between two threads. */
export function memoryPorts(capacity: number = 4096): [Port, Port] {
  const there = makeByteRing(capacity);
  const back = makeByteRing(capacity);
  return [new RingPort(there, back), new RingPort(back, there)];
}

/** A port over two rings of bytes. */
export class RingPort implements Port {
  readonly #out: ByteRing;
  readonly #in: ByteRing;
  #open = true;

  constructor(out: SharedArrayBuffer, back: SharedArrayBuffer) {
    this.#out = new ByteRing(out);
    this.#in = new ByteRing(back);
  }

  read(into: Uint8Array): number {
    return this.#open ? this.#in.read(into) : -1;
  }

  write(bytes: Uint8Array, length: number): boolean {
    return this.#out.write(bytes, length);
  }

  wait(timeoutUs: number): void {
    this.#in.wait(timeoutUs);
  }

  close(): void {
    this.#open = false;
    this.#out.close();
    this.#in.close();
  }
}
