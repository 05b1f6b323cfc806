import type { Frame } from "./film.ts";
import type { Shape } from "./scene.ts";

/** Colours of a film, as `#rrggbb`. */
export interface Tones {
  readonly paper: string;
  readonly ink: string;
  readonly ground: string;
  readonly mark: string;
  readonly frame: string;
  readonly target: string;
  /** From the shapes at the back to those in front. */
  readonly bodies: readonly string[];
}

export const lightTones: Tones = {
  paper: "#fafbfc",
  ink: "#3d444d",
  ground: "#dfe3e8",
  mark: "#aeb6bf",
  frame: "#8c959f",
  target: "#d9730d",
  bodies: ["#12408f", "#1c57bb", "#2f6bd8", "#4b86ec", "#72a4f7"],
};

export const darkTones: Tones = {
  paper: "#14181d",
  ink: "#c9d1d9",
  ground: "#262c33",
  mark: "#454d57",
  frame: "#6e7681",
  target: "#ffab5e",
  bodies: ["#2c5cc0", "#3d73dd", "#5a8ef2", "#7fabff", "#a9c8ff"],
};

/** The name of a shape's tone: `b0` to `b4` for bodies in their order, else its role. */
export function toneOf(shapes: readonly Shape[], at: number): string {
  if (shapes[at].role !== "body") return shapes[at].role;
  const bodies = shapes.map((_, index) => index).filter((index) => shapes[index].role === "body");
  const place = bodies.length > 1 ? bodies.indexOf(at) / (bodies.length - 1) : 0.5;
  return `b${Math.round(place * (lightTones.bodies.length - 1))}`;
}

/** What is written on a picture of the film. */
export function captionOf(frame: Frame): string {
  return `return ${frame.return.toFixed(1)} at ${frame.seconds.toFixed(1)} s`;
}
