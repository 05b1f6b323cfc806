import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readConfig } from "../../src/learn/config.ts";
import { presetNames, settingsOf } from "../../src/learn/presets.ts";
import { checkSettings, settingTable } from "../../src/learn/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-config-"));
after(() => rmSync(folder, { recursive: true }));

/** What a file says, and what it changes of a preset. */
function config(text: string, task: string = "pendulum", named: string = "sb3") {
  const path = join(folder, "settings.yaml");
  writeFileSync(path, text);
  const { preset, changesOf } = readConfig(path, task);
  return { preset, changes: changesOf(named) };
}

test("keys are the settings' own names, and a preset", () => {
  const { preset, changes } = config(
    "preset: td3\ngamma: 0.9\nactorHidden: [32, 16]\ntwin: false\n",
  );
  assert.equal(preset, "td3");
  assert.deepEqual(changes, { gamma: 0.9, actorHidden: [32, 16], twin: false });
});

test("a section of RL Baselines3 Zoo is understood where it means the same", () => {
  const zoo = [
    "Pendulum-v1:",
    "  n_timesteps: 20000",
    "  policy: 'MlpPolicy'",
    "  gamma: 0.98",
    "  buffer_size: 200000",
    "  learning_starts: 10000",
    "  noise_type: 'normal'",
    "  noise_std: 0.1",
    "  train_freq: 4",
    "  gradient_steps: -1",
    "  learning_rate: !!float 1e-3",
    '  policy_kwargs: "dict(net_arch=[400, 300])"',
    "HalfCheetahBulletEnv-v0:",
    "  gamma: 0.5",
  ].join("\n");
  assert.deepEqual(config(zoo).changes, {
    steps: 20_000,
    gamma: 0.98,
    replayRows: 200_000,
    learnAfter: 10_000,
    randomSteps: 10_000,
    noise: "gaussian",
    noiseSigma: 0.1,
    collectSteps: 4,
    gradientSteps: 4,
    actorRate: 1e-3,
    criticRate: 1e-3,
    actorHidden: [400, 300],
    criticHidden: [400, 300],
  });
  assert.deepEqual(config("HalfCheetah-v4:\n  gamma: 0.5\n", "half-cheetah").changes, {
    gamma: 0.5,
  });
  assert.deepEqual(config("Walker2d-v4:\n  gamma: 0.5\n", "walker2d").changes, { gamma: 0.5 });
});

test("the zoo's worlds, steps, falling rates and two networks are understood", () => {
  const { changes } = config(
    [
      "n_envs: 4",
      "n_steps: 3",
      "train_freq: 2",
      "gradient_steps: -1",
      "learning_rate: lin_7.3e-4",
      'policy_kwargs: "dict(net_arch=dict(pi=[64, 32], qf=[400, 300]))"',
    ].join("\n"),
  );
  assert.deepEqual(changes, {
    lanes: 4,
    nSteps: 3,
    collectSteps: 8,
    gradientSteps: 8,
    actorRate: 7.3e-4,
    criticRate: 7.3e-4,
    finalRateShare: 0,
    actorHidden: [64, 32],
    criticHidden: [400, 300],
  });
});

test("what the zoo counts by what it does not say goes by the preset", () => {
  for (const [preset, text, expected] of [
    // Of ours on Pendulum the preset learns after 8 steps, 64 times; td3 after 2, twice.
    ["ours", "gradient_steps: -1", { gradientSteps: 8 }],
    ["td3", "gradient_steps: -1", { gradientSteps: 2 }],
    ["ours", "n_envs: 4", { lanes: 4, collectSteps: 32 }],
    ["td3", "n_envs: 4", { lanes: 4, collectSteps: 8 }],
    ["td3", "n_envs: 4\ngradient_steps: -1", { lanes: 4, collectSteps: 8, gradientSteps: 8 }],
    ["ours", "collectSteps: 6\nn_envs: 2", { lanes: 2, collectSteps: 6 }],
    ["ours", "collectSteps: 6\ngradient_steps: -1", { collectSteps: 6, gradientSteps: 6 }],
    ["ours", 'train_freq: [4, "step"]', { collectSteps: 4 }],
  ] as const) {
    const { changes } = config(text, "pendulum", preset);
    assert.deepEqual(changes, expected, `${preset}: ${text}`);
    checkSettings(settingsOf(preset, "pendulum", changes));
  }
  assert.throws(() => config("gamma: 0.9", "pendulum", "sb4"), { code: "usage" });
});

test("the zoo's sections that merge another are understood", () => {
  const zoo = [
    "HalfCheetahBulletEnv-v0: &pybullet-defaults",
    "  n_timesteps: !!float 1e6",
    "  gamma: 0.98",
    "  batch_size: 100",
    "Hopper-v4:",
    "  <<: *pybullet-defaults",
    "  batch_size: 256",
  ].join("\n");
  const expected = { steps: 1_000_000, gamma: 0.98, batch: 256 };
  assert.deepEqual(config(zoo, "hopper").changes, expected);
  const none = {
    code: "usage",
    message: /no section for pendulum, only HalfCheetah\S+, Hopper-v4$/,
  };
  assert.throws(() => config(zoo, "pendulum"), none);
});

test("the zoo's normalize is a running scale of observations and returns", () => {
  const both = { observationNorm: "running", observationClip: 10, returnNorm: "running" };
  const neither = { observationNorm: "none", observationClip: 0, returnNorm: "none" };
  for (const [said, expected] of [
    ["true", both],
    ["True", both],
    ["false", neither],
    [`"{'norm_obs': True, 'norm_reward': False}"`, { ...both, returnNorm: "none" }],
    ["dict(norm_obs=False, norm_reward=True)", { ...neither, returnNorm: "running" }],
    ["dict(norm_reward=False, clip_obs=5.0)", { ...both, observationClip: 5, returnNorm: "none" }],
    ["{ norm_reward: false }", { ...both, returnNorm: "none" }],
  ] as const) {
    assert.deepEqual(config(`normalize: ${said}\n`).changes, expected, said);
  }
});

const bad: readonly [name: string, text: string, told: RegExp][] = [
  ["no YAML", "a: [", /settings\.yaml:\d+:\d+/],
  ["an unknown key", "gamma: 0.9\nlerning_rate: 1\n", /settings\.yaml:2:\d+: .*"lerning_rate"/],
  ["a value out of range", "gamma: 1.5\n", /gamma is 1.5: give a number from 0 to 1/],
  ["a word for a number", "batch: many\n", /batch is many/],
  ["a zoo schedule without its like", "learning_rate: cos_1e-3\n", /actorRate is NaN/],
  ["a linear schedule of nothing", "learning_rate: lin_\n", /actorRate is NaN/],
  ["networks without their like", 'policy_kwargs: "dict(net_arch=[64], n_critics=1)"\n', /no like/],
  ["a word of JavaScript's", "constructor: 1\n", /there is no setting "constructor"/],
  ["learning by episodes", 'train_freq: [1, "episode"]', /:1:\d+: "train_freq: \[1,"epis.*no like/],
  ["rewards cut off", 'normalize: "dict(clip_reward=5)"', /"normalize: .*has no like here/],
  ["a scale of a word", "normalize: some\n", /"normalize: \\?"some\\?"" has no like here/],
  ["a merge of a number", "<<: 5\ngamma: 0.9\n", /settings\.yaml: .*[Mm]erge/],
  ["worlds that are no number", "n_envs: many\n", /lanes is NaN/],
  ["a zoo noise without its like", "noise_type: pink\n", /noise_type: \\?"pink/],
  ["a list", "- 1\n", /give settings as "name: value"/],
];

for (const [name, text, told] of bad) {
  test(`settings are refused with their place: ${name}`, () => {
    assert.throws(() => config(text), { code: "usage", message: told });
  });
}

test("a file that is not there is an error of usage", () => {
  assert.throws(() => readConfig(join(folder, "none"), "pendulum"), { code: "usage" });
});

test("every preset has every setting, of a kind that can be, on every task", () => {
  const names = Object.keys(settingTable).sort();
  for (const preset of presetNames) {
    for (const task of ["pendulum", "half-cheetah"]) {
      const settings = settingsOf(preset, task);
      assert.deepEqual(Object.keys(settings).sort(), names, preset);
      checkSettings(settings);
    }
  }
  assert.throws(() => settingsOf("sb4", "pendulum"), /there is ours, lillicrap, baselines/);
  assert.throws(() => settingsOf("constructor", "pendulum"), /no preset is named/);
});

test("exploration is on unless it is turned off", () => {
  for (const task of ["pendulum", "half-cheetah"]) {
    const { noise, noiseSigma, finalNoiseShare } = settingsOf("ours", task);
    assert.ok(noise !== "none" && noiseSigma * finalNoiseShare > 0);
  }
});

test("settings that do not go together are refused", () => {
  const settings = settingsOf("td3", "pendulum");
  assert.throws(
    () => checkSettings({ ...settings, gradientSteps: 3 }),
    /multiple of policyDelay, 2/,
  );
  assert.throws(() => checkSettings({ ...settings, actionLayer: 3 }), /the layers 0 to 2/);
});
