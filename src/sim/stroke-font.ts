import type { Colour, Raster } from "./raster.ts";

/**
 * A small writing for pictures made without a font: strokes through places on a grid, each place
 * two digits, x from 0 to 4 and y from 0 (top) over 6 (baseline) to 8. A place alone, twice, is a
 * dot. Small letters only; what is not here is a space.
 */
const glyphs: Readonly<Record<string, string>> = {
  "0": "103041453616050110",
  "1": "112026 1636",
  "2": "01103041420646",
  "3": "01103041423313 334445361605",
  "4": "36300444",
  "5": "400002324345361605",
  "6": "413010010516364544331304",
  "7": "004016",
  "8": "103041423313020110 133344453616050413",
  "9": "051636454130100102133342",
  "-": "0343",
  ".": "2626",
  ",": "2617",
  ":": "2323 2626",
  "/": "4006",
  a: "12324346 441405163645",
  b: "0006 0312324345361605",
  c: "4332120305163645",
  d: "4046 4332120305163645",
  e: "04444332120305163645",
  f: "40302126 1242",
  g: "4247381807 4332120305163645",
  h: "0006 0312324346",
  i: "2226 2020",
  j: "22271807 2020",
  k: "0006 4204 1346",
  l: "2026",
  m: "0206 03122326 23324346",
  n: "0206 0312324346",
  o: "123243453616050312",
  p: "0208 0312324345361605",
  q: "4248 4332120305163645",
  r: "0206 03123243",
  s: "43321203143445361605",
  t: "20253646 0242",
  u: "0205163645 4246",
  v: "022642",
  w: "0216233642",
  x: "0246 4206",
  y: "0226 4218",
  z: "02420646",
};

/** Steps of the grid from one character to the next. */
const advance = 6.2;

/** The width of a text, in pixels, where a step of the grid is `size` pixels. */
export function textWidth(text: string, size: number): number {
  return Math.max(0, text.length * advance - (advance - 4)) * size;
}

/** Writes `text` with its baseline at `y` from `x` on, one line. */
export function write(
  raster: Raster,
  text: string,
  [x, y]: readonly [number, number],
  size: number,
  colour: Colour,
): void {
  [...text.toLowerCase()].forEach((character, at) => {
    const left = x + at * advance * size;
    for (const stroke of (glyphs[character] ?? "").split(" ")) {
      const places = [...stroke.matchAll(/(\d)(\d)/g)].map(([, column, row]) => {
        return [left + Number(column) * size, y + (Number(row) - 6) * size] as const;
      });
      for (let to = 1; to < places.length; to++) {
        raster.capsule(...places[to - 1], ...places[to], size * 0.42, colour);
      }
    }
  });
}
