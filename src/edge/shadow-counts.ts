/** What became of a policy that was asked beside the one that drove, over armed cycles. */
export interface ShadowCounts {
  cycles: number;
  /** Those whose answer the gate would have bounded, had it followed what was permitted last. */
  limited: number;
  /** Those whose answer it would have refused. */
  refused: number;
  /** The sum of how far its answers were from what was asked for, as shares of the range. */
  distanceSum: number;
  /** The largest, of any action. */
  distanceMax: number;
}

/** How a second policy does, in words. */
export function shadowLine(counts: ShadowCounts): string {
  const { cycles, limited, refused, distanceSum, distanceMax } = counts;
  if (cycles === 0) return "not compared yet";
  const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const apart = `${share(distanceSum / cycles)} of the range apart, at most ${share(distanceMax)}`;
  const gate = `the gate would limit ${share(limited / cycles)}, refuse ${share(refused / cycles)}`;
  return `${cycles} cycles, ${apart}; ${gate}`;
}
