import type { Rng } from "../core/rng.ts";

/** Sends a piece on, so many microseconds after it came. */
export type Send = (piece: Uint8Array, afterUs: number) => void;

/**
 * What becomes of one piece of what a line carries, mostly a frame with its delimiter. A fault
 * sends none, one or several, and may change the bytes that it was given.
 */
export type LineFault = (piece: Uint8Array, send: Send) => void;

/** Nothing happens to it. */
export const sound: LineFault = (piece, send) => send(piece, 0);

/** Loses a share of all pieces, 0 to 1. */
export function dropping(rng: Rng, share: number): LineFault {
  return (piece, send) => {
    if (rng.uniform() >= share) send(piece, 0);
  };
}

/** Sends a share of all pieces twice. */
export function duplicating(rng: Rng, share: number): LineFault {
  return (piece, send) => {
    const again = rng.uniform() < share ? piece.slice() : null;
    send(piece, 0);
    if (again !== null) send(again, 0);
  };
}

/** Holds back a share of all pieces until the next has passed. */
export function reordering(rng: Rng, share: number): LineFault {
  let held: Uint8Array | null = null;
  return (piece, send) => {
    if (held === null && rng.uniform() < share) {
      held = piece;
      return;
    }
    send(piece, 0);
    if (held !== null) send(held, 0);
    held = null;
  };
}

/** All come later, by so many microseconds. */
export function delaying(delayUs: number): LineFault {
  return (piece, send) => send(piece, delayUs);
}

/** Each comes later by a time of its own in [low, high) microseconds: not all in their order. */
export function scattering(rng: Rng, lowUs: number, highUs: number): LineFault {
  return (piece, send) => send(piece, rng.uniform(lowUs, highUs));
}

/** Turns one bit of a share of all pieces, anywhere but in the last byte, which delimits it. */
export function flipping(rng: Rng, share: number): LineFault {
  return (piece, send) => {
    if (piece.length > 1 && rng.uniform() < share) {
      piece[rng.below(piece.length - 1)] ^= 1 << rng.below(8);
    }
    send(piece, 0);
  };
}

/** Cuts the end off a share of all pieces; the last byte, the delimiter, stays. */
export function truncating(rng: Rng, share: number): LineFault {
  return (piece, send) => {
    if (piece.length > 3 && rng.uniform() < share) {
      const end = piece[piece.length - 1];
      piece = piece.slice(0, 2 + rng.below(piece.length - 2));
      piece[piece.length - 1] = end;
    }
    send(piece, 0);
  };
}

/** One fault after the other, each on what the one before has sent; times add up. */
export function inTurn(faults: readonly LineFault[]): LineFault {
  return faults.reduceRight<LineFault>(
    (rest, fault) => (piece, send) => {
      fault(piece, (sent, afterUs) => rest(sent, (last, moreUs) => send(last, afterUs + moreUs)));
    },
    sound,
  );
}
