import { Rng } from "../core/rng.ts";
import type { Channel, Spec } from "../core/spec.ts";
import { type Env, type Mirror, type Reflection, reflect, type Task } from "./env.ts";

/** One step of a world, with the states before and after it where the world tells them. */
interface Seen {
  readonly before: Float32Array;
  readonly action: Float32Array;
  readonly after: Float32Array;
  readonly reward: number;
  readonly state: Float64Array | null;
}

/** Relative error that rounding to float32 and another order of sums may make. */
const tolerance = 1e-4;

/** What makes `mirror` no mirror of such a task, or null: lengths, twice is once, equal limits. */
export function faultOfMirror(spec: Spec, mirror: unknown): string | null {
  if (typeof mirror !== "object" || mirror === null) return 'give { "observation", "action" }';
  const { observation, action } = mirror as Partial<Mirror>;
  return (
    faultOfReflection("observation", spec.observation, observation) ??
    faultOfReflection("action", spec.action, action)
  );
}

function faultOfReflection(
  group: "observation" | "action",
  channels: readonly Channel[],
  reflection: Partial<Reflection> | undefined,
): string | null {
  const count = channels.length;
  const { from, sign } = reflection ?? {};
  for (const [name, list] of Object.entries({ from, sign })) {
    if (Array.isArray(list) && list.length === count) continue;
    const has = Array.isArray(list) ? `${list.length} entries` : "no list";
    return `${group}.${name} has ${has}: give one for each of the ${count} channels`;
  }
  for (const [at, { name }] of channels.entries()) {
    const [source, factor] = [from![at], sign![at]];
    if (!Number.isInteger(source) || source < 0 || source >= count) {
      return `${group}.from[${at}] is ${source}: give a channel's number, 0 to ${count - 1}`;
    }
    if (factor !== 1 && factor !== -1) return `${group}.sign[${at}] is ${factor}: give 1 or -1`;
    if (from![source] !== at || sign![source] !== factor) {
      return `${group}: mirrored twice, "${name}" is not what it was`;
    }
    const { low, high } = channels[source];
    const limits = factor === 1 ? [low, high] : [-high, -low];
    if (limits[0] === channels[at].low && limits[1] === channels[at].high) continue;
    return `${group}: "${name}" in the mirror has the limits [${limits}], not its own`;
  }
  return null;
}

/**
 * What a task's steps say against its mirror, or null: its judge must give a mirrored step the same
 * reward; and where each number of a saved state is an observed one, a constant or a count, a step
 * from the mirrored state must be the mirror of the step.
 */
export function mirrorProblem(task: Task): string | null {
  const { mirror } = task;
  if (mirror === undefined) return null;
  const fault = faultOfMirror(task.spec, mirror);
  if (fault !== null) return fault;
  const steps = stepsOf(task);
  return unlikeJudgement(task, mirror, steps) ?? unlikeStep(task, mirror, steps);
}

function stepsOf(task: Task): Seen[] {
  const rng = new Rng(31);
  const steps: Seen[] = [];
  const env = task.makeEnv();
  const observation = new Float32Array(task.spec.observation.length);
  for (let seed = 1; seed <= 3; seed++) {
    env.reset(seed, observation);
    for (let step = 0; step < Math.min(20, task.episodeStepsMax); step++) {
      const before = observation.slice();
      const state = env.restore === undefined ? null : (env.save?.() ?? null);
      const action = Float32Array.from(task.spec.action, ({ low, high }) => rng.uniform(low, high));
      const { reward, terminated, truncated } = env.step(action.slice(), observation);
      steps.push({ before, action, after: observation.slice(), reward, state });
      if (terminated || truncated) break;
    }
  }
  return steps;
}

function mirrored(reflection: Reflection, values: Float32Array): Float32Array {
  const into = new Float32Array(values.length);
  reflect(reflection, values, into);
  return into;
}

function unlike(one: number, two: number): boolean {
  return !(Math.abs(one - two) <= tolerance * Math.max(1, Math.abs(one), Math.abs(two)));
}

function unlikeJudgement(task: Task, mirror: Mirror, steps: readonly Seen[]): string | null {
  for (const { before, action, after } of steps) {
    let reward: number;
    try {
      reward = task.reward(before, action, after);
    } catch {
      // Whether there is a judge, and what it says, is looked at elsewhere.
      return null;
    }
    const shown = task.reward(
      mirrored(mirror.observation, before),
      mirrored(mirror.action, action),
      mirrored(mirror.observation, after),
    );
    if (unlike(reward, shown)) return `a step is worth ${reward}, in the mirror ${shown}`;
  }
  return null;
}

function unlikeStep(task: Task, mirror: Mirror, steps: readonly Seen[]): string | null {
  const places = placesOf(steps);
  if (places === null) return null;
  const env = task.makeEnv();
  const after = new Float32Array(task.spec.observation.length);
  env.reset(1, after);
  for (const step of steps) {
    const start = mirrored(mirror.observation, step.before);
    const state = step.state!.map((value, k) => (places[k] < 0 ? value : start[places[k]]));
    // The state as it was, rounded as the mirrored one is: only the mirror tells them apart.
    const own = step.state!.map((value, k) => (places[k] < 0 ? value : step.before[places[k]]));
    const one = stepFrom(env, own, step.action, after);
    const expected = mirrored(mirror.observation, after);
    const two = stepFrom(env, state, mirrored(mirror.action, step.action), after);
    const at = after.findIndex((value, i) => unlike(value, expected[i]));
    if (at >= 0) {
      const { name } = task.spec.observation[at];
      return `a mirrored step gives "${name}" ${after[at]}, the step's mirror has ${expected[at]}`;
    }
    if (unlike(one, two)) return `a mirrored step earns ${two}, the step itself ${one}`;
  }
  return null;
}

function stepFrom(
  env: Env,
  state: Float64Array,
  action: Float32Array,
  after: Float32Array,
): number {
  env.restore!(state);
  return env.step(action.slice(), after).reward;
}

/**
 * For each number of a saved state the channel that shows it, or -1 where it is the same in all
 * states or counts the steps. Null where a number is neither: such a state cannot be mirrored.
 */
function placesOf(steps: readonly Seen[]): number[] | null {
  const states = steps.map(({ state }) => state);
  const first = states[0];
  if (first === null) return null;
  const places: number[] = [];
  for (const k of first.keys()) {
    const numbers = states.map((state) => state![k]);
    const still = numbers.every((number) => number === numbers[0]);
    const counts = numbers.every((number, i) => {
      return Number.isInteger(number) && (i === 0 || number === numbers[i - 1] + 1 || number === 0);
    });
    const shown = [...steps[0].before.keys()].findIndex((at) =>
      steps.every(({ before }, i) => Math.fround(numbers[i]) === before[at]),
    );
    if (still || counts) places.push(-1);
    else if (shown >= 0) places.push(shown);
    else return null;
  }
  return places;
}
