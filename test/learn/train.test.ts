import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/learn/checkpoint.ts";
import { sameBits } from "../../src/learn/engine.ts";
import { type ActBatch, evaluate, judgedStarts } from "../../src/learn/evaluate.ts";
import { metricNames } from "../../src/learn/losses.ts";
import { defaultSettings } from "../../src/learn/presets.ts";
import { progressName, readProgress } from "../../src/learn/progress-csv.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import {
  type Progress,
  type TrainContext,
  type TrainListener,
  type TrainResult,
  train,
} from "../../src/learn/train.ts";
import { exportFromCheckpoint } from "../../src/learn/training.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import type { Env, Task } from "../../src/sim/env.ts";
import { openTask } from "../../src/sim/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-train-"));
after(() => rmSync(folder, { recursive: true }));

/** Few starts: what is compared here is bits, not returns. */
const task: Task = { ...(await openTask("pendulum")), judgedStarts: 50, selectionStarts: 20 };
const short: TrainSettings = {
  ...defaultSettings,
  seed: 5,
  steps: 1_600,
  randomSteps: 200,
  learnAfter: 200,
  actorHidden: [16, 16],
  criticHidden: [16, 16],
  batch: 32,
  gradientSteps: 8,
  mirror: false,
  evaluateEvery: 400,
  checkpointEvery: 400,
};

function contextFor(name: string): TrainContext {
  const clock = monotonicClock();
  const told = { clock, wallSeconds: () => 1, listener: {}, resume: false };
  return { task, folder: join(folder, name), ...told };
}

function run(
  settings: TrainSettings,
  name: string,
  options: {
    resume?: boolean;
    onProgress?: (progress: Progress) => void;
    asked?: Partial<TrainSettings>;
    world?: Task;
  } = {},
): Promise<TrainResult> {
  const { asked, world = task } = options;
  return train(settings, {
    ...contextFor(name),
    ...(asked !== undefined && { asked }),
    task: world,
    listener: options.onProgress === undefined ? {} : { progress: options.onProgress },
    resume: options.resume ?? false,
  });
}

const whole = run(short, "whole");

test("a seed gives one policy: the same bytes twice, other bytes for another seed", async () => {
  const first = await whole;
  const again = await run(short, "again");
  assert.deepEqual(again.policy, first.policy);
  assert.deepEqual(again.final.returns, first.final.returns);
  assert.equal(again.weights, first.weights);
  assert.match(first.weights, /^[0-9a-f]{64}$/);
  const other = await run({ ...short, seed: 6 }, "other");
  assert.notEqual(other.weights, first.weights);
  assert.notDeepEqual(other.policy, first.policy);
});

for (const [name, changes] of [
  ["plain", {}],
  ["batch-normalised", { actorNorm: "batch", criticNorm: "batch", observationNorm: "running" }],
  ["side by side", { lanes: 2, collectSteps: 16, gradientSteps: 16 }],
] as const) {
  test(`how often a run is evaluated changes nothing of it: ${name}`, async () => {
    const settings = { ...short, steps: 800, ...changes };
    const ends = [100, 400].map(async (evaluateEvery) => {
      const kept = `every-${evaluateEvery}-${name}`;
      const { final } = await run({ ...settings, evaluateEvery }, kept);
      const { arrays } = readCheckpoint<unknown, object>(join(folder, kept, "checkpoint"));
      return { returns: final.returns, arrays: { ...arrays, bestPolicy: null } };
    });
    const [often, seldom] = await Promise.all(ends);
    assert.ok("learner/actor.online" in often.arrays && "replayRows" in often.arrays);
    assert.deepEqual(often, seldom);
  });
}

/** Every kind of state that a checkpoint must hold. */
const kinds: Readonly<Record<string, Partial<TrainSettings>>> = {
  plain: {},
  ou: { noise: "ou", noiseDt: 0.1, nSteps: 3 },
  td3: { twin: true, policyDelay: 2, targetNoise: 0.2, smoothSpatial: 0.1, randomShare: 0.3 },
  prioritised: { replay: "prioritised", observationNorm: "running", returnNorm: "running" },
  normalised: { actorNorm: "batch", criticNorm: "batch", returnNorm: "popart" },
  parallel: { lanes: 3, collectSteps: 24, gradientSteps: 24 },
  perturbed: { parameterNoise: 0.2, actorNorm: "layer", noise: "none", activation: "tanh" },
};

for (const [name, changes] of Object.entries(kinds)) {
  test(`cut and resumed, a run ends bit for bit as a whole one: ${name}`, async () => {
    const settings = { ...short, ...changes };
    const uninterrupted = name === "plain" ? await whole : await run(settings, name);
    const cut = new Error("power cut");
    const stop = ({ step }: Progress): void => {
      if (step >= 1_000) throw cut;
    };
    await assert.rejects(run(settings, `cut-${name}`, { onProgress: stop }), cut);
    const resumed = await run(settings, `cut-${name}`, { resume: true });
    assert.deepEqual(resumed.policy, uninterrupted.policy);
    assert.equal(resumed.weights, uninterrupted.weights);
    assert.deepEqual(resumed.final.returns, uninterrupted.final.returns);
    assert.equal(resumed.bestStep, uninterrupted.bestStep);
    const { seconds } = readProgress(join(folder, `cut-${name}`, "progress.csv")).at(-1)!;
    assert.ok(resumed.seconds >= seconds!, "seconds are the whole run's");
  });
}

test("a run goes on with an engine that gives its bits, and with no other", async () => {
  const names = ["kernel avx2", "kernel avx512", "kernel sse2", "kernel wasm", "kernel neon"];
  const own = (await whole).engine;
  const path = join(folder, "other-engine", "checkpoint");
  for (const engine of [...names, "onnx"]) {
    cpSync(join(folder, "whole"), join(folder, "other-engine"), { recursive: true });
    const { facts, arrays } = readCheckpoint(path);
    writeCheckpoint(path, { facts: { ...(facts as object), engine }, arrays });
    const resumed = run(short, "other-engine", { resume: true });
    if (sameBits(own, engine)) await resumed;
    else
      await assert.rejects(resumed, { code: "checkpoint", message: /was trained by the engine/ });
  }
  assert.ok(sameBits("kernel avx512", "kernel avx2") && !sameBits("kernel avx2", "kernel sse2"));
});

test("a checkpoint is written in each stretch, whether turns divide it or not", async () => {
  for (const [name, changes] of [
    ["alone", {}],
    ["turns-divide", { lanes: 2, collectSteps: 16, gradientSteps: 16 }],
    ["turns-do-not", { lanes: 3, collectSteps: 24, gradientSteps: 24 }],
  ] as const) {
    const saved = new Set<number>();
    const look = (): void => {
      const path = join(folder, `saved-${name}`, "checkpoint");
      if (existsSync(path)) saved.add(readCheckpoint<{ step: number }, object>(path).facts.step);
    };
    await run({ ...short, ...changes }, `saved-${name}`, { onProgress: look });
    const stretches = [...saved].map((step) => Math.floor(step / short.checkpointEvery));
    // The last one may be seen too, or not: it is written at the end.
    const seen = stretches.filter((stretch) => stretch < 4);
    assert.deepEqual(seen, [1, 2, 3], `${name}: ${[...saved]}`);
  }
});

test("worlds side by side give the same run in any thread, and in none", async () => {
  const settings = { ...short, lanes: 2, collectSteps: 16, gradientSteps: 16 };
  const inThread = await run({ ...settings, workers: 1 }, "one-thread");
  const here = await run(settings, "no-thread");
  assert.deepEqual(inThread.policy, here.policy);
  const two = await run({ ...settings, lanes: 1, workers: 2 }, "two-threads");
  const again = await run({ ...settings, lanes: 1, workers: 2 }, "two-threads-again");
  assert.deepEqual(two.policy, again.policy);
  const free = await run({ ...settings, workers: 2, async: true }, "async");
  assert.ok(Number.isFinite(free.final.mean));
});

test("each round of learning is told with its losses", async () => {
  const told: number[] = [];
  const listener: TrainListener = {
    learned(step, metrics) {
      told.push(step);
      for (const name of metricNames) {
        assert.equal(metrics[name].length, short.gradientSteps, name);
        assert.ok(metrics[name].every(Number.isFinite), name);
      }
      assert.ok(metrics.criticGradientNorm[0] > 0);
    },
  };
  const settings = { ...short, steps: 300 };
  await train(settings, { ...contextFor("told"), listener });
  assert.deepEqual(
    told,
    Array.from({ length: 13 }, (_, i) => 200 + 8 * i).filter((step) => step <= 300),
  );
});

test("the best policy by evaluation is kept, and its file is what the run returns", async () => {
  const result = await whole;
  assert.deepEqual(new Uint8Array(readFileSync(result.path)), new Uint8Array(result.policy));
  const policy = await loadPolicy(result.policy);
  const act: ActBatch = (observations, count) => policy.actBatch(observations, count);
  const { returns } = await evaluate(act, task, judgedStarts(task));
  await policy.close();
  assert.deepEqual(returns, result.best.returns, "its number is that of the file, noise off");
  const checkpoint = join(folder, "whole", "checkpoint");
  const best = await exportFromCheckpoint(checkpoint, false);
  assert.deepEqual(new Uint8Array(best), new Uint8Array(result.policy));
  assert.ok(result.bestStep <= short.steps && result.bestStep > 0);
  const last = await exportFromCheckpoint(checkpoint, true);
  if (result.bestStep === short.steps) assert.deepEqual(new Uint8Array(last), new Uint8Array(best));
  else assert.notDeepEqual(new Uint8Array(last), new Uint8Array(best));
  assert.ok(readdirSync(join(folder, "whole")).some((file) => file.startsWith("events.out.")));
});

test("resuming without a checkpoint, or with a broken one, says so", async () => {
  await assert.rejects(run(short, "empty", { resume: true }), { code: "checkpoint" });
  await whole;
  writeFileSync(join(folder, "empty", "checkpoint"), "not a checkpoint at all");
  await assert.rejects(run(short, "empty", { resume: true }), { code: "checkpoint" });
});

test("a run ends once an evaluation reaches what was asked for, also if resumed", async () => {
  const settings = { ...short, targetReturn: -5_000 };
  const first = await run(settings, "early");
  assert.equal(first.finalStep, settings.evaluateEvery);
  // As if it had been killed after its last checkpoint: there is nothing left to train.
  const told = readProgress(join(folder, "early", progressName));
  const resumed = await run(settings, "early", { resume: true });
  assert.equal(resumed.finalStep, first.finalStep);
  assert.deepEqual(resumed.policy, first.policy);
  assert.deepEqual(readProgress(join(folder, "early", progressName)), told, "nothing was to tell");
  assert.equal(told.filter(({ evalMean }) => evalMean !== undefined).length, 1);
  assert.equal((await run({ ...short, targetReturn: -1 }, "late")).finalStep, short.steps);
});

test("a fresh run that is cut before its first checkpoint leaves none to resume from", async () => {
  await whole;
  cpSync(join(folder, "whole"), join(folder, "stale"), { recursive: true });
  const cut = new Error("power cut");
  const stop = (): void => {
    throw cut;
  };
  await assert.rejects(run({ ...short, seed: 9 }, "stale", { onProgress: stop }), cut);
  const resumed = run({ ...short, seed: 9 }, "stale", { resume: true });
  await assert.rejects(resumed, { code: "checkpoint", message: /no run was saved there/ });
});

test("settings that cannot be are refused by name", async () => {
  await assert.rejects(run({ ...short, gamma: 1.5 }, "bad"), /gamma is 1.5/);
  await assert.rejects(run({ ...short, batch: 0 }, "bad"), { code: "usage" });
  await assert.rejects(run({ ...short, actorHidden: [] }, "bad"), /actorHidden/);
  const file = join(folder, "a-file");
  writeFileSync(file, "");
  await assert.rejects(run(short, "a-file"), { code: "usage" });
});

test("evaluation is a function of policy and starts alone", async () => {
  const still = async (_: Float32Array, count: number): Promise<Float32Array> =>
    new Float32Array(count);
  const starts = { first: 10, count: 50 };
  const one = await evaluate(still, task, starts);
  const two = await evaluate(still, task, starts);
  assert.deepEqual(one, two);
  const half = await evaluate(still, task, { first: 10, count: 25 });
  assert.deepEqual(half.returns, one.returns.slice(0, 25));
  assert.equal(one.worst, Math.min(...one.returns));
  const told = new Set<number>();
  const watched: Task = {
    ...task,
    makeEnv() {
      const env = task.makeEnv();
      const step: Env["step"] = (action, observation) => {
        told.add(action[0]);
        return env.step(action, observation);
      };
      return { spec: env.spec, reset: (seed, into) => env.reset(seed, into), step };
    },
  };
  await evaluate(async (_, count) => new Float32Array(count).fill(0.25), watched, starts);
  assert.deepEqual([...told], [0.25], "the world is told what the policy said, and no more");
  // A pendulum that nobody drives returns about what Gymnasium's random policy does.
  assert.ok(one.mean < -800 && one.mean > -1700, `${one.mean}`);
});

/** The facts of a checkpoint, changed; the arrays stay. */
function rewrite(name: string, change: (facts: Record<string, unknown>) => object): void {
  cpSync(join(folder, "whole"), join(folder, name), { recursive: true });
  const path = join(folder, name, "checkpoint");
  const { facts, arrays } = readCheckpoint(path);
  writeCheckpoint(path, { facts: change(facts as Record<string, unknown>), arrays });
}

test("a run goes on with its own settings, and refuses others by name", async () => {
  await whole;
  cpSync(join(folder, "whole"), join(folder, "asked"), { recursive: true });
  const { gamma, actorHidden } = short;
  const same = await run(short, "asked", { resume: true, asked: { gamma, actorHidden } });
  assert.equal(same.finalStep, short.steps);
  const asked = { batch: 32, gamma: 0.5, actorHidden: [16, 17] };
  await assert.rejects(run(short, "asked", { resume: true, asked }), {
    code: "usage",
    message: /gamma 0\.99, not 0\.5; actorHidden 16,16, not 16,17: leave these out/,
  });
});

test("a task whose channels have changed is refused by the channel's name", async () => {
  await whole;
  const { spec } = task;
  const last = spec.observation[2];
  for (const [changed, message] of [
    [{ ...spec, observation: spec.observation.slice(0, 2) }, /"pole_velocity" is missing/],
    [{ ...spec, observation: [...spec.observation, { ...last, name: "more" }] }, /"more"/],
    [{ ...spec, observation: spec.observation.with(2, { ...last, high: 9 }) }, /"pole_velocity"/],
    [{ ...spec, action: [{ ...spec.action[0], high: 3 }] }, /"pole_torque"/],
  ] as const) {
    const world = { ...task, spec: changed };
    const resumed = run(short, "whole", { resume: true, world });
    await assert.rejects(resumed, { code: "checkpoint", message });
  }
});

test("a channel without limits is itself again in a checkpoint", async () => {
  const { spec } = task;
  const free = { ...spec.observation[2], low: -Infinity, high: Infinity };
  const world = { ...task, spec: { ...spec, observation: spec.observation.with(2, free) } };
  const settings = { ...short, steps: 400, observationNorm: "none" } as const;
  const first = await run(settings, "free", { world });
  const resumed = await run(settings, "free", { world, resume: true });
  assert.deepEqual(resumed.policy, first.policy);
});

test("an older checkpoint is read, a newer one refused by what it says", async () => {
  const { policy } = await whole;
  rewrite("older", ({ spec, done, rewards, alarms, settings, ...rest }) => {
    const { smoothSigma, frameSkip, ...said } = settings as TrainSettings;
    const { head, pending } = rest["replay"] as { head: number[]; pending: number[] };
    return { ...rest, settings: said, replay: { head: head[0], pending: pending[0] } };
  });
  const resumed = await run(short, "older", { resume: true });
  assert.deepEqual(resumed.policy, policy);
  assert.equal(resumed.settings.smoothSigma, 0.05);
  rewrite("newer", (facts) => ({
    ...facts,
    settings: { ...(facts["settings"] as object), telepathy: true },
  }));
  const newer = { code: "checkpoint", message: /another version of sinew: .*"telepathy"/ };
  await assert.rejects(run(short, "newer", { resume: true }), newer);
  rewrite("wrong", (facts) => ({
    ...facts,
    settings: { ...(facts["settings"] as object), gamma: 2 },
  }));
  await assert.rejects(run(short, "wrong", { resume: true }), /gamma is 2/);
});

test("a resumed run knows the rewards that were seen and the alarms that were raised", async () => {
  await whole;
  const rewards = { lowest: -1e6, highest: 1e6 };
  const alarms = { beyond: 300, saturated: 0, said: ["Q was wrong"] };
  rewrite("seen", (facts) => ({ ...facts, rewards, alarms }));
  assert.deepEqual((await run(short, "seen", { resume: true })).alarms, ["Q was wrong"]);
  const { facts } = readCheckpoint(join(folder, "seen", "checkpoint"));
  assert.deepEqual((facts as { rewards: object }).rewards, rewards);
});
