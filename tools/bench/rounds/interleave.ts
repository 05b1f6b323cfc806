/** How many rounds each contender runs. */
export interface RoundCounts {
  readonly rounds: number;
  /** Of the contenders that are not ours: they leave the game after so many. */
  readonly peerRounds: number;
}

/**
 * Runs round after round, in each of them one contender after the other, so that what else the
 * machine does meets all of them alike. Gives what each came to in each of its rounds.
 */
export async function interleave<T>(
  contenders: Readonly<Record<string, (round: number) => Promise<T>>>,
  { rounds, peerRounds }: RoundCounts,
  told: (round: number, name: string, outcome: T) => void = () => {},
): Promise<Record<string, T[]>> {
  const outcomes: Record<string, T[]> = {};
  for (const name of Object.keys(contenders)) outcomes[name] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (name !== "ours" && round >= peerRounds) continue;
      const outcome = await contender(round);
      outcomes[name].push(outcome);
      told(round, name, outcome);
    }
  }
  return outcomes;
}
