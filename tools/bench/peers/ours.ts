// Our gradient step in a process of its own, by the same protocol as gradient_step.py:
//   node ours.js <engine> <threads>
//   {"observations": 3, "actions": 1, "hidden": [64, 64], "batch": 64}  ->  ready
//   <number of steps>                                                   ->  milliseconds per step
import { createInterface } from "node:readline";
import { monotonicClock } from "../../../src/core/clock.ts";
import { Rng } from "../../../src/core/rng.ts";
import { type EngineChoice, openEngine } from "../../../src/learn/engine.ts";
import { gradientStep } from "../../../src/learn/gradient-step.ts";
import { initialState, Learner } from "../../../src/learn/learner.ts";
import { settingsOf } from "../../../src/learn/presets.ts";
import { lossesOf } from "../../../src/learn/settings.ts";
import type { Size } from "../gradient-step.ts";

const stepsPerCall = 8;
const capacity = 100_000;

async function openLearner(choice: EngineChoice, size: Size): Promise<Learner> {
  const { observations, actions, hidden, batch } = size;
  const channel = { name: "x", unit: "1", low: -1, high: 1 };
  const changes = { actorHidden: hidden, criticHidden: hidden, batch };
  const losses = lossesOf(settingsOf("sb3", "none", changes), {
    observation: new Array(observations).fill(channel),
    action: new Array(actions).fill(channel),
    periodUs: 1000,
  });
  const { carried } = initialState(losses, 0, new Rng(1));
  const program = gradientStep(losses);
  return new Learner(await openEngine(choice, program, carried), losses, program, 0, 1);
}

/** Takes so many steps on minibatches drawn from 100,000 transitions; gives the ms of one. */
function stepper(
  learner: Learner,
  { observations, actions, batch }: Size,
): (steps: number) => Promise<number> {
  const clock = monotonicClock();
  const rng = new Rng(2);
  const width = observations + actions + 2;
  const rows = Float32Array.from({ length: capacity * width }, () => rng.uniform(-1, 1));
  for (let row = 0; row < capacity; row++) rows[(row + 1) * width - 1] = row % 10 === 0 ? 0 : 0.99;
  const index = new Int32Array(stepsPerCall * batch);
  const nextIndex = new Int32Array(stepsPerCall * batch);
  const observation = {
    mean: new Float32Array(observations),
    scale: new Float32Array(observations).fill(1),
    clip: 0,
  };
  const data = { rows, index, nextIndex, observation, rewardScale: 1, rateShare: 1, noiseShare: 1 };
  return async (steps) => {
    const start = clock.now();
    for (let done = 0; done < steps; done += stepsPerCall) {
      for (let i = 0; i < index.length; i++) {
        index[i] = rng.below(capacity - 1);
        nextIndex[i] = index[i] + 1;
      }
      await learner.learn(data);
    }
    return (clock.now() - start) / 1000 / steps;
  };
}

async function main(): Promise<void> {
  const [kind, threads] = process.argv.slice(2);
  const choice = { kind, threads: Number(threads) } as EngineChoice;
  let learner: Learner | null = null;
  let step: ((steps: number) => Promise<number>) | null = null;
  for await (const line of createInterface(process.stdin)) {
    const command = JSON.parse(line);
    if (typeof command === "number") {
      console.log(await step!(command));
      continue;
    }
    await learner?.engine.close();
    learner = await openLearner(choice, command);
    step = stepper(learner, command);
    await step(10 * stepsPerCall);
    console.log("ready");
  }
  await learner?.engine.close();
}

await main();
