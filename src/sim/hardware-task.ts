import { SinewError } from "../core/errors.ts";
import { restOf, specWithHistory } from "../core/history.ts";
import { checkSpec, type Spec } from "../core/spec.ts";
import { appendActionHistory } from "./action-history.ts";
import { dropActions, dropObservations } from "./dropout.ts";
import { type Env, type Mirror, type Reflection, reflect, type Task } from "./env.ts";
import { skipFrames } from "./frame-skip.ts";
import {
  faultOfHardware,
  type Hardware,
  ideal,
  sharesOf,
  sizesFor,
  sizesOf,
  stepsOf,
} from "./hardware.ts";
import { delayActions, delayObservations, type Steps } from "./latency.ts";
import { appendObservationHistory } from "./observation-history.ts";
import { quantiseActions, quantiseObservations } from "./quantisation.ts";
import { randomiseParameters } from "./randomisation.ts";
import { disturbObservations } from "./sensor-noise.ts";

const noHistory = { observationHistory: 0, actionHistory: 0 };

/** `Hardware`, read for the channels of one task. */
interface Flaws {
  readonly actionLatency: Steps;
  readonly observationLatency: Steps;
  readonly noise: Float64Array;
  readonly observationSteps: Float64Array;
  readonly actionSteps: Float64Array;
  readonly dropObservation: number;
  readonly dropAction: number;
  readonly shares: Readonly<Record<string, number>>;
  readonly observationHistory: number;
  readonly actionHistory: number;
  readonly frameSkip: number;
}

/**
 * The task on that hardware; the very task where all is ideal. A command is rounded, perhaps lost,
 * late, held for the skipped frames; a reading is disturbed, rounded, late, perhaps lost; behind it
 * stand the readings before as they were seen, and the history of actions untouched.
 *
 * The mirror is kept where the hardware is the same in the mirror, and covers the history.
 * `relabel` is kept where what is observed and commanded is what is: with `randomise` and the two
 * histories alone; it writes the goal over that of past observations too. `reward` judges by what
 * was observed and commanded, and not at all with `frameSkip`.
 *
 * Throws `SinewError("usage")` for hardware that cannot be, and that this task cannot have.
 */
export function withHardware(task: Task, hardware: Hardware): Task {
  const flaws = flawsOf(task, hardware);
  if (isIdeal(flaws)) return task;
  const { observationHistory, frameSkip } = flaws;
  const { mirror, relabel, ...rest } = task;
  const own = task.spec.observation.length;
  const spec = specOn(task.spec, flaws);
  const mirrored = mirror === undefined ? undefined : mirrorOn(task.spec, mirror, flaws);
  const relabels = relabel !== undefined && isIdeal({ ...flaws, ...noHistory, shares: {} });
  return {
    ...rest,
    spec,
    episodeStepsMax: Math.ceil(task.episodeStepsMax / frameSkip),
    ...(mirrored !== undefined && { mirror: mirrored }),
    ...(relabels && {
      relabel(observation: Float32Array, reached: Float32Array): void {
        for (let ago = 0; ago <= observationHistory; ago++) {
          const seen = observation.subarray(ago * own, (ago + 1) * own);
          relabel(seen, reached.subarray(0, own));
        }
      },
    }),
    makeEnv: () => envOn(task.makeEnv(), flaws),
    reward(observation, action, next) {
      if (frameSkip > 1) {
        const why = `frameSkip ${frameSkip} sums rewards of steps that no log holds`;
        throw new SinewError("environment", `${task.name} cannot judge logged steps: ${why}`);
      }
      if (spec.observation.length === own) return task.reward(observation, action, next);
      return task.reward(observation.subarray(0, own), action, next.subarray(0, own));
    },
  };
}

function flawsOf(task: Task, hardware: Hardware): Flaws {
  for (const name of Object.keys(ideal) as (keyof Hardware)[]) {
    const why = faultOfHardware(name, hardware[name]);
    if (why !== null) throw new SinewError("usage", `${name} is ${hardware[name]}: ${why}`);
  }
  const { observation, action } = task.spec;
  const sizes = (
    name: "observationNoise" | "observationStep" | "actionStep",
    channels: Spec["action"],
  ): Float64Array => sizesFor(channels, sizesOf(hardware[name])!, name);
  const { dropObservation, dropAction, observationHistory, actionHistory, frameSkip } = hardware;
  const shares = sharesOf(hardware.randomise)!;
  if (Object.keys(shares).length > 0) checkParameters(task, shares);
  return {
    actionLatency: stepsOf(hardware.actionLatency)!,
    observationLatency: stepsOf(hardware.observationLatency)!,
    noise: sizes("observationNoise", observation),
    observationSteps: sizes("observationStep", observation),
    actionSteps: sizes("actionStep", action),
    dropObservation,
    dropAction,
    shares,
    observationHistory,
    actionHistory,
    frameSkip,
  };
}

function checkParameters(task: Task, shares: Flaws["shares"]): void {
  const known = Object.keys(task.makeEnv().parameters ?? {}).sort();
  if (known.length === 0) {
    const why = `${task.name} has no parameters that may be changed`;
    throw new SinewError("usage", `${why}: leave randomise off`);
  }
  const unknown = Object.keys(shares).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const there = `${task.name} has ${known.join(", ")}`;
  throw new SinewError("usage", `randomise names "${unknown}": ${there}`);
}

function isIdeal(flaws: Flaws): boolean {
  const { noise, observationSteps, actionSteps } = flaws;
  return (
    flaws.actionLatency.high === 0 &&
    flaws.observationLatency.high === 0 &&
    !some(noise) &&
    !some(observationSteps) &&
    !some(actionSteps) &&
    flaws.dropObservation === 0 &&
    flaws.dropAction === 0 &&
    Object.keys(flaws.shares).length === 0 &&
    flaws.observationHistory === 0 &&
    flaws.actionHistory === 0 &&
    flaws.frameSkip === 1
  );
}

function some(sizes: Float64Array): boolean {
  return sizes.some((size) => size > 0);
}

function specOn(own: Spec, { observationHistory, actionHistory, frameSkip }: Flaws): Spec {
  const slow = { ...own, periodUs: frameSkip * own.periodUs };
  const spec = specWithHistory(slow, actionHistory, observationHistory);
  try {
    checkSpec(spec);
  } catch (thrown) {
    const past = `observationHistory ${observationHistory}, actionHistory ${actionHistory}`;
    const said = `${past} and frameSkip ${frameSkip}`;
    const why = `${said} make a contract that cannot be: ${(thrown as Error).message}`;
    throw new SinewError("usage", why, { cause: thrown });
  }
  return spec;
}

/** The world, from the inside out. What is ideal is left out. */
function envOn(world: Env, flaws: Flaws): Env {
  const { actionLatency, observationLatency, noise, observationSteps, actionSteps } = flaws;
  let env = world;
  if (Object.keys(flaws.shares).length > 0) env = randomiseParameters(env, flaws.shares);
  if (flaws.frameSkip > 1) env = skipFrames(env, flaws.frameSkip);
  if (actionLatency.high > 0) env = delayActions(env, actionLatency);
  if (flaws.dropAction > 0) env = dropActions(env, flaws.dropAction);
  if (some(actionSteps)) env = quantiseActions(env, actionSteps);
  if (some(noise)) env = disturbObservations(env, noise);
  if (some(observationSteps)) env = quantiseObservations(env, observationSteps);
  if (observationLatency.high > 0) env = delayObservations(env, observationLatency);
  if (flaws.dropObservation > 0) env = dropObservations(env, flaws.dropObservation);
  if (flaws.observationHistory > 0) env = appendObservationHistory(env, flaws.observationHistory);
  if (flaws.actionHistory > 0) env = appendActionHistory(env, flaws.actionHistory);
  return env;
}

/** Undefined where this hardware looks otherwise in the mirror. */
function mirrorOn(own: Spec, mirror: Mirror, flaws: Flaws): Mirror | undefined {
  const { observation, action } = mirror;
  const rest = restOf(own);
  const shown = new Float32Array(rest.length);
  reflect(action, rest, shown);
  const even =
    shown.every((value, i) => value === rest[i]) &&
    isEven(observation, flaws.noise) &&
    isEven(observation, flaws.observationSteps) &&
    isEven(action, flaws.actionSteps);
  if (!even) return undefined;
  const from: number[] = [];
  const sign: (1 | -1)[] = [];
  const append = (reflection: Reflection): void => {
    const first = from.length;
    from.push(...reflection.from.map((at) => first + at));
    sign.push(...reflection.sign);
  };
  for (let ago = 0; ago <= flaws.observationHistory; ago++) append(observation);
  for (let ago = 0; ago < flaws.actionHistory; ago++) append(action);
  return { observation: { from, sign }, action };
}

/** Whether channels that a mirror swaps have the same size. */
function isEven({ from }: Reflection, sizes: Float64Array): boolean {
  return from.every((at, i) => sizes[i] === sizes[at]);
}
