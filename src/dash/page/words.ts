/** Times in words: `420 us`, `3.1 ms`, `2.4 s`. */
export function timeWord(us: number): string {
  if (!Number.isFinite(us)) return "-";
  if (us < 1000) return `${us.toFixed(0)} us`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}

/** Sizes in words. */
export function sizeWord(bytes: number): string {
  if (bytes < 1e4) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A number of a channel whose range is so wide, with as many places as tell something. */
export function numberWord(value: number, range: number): string {
  if (!Number.isFinite(value)) return String(value);
  const wide = Number.isFinite(range) ? range : Math.abs(value);
  const places = 3 - Math.floor(Math.log10(Math.max(wide, 1e-9)));
  const word = value.toFixed(Math.min(9, Math.max(0, places)));
  return Number(word) === 0 ? word.replace("-", "") : word;
}

/** `staleObservation` as `stale observation`. */
export function spaced(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
