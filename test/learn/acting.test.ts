import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { acting } from "../../src/learn/acting.ts";
import { ActorForward, type ObservationScale } from "../../src/learn/actor-forward.ts";
import { type EngineChoice, openEngine } from "../../src/learn/engine.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { initialState, Learner, type Minibatches } from "../../src/learn/learner.ts";
import type { Losses } from "../../src/learn/losses.ts";
import { noNative } from "./kernel-case.ts";
import { plainLosses } from "./problem.ts";

const seed = 20261129;
const choices: readonly EngineChoice[] = [
  { kind: "kernel-wasm", threads: 1 },
  ...(noNative === null
    ? ([1, 2] as const).map((threads) => ({ kind: "kernel" as const, threads }))
    : []),
];

const shapes: Readonly<Record<string, Partial<Losses["shape"]>>> = {
  plain: {},
  tanh: { activation: "tanh", actorHidden: [33, 7, 5] },
  layer: { actorNorm: "layer", actorHidden: [256, 256] },
  batch: { actorNorm: "batch", actorHidden: [20, 12] },
};

/** Four rounds' worth of made-up transitions. */
function minibatches(rng: Rng, losses: Losses, observation: ObservationScale): Minibatches {
  const { observations, actions } = losses.shape;
  const width = observations + actions + 2;
  const rows = Float32Array.from({ length: 20 * width }, () => rng.uniform(-1, 1));
  const draw = () => Int32Array.from({ length: 4 * losses.batch }, () => rng.below(20));
  const index = draw();
  return {
    rows,
    index,
    nextIndex: index,
    observation,
    rewardScale: 1,
    rateShare: 1,
    noiseShare: 1,
  };
}

for (const choice of choices) {
  for (const [name, shape] of Object.entries(shapes)) {
    const title = `${choice.kind}, ${choice.threads} threads, ${name}`;
    test(`acts as the forward pass does, before and after learning: ${title}`, async () => {
      const losses: Losses = {
        ...plainLosses,
        observationClip: 1.5,
        shape: { ...plainLosses.shape, ...shape },
      };
      const { observations, actions } = losses.shape;
      const rng = new Rng(seed);
      const { carried } = initialState(losses, 0, rng);
      const program = gradientStep(losses);
      const engine = await openEngine(choice, program, carried, acting(losses));
      const learner = new Learner(engine, losses, program, 0, seed);
      const forward = new ActorForward(losses.shape);
      const scale = {
        mean: Float32Array.from({ length: observations }, () => rng.uniform(-1, 1)),
        scale: Float32Array.from({ length: observations }, () => rng.uniform(0.5, 2)),
        clip: losses.observationClip,
      };
      let before: Float32Array | null = null;
      for (let round = 0; round < 3; round++) {
        const s = new Float32Array(observations);
        for (let i = 0; i < 20; i++) {
          for (let j = 0; j < observations; j++) s[j] = rng.uniform(-3, 3);
          const [own, expected] = [new Float32Array(actions), new Float32Array(actions)];
          assert.ok(learner.act(scale, s, own));
          forward.act(learner.actor, learner.actorStatistics, scale, s, expected);
          for (let j = 0; j < actions; j++) {
            assert(Math.abs(own[j] - expected[j]) < 2e-6, `${own[j]}, not ${expected[j]}`);
          }
        }
        const fixed = new Float32Array(observations).fill(0.5);
        const now = new Float32Array(actions);
        learner.act(scale, fixed, now);
        if (before !== null) assert.notDeepEqual(now, before);
        before = now;
        await learner.learn(minibatches(rng, losses, scale));
      }
      await engine.close();
    });
  }
}

test("an engine that runs one program only leaves acting to others", async () => {
  const { carried } = initialState(plainLosses, 0, new Rng(seed));
  const program = gradientStep(plainLosses);
  const engine = await openEngine(
    { kind: "onnx", threads: 1 },
    program,
    carried,
    acting(plainLosses),
  );
  const learner = new Learner(engine, plainLosses, program, 0, seed);
  const action = new Float32Array(plainLosses.shape.actions).fill(7);
  const s = new Float32Array(plainLosses.shape.observations);
  assert.equal(learner.act({ mean: s, scale: s, clip: 0 }, s, action), false);
  assert.ok(action.every((value) => value === 7));
  await engine.close();
});
