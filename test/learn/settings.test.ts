import assert from "node:assert/strict";
import { test } from "node:test";
import { settingsOf } from "../../src/learn/presets.ts";
import { checkSettings, noiseShareAt, rateShareAt } from "../../src/learn/settings.ts";

const close = (found: number, expected: number): void => {
  assert.ok(Math.abs(found - expected) < 1e-12, `${found}, not ${expected}`);
};

test("learning rates fall linearly to their last share, and no further", () => {
  const settings = settingsOf("ours", "pendulum", { steps: 1000, finalRateShare: 0 });
  close(rateShareAt(settings, 0), 1);
  close(rateShareAt(settings, 250), 0.75);
  close(rateShareAt(settings, 1000), 0);
  close(rateShareAt(settings, 1023), 0);
  close(rateShareAt({ ...settings, finalRateShare: 0.2 }, 500), 0.6);
});

test("noise falls as it is told, and no further beyond the last step", () => {
  const settings = settingsOf("ours", "pendulum", { steps: 1000, finalNoiseShare: 0.25 });
  const linear = { ...settings, noiseDecay: "linear" } as const;
  const exponential = { ...settings, noiseDecay: "exponential" } as const;
  for (const [step, first, second] of [
    [0, 1, 1],
    [500, 0.625, 0.5],
    [1000, 0.25, 0.25],
    [1023, 0.25, 0.25],
  ]) {
    close(noiseShareAt(linear, step), first);
    close(noiseShareAt(exponential, step), second);
  }
  close(noiseShareAt({ ...linear, finalNoiseShare: 0 }, 2000), 0);
});

test("the change of action from s to s' cannot be smoothed over several steps", () => {
  const settings = settingsOf("ours", "pendulum", { smoothTemporal: 0.1 });
  checkSettings(settings);
  assert.throws(() => checkSettings({ ...settings, nSteps: 3 }), {
    code: "usage",
    message: /smoothTemporal is 0\.1 and nSteps 3/,
  });
  checkSettings({ ...settings, smoothTemporal: 0, nSteps: 3 });
});
