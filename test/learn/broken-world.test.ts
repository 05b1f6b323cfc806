// A user's world that fails in the middle of a run costs nothing of what was learnt.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { monotonicClock } from "../../src/core/clock.ts";
import { readCheckpoint } from "../../src/learn/checkpoint.ts";
import { settingsOf } from "../../src/learn/presets.ts";
import type { TrainSettings } from "../../src/learn/settings.ts";
import { type TrainListener, type TrainResult, train } from "../../src/learn/train.ts";
import { exportFromCheckpoint } from "../../src/learn/training.ts";
import { writeWholeFile } from "../../src/learn/whole-file.ts";
import { loadPolicy } from "../../src/policy/policy.ts";
import { openTask } from "../../src/sim/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "sinew-broken-"));
after(() => rmSync(folder, { recursive: true }));

/** A cart whose world does as told, in the places named, from some step of its own on. */
function world(name: string, broken: { reset?: string; step?: string; make?: string }): string {
  const path = join(folder, `${name}.mjs`);
  const channel = (called: string): string => `{ name: "${called}", unit: "1", low: -9, high: 9 }`;
  writeFileSync(
    path,
    `
    export const spec = {
      observation: [${channel("x")}, ${channel("v")}],
      action: [${channel("f")}],
      periodUs: 50000,
    };
    export const episodeStepsMax = 100;
    export const judgedStarts = 20;
    let worlds = 0;
    export function makeWorld() {
      ${broken.make ?? ""}
      worlds++;
      let x = 0, v = 0, n = 0;
      return {
        reset(rng, o) {
          ${broken.reset ?? ""}
          x = rng.uniform(-1, 1); v = 0; o.set([x, v]);
        },
        step(a, o) {
          n++;
          ${broken.step ?? ""}
          v += a[0] * 0.05; x += v * 0.05; o.set([x, v]);
          return { reward: -x * x, terminated: Math.abs(x) > 2.5 };
        },
      };
    }`,
  );
  return path;
}

async function run(
  path: string,
  more: {
    resume?: boolean;
    lanes?: number;
    workers?: number;
    listener?: TrainListener;
    changes?: Partial<TrainSettings>;
  } = {},
): Promise<TrainResult> {
  const { resume = false, listener = {}, lanes = 1, workers = 0, changes = {} } = more;
  const settings = settingsOf("pfrl", path, {
    ...{ steps: 1100, randomSteps: 100, learnAfter: 100, batch: 16, replayRows: 2000 },
    ...{ actorHidden: [8], criticHidden: [8], evaluateEvery: 200, checkpointEvery: 100_000 },
    ...{ lanes, workers, ...changes },
  });
  const task = await openTask(path);
  return train(settings, {
    task,
    folder: `${path}-run`,
    clock: monotonicClock(),
    wallSeconds: () => 1,
    listener,
    resume,
  });
}

const kept = /what was learnt in \d+ steps is in .*-run: --resume goes on$/.source;
const failures: readonly [name: string, broken: Parameters<typeof world>[1], told: string][] = [
  ["throws-in-step", { step: 'if (n > 650) throw new Error("hot\\nmotor")' }, "in step: hot motor"],
  ["throws-in-reset", { reset: 'if (n > 650) throw new Error("jam")' }, "in reset: jam"],
  ["gives-no-number", { step: "if (n > 650) return { reward: NaN, terminated: false }" }, "NaN"],
  ["gives-nothing", { step: "if (n > 650) return" }, '"reward" and boolean "terminated"'],
  ["says-done", { step: "if (n > 650) return { reward: 0, done: true }" }, '"terminated"'],
  ["writes-too-much", { step: "if (n > 650) o.set([1, 2, 3])" }, "an observation is 2 numbers"],
  ["writes-too-little", { reset: "if (n > 650) { o[0] = x; return }" }, 'NaN .*"v"'],
  ["fails-an-evaluation", { make: 'if (worlds > 50) throw new Error("full")' }, "makeWorld: full"],
];

for (const [name, broken, told] of failures) {
  test(`a world that ${name.replaceAll("-", " ")}: one line, and nothing is lost`, async () => {
    const path = world(name, broken);
    let [steps, best] = [0, 0];
    const listener: TrainListener = {
      progress: ({ step }) => {
        steps = step;
      },
      evaluated: ({ moment, best: better }) => {
        if (better) best = moment.step;
      },
    };
    const message = new RegExp(`^[^\\n]*${told}[^\\n]*; ${kept}`);
    await assert.rejects(run(path, { listener }), { code: "environment", message });
    const left = readFileSync(`${path}-run/policy.onnx`);
    const policy = await loadPolicy(left);
    await policy.close();
    assert.equal(policy.contract.training["step"], best, "the best so far");
    assert.deepEqual(
      Buffer.from(await exportFromCheckpoint(`${path}-run/checkpoint`, false)),
      left,
    );
    const last = await loadPolicy(await exportFromCheckpoint(`${path}-run/checkpoint`, true));
    await last.close();
    assert.ok(Number(last.contract.training["step"]) >= steps, "learnt up to the very failure");
    if (name === "fails-an-evaluation") return;
    // The world is whole again for as long as it was before.
    const resumed = await run(path, { resume: true });
    assert.equal(resumed.finalStep, 1100);
  });
}

test("worlds side by side lose nothing either, in threads or in none", async () => {
  const path = world("side-by-side", { step: 'if (n > 300) throw new Error("hot")' });
  for (const more of [{ lanes: 2 }, { workers: 1, lanes: 2 }]) {
    rmSync(`${path}-run`, { recursive: true, force: true });
    await assert.rejects(run(path, more), { code: "environment", message: new RegExp(kept) });
    assert.ok((await exportFromCheckpoint(`${path}-run/checkpoint`, true)).length > 0);
  }
  const unread = world("unwritten", { reset: "return" });
  await assert.rejects(run(unread, { lanes: 2 }), /NaN as the observation "x"/);
});

test("where a world fails, no episode of any world goes on in the checkpoint", async () => {
  const path = world("torn-off", { step: 'if (n > 300) throw new Error("hot")' });
  for (const lanes of [1, 3]) {
    rmSync(`${path}-run`, { recursive: true, force: true });
    const torn = run(path, { lanes, changes: { nSteps: 5, returnNorm: "running" } });
    await assert.rejects(torn, { code: "environment" });
    interface Arrays {
      readonly rewardSums: Float64Array;
    }
    const { facts, arrays } = readCheckpoint<{ replay: { pending: number[] } }, Arrays>(
      `${path}-run/checkpoint`,
    );
    // What comes next in a lane is of another episode: it must not end a step of this one.
    assert.deepEqual(facts.replay.pending, new Array(lanes).fill(0));
    const returns = [...arrays.rewardSums.subarray(0, lanes)];
    assert.deepEqual(returns, new Array(lanes).fill(0), "nor add to its return");
    assert.ok(arrays.rewardSums[lanes] > 0, "rewards were counted");
  }
});

test("a world that fails before a run has learnt leaves nothing of an older run", async () => {
  const path = world("early", { step: 'if (n > 20) throw new Error("hot")' });
  mkdirSync(`${path}-run`);
  for (const name of ["checkpoint", "policy.onnx"]) writeFileSync(`${path}-run/${name}`, "older");
  await assert.rejects(run(path), { code: "environment", message: /in step: hot$/ });
  for (const name of ["checkpoint", "policy.onnx"]) assert.ok(!existsSync(`${path}-run/${name}`));
});

test("a checkpoint of a world with other channels since is refused", async () => {
  const path = world("changed", {});
  await run(path);
  const source = readFileSync(path, "utf8");
  const more = `${path.slice(0, -4)}-since.mjs`;
  const channel = '{ name: "w", unit: "1", low: 0, high: 1 }';
  writeFileSync(more, source.replace("observation: [", `observation: [${channel}, `));
  const wider = { ...(await openTask(more)), name: path };
  const resumed = train(settingsOf("pfrl", path), {
    ...{ task: wider, folder: `${path}-run`, clock: monotonicClock(), wallSeconds: () => 1 },
    ...{ listener: {}, resume: true },
  });
  await assert.rejects(resumed, {
    code: "checkpoint",
    message: /the task has changed since: observation\[0\]: expected "x", got "w"/,
  });
});

test("a file of the run that cannot be written is named", async () => {
  const path = world("unwritable", {});
  for (const name of [`events.out.tfevents.1.${hostname()}.sinew`, "checkpoint.new"]) {
    rmSync(`${path}-run`, { recursive: true, force: true });
    // A folder in its place: a permission would not stop root.
    mkdirSync(join(`${path}-run`, name), { recursive: true });
    const told = new RegExp(`^cannot write .*${name}$`);
    await assert.rejects(run(path), { code: "usage", message: told });
  }
  const taken = join(`${path}-run`, "taken");
  mkdirSync(`${taken}.new`);
  writeFileSync(taken, "older");
  assert.throws(() => writeWholeFile(taken, [new Uint8Array(1)]), { code: "usage" });
  assert.equal(readFileSync(taken, "utf8"), "older");
});
