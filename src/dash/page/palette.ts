const names = ["accent", "asked", "edge", "given", "limited", "refused", "soft"] as const;

/** The page's colours, as a canvas wants them. */
export type Palette = Readonly<Record<(typeof names)[number], string>>;

/** The colours of now: light or dark. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.body);
  const entries = names.map((name) => [name, style.getPropertyValue(`--${name}`)]);
  return Object.fromEntries(entries) as Palette;
}
