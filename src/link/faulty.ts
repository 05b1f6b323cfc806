import type { Clock } from "../core/clock.ts";
import { Rng } from "../core/rng.ts";
import {
  dropping,
  duplicating,
  flipping,
  inTurn,
  type LineFault,
  reordering,
  scattering,
  truncating,
} from "./line-fault.ts";
import type { Port } from "./port.ts";

/** What befalls one direction of a link: shares of its pieces, 0 to 1, and a delay. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  /** A bit turned, or the end lost, each in half of these. */
  readonly corruption: number;
  /** Each piece's own delay lies in [low, high), microseconds. */
  readonly delayUs: readonly [low: number, high: number];
}

/** What befalls a link. Equal schedules befall equal pieces in the same way. */
export interface FaultSchedule {
  readonly seed: number;
  readonly toDevice: Faults;
  readonly fromDevice: Faults;
}

/** Where a piece ends: at this byte, or, with null, where a write or a read does. */
export type PieceEnd = number | null;

/** All of `faults`, in the order in which a line does them. */
function faultOf(rng: Rng, faults: Faults): LineFault {
  return inTurn([
    dropping(rng, faults.loss),
    flipping(rng, faults.corruption / 2),
    truncating(rng, faults.corruption / 2),
    duplicating(rng, faults.duplication),
    reordering(rng, faults.reordering),
    scattering(rng, ...faults.delayUs),
  ]);
}

/**
 * Any other port, as seen through a line that loses, repeats, reorders, delays and falsifies: by a
 * schedule, so that what was found can be found again. Frames of the bridge protocol end in 0. It
 * is for trials; no robot file leads here.
 */
export class FaultyPort implements Port {
  readonly #port: Port;
  readonly #clock: Pick<Clock, "now">;
  readonly #toDevice: Delays;
  readonly #fromDevice: Delays;
  readonly #bytes: Uint8Array = new Uint8Array(4096);
  #lost = false;

  constructor(
    port: Port,
    clock: Pick<Clock, "now">,
    { seed, toDevice, fromDevice }: FaultSchedule,
    end: PieceEnd = 0,
  ) {
    this.#port = port;
    this.#clock = clock;
    this.#toDevice = new Delays(faultOf(new Rng(seed, 0), toDevice), end);
    this.#fromDevice = new Delays(faultOf(new Rng(seed, 1), fromDevice), end);
  }

  /** What was delayed and is lost with the link never comes. */
  read(into: Uint8Array): number {
    this.#flush();
    let length = 0;
    while (!this.#lost) {
      length = this.#port.read(this.#bytes);
      if (length < 0) this.#lost = true;
      if (length <= 0) break;
      this.#fromDevice.push(this.#bytes.subarray(0, length), this.#clock.now());
    }
    return this.#lost ? -1 : this.#fromDevice.take(into, this.#clock.now());
  }

  /** True also for what will be lost: who writes does not see that. */
  write(bytes: Uint8Array, length: number): boolean {
    if (this.#lost) return false;
    this.#toDevice.push(bytes.subarray(0, length), this.#clock.now());
    this.#flush();
    return true;
  }

  wait(timeoutUs: number): void {
    this.#flush();
    const nowUs = this.#clock.now();
    const dueUs = Math.min(this.#toDevice.dueUs, this.#fromDevice.dueUs);
    this.#port.wait(Math.max(0, Math.min(timeoutUs, dueUs - nowUs)));
    this.#flush();
  }

  close(): void {
    this.#lost = true;
    this.#port.close();
  }

  /** Sends on what is due. What the port cannot take now is lost, as on a wire. */
  #flush(): void {
    for (;;) {
      const piece = this.#toDevice.next(this.#clock.now());
      if (piece === null) return;
      this.#port.write(piece, piece.length);
    }
  }
}

/** Pieces on their way in one direction, by when they are due. */
class Delays {
  readonly #fault: LineFault;
  readonly #end: PieceEnd;
  #begun: number[] = [];
  #pieces: { readonly dueUs: number; readonly piece: Uint8Array }[] = [];

  constructor(fault: LineFault, end: PieceEnd) {
    this.#fault = fault;
    this.#end = end;
  }

  /** When the next piece is due; Infinity where none is on its way. */
  get dueUs(): number {
    return this.#pieces[0]?.dueUs ?? Number.POSITIVE_INFINITY;
  }

  push(bytes: Uint8Array, nowUs: number): void {
    if (this.#end === null) {
      this.#send(Uint8Array.from(bytes), nowUs);
      return;
    }
    for (const byte of bytes) {
      this.#begun.push(byte);
      if (byte !== this.#end) continue;
      this.#send(Uint8Array.from(this.#begun), nowUs);
      this.#begun = [];
    }
  }

  /** The next piece that is due; null where none is. */
  next(nowUs: number): Uint8Array | null {
    return this.dueUs <= nowUs ? this.#pieces.shift()!.piece : null;
  }

  /** Writes what is due into `into`, as far as it fits; returns how many bytes. */
  take(into: Uint8Array, nowUs: number): number {
    let length = 0;
    while (this.dueUs <= nowUs && length < into.length) {
      const { dueUs, piece } = this.#pieces.shift()!;
      const fitting = piece.subarray(0, into.length - length);
      into.set(fitting, length);
      length += fitting.length;
      const rest = piece.subarray(fitting.length);
      if (rest.length > 0) this.#pieces.unshift({ dueUs, piece: rest });
    }
    return length;
  }

  #send(piece: Uint8Array, nowUs: number): void {
    this.#fault(piece, (sent, afterUs) => {
      const dueUs = nowUs + afterUs;
      const later = this.#pieces.findIndex((other) => other.dueUs > dueUs);
      this.#pieces.splice(later < 0 ? this.#pieces.length : later, 0, { dueUs, piece: sent });
    });
  }
}
