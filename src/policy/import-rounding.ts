/**
 * Half of the last digit of `texts` where all of them have been printed with the same number of
 * decimals and were not short to begin with; null where nothing was lost.
 */
export function halfOfDecimals(texts: readonly string[]): number | null {
  const decimals = texts.map((text) => /^-?\d+\.(\d+)$/.exec(text.trim())?.[1]?.length ?? -1);
  const [count] = decimals;
  if (count === undefined || count < 1 || decimals.some((one) => one !== count)) return null;
  const loses = texts.some((text) => !text.trim().endsWith("0"));
  return loses ? 0.5 * 10 ** -count : null;
}

/**
 * Half of the last digit of the largest of `values` where all of them have at most `digits`
 * significant digits and one has all of these; null where nothing was lost.
 */
export function halfOfDigits(values: readonly number[], digits: number): number | null {
  const rounded = values.filter((value) => significantDigits(value) === digits);
  if (rounded.length === 0 || values.some((value) => significantDigits(value) > digits)) {
    return null;
  }
  const exponents = rounded.map((value) => Math.floor(Math.log10(Math.abs(value))));
  return 0.5 * 10 ** (Math.max(...exponents) - digits + 1);
}

/** Significant digits of the shortest text that gives the number. */
function significantDigits(value: number): number {
  const [mantissa] = Math.abs(value).toExponential().split("e");
  return value === 0 ? 0 : mantissa.replace(".", "").length;
}
