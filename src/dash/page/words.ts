/** Times in words: `420 us`, `3.1 ms`, `2.4 s`. */
export function timeOf(us: number): string {
  if (!Number.isFinite(us)) return "-";
  if (us < 1000) return `${us.toFixed(0)} us`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

/** Sizes in words. */
export function sizeOf(bytes: number): string {
  if (bytes < 1e4) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A number of a channel: as many places as tell something. */
export function numberWord(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

/** `staleObservation` as `stale observation`. */
export function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
