import type { Film } from "./film.ts";
import type { Place, Shape } from "./scene.ts";

/** What of the world a film shows, and how large. */
export interface Camera {
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Pixels of a metre. */
  readonly scale: number;
  /** The place in the picture's middle, for each frame. */
  readonly centres: readonly Place[];
}

interface Box {
  readonly low: Place;
  readonly high: Place;
}

/** A world that stays within so many of its own sizes is shown whole, by a camera that stands. */
const standsWithin = 3.2;
/** The camera that goes along shows so many times the body's size. */
const followed = 2.8;
/** The lowest thing stands so far below the middle, as a share of the picture's height. */
const rise = 0.36;
/** Time over which its way is smoothed, s. */
const smoothing = 0.4;

/**
 * A camera for the whole film: it stands where everything fits, and goes along with the body where
 * the body leaves. The picture is 480 pixels wide, or a square of 400 where the world is one.
 */
export function cameraOf({ frames, framesPerSecond }: Film): Camera {
  const boxes = frames.map(({ shapes }) => boxOf(shapes.filter(({ role }) => role === "body")));
  const whole = boxOf(frames.flatMap(({ shapes }) => shapes));
  const size = Math.max(
    ...boxes.map(({ low, high }) => Math.hypot(high[0] - low[0], high[1] - low[1])),
  );
  const [wide, tall] = [whole.high[0] - whole.low[0], whole.high[1] - whole.low[1]];
  if (Math.max(wide, tall) <= standsWithin * size) {
    const square = wide < 1.25 * tall;
    const [width, height] = square ? [400, 400] : [480, 270];
    const scale = Math.min(width / (wide * 1.16), height / (tall * 1.16 + 0.12 * wide));
    const centre: Place = [middleOf(whole)[0], heightOf(whole, height / scale, frames[0].shapes)];
    return { width, height, scale, centres: frames.map(() => centre) };
  }
  const scale = 480 / (followed * size);
  const reach = Math.max(1, Math.round((smoothing / 2) * framesPerSecond));
  const across = smooth(
    boxes.map((box) => middleOf(box)[0]),
    reach,
  );
  // Up and down the camera moves only where the body would leave the picture.
  const room = 270 / scale;
  const level = heightOf(whole, room, frames[0].shapes);
  const up = tall <= room * 0.85 ? boxes.map(() => level) : heights(boxes, reach);
  return { width: 480, height: 270, scale, centres: across.map((x, at) => [x, up[at]]) };
}

/** The height of the picture's middle where everything fits: ground lies low in a picture. */
function heightOf(whole: Box, room: number, shapes: readonly Shape[]): number {
  const ground = shapes.some(({ kind }) => kind === "ground");
  const fits = whole.high[1] - whole.low[1] <= room * 0.8;
  return ground && fits ? whole.low[1] + rise * room : middleOf(whole)[1];
}

function heights(boxes: readonly Box[], reach: number): number[] {
  return smooth(
    boxes.map((box) => middleOf(box)[1]),
    reach,
  );
}

function middleOf({ low, high }: Box): Place {
  return [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
}

/** Around everything that has an extent; a ground reaches only up to its height. */
function boxOf(shapes: readonly Shape[]): Box {
  const low: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high: [number, number] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const add = ([x, y]: Place, radius: number): void => {
    low[0] = Math.min(low[0], x - radius);
    low[1] = Math.min(low[1], y - radius);
    high[0] = Math.max(high[0], x + radius);
    high[1] = Math.max(high[1], y + radius);
  };
  for (const shape of shapes) {
    if (shape.kind === "circle") add(shape.at, shape.radius);
    else if (shape.kind === "ground") low[1] = Math.min(low[1], shape.height);
    else {
      const radius = shape.kind === "capsule" ? shape.radius : 0;
      add(shape.from, radius);
      add(shape.to, radius);
    }
  }
  const some = Number.isFinite(low[0]) && Number.isFinite(high[1]);
  return some ? { low, high } : { low: [-1, -1], high: [1, 1] };
}

/** The mean of the values up to `reach` before and after each. */
function smooth(values: readonly number[], reach: number): number[] {
  return values.map((_, at) => {
    const near = values.slice(Math.max(0, at - reach), at + reach + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}
