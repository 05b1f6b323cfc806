import { readFileSync } from "node:fs";
import { SinewError } from "../core/errors.ts";
import { parseYaml, type YamlFile } from "../core/yaml.ts";
import { settingsOf } from "./presets.ts";
import { faultOf, settingTable, type TrainSettings } from "./settings.ts";

/** What a file of settings says. */
export interface Config {
  readonly preset?: string;
  /**
   * What it changes of a preset's settings: the zoo counts some numbers by others, and what it does
   * not say of those is the preset's. Throws `SinewError("usage")` for a preset that is not there.
   */
  changesOf(preset: string): Partial<TrainSettings>;
}

/** Keys of RL Baselines3 Zoo that mean the same here, and what each becomes. */
const zooKeys: Readonly<Record<string, (value: unknown) => Record<string, unknown> | null>> = {
  n_timesteps: (value) => ({ steps: Number(value) }),
  learning_rate: (value) => {
    // The zoo's linear schedules fall to 0 at the last step.
    const [, falling] = /^lin_(.+)$/.exec(String(value)) ?? [];
    const rate = Number(falling ?? value);
    const rates = { actorRate: rate, criticRate: rate };
    return falling === undefined ? rates : { ...rates, finalRateShare: 0 };
  },
  n_envs: (value) => ({ lanes: Number(value) }),
  n_steps: (value) => ({ nSteps: Number(value) }),
  buffer_size: (value) => ({ replayRows: Number(value) }),
  learning_starts: (value) => ({ learnAfter: Number(value), randomSteps: Number(value) }),
  batch_size: (value) => ({ batch: Number(value) }),
  train_freq: (value) => {
    // Steps, as a number or as [4, "step"]; episodes have lengths of their own.
    const [steps, unit] = Array.isArray(value) ? (value as unknown[]) : [value, "step"];
    return unit === "step" ? { collectSteps: Number(steps) } : null;
  },
  // -1 stands for as many as environment steps were taken.
  gradient_steps: (value) => (value === -1 ? {} : { gradientSteps: Number(value) }),
  normalize: normalised,
  noise_type: (value) =>
    value === "normal"
      ? { noise: "gaussian" }
      : value === "ornstein-uhlenbeck"
        ? { noise: "ou", noiseDt: 0.01 }
        : null,
  noise_std: (value) => ({ noiseSigma: Number(value) }),
  policy_delay: (value) => ({ policyDelay: Number(value) }),
  target_policy_noise: (value) => ({ targetNoise: Number(value) }),
  target_noise_clip: (value) => ({ targetNoiseClip: Number(value) }),
  policy: (value) => (value === "MlpPolicy" ? {} : null),
  policy_kwargs: (value) => {
    const net = /^dict\(\s*net_arch\s*=\s*(.+?)\s*\)$/.exec(String(value))?.[1] ?? "";
    const list = "\\[([\\d,\\s]+)\\]";
    const [, both] = new RegExp(`^${list}$`).exec(net) ?? [];
    const apart = new RegExp(`^dict\\(\\s*pi\\s*=\\s*${list}\\s*,\\s*qf\\s*=\\s*${list}\\s*\\)$`);
    const [, actor = both, critic = both] = apart.exec(net) ?? [];
    if (actor === undefined || critic === undefined) return null;
    return { actorHidden: widthsOf(actor), criticHidden: widthsOf(critic) };
  },
};

/** VecNormalize: all of it, none, or what a Python dict says; rewards are not cut off here. */
function normalised(value: unknown): Record<string, unknown> | null {
  const said =
    typeof value === "string"
      ? pythonDict(value)
      : isMap(value)
        ? value
        : { norm_obs: value, norm_reward: value };
  if (said === null) return null;
  const {
    norm_obs: observations = true,
    norm_reward: rewards = true,
    clip_obs = 10,
    ...rest
  } = said;
  const flags = typeof observations === "boolean" && typeof rewards === "boolean";
  if (!flags || Object.keys(rest).length > 0) return null;
  return {
    observationNorm: observations ? "running" : "none",
    observationClip: observations ? clip_obs : 0,
    returnNorm: rewards ? "running" : "none",
  };
}

/** `{'a': True, 'b': 5}` or `dict(a=True, b=5)`; null where it is neither. */
function pythonDict(text: string): Record<string, unknown> | null {
  const inside = /^(?:dict\((.*)\)|\{(.*)\})$/.exec(text.trim());
  if (inside === null) return null;
  const entries: [string, unknown][] = [];
  for (const part of (inside[1] ?? inside[2]).split(",")) {
    const pair = /^\s*(['"]?)(\w+)\1\s*[:=]\s*(True|False|[\d.e+-]+)\s*$/.exec(part);
    if (pair === null) return null;
    const [, , name, value] = pair;
    entries.push([name, /^[TF]/.test(value) ? value === "True" : Number(value)]);
  }
  return Object.fromEntries(entries);
}

function widthsOf(text: string): number[] {
  return text.split(",").map(Number);
}

/**
 * Reads settings from a YAML file: keys as in `settingTable`, `preset`, or the ones of RL
 * Baselines3 Zoo that mean the same. A file with a section for each environment, as the zoo writes
 * them, gives the one whose name is the task's (`HalfCheetah-v4` is `half-cheetah`).
 *
 * Throws `SinewError("usage")` with line and column for what is no YAML, an unknown key, or a value
 * that cannot be.
 */
export function readConfig(path: string, task: string): Config {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SinewError("usage", `cannot read the settings in ${path}`, { cause: error });
  }
  const file = parseYaml(text, path, "usage");
  const whole = mapOf(file, file.value, []);
  const section = Object.keys(whole).find((key) => taskOf(key) === task);
  if (section === undefined) refuseSections(path, whole, task);
  const keys = section === undefined ? [] : [section];
  const map = section === undefined ? whole : mapOf(file, whole[section], keys);
  let preset: string | undefined;
  const said: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(map)) {
    if (key === "preset") preset = String(value);
    else Object.assign(said, meaningOf(file, [...keys, key], key, value));
  }
  for (const [name, value] of Object.entries(said)) {
    const why = faultOf(settingTable[name as keyof TrainSettings], value);
    if (why !== null) throw new SinewError("usage", `${path}: ${name} is ${value}: ${why}`);
  }
  const changes = said as Partial<TrainSettings>;
  return {
    ...(preset !== undefined && { preset }),
    changesOf: (named) => ({ ...changes, ...scheduleOf(map, changes, settingsOf(named, task)) }),
  };
}

/** Settings are no maps: a file of nothing else has sections, and none for the task. */
function refuseSections(
  path: string,
  whole: Readonly<Record<string, unknown>>,
  task: string,
): void {
  const names = Object.keys(whole).filter(
    (key) => isMap(whole[key]) && !Object.hasOwn(zooKeys, key),
  );
  if (names.length === 0 || names.length < Object.keys(whole).length) return;
  throw new SinewError("usage", `${path} has no section for ${task}, only ${names.join(", ")}`);
}

/** What the zoo's keys say of when to learn, in our terms. */
function scheduleOf(
  map: Readonly<Record<string, unknown>>,
  { collectSteps }: Partial<TrainSettings>,
  preset: TrainSettings,
): Partial<TrainSettings> {
  let steps = collectSteps ?? preset.collectSteps;
  // The zoo's worlds take their steps together, and it counts those; our own key counts all.
  const together = Object.hasOwn(map, "n_envs") && !Object.hasOwn(map, "collectSteps");
  if (together) steps *= Number(map["n_envs"]);
  return {
    ...(together && { collectSteps: steps }),
    ...(map["gradient_steps"] === -1 && { gradientSteps: steps }),
  };
}

function meaningOf(
  file: YamlFile,
  place: readonly string[],
  key: string,
  value: unknown,
): Record<string, unknown> {
  if (Object.hasOwn(settingTable, key)) return { [key]: value };
  const meaning = Object.hasOwn(zooKeys, key) ? zooKeys[key](value) : undefined;
  if (meaning === undefined) {
    throw new SinewError("usage", `${file.placeOf(place)}: there is no setting "${key}"`);
  }
  if (meaning === null) {
    const said = `"${key}: ${JSON.stringify(value)}"`;
    throw new SinewError("usage", `${file.placeOf(place)}: ${said} has no like here`);
  }
  return meaning;
}

function mapOf(
  file: YamlFile,
  value: unknown,
  place: readonly string[],
): Readonly<Record<string, unknown>> {
  if (isMap(value)) return value;
  throw new SinewError("usage", `${file.placeOf(place)}: give settings as "name: value"`);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The task that an environment's published name stands for. */
function taskOf(name: string): string {
  return name
    .replace(/-v\d+$/, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase();
}
