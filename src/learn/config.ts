import { readFileSync } from "node:fs";
import { SinewError } from "../core/errors.ts";
import { parseYaml, type YamlFile } from "../core/yaml.ts";
import { faultOf, settingTable, type TrainSettings } from "./settings.ts";

/** What a file of settings says. */
export interface Config {
  readonly preset?: string;
  readonly changes: Partial<TrainSettings>;
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
  train_freq: (value) => ({ collectSteps: Number(value) }),
  gradient_steps: (value) => ({ gradientSteps: Number(value) }),
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
  const file = parseYaml(text, path);
  const whole = mapOf(file, file.value, []);
  const section = Object.keys(whole).find((key) => taskOf(key) === task);
  const keys = section === undefined ? [] : [section];
  const map = section === undefined ? whole : mapOf(file, whole[section], keys);
  let preset: string | undefined;
  const changes: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(map)) {
    if (key === "preset") preset = String(value);
    else Object.assign(changes, settingsOf(file, [...keys, key], key, value));
  }
  // The zoo counts steps of all its worlds at once.
  if (Object.hasOwn(map, "n_envs") && Object.hasOwn(map, "train_freq")) {
    changes["collectSteps"] = Number(map["train_freq"]) * Number(map["n_envs"]);
  }
  // The zoo's -1 stands for as many gradient steps as environment steps were taken.
  if (changes["gradientSteps"] === -1) changes["gradientSteps"] = changes["collectSteps"] ?? 1;
  for (const [name, value] of Object.entries(changes)) {
    const why = faultOf(settingTable[name as keyof TrainSettings], value);
    if (why !== null) throw new SinewError("usage", `${path}: ${name} is ${value}: ${why}`);
  }
  return { changes: changes as Partial<TrainSettings>, ...(preset !== undefined && { preset }) };
}

function settingsOf(
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
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new SinewError("usage", `${file.placeOf(place)}: give settings as "name: value"`);
}

/** The task that an environment's published name stands for. */
function taskOf(name: string): string {
  return name
    .replace(/-v\d+$/, "")
    .replaceAll(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase();
}
