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

function config(text: string, task: string = "pendulum") {
  const path = join(folder, "settings.yaml");
  writeFileSync(path, text);
  return readConfig(path, task);
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

const bad: readonly [name: string, text: string, told: RegExp][] = [
  ["no YAML", "a: [", /settings\.yaml:\d+:\d+/],
  ["an unknown key", "gamma: 0.9\nlerning_rate: 1\n", /settings\.yaml:2:\d+: .*"lerning_rate"/],
  ["a value out of range", "gamma: 1.5\n", /gamma is 1.5: give a number from 0 to 1/],
  ["a word for a number", "batch: many\n", /batch is many/],
  ["a zoo schedule without its like", "learning_rate: cos_1e-3\n", /actorRate is NaN/],
  ["a linear schedule of nothing", "learning_rate: lin_\n", /actorRate is NaN/],
  ["networks without their like", 'policy_kwargs: "dict(net_arch=[64], n_critics=1)"\n', /no like/],
  ["a word of JavaScript's", "constructor: 1\n", /there is no setting "constructor"/],
  ["a zoo noise without its like", "noise_type: pink\n", /noise_type: \\?"pink/],
  ["a list", "- 1\n", /give settings as "name: value"/],
];

for (const [name, text, told] of bad) {
  test(`settings are refused with their place: ${name}`, () => {
    assert.throws(() => config(text), told);
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
