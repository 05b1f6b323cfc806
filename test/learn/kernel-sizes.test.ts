// At the sizes that people train at, every kernel gives what ONNX Runtime gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { type EngineChoice, openEngine } from "../../src/learn/engine.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { initialState, Learner } from "../../src/learn/learner.ts";
import type { Losses } from "../../src/learn/losses.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { lossesOf } from "../../src/learn/settings.ts";
import { noNative } from "./kernel-case.ts";

const seed = 20261129;
const [observations, actions] = [17, 6];
const channel = { name: "x", unit: "1", low: -1, high: 1 };
const spec = {
  observation: new Array<typeof channel>(observations).fill(channel),
  action: new Array<typeof channel>(actions).fill(channel),
  periodUs: 1000,
};
const kernels: readonly EngineChoice[] = [
  { kind: "kernel-wasm", threads: 1 },
  ...(noNative === null
    ? ([1, 2] as const).map((threads) => ({ kind: "kernel" as const, threads }))
    : []),
];

/** An engine's networks after two calls of four rounds on the same made-up transitions. */
async function learnt(choice: EngineChoice, losses: Losses): Promise<Map<string, Float32Array>> {
  const { carried } = initialState(losses, 0, new Rng(seed));
  const program = gradientStep(losses);
  const engine = await openEngine(choice, program, carried);
  const learner = new Learner(engine, losses, program, 0, seed);
  const rng = new Rng(seed, 1);
  const width = observations + actions + 2;
  const rows = Float32Array.from({ length: 1000 * width }, () => rng.uniform(-1, 1));
  for (let row = 1; row <= 1000; row++) rows[row * width - 1] = 0.99;
  const ones = (value: number) => new Float32Array(observations).fill(value);
  const observation = { mean: ones(0.1), scale: ones(1.5), clip: losses.observationClip };
  const draws = 4 * losses.policyDelay * losses.batch;
  for (let call = 0; call < 2; call++) {
    const index = Int32Array.from({ length: draws }, () => rng.below(999));
    const nextIndex = index.map((row) => row + 1);
    const shares = { rewardScale: 1, rateShare: 1, noiseShare: 1 };
    await learner.learn({ rows, index, nextIndex, observation, ...shares });
  }
  const names = ["actor.online", "critic.online"];
  const values = new Map(names.map((name) => [name, engine.carried(name).slice()]));
  await engine.close();
  return values;
}

/** |x - y| / |y| */
function distance(x: Float32Array, y: Float32Array): number {
  let [off, size] = [0, 0];
  y.forEach((value, i) => {
    off += (x[i] - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(off / Math.max(size, 1e-30));
}

for (const preset of ["ours", "td3", "jl321-cheetah", "lillicrap"]) {
  test(`${preset} learns the same on every engine, at its own size, seed ${seed}`, async () => {
    const losses = lossesOf(settingsOf(preset, "hopper"), spec);
    const expected = await learnt({ kind: "onnx", threads: 1 }, losses);
    for (const choice of kernels) {
      for (const [name, values] of await learnt(choice, losses)) {
        const off = distance(values, expected.get(name)!);
        assert(off < 1e-3, `${choice.kind}, ${choice.threads} threads: ${name} is off by ${off}`);
      }
    }
  });
}
