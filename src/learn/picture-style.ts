/** Colours that series are told apart by, before they repeat. */
export const hues = 8;

const lightHues = [
  "#2f6bd8",
  "#d9730d",
  "#1a8f5a",
  "#c2453a",
  "#7a52c7",
  "#0b86a0",
  "#b0418f",
  "#6b7280",
];
const darkHues = [
  "#6ea1ff",
  "#ffab5e",
  "#4fd694",
  "#ff7b72",
  "#b794ff",
  "#43cbe6",
  "#f07fcb",
  "#a8b0bc",
];

function huesOf(colours: readonly string[]): string {
  return colours
    .map((colour, at) => `.curve .h${at}{stroke:${colour}}.curve .band.h${at}{fill:${colour}}`)
    .join("");
}

/**
 * The style of a chart. Every rule is below `.curve`, as several charts and a page may share one
 * document. No custom properties: converters of SVG to pixels do not know them.
 */
export const chartStyle: string = [
  ".curve{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}",
  ".curve .paper{fill:#fff}.curve path{fill:none}",
  ".curve text{fill:#1b1f24;font-size:12px}.curve .title{font-size:16px;font-weight:600}",
  ".curve .note,.curve .tick{fill:#57606a}",
  ".curve .tick{font-size:11.5px;font-variant-numeric:tabular-nums}",
  ".curve .middle{text-anchor:middle}.curve .end{text-anchor:end}",
  ".curve .grid{stroke:#e6e9ed}.curve .axis{stroke:#8c959f}",
  ".curve .level{stroke:#57606a;stroke-dasharray:5 4}",
  ".curve .line{stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}",
  ".curve .dashed{stroke-dasharray:6 4}",
  ".curve .thin{stroke-width:1;stroke-opacity:.35;stroke-linejoin:round}",
  huesOf(lightHues),
  ".curve .band{fill-opacity:.18;stroke:none}.curve circle{fill:none;stroke-width:2}",
  "@media(prefers-color-scheme:dark){",
  ".curve .paper{fill:#14181d}.curve text{fill:#e6edf3}",
  ".curve .note,.curve .tick{fill:#9aa4af}",
  ".curve .grid{stroke:#262c33}.curve .axis{stroke:#6e7681}.curve .level{stroke:#9aa4af}",
  huesOf(darkHues),
  ".curve .band{stroke:none;fill-opacity:.22}.curve .thin{stroke-opacity:.5}}",
].join("");

/** A place in pixels, to a tenth: finer is not seen and makes files large. */
export function coordinate(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Text as it may stand in XML and HTML, in elements and in quoted attributes. */
export function escaped(text: string): string {
  return text
    .replaceAll(/\p{Cc}/gu, " ")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
