/** `value` brought to the nearer bound where it is beyond one. NaN passes: check finite first. */
export function between(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
