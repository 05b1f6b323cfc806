/** What the counts of a servo mean: it tells 0 to `counts - 1`. */
export interface ServoScale {
  readonly counts: number;
  readonly radPerCount: number;
  /** After the last count comes 0 again; else there is a gap, in which nothing true is told. */
  readonly turns: boolean;
  /** Nothing may bring a servo nearer to either end than so many counts. */
  readonly marginCounts: number;
}

/**
 * A servo with a whole turn goes from its last count to 0 the long way round, and one with a gap
 * has no place beyond its last count: 0.1 rad.
 */
const marginRad = Math.PI / 32;
/** A servo with a gap is not trusted with less: its own limits leave the factory with so many. */
const gapMarginMin = 20;

/** An encoder of a whole turn. */
export const wholeTurn: ServoScale = scaleOf(4096, 2 * Math.PI, true);

/** A potentiometer of `counts` counts, which span `spanDegrees`. */
export function spanScale(counts: number, spanDegrees: number): ServoScale {
  const scale = scaleOf(counts, (spanDegrees * Math.PI) / 180, false);
  return { ...scale, marginCounts: Math.max(gapMarginMin, scale.marginCounts) };
}

function scaleOf(counts: number, spanRad: number, turns: boolean): ServoScale {
  const radPerCount = spanRad / counts;
  return { counts, radPerCount, turns, marginCounts: Math.ceil(marginRad / radPerCount) };
}

/** So many counts, rounded up, as are `rad`. */
export function wholeCounts({ radPerCount }: ServoScale, rad: number): number {
  return Math.ceil(rad / radPerCount);
}

/** The last count that keeps clear of the upper end. */
export function clearLast({ counts, marginCounts }: ServoScale): number {
  return counts - 1 - marginCounts;
}

/** Whether `low` to `high`, counts and not rounded, keeps clear of both ends. */
export function keepsClear(scale: ServoScale, low: number, high: number): boolean {
  return low >= scale.marginCounts && high <= clearLast(scale);
}

/** `difference` of two counts; of a whole turn brought to the nearer way: -2048 to 2047. */
export function nearWay({ counts, turns }: ServoScale, difference: number): number {
  if (!turns) return difference;
  const half = counts / 2;
  return ((difference + half) & (counts - 1)) - half;
}

/** The count of a place that may be told beyond the ends: of a whole turn counted round. */
export function countWithin({ counts, turns }: ServoScale, place: number): number {
  if (turns) return place & (counts - 1);
  return Math.min(counts - 1, Math.max(0, place));
}
