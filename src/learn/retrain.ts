import { join } from "node:path";
import { SinewError } from "../core/errors.ts";
import { restOf } from "../core/history.ts";
import { differenceOfSpecs, type Spec } from "../core/spec.ts";
import type { Segment } from "../log/transitions.ts";
import type { Contract } from "../policy/contract.ts";
import { readPolicyFile } from "../policy/file.ts";
import type { Task } from "../sim/env.ts";
import { checkNumbers } from "./episode.ts";
import { selectionStarts } from "./evaluate.ts";
import { decide, type GateDecision } from "./gate.ts";
import type { Replay, Sample } from "./replay.ts";
import { judge } from "./train.ts";
import { policyOf, resumedTraining, type Training } from "./training.ts";

/** What retraining needs to know. */
export interface RetrainRequest {
  /** The folder of the run that made the deployed policy; its checkpoint is read, never written. */
  readonly folder: string;
  /** Of the run's name, on ideal hardware; that of the run's settings is added here. */
  readonly task: Task;
  /** The policy file that drove the robot: what the gate compares with. */
  readonly deployed: Uint8Array;
  /** The robot's log, as `segmentsOf` gives it. */
  readonly segments: readonly Segment[];
  /** Gradient steps; an eighth of each minibatch is the robot's, the rest the simulator's. */
  readonly gradientSteps: number;
  readonly onProgress: (progress: { readonly step: number; readonly steps: number }) => void;
}

/** The candidate and what the gate says of it. */
export interface RetrainResult {
  readonly candidate: Uint8Array;
  readonly decision: GateDecision;
  /** Transitions that the log gave. */
  readonly transitions: number;
}

/**
 * One place in so many of a minibatch is the robot's. A drive is short and mostly upright: with
 * half of each minibatch the networks forget how to swing up.
 */
const loggedEvery = 8;

/** Selection evaluations in one retraining; the best of them is the candidate. */
const evaluations = 4;

/**
 * Goes on training from a run's checkpoint with what the robot did. The robot logged no reward: it
 * is computed here by the task's own function of (o, a, o'), so a better reward relabels old logs.
 * The candidate is the best of four moments on the selection starts; the gate decides on it.
 *
 * Throws `SinewError("contract-mismatch")` where the deployed policy's channels or past are not the
 * run's, "log-file" where the log holds no transition, "checkpoint" where the run's folder has none
 * of this task, "environment" where the task's reward is not a number, "diverged" where the learner
 * leaves the numbers; for the deployed file as `readPolicyFile` does.
 */
export async function retrain(request: RetrainRequest): Promise<RetrainResult> {
  const { deployed, segments, gradientSteps } = request;
  const training = await resumedTraining(join(request.folder, "checkpoint"), request.task);
  const { settings, task, run } = training;
  try {
    checkDeployed(request.folder, training, deployed);
    const { learner, replay, rng } = run;
    const simulated = Math.min(replay.transitions, replay.capacity);
    const { transitions, rows } = addSegments(replay, segments, task);
    if (transitions === 0) {
      throw new SinewError(
        "log-file",
        "the log holds no two consecutive armed cycles to learn from",
      );
    }
    // All of them lie in the replay's first lane, behind each other.
    const logged = Math.min(rows, replay.capacity / replay.lanes);
    const first = (replay.head - logged * replay.lanes + replay.capacity) % replay.capacity;
    const draw = mixture(settings.gradientSteps, settings.batch);
    const calls = Math.ceil(gradientSteps / settings.gradientSteps);
    const every = Math.ceil(calls / evaluations);
    let best = { return: Number.NEGATIVE_INFINITY, policy: deployed };
    for (let call = 1; call <= calls; call++) {
      replay.sample(rng, draw.simulated, settings.batch);
      replay.sampleRows(rng, draw.logged, first, logged, replay.lanes);
      const sample = simulated > 0 ? draw.mixed() : draw.logged;
      await learner.learn({
        rows: replay.rows,
        ...sample,
        ...(run.priorities !== null && { weight: draw.weight }),
        observation: run.normaliser,
        rewardScale: run.rewardScale.value,
        rateShare: 1,
        noiseShare: 1,
      });
      if (call % every === 0 || call === calls) {
        const retrainSteps = call * settings.gradientSteps;
        const policy = await policyOf(training, { retrainSteps });
        const { mean } = await judge(policy, task, selectionStarts(task));
        if (mean > best.return) best = { return: mean, policy };
      }
      request.onProgress({ step: call, steps: calls });
    }
    const decision = await decide(best.policy, deployed, task, segments);
    return { candidate: best.policy, decision, transitions };
  } finally {
    await run.learner.engine.close();
  }
}

/** That the deployed policy sees what the run's networks see: two pasts may be equally wide. */
function checkDeployed(folder: string, training: Training, deployed: Uint8Array): void {
  const { contract } = readPolicyFile(deployed);
  const difference =
    differenceOfSpecs(training.task.spec, contract.spec) ?? differenceOfPasts(training, contract);
  if (difference === null) return;
  const message = `the deployed policy is not of the run in ${folder}: ${difference}`;
  throw new SinewError("contract-mismatch", message);
}

/** What equal channels do not tell: which of them the past is, and what it begins with. */
function differenceOfPasts({ settings, task }: Training, contract: Contract): string | null {
  for (const key of ["observationHistory", "actionHistory"] as const) {
    const [expected, actual] = [settings[key], contract[key] ?? 0];
    if (expected !== actual) return `${key}: expected ${expected}, got ${actual}`;
  }
  const { actionRest = [] } = contract;
  const rests = restOf(task.spec);
  const at = actionRest.findIndex((rest, i) => Math.fround(rest) !== rests[i]);
  if (at < 0) return null;
  const { name } = task.spec.action[at];
  return `actionRest[${at}] "${name}": expected ${rests[at]}, got ${actionRest[at]}`;
}

/** Adds the log's transitions, judged by the task; says how many they are, and their rows. */
function addSegments(
  replay: Replay,
  segments: readonly Segment[],
  task: Task,
): { transitions: number; rows: number } {
  const { observation, action } = task.spec;
  const scaled = new Float32Array(action.length);
  let [transitions, rows] = [0, 0];
  for (const segment of segments) {
    const o = (i: number): Float32Array =>
      segment.observation.subarray(i * observation.length, (i + 1) * observation.length);
    for (let i = 0; i + 1 < segment.count; i++) {
      const a = segment.action.subarray(i * action.length, (i + 1) * action.length);
      const reward = task.reward(o(i), a, o(i + 1));
      checkNumbers(task, o(i + 1), reward);
      scaleAction(task.spec, a, scaled);
      replay.add(o(i), scaled, reward, false);
      transitions++;
    }
    if (segment.count > 1) {
      replay.endEpisode(o(segment.count - 1));
      rows += segment.count;
    }
  }
  return { transitions, rows };
}

/** Physical units to [-1, 1], as the replay holds actions. */
function scaleAction(spec: Spec, action: Float32Array, into: Float32Array): void {
  spec.action.forEach(({ low, high }, i) => {
    into[i] = Math.min(1, Math.max(-1, (2 * (action[i] - low)) / (high - low) - 1));
  });
}

/** Index arrays for K minibatches of which every eighth place is the log's. */
function mixture(steps: number, batch: number) {
  const make = (): Sample => ({
    index: new Int32Array(steps * batch),
    nextIndex: new Int32Array(steps * batch),
  });
  const [simulated, logged, both] = [make(), make(), make()];
  const mixed = (): Sample => {
    for (let i = 0; i < steps * batch; i++) {
      const from = i % loggedEvery === 0 ? logged : simulated;
      both.index[i] = from.index[i];
      both.nextIndex[i] = from.nextIndex[i];
    }
    return both;
  };
  return { simulated, logged, mixed, weight: new Float32Array(steps * batch).fill(1) };
}
