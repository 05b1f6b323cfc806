// The four files compute what the learner itself computes: its own rounds are asked for the truth.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { ActorForward } from "../../src/learn/actor-forward.ts";
import { ddpg } from "../../src/learn/ddpg.ts";
import type { NetworkFiles } from "../../src/learn/network-files.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import { lossesOf, type TrainSettings } from "../../src/learn/settings.ts";
import {
  freshTraining,
  networksFromCheckpoint,
  saveTraining,
  type Training,
} from "../../src/learn/training.ts";
import { decodeModel } from "../../src/onnx/model.ts";
import { createSession } from "../../src/policy/ort.ts";
import { pendulumTask } from "../../src/sim/pendulum.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-networks-"));
after(() => rmSync(folder, { recursive: true }));

const draws = 32;
const rng = new Rng(3);
/** Raw observations and actions, some of them beyond what training has seen. */
const s = Float32Array.from(
  { length: draws * 3 },
  (_, i) => rng.uniform(-1, 1) * [1, 1, 12][i % 3],
);
const a = Float32Array.from({ length: draws }, () => rng.uniform(-1, 1));

async function trained(changes: Partial<TrainSettings>) {
  const settings = settingsOf("ours", "pendulum", {
    ...{ steps: 400, randomSteps: 100, learnAfter: 100, batch: draws, replayRows: 1000, seed: 4 },
    ...{ actorHidden: [12, 8], criticHidden: [16, 8], replay: "prioritised", mirror: false },
    ...{ actorRate: 1e-2, criticRate: 1e-2, collectSteps: 8, gradientSteps: 8 },
    ...changes,
  });
  const training = await freshTraining(settings, pendulumTask);
  for await (const _ of ddpg(training.run, settings));
  const path = join(folder, "checkpoint");
  saveTraining(path, training);
  return { training, files: await networksFromCheckpoint(path) };
}

/** What a file makes of all the observations, and of the actions where it takes them: by column. */
async function outputOf(file: Uint8Array, action: Float32Array | null): Promise<number[][]> {
  const session = await createSession(file);
  const [name] = session.outputNames;
  const run = async (from: number, count: number): Promise<number[]> => {
    const part = (data: Float32Array, width: number) => ({
      ...{ type: "float32" as const, dims: [count, width] },
      data: data.subarray(from * width, (from + count) * width),
    });
    const feeds = { observation: part(s, 3), ...(action !== null && { action: part(action, 1) }) };
    const { data } = (await session.run(feeds))[name];
    return [...(data as Float32Array)];
  };
  const all = await run(0, draws);
  const width = all.length / draws;
  const single = await run(5, 1);
  near(single, all.slice(5 * width, 6 * width));
  await session.release();
  return Array.from({ length: width }, (_, column) =>
    Array.from({ length: draws }, (_, i) => all[i * width + column]),
  );
}

function near(found: readonly number[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  found.forEach((value, i) => {
    const error = Math.abs(value - wanted[i]) / Math.max(1, Math.abs(wanted[i]));
    assert.ok(error < 1e-5, `${value}, not ${wanted[i]} (${i})`);
  });
}

/**
 * The learner's own round on the transitions s, a -> s with the reward 0, at rates of 0: its error
 * Q(s, a) - y, where y is what the discount leaves of its targets, and its metrics.
 */
function asked({ run }: Training, discount: number) {
  const rows = new Float32Array(draws * 6);
  for (let i = 0; i < draws; i++) {
    rows.set([...s.subarray(i * 3, i * 3 + 3), a[i], 0, discount], i * 6);
  }
  const index = Int32Array.from({ length: draws }, (_, i) => i);
  return run.learner.learn({
    ...{ rows, index, nextIndex: index, weight: new Float32Array(draws).fill(1) },
    ...{ observation: run.normaliser, rewardScale: 1, rateShare: 0, noiseShare: 0 },
  });
}

async function checkActors({ run, settings }: Training, files: NetworkFiles): Promise<void> {
  const forward = new ActorForward(lossesOf(settings, pendulumTask.spec).shape);
  for (const [name, copy] of [
    ["actor", "actor.online"],
    ["actor-target", "actor.target"],
  ] as const) {
    const parameters = run.learner.engine.carried(copy);
    const wanted = Array.from({ length: draws }, (_, i) => {
      const action = new Float32Array(1);
      const observation = s.subarray(i * 3, i * 3 + 3);
      const { learner, normaliser } = run;
      forward.act(parameters, learner.actorStatistics, normaliser, observation, action);
      return action[0];
    });
    near((await outputOf(files[name], null))[0], wanted);
  }
}

/** min over critics of Q'(s, mu'(s)), by the files. */
async function targetsOf(files: NetworkFiles): Promise<number[]> {
  const [action] = await outputOf(files["actor-target"], null);
  const columns = await outputOf(files["critic-target"], Float32Array.from(action));
  return columns[0].map((_, i) => Math.min(...columns.map((column) => column[i])));
}

const layered: Partial<TrainSettings> = {
  ...{ twin: true, policyDelay: 2, batch: draws / 2, actionLayer: 1, activation: "tanh" },
  ...{ actorNorm: "layer", criticNorm: "layer", observationNorm: "running", observationClip: 1 },
};

for (const [name, changes] of [
  ["DDPG", {}],
  ["TD3 with layer norms, late action, running scale and clip", layered],
] as const) {
  test(`four files are the learner's Q, mu and their targets: ${name}`, async () => {
    const { training, files } = await trained(changes);
    await checkActors(training, files);
    // The targets first: this round moves them when it is done.
    const ahead = await asked(training, 1);
    const { tdError, metrics } = await asked(training, 0);
    const columns = await outputOf(files.critic, a);
    assert.equal(columns.length, training.settings.twin ? 2 : 1);
    near(columns[0], [...tdError]);
    // With targets of 0 the loss is the mean square of Q, of both critics, over the last batch.
    const last = columns.flatMap((column) => column.slice(draws - training.settings.batch));
    const square = last.reduce((sum, q) => sum + q * q, 0) / last.length;
    near([metrics.msbe[0]], [square]);
    const wanted = [...tdError].map((q, i) => q - ahead.tdError[i]);
    const found = await targetsOf(files);
    near(found, wanted);
    const online = await outputOf(files["critic-target"], a);
    assert.ok(Math.abs(online[0][0] - columns[0][0]) > 1e-3, "the targets lag behind");
    await training.run.learner.engine.close();
  });
}

for (const actionLayer of [0, 1]) {
  test(`batch normalisation is worked into all, action layer ${actionLayer}`, async () => {
    // With tau 1 both copies are the same, so one truth judges all four.
    const norms = { actorNorm: "batch", criticNorm: "batch" } as const;
    const { training, files } = await trained({ ...norms, actionLayer, tau: 1, collectSteps: 4 });
    await checkActors(training, files);
    assert.deepEqual(files.critic, files["critic-target"]);
    assert.deepEqual(files.actor, files["actor-target"]);
    const ahead = await asked(training, 1);
    // The round itself normalises by its batch, the same in both: what differs is the target.
    const { tdError } = await asked(training, 0);
    near(
      await targetsOf(files),
      [...tdError].map((q, i) => q - ahead.tdError[i]),
    );
    await training.run.learner.engine.close();
  });
}

test("PopArt's scale is worked out: q is a value, not a share of its deviation", async () => {
  const { training, files } = await trained({ returnNorm: "popart", statisticsShare: 0.1 });
  const [mean, meanSquare] = training.run.learner.engine.carried("critic.moments");
  assert.ok(Math.abs(mean) > 0.1 && meanSquare > 0.1, "there is a scale to work out");
  const [column] = await outputOf(files.critic, a);
  const { metrics } = await asked(training, 0);
  near([column.reduce((sum, q) => sum + q, 0) / draws], [metrics.q[0]]);
  await training.run.learner.engine.close();
});

test("the files are plain ONNX with named inputs and outputs, any batch", async () => {
  const { training, files } = await trained(layered);
  await training.run.learner.engine.close();
  const told = Object.entries(files).map(([name, file]) => {
    const { graph, opset, metadata } = decodeModel(file);
    const values = [...graph.inputs, ...graph.outputs].map(({ name, dims }) => [name, ...dims]);
    return [name, opset, metadata.size, values];
  });
  const [observation, action] = [
    ["observation", "batch", 3],
    ["action", "batch", 1],
  ];
  const actor = [observation, action];
  const critic = [observation, action, ["q", "batch", 2]];
  assert.deepEqual(told, [
    ["actor", 17, 0, actor],
    ["actor-target", 17, 0, actor],
    ["critic", 17, 0, critic],
    ["critic-target", 17, 0, critic],
  ]);
});
