import { Rng } from "../../src/core/rng.ts";

/** What a search does: so many tries, each changing every gain by about `share` at first. */
export interface Search {
  readonly seed: number;
  readonly tries: number;
  readonly share: number;
}

/**
 * Random search: gains are drawn about the best so far, and kept where `judge` says more of them.
 * How far they are drawn, as a share of each gain, falls to a tenth over the search. Where `judge`
 * and the seed are the same, so is what is found.
 */
export async function searched(
  guess: readonly number[],
  { seed, tries, share }: Search,
  judge: (gains: readonly number[]) => Promise<number>,
  better: (gains: readonly number[], value: number, at: number) => void = () => {},
): Promise<number[]> {
  const rng = new Rng(seed);
  let best = [...guess];
  let bestValue = await judge(best);
  better(best, bestValue, 0);
  for (let at = 1; at <= tries; at++) {
    const spread = share * 0.1 ** (at / tries);
    // Half of the gains stay, so that single ones get their turn.
    const changed = best.map((gain, i) => {
      const size = Math.max(Math.abs(gain), Math.abs(guess[i]));
      return rng.uniform() < 0.5 ? gain : gain + spread * size * rng.normal();
    });
    const gains = changed.map((gain) => Number(gain.toPrecision(3)));
    const value = await judge(gains);
    if (value <= bestValue) continue;
    [best, bestValue] = [gains, value];
    better(best, bestValue, at);
  }
  return best;
}
