import { messageOf } from "../core/errors.ts";
import { Rng } from "../core/rng.ts";
import { checkSpec } from "../core/spec.ts";
import { goalProblem, judgeProblem, parametersProblem, sceneProblem } from "./check-extras.ts";
import { mirrorProblem } from "./check-mirror.ts";
import type { Env, Task } from "./env.ts";

/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  /** What is wrong and what to do, one line; null: nothing is. */
  readonly problem: string | null;
}

/** What one episode of random actions showed. */
interface Trace {
  readonly seed: number;
  readonly actions: readonly Float32Array[];
  readonly observations: readonly Float32Array[];
  readonly rewards: readonly number[];
  readonly over: boolean;
}

const rewardLarge = 1e4;
const seeds = [1, 2, 3];

/**
 * Drives a task's worlds with random actions and says what a learner would trip over. Never throws
 * for what a world does: that is a finding.
 */
export function checkTask(task: Task): Finding[] {
  const findings: Finding[] = [];
  const look = (name: string, check: () => string | null): boolean => {
    let problem: string | null;
    try {
      problem = check();
    } catch (thrown) {
      problem = `it throws: ${messageOf(thrown)}`;
    }
    findings.push({ name, problem });
    return problem === null;
  };
  const traces: Trace[] = [];
  look("spec", () => {
    checkSpec(task.spec);
    return null;
  });
  const runs = look("an episode runs to its end", () => {
    for (const seed of seeds) traces.push(traceOf(task, task.makeEnv(), seed));
    if (traces.every(({ over }) => over)) return null;
    const limit = `${task.episodeStepsMax} steps`;
    return `it goes on past ${limit}: set truncated at episodeStepsMax, or terminated before`;
  });
  if (!runs) return findings;
  look("observations are numbers", () => finiteObservations(task, traces));
  look("observations are within their limits", () => withinLimits(task, traces));
  look("rewards are numbers", () => finiteRewards(traces));
  look("rewards are of a size that networks learn", () => sizeOfRewards(traces));
  look("actions are left alone", () => leavesActions(task));
  look("the same seed gives the same episode", () => repeats(task, traces));
  look("another seed gives another episode", () => differs(task, traces[0]));
  look("two worlds share nothing", () => sharesNothing(task, traces[0]));
  look("the observation's array is not kept", () => keepsNoArray(task));
  look("save and restore are exact", () => restoresExactly(task));
  look("parameters are numbers", () => parametersProblem(task));
  look("the scene is made of shapes", () => sceneProblem(task));
  look("logged steps can be judged", () => judgeProblem(task));
  look("the mirror shows the same world", () => mirrorProblem(task));
  look("goals can be put into observations", () => goalProblem(task));
  return findings;
}

function randomAction(task: Task, rng: Rng): Float32Array {
  return Float32Array.from(task.spec.action, ({ low, high }) => rng.uniform(low, high));
}

/** An episode from `seed`, with actions drawn from a seed of their own. */
function traceOf(task: Task, env: Env, seed: number, actionSeed: number = seed): Trace {
  const rng = new Rng(actionSeed, 77);
  const fresh = (): Float32Array => new Float32Array(task.spec.observation.length).fill(Number.NaN);
  const observation = fresh();
  env.reset(seed, observation);
  const trace = {
    seed,
    actions: [] as Float32Array[],
    observations: [observation.slice()],
    rewards: [] as number[],
    over: false,
  };
  for (let step = 0; step < task.episodeStepsMax && !trace.over; step++) {
    const action = randomAction(task, rng);
    trace.actions.push(action.slice());
    // What a step does not write stays NaN, and shows.
    observation.fill(Number.NaN);
    const { reward, terminated, truncated } = env.step(action, observation);
    trace.observations.push(observation.slice());
    trace.rewards.push(reward);
    trace.over = terminated || truncated;
  }
  return trace;
}

function finiteObservations(task: Task, traces: readonly Trace[]): string | null {
  for (const { seed, observations } of traces) {
    for (const [step, observation] of observations.entries()) {
      const at = observation.findIndex((value) => !Number.isFinite(value));
      if (at < 0) continue;
      const { name } = task.spec.observation[at];
      const when = step === 0 ? "after reset" : `after step ${step}`;
      const value = `"${name}" is ${observation[at]} ${when} (seed ${seed})`;
      return `${value}: write every channel, each time`;
    }
  }
  return null;
}

function withinLimits(task: Task, traces: readonly Trace[]): string | null {
  for (const { seed, observations } of traces) {
    for (const [step, observation] of observations.entries()) {
      const at = task.spec.observation.findIndex(({ low, high }, i) => {
        return observation[i] < Math.fround(low) || observation[i] > Math.fround(high);
      });
      if (at < 0) continue;
      const { name, low, high } = task.spec.observation[at];
      const limits = `[${low}, ${high}]`;
      const value = `"${name}" is ${observation[at]}, outside ${limits}`;
      return `${value}, at step ${step} (seed ${seed}): widen them`;
    }
  }
  return null;
}

function finiteRewards(traces: readonly Trace[]): string | null {
  for (const { seed, rewards } of traces) {
    const at = rewards.findIndex((reward) => !Number.isFinite(Math.fround(reward)));
    if (at >= 0) return `the reward of step ${at + 1} is ${rewards[at]} (seed ${seed})`;
  }
  return null;
}

function sizeOfRewards(traces: readonly Trace[]): string | null {
  const largest = Math.max(...traces.flatMap(({ rewards }) => rewards.map(Math.abs)));
  if (largest <= rewardLarge) return null;
  const scale = (1 / largest).toPrecision(1);
  return `one is ${largest.toPrecision(3)}: scale it, or train with --reward-scale ${scale}`;
}

function leavesActions(task: Task): string | null {
  const env = task.makeEnv();
  const observation = new Float32Array(task.spec.observation.length);
  env.reset(1, observation);
  const action = randomAction(task, new Rng(5));
  const before = action.slice();
  env.step(action, observation);
  const at = action.findIndex((value, i) => value !== before[i]);
  return at < 0 ? null : `step writes to action[${at}]: copy it first`;
}

function repeats(task: Task, traces: readonly Trace[]): string | null {
  const env = task.makeEnv();
  for (const trace of traces) {
    const again = traceOf(task, env, trace.seed);
    const why = differenceOf(trace, again);
    if (why !== null) {
      return `${why} (seed ${trace.seed}): draw from reset's rng alone, and reset everything`;
    }
  }
  return null;
}

function differenceOf(one: Trace, two: Trace): string | null {
  for (const [step, observation] of one.observations.entries()) {
    const other = two.observations[step];
    if (other === undefined) return `the episode is shorter the second time, ${step - 1} steps`;
    const at = observation.findIndex((value, i) => !Object.is(value, other[i]));
    if (at >= 0) return `observation[${at}] differs at step ${step}`;
    if (!Object.is(one.rewards[step], two.rewards[step]))
      return `the reward differs at step ${step + 1}`;
  }
  return two.observations.length === one.observations.length
    ? null
    : "the second episode is longer";
}

function differs(task: Task, trace: Trace): string | null {
  const other = traceOf(task, task.makeEnv(), trace.seed + 1, trace.seed);
  if (differenceOf(trace, other) !== null) return null;
  return "seeds change nothing: a policy would learn one episode by heart";
}

function sharesNothing(task: Task, trace: Trace): string | null {
  const [one, two] = [task.makeEnv(), task.makeEnv()];
  const [a, b] = [trace.observations[0].slice(), trace.observations[0].slice()];
  one.reset(trace.seed, a);
  two.reset(trace.seed + 1, b);
  const rng = new Rng(9);
  for (const [step, action] of trace.actions.entries()) {
    two.step(randomAction(task, rng), b);
    const { reward } = one.step(action.slice(), a);
    const at = a.findIndex((value, i) => !Object.is(value, trace.observations[step + 1][i]));
    if (at >= 0 || !Object.is(reward, trace.rewards[step])) {
      const when = `at step ${step + 1}`;
      return `a second world changes the first ${when}: keep state in the world, not the file`;
    }
    if (step >= 50) break;
    if (step % 20 === 19) two.reset(trace.seed + step, b);
  }
  return null;
}

function keepsNoArray(task: Task): string | null {
  const env = task.makeEnv();
  const rng = new Rng(3);
  const first = new Float32Array(task.spec.observation.length);
  env.reset(1, first);
  const kept = first.slice();
  const other = new Float32Array(first.length);
  env.step(randomAction(task, rng), other);
  const at = first.findIndex((value, i) => !Object.is(value, kept[i]));
  return at < 0 ? null : "step writes to an array that an earlier call was given";
}

function restoresExactly(task: Task): string | null {
  const env = task.makeEnv();
  if (env.save === undefined || env.restore === undefined) return null;
  const observation = new Float32Array(task.spec.observation.length);
  env.reset(4, observation);
  const rng = new Rng(4);
  env.step(randomAction(task, rng), observation);
  const state = env.save();
  const actions = Array.from({ length: 20 }, () => randomAction(task, rng));
  const drive = (world: Env): string[] => {
    const told: string[] = [];
    for (const action of actions) {
      const { reward, terminated, truncated } = world.step(action.slice(), observation);
      told.push([...observation, reward, terminated, truncated].join());
      if (terminated || truncated) break;
    }
    return told;
  };
  const first = drive(env);
  const other = task.makeEnv();
  other.reset(5, observation);
  if (other.restore === undefined) return "one world has restore and another has not";
  other.restore(state);
  const second = drive(other);
  const at = first.findIndex((line, i) => line !== second[i]);
  return at < 0 ? null : `step ${at + 1} after restore differs: save holds too little`;
}
