import { resolve } from "node:path";
import { monotonicClock } from "../../src/core/clock.ts";
import { Rng } from "../../src/core/rng.ts";
import { openEngine } from "../../src/learn/engine.ts";
import { gradientStep } from "../../src/learn/gradient-step.ts";
import { initialState, Learner } from "../../src/learn/learner.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { lossesOf, type TrainSettings } from "../../src/learn/settings.ts";
import type { Bench, BenchOptions, BenchResult } from "./main.ts";
import { Peer, pythonWithPeers } from "./peers/python.ts";

const stepsPerCall = 8;

interface Size {
  readonly observations: number;
  readonly actions: number;
  readonly hidden: readonly number[];
  readonly batch: number;
}

const cases: Readonly<Record<string, Size>> = {
  "64-64 B64": { observations: 3, actions: 1, hidden: [64, 64], batch: 64 },
  "256-256 B64": { observations: 3, actions: 1, hidden: [256, 256], batch: 64 },
  "HalfCheetah B256": { observations: 17, actions: 6, hidden: [256, 256], batch: 256 },
};

/** A round measures each contender for about this long, one after the other. */
const roundMs = 400;

export const bench: Bench = {
  title:
    "DDPG gradient step, one thread, ms per step: sampling from 100,000 transitions, critic, " +
    "actor, two Adam, two Polyak. Medians of interleaved rounds (lowest to highest; peer/ours).",
  rounds: 7,
  run,
};

/** Takes some steps and tells the milliseconds of one. */
type Contender = (steps: number) => Promise<number>;

async function* run({ rounds, peers: withPeers, note }: BenchOptions): AsyncGenerator<BenchResult> {
  const python = withPeers ? await pythonWithPeers(note) : null;
  const script = resolve("tools/bench/peers/gradient_step.py");
  const peers: Record<string, Peer> =
    python === null
      ? {}
      : {
          "torch 2.15.0 eager, fused Adam": new Peer(python, script, ["torch"]),
          "jax 0.10.2 jit, scan of 8": new Peer(python, script, ["jax"]),
        };
  try {
    for (const [name, size] of Object.entries(cases)) {
      const learner = await openBenchLearner(size);
      const contenders: [string, Contender][] = [["ours", ours(learner, size)]];
      for (const [peer, process] of Object.entries(peers)) {
        await process.ask(size);
        contenders.push([peer, async (steps) => Number(await process.ask(steps))]);
      }
      const { ours: own, ...others } = await interleave(contenders, rounds);
      await learner.engine.close();
      yield { case: name, unit: "ms/step", ours: own, peers: others };
    }
  } finally {
    for (const peer of Object.values(peers)) peer.close();
  }
}

/** Milliseconds per step of each contender in each round. */
async function interleave(
  contenders: readonly (readonly [string, Contender])[],
  rounds: number,
): Promise<Record<string, number[]>> {
  const results: Record<string, number[]> = {};
  const steps: Record<string, number> = {};
  for (const [name, contender] of contenders) {
    results[name] = [];
    await contender(8 * stepsPerCall);
    const calls = Math.ceil(roundMs / (await contender(4 * stepsPerCall)) / stepsPerCall);
    steps[name] = calls * stepsPerCall;
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, contender] of contenders) results[name].push(await contender(steps[name]));
  }
  return results;
}

async function openBenchLearner({ observations, actions, hidden, batch }: Size): Promise<Learner> {
  const changes: Partial<TrainSettings> = { actorHidden: hidden, criticHidden: hidden, batch };
  const channel = { name: "x", unit: "1", low: -1, high: 1 };
  const losses = lossesOf(settingsOf("sb3", "none", changes), {
    observation: new Array(observations).fill(channel),
    action: new Array(actions).fill(channel),
    periodUs: 1000,
  });
  const state = initialState(losses, 0, new Rng(1));
  const program = gradientStep(losses);
  return new Learner(
    await openEngine({ kind: "onnx", threads: 1 }, program, state.carried),
    losses,
    program,
    0,
    1,
  );
}

function ours(learner: Learner, { observations, actions, batch }: Size): Contender {
  const clock = monotonicClock();
  const rng = new Rng(2);
  const capacity = 100_000;
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
