import { type Camera, cameraOf } from "./camera.ts";
import type { Film } from "./film.ts";
import { captionOf, darkTones, lightTones, toneOf } from "./film-look.ts";
import type { Place, Shape } from "./scene.ts";

/** Captions change so often, per second. */
const captionRate = 5;
/** How long the last picture stays. */
const holdSeconds = 0.8;

/**
 * The film as one SVG that moves by itself (SMIL), without a script or a request, in the reader's
 * light or dark scheme. Each shape is drawn once and carries its places and angles; a film of ten
 * seconds is some 50 KB. The film starts over when it ends.
 */
export function filmSvg(film: Film): string {
  return svgOf(held(film));
}

/** The film with its last picture standing for a moment, before it starts over. */
function held(film: Film): Film {
  const rest = Math.round(holdSeconds * film.framesPerSecond);
  const end = film.frames.slice(-1);
  return { ...film, frames: [...film.frames, ...Array.from({ length: rest }, () => end[0])] };
}

function svgOf(film: Film): string {
  const camera = cameraOf(film);
  const { width, height, scale, centres } = camera;
  const seconds = Math.max(0.001, (film.frames.length - 1) / film.framesPerSecond);
  const shift = centres.map(([x, y]): Place => [width / 2 - x * scale, height / 2 + y * scale]);
  const shapes = film.frames[0].shapes.map((shape, at) => {
    const track = film.frames.map(({ shapes }) => shapes[at] ?? shape);
    return drawn(track, camera, toneOf(film.frames[0].shapes, at), seconds);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="film" viewBox="0 0 ${width} ${height}"`,
    ` width="${width}" height="${height}" role="img"><title>${film.task}</title>`,
    `<style>${styleOf()}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<g${moving(shift, seconds)}`,
    ...shapes,
    "</g>",
    `<text x="14" y="24">${film.task}</text>`,
    captions(film, width, seconds),
    "</svg>\n",
  ].join("");
}

function styleOf(): string {
  const rules = ({ paper, ink, ground, mark, frame, target, bodies }: typeof lightTones): string =>
    [
      `.film .paper{fill:${paper}}.film text{fill:${ink}}`,
      `.film .ground{fill:${ground}}.film .mark{fill:${mark}}`,
      `.film .edge{stroke:${paper}}.film .frame{stroke:${frame}}`,
      `.film .target{stroke:${target}}.film circle.target{fill:${target}}`,
      ...bodies.map((tone, at) => `.film .b${at}{stroke:${tone}}.film circle.b${at}{fill:${tone}}`),
    ].join("");
  return [
    ".film text{font:600 13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}",
    ".film .said{text-anchor:end;font-variant-numeric:tabular-nums}",
    ".film line{stroke-linecap:round}.film circle{stroke:none}",
    rules(lightTones),
    `@media(prefers-color-scheme:dark){${rules(darkTones)}}`,
  ].join("");
}

/** One shape over the whole film. */
function drawn(track: readonly Shape[], camera: Camera, tone: string, seconds: number): string {
  const [first] = track;
  if (first.kind === "ground") return groundOf(first.height, camera);
  const { scale } = camera;
  if (first.kind === "circle") {
    const places = track.map((shape) => {
      return onPicture(shape.kind === "circle" ? shape.at : first.at, scale);
    });
    const radius = short(first.radius * scale);
    return `<g${moving(places, seconds)}<circle class="${tone}" r="${radius}"/></g>`;
  }
  const ends = track.map((shape) => {
    const { from, to } = "from" in shape ? shape : first;
    return [onPicture(from, scale), onPicture(to, scale)] as const;
  });
  const lengths = ends.map(([from, to]) => Math.hypot(to[0] - from[0], to[1] - from[1]));
  const stiff = Math.max(...lengths) - Math.min(...lengths) < 0.1;
  const wide = first.kind === "capsule" ? Math.max(1.5, first.radius * 2 * scale) : 1.5;
  return stiff ? rigid(ends, lengths[0], wide, tone, seconds) : elastic(ends, wide, tone, seconds);
}

/** A rod that keeps its length: its middle moves and it turns. */
function rigid(
  ends: readonly (readonly [Place, Place])[],
  length: number,
  wide: number,
  tone: string,
  seconds: number,
): string {
  const middles = ends.map(([a, b]): Place => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  let before = 0;
  const angles = ends.map(([from, to], at) => {
    const angle = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    // Through the nearest angle, else the picture would spin where atan2 jumps.
    before = at === 0 ? angle : angle + 360 * Math.round((before - angle) / 360);
    return before;
  });
  const half = short(length / 2);
  const line = `<line x1="${short(-length / 2)}" x2="${half}" `;
  const edge = wide > 4 ? `${line}class="edge" stroke-width="${short(wide + 2)}"/>` : "";
  const body = `${edge}${line}class="${tone}" stroke-width="${short(wide)}"/>`;
  return `<g${moving(middles, seconds)}<g${turning(angles, seconds)}${body}</g></g>`;
}

/** A line whose ends move apart. */
function elastic(
  ends: readonly (readonly [Place, Place])[],
  wide: number,
  tone: string,
  seconds: number,
): string {
  const numbers = [0, 1].flatMap((end) =>
    [0, 1].map((axis) => ends.map((pair) => pair[end][axis])),
  );
  const moves = ["x1", "y1", "x2", "y2"].map((name, at) => {
    const values = numbers[at].map(short).join(";");
    return `<animate attributeName="${name}" values="${values}" ${lasting(seconds)}/>`;
  });
  return `<line class="${tone}" stroke-width="${short(wide)}">${moves.join("")}</line>`;
}

/** Ground as far as the camera goes, with a mark every metre so that speed can be seen. */
function groundOf(height: number, { width, scale, centres }: Camera): string {
  const xs = centres.map(([x]) => x);
  const reach = width / scale;
  const [low, high] = [Math.floor(Math.min(...xs) - reach), Math.ceil(Math.max(...xs) + reach)];
  const y = short(-height * scale);
  const left = short(low * scale);
  const wide = short((high - low) * scale);
  const marks: string[] = [];
  for (let metre = low; metre < high; metre++) {
    if (metre % 2 === 0)
      marks.push(`M${short(metre * scale)} ${y}h${short(scale)}v5h${short(-scale)}z`);
  }
  return (
    `<rect class="ground" x="${left}" y="${y}" width="${wide}" height="2000"/>` +
    `<path class="mark" d="${marks.join("")}"/>`
  );
}

/** A column of lines behind a window of one line's height, pushed up line by line. */
function captions({ frames }: Film, width: number, seconds: number): string {
  const count = Math.max(1, Math.round(seconds * captionRate));
  const texts = Array.from({ length: count }, (_, at) => {
    const frame = frames[Math.round((at / count) * (frames.length - 1))];
    return `<text class="said" x="${width - 14}" y="${20 * at + 24}">${captionOf(frame)}</text>`;
  });
  const places = texts.map((_, at) => `0 ${-20 * at}`).join(";");
  const move =
    `<animateTransform attributeName="transform" type="translate" calcMode="discrete" ` +
    `values="${places}" ${lasting(seconds)}/>`;
  return (
    `<clipPath id="line"><path d="M0 10H${width}V30H0z"/></clipPath>` +
    `<g clip-path="url(#line)"><g>${move}${texts.join("")}</g></g>`
  );
}

/** The attributes and the first child of a group that moves along `places`. */
function moving(places: readonly Place[], seconds: number): string {
  return animated(
    "translate",
    places.map(([x, y]) => `${short(x)} ${short(y)}`),
    seconds,
  );
}

function turning(angles: readonly number[], seconds: number): string {
  return animated(
    "rotate",
    angles.map((angle) => `${short(angle)}`),
    seconds,
  );
}

function animated(
  kind: "translate" | "rotate",
  values: readonly string[],
  seconds: number,
): string {
  const still = ` transform="${kind}(${values[0]})">`;
  if (values.every((value) => value === values[0])) return still;
  return (
    `${still}<animateTransform attributeName="transform" type="${kind}" ` +
    `values="${values.join(";")}" ${lasting(seconds)}/>`
  );
}

function lasting(seconds: number): string {
  return `dur="${Number(seconds.toFixed(3))}s" repeatCount="indefinite"`;
}

function onPicture([x, y]: Place, scale: number): Place {
  return [x * scale, -y * scale];
}

/** To a tenth of a pixel or degree: finer is not seen. */
function short(value: number): number {
  return Math.round(value * 10) / 10;
}
