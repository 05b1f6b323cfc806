/**
 * The whole number that is nearest to `value`, from `low` to `high`, both whole: what a field of so
 * many bits holds of it. Bits alone would wrap round, so that too much becomes too little. NaN is
 * `low`; who may have one asks first.
 */
export function saturated(value: number, low: number, high: number): number {
  return value >= high ? high : value > low ? Math.round(value) : low;
}
