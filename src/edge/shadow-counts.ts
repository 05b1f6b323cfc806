/** What became of a policy that was asked beside the one that drove, over armed cycles. */
export interface ShadowCounts {
  cycles: number;
  /** Those whose answer the gate would have bounded, had it followed what was permitted last. */
  limited: number;
  /** Those whose answer it would have refused. */
  refused: number;
  /** Those in which its answer and what was asked for were numbers. */
  compared: number;
  /** The sum of how far its answers were from what was asked for, as shares of the range. */
  distanceSum: number;
  /** The largest, of any action. */
  distanceMax: number;
}

/** The same as shares of the cycles; distances as shares of an action's range. */
export interface ShadowShares {
  readonly cycles: number;
  readonly limited: number;
  readonly refused: number;
  /** Null where no answer could be compared, as where none was a number. */
  readonly distanceMean: number | null;
  readonly distanceMax: number | null;
}

/** Null where there was no cycle yet. */
export function sharesOf(counts: ShadowCounts): ShadowShares | null {
  const { cycles, limited, refused, compared, distanceSum, distanceMax } = counts;
  if (cycles === 0) return null;
  const shares = { cycles, limited: limited / cycles, refused: refused / cycles };
  if (compared === 0) return { ...shares, distanceMean: null, distanceMax: null };
  return { ...shares, distanceMean: distanceSum / compared, distanceMax };
}

/** A share in words: `2.5 %`. */
export function percentWord(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** How far a second policy is from the one that drives, in words. */
export function apartWords({ distanceMean, distanceMax }: ShadowShares): string {
  if (distanceMean === null || distanceMax === null) return "no two answers to compare";
  return `${percentWord(distanceMean)} of the range apart, at most ${percentWord(distanceMax)}`;
}

/** How a second policy does, in words. */
export function shadowLine(shares: ShadowShares | null): string {
  if (shares === null) return "not compared yet";
  const { cycles, limited, refused } = shares;
  const gate = `the gate would limit ${percentWord(limited)}, refuse ${percentWord(refused)}`;
  return `${cycles} cycles, ${apartWords(shares)}; ${gate}`;
}
