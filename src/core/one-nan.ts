/**
 * `value`, or where it is no number the one NaN. The bits of another depend on how it was computed,
 * interpreted or compiled, and a replay compares bits.
 */
export function oneNaN(value: number): number {
  return Number.isNaN(value) ? Number.NaN : value;
}
