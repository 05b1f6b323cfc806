import { SinewError } from "../core/errors.ts";
import type { Task } from "./env.ts";
import type { Shape } from "./scene.ts";

/** The world at one moment of a film. */
export interface Frame {
  /** In metres, in the same order in every frame. */
  readonly shapes: readonly Shape[];
  /** Since the episode began. */
  readonly seconds: number;
  /** Undiscounted return so far. */
  readonly return: number;
}

/** One episode, or its beginning, as pictures at a steady rate. */
export interface Film {
  readonly task: string;
  readonly framesPerSecond: number;
  /** At least one. */
  readonly frames: readonly Frame[];
  /** Why the film ends: the world's end, the episode's longest length, or the film's own. */
  readonly end: "terminated" | "truncated" | "cut";
}

/** Writes the action for an observation, both in physical units. */
export type Act = (observation: Float32Array, action: Float32Array) => void | Promise<void>;

/** What to film. */
export interface FilmRequest {
  /** Of the episode's start. */
  readonly seed: number;
  /** The longest film; an episode may end sooner. */
  readonly seconds: number;
  /** At most; the film's own rate divides the task's, so that each picture is of a real step. */
  readonly framesPerSecond: number;
}

/**
 * Lets `act` play one episode and takes a picture of the world every so many steps. Throws
 * `SinewError("environment")` where the task has no scene to show.
 */
export async function recordFilm(task: Task, act: Act, request: FilmRequest): Promise<Film> {
  const env = task.makeEnv();
  const { spec } = env;
  const look = (): readonly Shape[] => {
    const shapes = env.scene?.();
    if (shapes !== undefined) return shapes;
    throw new SinewError("environment", `${task.name} has no scene: its Env needs scene()`);
  };
  const observation = new Float32Array(spec.observation.length);
  const action = new Float32Array(spec.action.length);
  env.reset(request.seed, observation);
  const period = spec.periodUs / 1e6;
  const stride = Math.max(1, Math.ceil(1 / (period * request.framesPerSecond) - 1e-9));
  const steps = Math.max(1, Math.floor(request.seconds / period + 1e-9));
  const frames: Frame[] = [{ shapes: look(), seconds: 0, return: 0 }];
  let total = 0;
  let end: Film["end"] = "cut";
  for (let step = 1; step <= steps && end === "cut"; step++) {
    await act(observation, action);
    const { reward, terminated, truncated } = env.step(action, observation);
    total += reward;
    if (terminated || truncated) end = terminated ? "terminated" : "truncated";
    if (step % stride === 0 || end !== "cut") {
      frames.push({ shapes: look(), seconds: step * period, return: total });
    }
  }
  return { task: task.name, framesPerSecond: 1 / (stride * period), frames, end };
}
