import { encodeApng } from "./apng.ts";
import { type Camera, cameraOf } from "./camera.ts";
import type { Film, Frame } from "./film.ts";
import { captionOf, lightTones, type Tones, toneOf } from "./film-look.ts";
import { type Colour, Palette, Raster } from "./raster.ts";
import type { Place, Shape } from "./scene.ts";
import { textWidth, write } from "./stroke-font.ts";

/** How long the last picture stays before the film starts over, ms. */
const holdMs = 800;
const letterSize = 1.5;

/**
 * The film as an animated PNG in light colours, for places that show no moving SVG. Ten seconds of
 * a robot are about 1 MB.
 */
export function filmPng(film: Film): Uint8Array {
  const camera = cameraOf(film);
  const { width, height } = camera;
  const palette = new Palette();
  const raster = new Raster(width, height);
  const last = film.frames.length - 1;
  const pictures = film.frames.map((frame, at) => {
    paint(raster, film, frame, camera, camera.centres[at]);
    return {
      indices: indicesOf(raster.pixels, palette),
      milliseconds: at === last ? holdMs : 1000 / film.framesPerSecond,
    };
  });
  return encodeApng({ width, height, colours: palette.colours, pictures });
}

function indicesOf(pixels: Uint32Array, palette: Palette): Uint8Array {
  const indices = new Uint8Array(pixels.length);
  // Most pixels are as the one before: only others are looked up.
  let index = palette.indexOf(pixels[0]);
  for (let at = 0; at < pixels.length; at++) {
    if (at > 0 && pixels[at] !== pixels[at - 1]) index = palette.indexOf(pixels[at]);
    indices[at] = index;
  }
  return indices;
}

function paint(raster: Raster, film: Film, frame: Frame, camera: Camera, centre: Place): void {
  const { width, height } = raster;
  raster.fill(0, 0, width, height, colourOf(lightTones.paper));
  frame.shapes.forEach((shape, at) => {
    const tone = toneColour(lightTones, toneOf(frame.shapes, at));
    paintShape(raster, shape, tone, camera, centre);
  });
  const ink = colourOf(lightTones.ink);
  const said = captionOf(frame);
  write(raster, film.task, [14, 24], letterSize, ink);
  write(raster, said, [width - 14 - textWidth(said, letterSize), 24], letterSize, ink);
}

function paintShape(
  raster: Raster,
  shape: Shape,
  tone: Colour,
  { scale }: Camera,
  [middleX, middleY]: Place,
): void {
  const x = (metres: number): number => raster.width / 2 + (metres - middleX) * scale;
  const y = (metres: number): number => raster.height / 2 - (metres - middleY) * scale;
  const paper = colourOf(lightTones.paper);
  if (shape.kind === "ground") {
    const top = y(shape.height);
    raster.fill(0, top, raster.width, raster.height, tone);
    // Marks every other metre, so that speed can be seen.
    const reach = raster.width / scale;
    for (let metre = 2 * Math.floor((middleX - reach) / 2); metre < middleX + reach; metre += 2) {
      raster.fill(x(metre), top, x(metre + 1), top + 5, colourOf(lightTones.mark));
    }
  } else if (shape.kind === "circle") {
    const [cx, cy] = [x(shape.at[0]), y(shape.at[1])];
    raster.capsule(cx, cy, cx, cy, shape.radius * scale, tone);
  } else {
    const ends = [x(shape.from[0]), y(shape.from[1]), x(shape.to[0]), y(shape.to[1])] as const;
    const radius = shape.kind === "capsule" ? Math.max(0.75, shape.radius * scale) : 0.75;
    // A rim of the paper's colour tells limbs apart that cross.
    if (radius > 2) raster.capsule(...ends, radius + 1, paper);
    raster.capsule(...ends, radius, tone);
  }
}

function toneColour(tones: Tones, name: string): Colour {
  const body = /^b(\d)$/.exec(name);
  if (body !== null) return colourOf(tones.bodies[Number(body[1])]);
  return colourOf(tones[name as "ground" | "frame" | "target"]);
}

function colourOf(text: string): Colour {
  return Number.parseInt(text.slice(1), 16);
}
