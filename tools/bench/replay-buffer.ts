import { resolve } from "node:path";
import { monotonicClock } from "../../src/core/clock.ts";
import { Rng } from "../../src/core/rng.ts";
import { openKernel } from "../../src/learn/engine-kernel.ts";
import type { Program } from "../../src/learn/program.ts";
import { Replay } from "../../src/learn/replay.ts";
import { GraphBuilder } from "../../src/onnx/graph.ts";
import type { Bench, BenchOptions } from "./main.ts";
import { Peer } from "./peers/process.ts";
import { pythonWithPeers, versionOf } from "./peers/python.ts";
import { interleave } from "./rounds/interleave.ts";
import type { BenchResult } from "./rounds/result.ts";

const size = { transitions: 1_000_000, observations: 17, actions: 6, batch: 256 } as const;
const episodeSteps = 1_000;
const samplesPerRound = 4_000;
/** Training draws for as many gradient steps at a time. */
const samplesPerCall = 8;

export const bench: Bench = {
  title:
    "Replay of 1,000,000 HalfCheetah transitions (17 observations, 6 actions), filled: memory " +
    "that the process grew by, bytes of the arrays, and the time to draw and gather a minibatch " +
    "of 256 (s, a, return, discount, s'), one thread. Ours draws in JavaScript and gathers in " +
    "the native kernel, 8 minibatches a call, as in training.",
  rounds: 7,
  run,
};

async function* run(options: BenchOptions): AsyncGenerator<BenchResult> {
  const python = options.peers ? await pythonWithPeers(options.note) : null;
  const name = `SB3 ${versionOf("stable-baselines3")}`;
  const before = residentMb();
  const replay = filled();
  const grown = residentMb() - before;
  const arrays = bytesOf(replay) / 1e6;
  const draw = drawer(replay);
  const script = resolve("tools/bench/peers/replay_buffer.py");
  const peer = python === null ? null : new Peer(python, [script], { cores: "0", threads: 1 });
  try {
    const theirs = peer === null ? null : JSON.parse(await peer.ask(size));
    const peersOf = (value: "grownMB" | "arraysMB"): Record<string, number[]> =>
      theirs === null ? {} : { [name]: [theirs[value]] };
    yield { case: "memory grown by", unit: "MB", ours: [grown], peers: peersOf("grownMB") };
    yield { case: "arrays", unit: "MB", ours: [arrays], peers: peersOf("arraysMB") };

    draw(samplesPerRound);
    const { ours, ...peers } = await interleave(
      {
        ours: async () => draw(samplesPerRound),
        ...(peer !== null && { [name]: async () => Number(await peer.ask(samplesPerRound)) }),
      },
      options,
    );
    yield { case: "draw and gather", unit: "us", ours, peers };
  } finally {
    await peer?.close();
  }
}

function residentMb(): number {
  return process.memoryUsage.rss() / 1e6;
}

/** What `save` gives views of is all that grows with the capacity. */
function bytesOf(replay: Replay): number {
  return Object.values(replay.save()).reduce(
    (sum, value) => sum + (ArrayBuffer.isView(value) ? value.byteLength : 0),
    0,
  );
}

function filled(): Replay {
  const { transitions, observations, actions } = size;
  const rows = transitions + transitions / episodeSteps;
  const replay = new Replay(observations, actions, rows, 0.99);
  const rng = new Rng(1);
  const observation = Float32Array.from({ length: observations }, () => rng.normal());
  const action = Float32Array.from({ length: actions }, () => rng.uniform(-1, 1));
  for (let step = 1; step <= transitions; step++) {
    observation[step % observations] = rng.normal();
    replay.add(observation, action, rng.uniform(), false);
    if (step % episodeSteps === 0) replay.endEpisode(observation);
  }
  return replay;
}

/** Draws so many minibatches as training does; gives the microseconds of one. */
function drawer(replay: Replay): (samples: number) => number {
  const { batch } = size;
  const { rows } = replay;
  const clock = monotonicClock();
  const rng = new Rng(2);
  const draws = batch * samplesPerCall;
  const sample = { index: new Int32Array(draws), nextIndex: new Int32Array(draws) };
  const kernel = openKernel(gather(), { backend: "native", threads: 1 });
  return (samples) => {
    const start = clock.now();
    for (let k = 0; k < samples; k += samplesPerCall) {
      replay.sample(rng, sample, batch);
      kernel.run(samplesPerCall, { rows, ...sample });
    }
    return (clock.now() - start) / samples;
  };
}

/** The rows of a minibatch and of the observations that they lead to, in arrays of their own. */
function gather(): Program {
  const { batch, observations, actions } = size;
  const width = observations + actions + 2;
  const g = new GraphBuilder();
  const rows = g.input("rows", "float32", [-1, width]);
  const index = g.input("index", "int32", [batch]);
  const nextIndex = g.input("nextIndex", "int32", [batch]);
  const taken = g.input("taken", "float32", [batch, width]);
  const following = g.input("following", "float32", [batch, width]);
  g.output("taken.next", g.gather(rows, index));
  g.output("following.next", g.gather(rows, nextIndex));
  return {
    graph: g,
    carried: [taken, following],
    shared: [rows],
    each: [index, nextIndex],
    kept: [],
  };
}
