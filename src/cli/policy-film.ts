import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SinewError } from "../core/errors.ts";
import type { Judged } from "../learn/train.ts";
import { loadPolicy } from "../policy/policy.ts";
import type { Task } from "../sim/env.ts";
import { recordFilm } from "../sim/film.ts";
import { filmSvg } from "../sim/film-svg.ts";

/** Whether the task's worlds can be drawn. */
export function canBeFilmed(task: Task): boolean {
  return task.makeEnv().scene !== undefined;
}

/** A policy file at work as an SVG: noise off, from the first fixed start, at most 10 s. */
export async function filmOfPolicy(task: Task, file: Uint8Array): Promise<Uint8Array> {
  const policy = await loadPolicy(file);
  try {
    const film = await recordFilm(task, (observation, action) => policy.act(observation, action), {
      seed: 1_000_000,
      seconds: 10,
      framesPerSecond: 25,
    });
    return new TextEncoder().encode(filmSvg(film));
  } finally {
    await policy.close();
  }
}

/** Throws `SinewError("usage")` where there would be nothing to see. */
export function checkFilmed(task: Task): void {
  if (canBeFilmed(task)) return;
  const why = `${task.name} cannot be drawn, its worlds have no scene()`;
  throw new SinewError("usage", `${why}: leave --film-every off`);
}

/**
 * Films what a run evaluates: `film-<step>.svg` in the run's folder, at the first evaluation of
 * each `everySteps` environment steps.
 */
export class RunFilms {
  readonly #task: Task;
  readonly #folder: string;
  readonly #everySteps: number;
  #filmed = 0;

  constructor(task: Task, folder: string, everySteps: number) {
    this.#task = task;
    this.#folder = folder;
    this.#everySteps = everySteps;
  }

  /**
   * Films the policy if a film is due, and gives its path, else null. Throws `SinewError("usage")`
   * where it cannot be written.
   */
  async see({
    moment: { step },
    policy,
  }: Pick<Judged, "moment" | "policy">): Promise<string | null> {
    const due = Math.floor(step / this.#everySteps);
    if (due === this.#filmed) return null;
    this.#filmed = due;
    const path = join(this.#folder, `film-${step}.svg`);
    const film = await filmOfPolicy(this.#task, policy);
    try {
      writeFileSync(path, film);
    } catch (error) {
      throw new SinewError("usage", `cannot write ${path}`, { cause: error });
    }
    return path;
  }
}
