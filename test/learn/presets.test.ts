// What the other systems' own code says, number by number.
import assert from "node:assert/strict";
import { test } from "node:test";
import { presetNames, settingsOf } from "../../src/learn/presets.ts";
import { algorithmOf, type TrainSettings } from "../../src/learn/settings.ts";

type Numbers = Partial<TrainSettings>;

/** What most of them have. A replay has room for the last observations of 1e6 transitions too. */
const usual = {
  ...{ actorHidden: [256, 256], criticHidden: [256, 256], activation: "relu", actionLayer: 0 },
  ...{ actorNorm: "none", criticNorm: "none", finalBound: 0 },
  ...{ actorRate: 1e-3, criticRate: 1e-3, finalRateShare: 1, adamEpsilon: 1e-8, batch: 256 },
  ...{ tau: 5e-3, targetEvery: 1, gamma: 0.99, nSteps: 1, replayRows: 1_002_000 },
  ...{ randomSteps: 10_000, learnAfter: 10_000, collectSteps: 1, gradientSteps: 1 },
  ...{ noise: "gaussian", noiseSigma: 0.1, noiseTheta: 0.15, noiseDt: 1, noiseDecay: "linear" },
  ...{ finalNoiseShare: 1, randomShare: 0, parameterNoise: 0 },
  ...{ twin: false, policyDelay: 1, targetNoise: 0, targetNoiseClip: 0.5 },
  ...{ criticDecay: 0, decayKind: "l2", gradientClip: 0, actorNoise: 0, actionPenalty: 0 },
  ...{ smoothTemporal: 0, smoothSpatial: 0, observationNorm: "none", observationClip: 0 },
  ...{ rewardScale: 1, returnNorm: "none", replay: "uniform", mirror: false, hindsight: 0 },
  exportTarget: false,
} satisfies Numbers;

const wide = { actorHidden: [400, 300], criticHidden: [400, 300] };
const small = { actorHidden: [64, 64], criticHidden: [64, 64] };
const atOnce = { randomSteps: 0 };
const td3 = { twin: true, policyDelay: 2, targetNoise: 0.2, collectSteps: 2, gradientSteps: 2 };

/** What each has else. */
const known: Readonly<Record<string, Numbers>> = {
  lillicrap: {
    ...{ ...wide, actionLayer: 1, finalBound: 3e-3, actorNorm: "batch", criticNorm: "batch" },
    ...{ actorRate: 1e-4, criticDecay: 1e-2, tau: 1e-3, batch: 64 },
    ...{ noise: "ou", noiseSigma: 0.2, ...atOnce, learnAfter: 64 },
  },
  baselines: {
    ...{ ...small, activation: "tanh", finalBound: 3e-3, actorRate: 1e-4, criticDecay: 1e-2 },
    ...{ tau: 0.01, batch: 64, noise: "none", parameterNoise: 0.2 },
    ...{ observationNorm: "running", observationClip: 5 },
    ...{ collectSteps: 100, gradientSteps: 50, ...atOnce, learnAfter: 100 },
  },
  chainerrl: {
    ...{ actorHidden: [300, 300, 300], criticHidden: [300, 300, 300], actorRate: 1e-4 },
    ...{ batch: 200, tau: 0.01, gamma: 0.995, gradientClip: 1, rewardScale: 0.01 },
    ...{ replayRows: 501_000, noise: "ou", noiseSigma: 0.4 },
    ...{ collectSteps: 4, ...atOnce, learnAfter: 5_000 },
  },
  pfrl: { ...wide, batch: 100 },
  spinningup: { batch: 100, learnAfter: 1_000, collectSteps: 50, gradientSteps: 50 },
  sb3: { ...wide, noise: "none", randomSteps: 100, learnAfter: 100 },
  sbx: { actorRate: 3e-4, noise: "none", randomSteps: 100, learnAfter: 100 },
  cleanrl: {
    ...{ actorRate: 3e-4, criticRate: 3e-4, policyDelay: 2, collectSteps: 2, gradientSteps: 2 },
    ...{ randomSteps: 25_000, learnAfter: 25_000 },
  },
  tianshou: { randomSteps: 25_000, learnAfter: 25_000 },
  "tensorlayer-pendulum": {
    ...{ ...small, criticRate: 2e-3, batch: 32, tau: 0.01, gamma: 0.9, replayRows: 10_000 },
    ...{ noiseSigma: 1, noiseDecay: "exponential", finalNoiseShare: 0.0067 },
    ...{ ...atOnce, learnAfter: 10_000 },
  },
  "jl321-cheetah": {
    ...{ actorHidden: [128, 300, 400], criticHidden: [300, 400], actionLayer: 1 },
    ...{ actorNorm: "batch", finalBound: 3e-3, actorRate: 1e-4, criticDecay: 5e-3, tau: 1e-3 },
    ...{ collectSteps: 50, gradientSteps: 50, ...atOnce, learnAfter: 256 },
  },
  "learning-to-run": {
    ...{ actorHidden: [64, 64], criticHidden: [64, 32], actorNorm: "layer", criticNorm: "layer" },
    ...{ criticRate: 2e-3, finalRateShare: 0.01, tau: 1e-4, gamma: 0.96, rewardScale: 10 },
    ...{ gradientClip: 10, noise: "ou", noiseSigma: 0.1, noiseDt: 0.01, finalNoiseShare: 0.002 },
    ...{ noiseDecay: "exponential", parameterNoise: 0.2, mirror: true },
    ...{ ...atOnce, learnAfter: 10_000 },
  },
  "rl-tools": {
    ...{ ...td3, ...small, batch: 100, adamEpsilon: 1e-7, replayRows: 20_200 },
    ...{ randomSteps: 100, learnAfter: 100 },
  },
  td3: { ...td3, actorRate: 3e-4, criticRate: 3e-4, randomSteps: 25_000, learnAfter: 25_000 },
};

test("every preset but ours has its numbers here", () => {
  assert.deepEqual(["ours", ...Object.keys(known)], presetNames);
});

for (const [preset, numbers] of Object.entries(known)) {
  test(`the preset ${preset} is what its system runs`, () => {
    const settings: Readonly<Record<string, unknown>> = { ...settingsOf(preset, "half-cheetah") };
    const names = Object.keys(usual);
    const found = Object.fromEntries(names.map((name) => [name, settings[name]]));
    assert.deepEqual(found, { ...usual, ...numbers });
  });
}

test("an algorithm is called by its losses, whatever preset they are of", () => {
  const called = Object.fromEntries(
    presetNames.map((preset) => [preset, algorithmOf(settingsOf(preset, "hopper"))]),
  );
  const others = Object.fromEntries(Object.keys(known).map((preset) => [preset, "ddpg"]));
  const three = { ours: "td3", td3: "td3", "rl-tools": "td3" };
  assert.deepEqual(called, { ...others, ...three, cleanrl: "ddpg-delay2" });
  const settings = settingsOf("td3", "pendulum");
  assert.equal(algorithmOf({ ...settings, targetNoise: 0 }), "ddpg-twin-delay2");
  assert.equal(algorithmOf({ ...settings, twin: false, policyDelay: 1 }), "ddpg-smooth");
});
