/** All of one contender's rounds. Infinity where a round never got there. */
export type Rounds = readonly number[];

/** What rounds come to in one number. */
export type Summary = "median" | "mean" | "lowest" | "highest";

/** A number of somebody else's, which nobody measured here. */
export interface Published {
  readonly system: string;
  readonly algorithm: string;
  /** With its version: returns of two versions of a task compare only roughly. */
  readonly environment: string;
  readonly steps: number;
  readonly seeds: number;
  readonly value: number;
  /** Standard deviation, as its source gives it; null where it gives none. */
  readonly spread: number | null;
  /** What the value is the mean of: the best evaluation, the last ones, episodes with noise. */
  readonly of: string;
  /** Repository and file, or paper and table. */
  readonly source: string;
}

/** One case of a benchmark, measured. */
export interface BenchResult {
  readonly case: string;
  readonly unit: string;
  readonly ours: Rounds;
  readonly peers: Readonly<Record<string, Rounds>>;
  /**
   * The median unless it says otherwise. The rounds of a median are moments of one machine, so
   * contenders are compared round by round; those of the others are seeds, which pair with none.
   */
  readonly summary?: Summary;
  readonly higherIsBetter?: boolean;
  /** What we want to reach. */
  readonly bar?: number;
  readonly published?: readonly Published[];
}

/** How many times better ours is, from round to round. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The middle of the rounds, or the mean of the two in the middle. */
export function medianOf(rounds: Rounds): number {
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const summaries: Readonly<Record<Summary, (rounds: Rounds) => number>> = {
  median: medianOf,
  mean: (rounds) => rounds.reduce((sum, one) => sum + one, 0) / rounds.length,
  lowest: (rounds) => Math.min(...rounds),
  highest: (rounds) => Math.max(...rounds),
};

/** One number for one contender's rounds, as the result says how. */
export function summaryOf({ summary = "median" }: BenchResult, rounds: Rounds): number {
  return summaries[summary](rounds);
}

/** The peer against ours, round by round; null where rounds do not pair or a ratio says nothing. */
export function ratioOf(result: BenchResult, peer: Rounds): Ratio | null {
  const { ours, summary = "median", higherIsBetter = false } = result;
  if (summary !== "median") return null;
  const ratios = peer
    .slice(0, ours.length)
    .map((theirs, round) => (higherIsBetter ? ours[round] / theirs : theirs / ours[round]));
  if (ratios.length === 0 || !ratios.every((ratio) => ratio > 0 && ratio < Infinity)) return null;
  return { median: medianOf(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

/** Four digits, and five of large numbers, as far as there is anything to tell. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "never";
  return String(Number(value.toPrecision(Math.abs(value) < 100 ? 4 : 5)));
}

/** `0.15 (0.15 to 0.16)`: what the rounds come to, and their range where there are several. */
export function roundsText(result: BenchResult, rounds: Rounds): string {
  const value = shown(summaryOf(result, rounds));
  if (rounds.length < 2) return value;
  return `${value} (${shown(Math.min(...rounds))} to ${shown(Math.max(...rounds))})`;
}

/** `1.52x (1.48x to 1.6x)`, or nothing. */
export function ratioText(ratio: Ratio | null): string {
  if (ratio === null) return "";
  const [median, low, high] = [ratio.median, ratio.low, ratio.high].map((one) => one.toFixed(2));
  return low === high ? `${median}x` : `${median}x (${low}x to ${high}x)`;
}

/** `Tianshou DDPG, HalfCheetah-v3, 1,000,000 steps, 10 seeds: 11719 +- 466 (best evaluation)`. */
export function publishedText(one: Published): string {
  const { system, algorithm, environment, steps, seeds, value, spread, of } = one;
  const runs = seeds === 1 ? "1 seed" : `${seeds} seeds`;
  const where = `${environment}, ${steps.toLocaleString("en")} steps, ${runs}`;
  const found = spread === null ? String(value) : `${value} +- ${spread}`;
  return `${system} ${algorithm}, ${where}: ${found} (${of})`;
}

/** A result for a person: one line, and one more for each published number. */
export function linesOf(result: BenchResult): string[] {
  const { ours, peers, bar, published = [] } = result;
  const parts = [
    `ours ${roundsText(result, ours)}`,
    ...(bar === undefined ? [] : [`bar ${bar}`]),
    ...Object.entries(peers).map(([name, rounds]) => {
      const ratio = ratioText(ratioOf(result, rounds));
      return `${name} ${roundsText(result, rounds)}${ratio === "" ? "" : ` ${ratio}`}`;
    }),
  ];
  const head = `${result.case.padEnd(20)} ${result.unit.padEnd(8)} ${parts.join("; ")}`;
  return [head, ...published.map((one) => `  published: ${publishedText(one)}`)];
}

/** A result for a program, under the name of its benchmark. */
export function jsonOf(bench: string, result: BenchResult): object {
  const { case: of, unit, summary = "median", ours, peers } = result;
  const { higherIsBetter = false, bar, published } = result;
  const each = <T>(value: (rounds: Rounds) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(peers).map(([peer, rounds]) => [peer, value(rounds)]));
  return {
    ...{ bench, case: of, unit, summary, higherIsBetter, value: summaryOf(result, ours) },
    peers: each((rounds) => summaryOf(result, rounds)),
    ratios: each((rounds) => ratioOf(result, rounds)),
    rounds: { ours, ...peers },
    ...(bar !== undefined && { bar }),
    ...(published !== undefined && { published }),
  };
}

/** What `jsonOf` wrote, as it was. JSON has no Infinity: null stands for a round without end. */
export function resultOf(json: Readonly<Record<string, unknown>>): BenchResult {
  const { rounds, ...rest } = json as unknown as BenchResult & {
    readonly rounds: Readonly<Record<string, readonly (number | null)[]>>;
  };
  const { ours, ...peers } = Object.fromEntries(
    Object.entries(rounds).map(([name, values]) => [name, values.map((one) => one ?? Infinity)]),
  );
  return { ...rest, ours, peers };
}
