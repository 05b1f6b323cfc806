import assert from "node:assert/strict";

/** Levels of cover at an edge: more are not seen, and each is a colour of the palette. */
const levels = 8;
const coloursMax = 256;

/** A colour as 0xrrggbb. */
export type Colour = number;

/** The colours of a whole film: at most 256, and what is asked for beyond gets the nearest. */
export class Palette {
  readonly colours: Colour[] = [];
  readonly #known: Map<Colour, number> = new Map();

  /** The place of a colour in `colours`. */
  indexOf(colour: Colour): number {
    const known = this.#known.get(colour);
    if (known !== undefined) return known;
    const index = this.colours.length < coloursMax ? this.#added(colour) : this.#nearest(colour);
    this.#known.set(colour, index);
    return index;
  }

  #added(colour: Colour): number {
    this.colours.push(colour);
    return this.colours.length - 1;
  }

  #nearest(colour: Colour): number {
    const distances = this.colours.map((other) => {
      return [16, 8, 0].reduce(
        (sum, at) => sum + (((colour >> at) & 255) - ((other >> at) & 255)) ** 2,
        0,
      );
    });
    return distances.indexOf(Math.min(...distances));
  }
}

/** A picture in memory: [height * width] colours, row after row, y downwards. */
export class Raster {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }

  /** Paints the rectangle [left, right) x [top, bottom), whole pixels, as far as it is inside. */
  fill(left: number, top: number, right: number, bottom: number, colour: Colour): void {
    const from = Math.min(this.width, Math.max(0, Math.round(left)));
    const to = Math.min(this.width, Math.max(0, Math.round(right)));
    const last = Math.min(this.height, Math.round(bottom));
    for (let y = Math.max(0, Math.round(top)); y < last; y++) {
      if (to > from) this.pixels.fill(colour, y * this.width + from, y * this.width + to);
    }
  }

  /**
   * Paints a thick line with round ends, its edge smooth; a circle is one from a place to itself.
   * Pixels have their middles at half numbers.
   */
  capsule(x0: number, y0: number, x1: number, y1: number, radius: number, colour: Colour): void {
    assert(radius >= 0);
    const reach = radius + 1;
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
    const right = Math.min(this.width, Math.ceil(Math.max(x0, x1) + reach));
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
    const bottom = Math.min(this.height, Math.ceil(Math.max(y0, y1) + reach));
    const [dx, dy] = [x1 - x0, y1 - y0];
    const square = dx * dx + dy * dy;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const share = square > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / square)) : 0;
        const [ax, ay] = [px - share * dx, py - share * dy];
        // Math.hypot is many times slower.
        const distance = Math.sqrt(ax * ax + ay * ay);
        // A pixel's cover falls from 1 to 0 over the one pixel that the edge crosses.
        const cover = Math.round(Math.min(1, Math.max(0, radius + 0.5 - distance)) * levels);
        if (cover > 0) this.#blend(y * this.width + x, colour, cover / levels);
      }
    }
  }

  #blend(at: number, colour: Colour, share: number): void {
    const below = this.pixels[at];
    let mixed = 0;
    for (const shift of [16, 8, 0]) {
      const [from, to] = [(below >> shift) & 255, (colour >> shift) & 255];
      mixed |= Math.round(from + (to - from) * share) << shift;
    }
    this.pixels[at] = mixed;
  }
}
