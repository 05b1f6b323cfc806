import { SinewError } from "../core/errors.ts";
import type { Spec } from "../core/spec.ts";
import { faultOfHardware, type Hardware } from "../sim/hardware.ts";
import { type EngineKind, engineKinds } from "./engine.ts";
import type { Losses } from "./losses.ts";

/** One setting: what it may be, in words that a message can quote, and what it does. */
export interface Setting<T> {
  readonly kind: "number" | "whole" | "choice" | "widths" | "text" | "flag" | "own";
  readonly help: string;
  /** Inclusive limits of a number. */
  readonly low?: number;
  readonly high?: number;
  readonly choices?: readonly T[];
  /** What a value of a kind of its own is, in a word, and what it must be that it is not. */
  readonly shown?: string;
  readonly fault?: (value: unknown) => string | null;
}

const number = (low: number, high: number, help: string): Setting<number> => ({
  kind: "number",
  low,
  high,
  help,
});
const whole = (low: number, high: number, help: string): Setting<number> => ({
  ...number(low, high, help),
  kind: "whole",
});
const choice = <T extends string>(choices: readonly T[], help: string): Setting<T> => ({
  kind: "choice",
  choices,
  help,
});
const widths = (help: string): Setting<readonly number[]> => ({ kind: "widths", help });
const flag = (help: string): Setting<boolean> => ({ kind: "flag", help });
const text = (help: string): Setting<string> => ({ kind: "text", help });
const flaw = <name extends keyof Hardware>(
  name: name,
  shown: string,
  help: string,
): Setting<Hardware[name]> => ({
  kind: "own",
  help,
  shown,
  fault: (value) => faultOfHardware(name, value),
});

/** All settings of a run; `settingTable` says of each what it does and what it may be. */
export interface TrainSettings extends Hardware {
  readonly task: string;
  readonly engine: EngineKind;
  readonly threads: number;
  readonly seed: number;
  readonly steps: number;
  readonly workers: number;
  readonly lanes: number;
  readonly async: boolean;
  readonly episodeSteps: number;
  readonly randomSteps: number;
  readonly learnAfter: number;
  readonly collectSteps: number;
  readonly gradientSteps: number;
  readonly noise: "none" | "gaussian" | "ou";
  readonly noiseSigma: number;
  readonly noiseTheta: number;
  readonly noiseDt: number;
  readonly noiseDecay: "linear" | "exponential";
  readonly finalNoiseShare: number;
  readonly randomShare: number;
  readonly parameterNoise: number;
  readonly actorHidden: readonly number[];
  readonly criticHidden: readonly number[];
  readonly activation: "relu" | "tanh";
  readonly actorNorm: "none" | "layer" | "batch";
  readonly criticNorm: "none" | "layer" | "batch";
  readonly actionLayer: number;
  readonly finalBound: number;
  readonly gamma: number;
  readonly nSteps: number;
  readonly batch: number;
  readonly actorRate: number;
  readonly criticRate: number;
  readonly finalRateShare: number;
  readonly adamEpsilon: number;
  readonly tau: number;
  readonly targetEvery: number;
  readonly twin: boolean;
  readonly policyDelay: number;
  readonly targetNoise: number;
  readonly targetNoiseClip: number;
  readonly criticDecay: number;
  readonly decayKind: "l2" | "decoupled";
  readonly gradientClip: number;
  readonly actorNoise: number;
  readonly actionPenalty: number;
  readonly smoothTemporal: number;
  readonly smoothSpatial: number;
  readonly smoothSigma: number;
  readonly observationNorm: "spec" | "running" | "none";
  readonly observationClip: number;
  readonly rewardScale: number;
  readonly returnNorm: "none" | "running" | "popart";
  readonly statisticsShare: number;
  readonly replayRows: number;
  readonly replay: "uniform" | "prioritised";
  readonly priorityExponent: number;
  readonly priorityCorrection: number;
  readonly mirror: boolean;
  readonly hindsight: number;
  readonly exportTarget: boolean;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly targetReturn: number;
}

/**
 * Everything that decides a training run, beside the machine it runs on. The names are those of the
 * flags (`--actor-rate`) and of the keys in a YAML file (`actorRate`) too.
 */
export const settingTable: {
  readonly [name in keyof TrainSettings]: Setting<TrainSettings[name]>;
} = {
  task: text("task to train for"),
  engine: choice(engineKinds, "what runs the gradient steps"),
  threads: whole(0, 2, "threads of the kernel; 0: by size; they change no result"),
  seed: whole(0, 2 ** 32, "seed of everything random"),
  steps: whole(1, 1e9, "environment steps in all"),
  workers: whole(0, 64, "threads that drive worlds beside the learner; 0: its own thread does"),
  lanes: whole(1, 256, "worlds in each of them"),
  async: flag("learn from whatever has come in: faster with slow worlds, never twice the same"),

  actionLatency: flaw(
    "actionLatency",
    "steps",
    "steps that a command takes to the actuator: 1, or drawn for each episode: 0..2",
  ),
  observationLatency: flaw(
    "observationLatency",
    "steps",
    "steps that an observation takes to the policy: the same",
  ),
  observationNoise: flaw(
    "observationNoise",
    "sizes",
    "deviation of the noise on readings: a share of each channel's range, or in its unit " +
      "0.01,0.01,0.1 (one for each) or pole_velocity=0.1 (by name)",
  ),
  observationStep: flaw("observationStep", "sizes", "step of the readings: the same"),
  actionStep: flaw("actionStep", "sizes", "step of the commands: the same"),
  dropObservation: number(0, 1, "probability that an observation is lost: the last is seen again"),
  dropAction: number(0, 1, "probability that a command is lost: the last is held"),
  randomise: flaw(
    "randomise",
    "shares",
    "shares by which the world's parameters vary from episode to episode: mass=0.2,length=0.1",
  ),
  observationHistory: whole(0, 63, "the last observations, so many, stand behind the newest one"),
  actionHistory: whole(0, 63, "the policy's last actions, so many, stand behind the observation"),
  frameSkip: whole(1, 1000, "steps of the task in one of the policy: the action is held"),

  episodeSteps: whole(0, 1e9, "steps after which training begins a new episode; 0: the task's own"),
  randomSteps: whole(0, 1e9, "environment steps with uniform actions at first"),
  learnAfter: whole(1, 1e9, "environment steps before the first gradient step"),
  collectSteps: whole(1, 1e6, "environment steps from one round of learning to the next"),
  gradientSteps: whole(1, 1e6, "gradient steps (of the critic) in each round of learning"),

  noise: choice(["none", "gaussian", "ou"], "exploration noise"),
  noiseSigma: number(0, 10, "its deviation, as a share of half the action's range"),
  noiseTheta: number(0, 10, "pull of the ou noise to zero, per unit of noise-dt"),
  noiseDt: number(1e-6, 10, "time step of the ou noise: 1 is nearly white, 0.01 is slow"),
  noiseDecay: choice(["linear", "exponential"], "how noise and random-share fall"),
  finalNoiseShare: number(0, 1, "share of them that is left at the last step"),
  randomShare: number(0, 1, "share of uniform actions among the noisy ones"),
  parameterNoise: number(0, 10, "distance of actions that adaptive parameter noise holds; 0: none"),

  actorHidden: widths("widths of the actor's hidden layers"),
  criticHidden: widths("widths of the critic's hidden layers"),
  activation: choice(["relu", "tanh"], "what bends the hidden layers"),
  actorNorm: choice(["none", "layer", "batch"], "norm of the actor's hidden layers"),
  criticNorm: choice(
    ["none", "layer", "batch"],
    "norm of the critic's hidden layers; batch: of those before a late action",
  ),
  actionLayer: whole(0, 8, "critic's layer that the action enters; 0: beside the observation"),
  finalBound: number(0, 1, "last layers start uniform within this; 0: like the others"),

  gamma: number(0, 1, "discount of one step"),
  nSteps: whole(1, 255, "steps whose rewards a target counts before it bootstraps"),
  batch: whole(1, 65_536, "transitions in a minibatch"),
  actorRate: number(0, 1, "Adam's rate, actor"),
  criticRate: number(0, 1, "Adam's rate, critic"),
  finalRateShare: number(0, 1, "share of both rates that is left at the last step"),
  adamEpsilon: number(0, 1, "Adam's epsilon"),
  tau: number(0, 1, "share of the online network that a target takes up"),
  targetEvery: whole(1, 1e6, "actor steps between updates of the targets"),
  twin: flag("two critics, of which the smaller value counts"),
  policyDelay: whole(1, 100, "critic steps to one step of actor and targets"),
  targetNoise: number(0, 10, "deviation of the noise on the target's action"),
  targetNoiseClip: number(0, 10, "that noise is cut off beyond this"),
  criticDecay: number(0, 10, "decay of the critic's hidden weights"),
  decayKind: choice(["l2", "decoupled"], "whether it goes through Adam (l2) or past it"),
  gradientClip: number(0, 1e6, "longest gradient of each network; 0: no limit"),
  actorNoise: number(0, 10, "deviation of noise on the actor's action in its own loss"),
  actionPenalty: number(0, 1e3, "weight of the actor's squared outputs before tanh"),
  smoothTemporal: number(0, 1e3, "CAPS: weight of the change of action from s to s'"),
  smoothSpatial: number(0, 1e3, "CAPS: weight of the change of action from s to a neighbour"),
  smoothSigma: number(0, 10, "CAPS: deviation of that neighbour, normalised"),

  observationNorm: choice(["spec", "running", "none"], "scale of the observations"),
  observationClip: number(0, 1e6, "normalised observations are cut off beyond this; 0: never"),
  rewardScale: number(1e-9, 1e9, "rewards are multiplied by this for the critic"),
  returnNorm: choice(["none", "running", "popart"], "how returns are normalised"),
  statisticsShare: number(1e-6, 1, "share of a batch that batch norm and PopArt take up"),

  replayRows: whole(300, 1e8, "rows of the replay"),
  replay: choice(["uniform", "prioritised"], "how minibatches are drawn"),
  priorityExponent: number(0, 1, "prioritised: alpha, 0 is uniform"),
  priorityCorrection: number(0, 1, "prioritised: beta at the first step, 1 at the last"),
  mirror: flag("store the mirror image of each episode too, where the task has one"),
  hindsight: whole(0, 16, "HER: goals achieved later that each transition is stored with too"),

  exportTarget: flag("evaluate and export the target actor, a running average of the actor"),
  evaluateEvery: whole(1, 1e9, "environment steps between two evaluations"),
  checkpointEvery: whole(1, 1e9, "environment steps between two checkpoints, at episode ends"),
  targetReturn: number(-1e12, 1e12, "stop once an evaluation reaches this"),
};

/** What the gradient step needs of the settings, for a task of the shape of `spec`. */
export function lossesOf(settings: TrainSettings, spec: Spec): Losses {
  const { twin, adamEpsilon, returnNorm, replay } = settings;
  return {
    ...settings,
    shape: {
      ...settings,
      observations: spec.observation.length,
      actions: spec.action.length,
      critics: twin ? 2 : 1,
    },
    beta1: 0.9,
    beta2: 0.999,
    epsilon: adamEpsilon,
    popArt: returnNorm === "popart",
    weighted: replay === "prioritised",
  };
}

/** Whether a training episode is cut here, as by a time limit: it has had `length` steps. */
export function isCut({ episodeSteps }: TrainSettings, length: number): boolean {
  return episodeSteps > 0 && length >= episodeSteps;
}

/**
 * What the losses are called: `ddpg` is plain, `td3` has all three of its changes; anything between
 * is `ddpg` with what was changed of it, as in `ddpg-delay2`.
 */
export function algorithmOf({ twin, policyDelay, targetNoise }: TrainSettings): string {
  if (twin && policyDelay > 1 && targetNoise > 0) return "td3";
  const changes = [
    ...(twin ? ["twin"] : []),
    ...(policyDelay > 1 ? [`delay${policyDelay}`] : []),
    ...(targetNoise > 0 ? ["smooth"] : []),
  ];
  return ["ddpg", ...changes].join("-");
}

/** Whether more than one world is driven, or in another thread. */
export function isParallel({ workers, lanes }: TrainSettings): boolean {
  return workers > 0 || lanes > 1;
}

/** How many worlds are driven. */
export function worldsOf({ workers, lanes }: TrainSettings): number {
  return Math.max(1, workers) * lanes;
}

/** Share of the run that is over, 0 to 1: worlds side by side may step beyond its end. */
export function progressAt({ steps }: Pick<TrainSettings, "steps">, step: number): number {
  return Math.min(1, step / steps);
}

/** The share of the learning rates that is left after `step` environment steps. */
export function rateShareAt(settings: TrainSettings, step: number): number {
  return 1 - (1 - settings.finalRateShare) * progressAt(settings, step);
}

/** The share of the exploration noise that is left after `step` environment steps. */
export function noiseShareAt(settings: TrainSettings, step: number): number {
  const { finalNoiseShare: final, noiseDecay } = settings;
  const progress = progressAt(settings, step);
  return noiseDecay === "linear" ? 1 - (1 - final) * progress : final ** progress;
}

/** Throws `SinewError("usage")` that names the first setting that cannot be. */
export function checkSettings(settings: TrainSettings): void {
  for (const name of Object.keys(settingTable) as (keyof TrainSettings)[]) {
    const why = faultOf(settingTable[name], settings[name]);
    if (why !== null) throw new SinewError("usage", `${name} is ${settings[name]}: ${why}`);
  }
  if (settings.gradientSteps % settings.policyDelay !== 0) {
    const { gradientSteps, policyDelay } = settings;
    throw new SinewError(
      "usage",
      `gradientSteps is ${gradientSteps}: give a multiple of policyDelay, ${policyDelay}`,
    );
  }
  const { workers, lanes, mirror, hindsight, parameterNoise } = settings;
  if (isParallel(settings) && (mirror || hindsight > 0 || parameterNoise > 0)) {
    throw new SinewError(
      "usage",
      `workers is ${workers} and lanes ${lanes}: mirror, hindsight and parameter noise need ` +
        "whole episodes of one world, workers 0 and lanes 1",
    );
  }
  const { replayRows, smoothTemporal, nSteps } = settings;
  if (replayRows < worldsOf(settings) * (nSteps + 1)) {
    throw new SinewError(
      "usage",
      `replayRows is ${replayRows}: each of ${worldsOf(settings)} worlds needs ${nSteps + 1} of ` +
        "its own at least",
    );
  }
  if (smoothTemporal > 0 && nSteps > 1) {
    throw new SinewError(
      "usage",
      `smoothTemporal is ${smoothTemporal} and nSteps ${nSteps}: it compares the action at s ` +
        "with the one at the next state, which n-step returns skip; give nSteps 1",
    );
  }
  if (settings.actionLayer > settings.criticHidden.length) {
    const { actionLayer, criticHidden } = settings;
    throw new SinewError(
      "usage",
      `actionLayer is ${actionLayer}: the critic has the layers 0 to ${criticHidden.length}`,
    );
  }
}

/** What a value must be that is not, or null. */
export function faultOf(setting: Setting<unknown>, value: unknown): string | null {
  const { kind, low = 0, high = 0, choices = [] } = setting;
  switch (kind) {
    case "number":
    case "whole": {
      const fits = typeof value === "number" && value >= low && value <= high;
      if (fits && (kind === "number" || Number.isInteger(value))) return null;
      return `give a ${kind === "whole" ? "whole " : ""}number from ${low} to ${high}`;
    }
    case "choice":
      return choices.includes(value) ? null : `give one of ${choices.join(", ")}`;
    case "widths": {
      const list = Array.isArray(value) ? (value as unknown[]) : [];
      const fits = list.every((one) => Number.isInteger(one) && Number(one) >= 1);
      return list.length > 0 && fits ? null : "give the width of at least one layer, as in 64,64";
    }
    case "text":
      return typeof value === "string" && value !== "" ? null : "give a name";
    case "flag":
      return typeof value === "boolean" ? null : "give true or false";
    case "own":
      return setting.fault!(value);
  }
}
