import { SinewError } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import type { Env, Task } from "./env.ts";
import type { Shape } from "./scene.ts";

const roles: readonly unknown[] = ["body", "target", "ground", "frame"];

/** Numbers and places of each kind of shape. */
const parts: Readonly<Record<Shape["kind"], readonly [string[], string[]]>> = {
  capsule: [["radius"], ["from", "to"]],
  circle: [["radius"], ["at"]],
  line: [[], ["from", "to"]],
  ground: [["height"], []],
};

/** A world some steps into an episode: the last of them, and the world itself. */
function begun(task: Task) {
  const env = task.makeEnv();
  const rng = new Rng(12);
  let before = new Float32Array(task.spec.observation.length);
  const after = before.slice();
  env.reset(12, after);
  let action = new Float32Array(0);
  for (let step = 0; step < Math.min(5, task.episodeStepsMax); step++) {
    before = after.slice();
    action = Float32Array.from(task.spec.action, ({ low, high }) => rng.uniform(low, high));
    const { terminated, truncated } = env.step(action.slice(), after);
    if (terminated || truncated) break;
  }
  return { env, before, action, after };
}

/** What is wrong with a task's judge of logged steps, or null; a task need not have one. */
export function judgeProblem(task: Task): string | null {
  const { before, action, after } = begun(task);
  const copies = [before.slice(), action.slice(), after.slice()] as const;
  let reward: number;
  try {
    reward = task.reward(...copies);
  } catch (thrown) {
    if (thrown instanceof SinewError) return null;
    throw thrown;
  }
  if (!Number.isFinite(Math.fround(reward)))
    return `reward gives ${reward} for a step that happened`;
  const names = ["observation", "action", "next"];
  const written = names.find((_, i) => !same(copies[i], [before, action, after][i]));
  return written === undefined ? null : `reward writes to "${written}": it must only read`;
}

/** What is wrong with how a task puts another goal into an observation, or null. */
export function goalProblem(task: Task): string | null {
  if (task.relabel === undefined) return null;
  const { before, action, after } = begun(task);
  const [once, reached] = [before.slice(), after.slice()];
  task.relabel(once, reached);
  if (!same(reached, after)) return 'relabel writes to "reached": it must write to "observation"';
  const at = once.findIndex((value, i) => {
    const { low, high } = task.spec.observation[i];
    return !(value >= Math.fround(low) && value <= Math.fround(high));
  });
  if (at >= 0) {
    const { name, low, high } = task.spec.observation[at];
    return `relabel makes "${name}" ${once[at]}, outside [${low}, ${high}]`;
  }
  const twice = once.slice();
  task.relabel(twice, reached);
  const again = twice.every(
    (value, i) => Math.abs(value - once[i]) <= 1e-5 + 1e-5 * Math.abs(value),
  );
  if (!again) return "relabel a second time, to the same goal, changes it again";
  const next = after.slice();
  task.relabel(next, reached);
  const reward = task.reward(once, action, next);
  return Number.isFinite(Math.fround(reward)) ? null : `with another goal the reward is ${reward}`;
}

/** What is wrong with the numbers that `--randomise` may vary, or null. */
export function parametersProblem(task: Task): string | null {
  return faultOfParameters(task.makeEnv().parameters);
}

/** What makes `parameters` no numbers by name, or null; they may be absent. */
export function faultOfParameters(parameters: unknown): string | null {
  if (parameters === undefined) return null;
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
    return "parameters must be an object of numbers by name";
  }
  const wrong = Object.entries(parameters).find(([, value]) => !Number.isFinite(value));
  return wrong === undefined ? null : `parameters.${wrong[0]} is ${wrong[1]}: give a number`;
}

/** What is wrong with a world's picture, or null; it need not have one. */
export function sceneProblem(task: Task): string | null {
  const { env } = begun(task);
  if (env.scene === undefined) return null;
  const state = env.save?.();
  const shapes: unknown = env.scene();
  if (!Array.isArray(shapes)) return "scene must return a list of shapes";
  const faults = shapes.map((shape: unknown, at) => faultOfShape(`scene()[${at}]`, shape));
  const fault = faults.find((one) => one !== null);
  if (fault !== undefined) return fault;
  return changed(env, state) ? "scene changes the world: it must only look" : null;
}

function changed(env: Env, before: Float64Array | undefined): boolean {
  return before !== undefined && !same(env.save!(), before);
}

function faultOfShape(place: string, shape: unknown): string | null {
  const fields = (typeof shape === "object" && shape !== null ? shape : {}) as Readonly<
    Record<string, unknown>
  >;
  const { kind, role } = fields;
  if (typeof kind !== "string" || !Object.hasOwn(parts, kind)) {
    return `${place} is of the kind ${kind}: give one of ${Object.keys(parts).join(", ")}`;
  }
  if (!roles.includes(role))
    return `${place} has the role ${role}: give one of ${roles.join(", ")}`;
  const [numbers, places] = parts[kind as Shape["kind"]];
  const number = numbers.find((name) => !Number.isFinite(fields[name]));
  if (number !== undefined) return `${place}.${number} is ${fields[number]}: give a number`;
  const pair = places.find((name) => {
    const value = fields[name];
    return !Array.isArray(value) || value.length !== 2 || !value.every(Number.isFinite);
  });
  return pair === undefined ? null : `${place}.${pair} is ${fields[pair]}: give two numbers`;
}

function same(one: ArrayLike<number>, two: ArrayLike<number>): boolean {
  return one.length === two.length && Array.from(one).every((value, i) => value === two[i]);
}
