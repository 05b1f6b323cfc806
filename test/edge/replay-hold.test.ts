import assert from "node:assert/strict";
import { test } from "node:test";
import { controlSpecOf } from "../../src/core/decimation.ts";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, Reason, type Step } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { replayLog } from "../../src/edge/replay.ts";
import type { Cycle } from "../../src/edge/tick.ts";
import { readLog } from "../../src/log/reader.ts";
import { segmentsOf } from "../../src/log/transitions.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { EndedJoint } from "../../src/safety/joint.ts";
import type { LimitChoices } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { recordRun } from "./recorded-run.ts";

/** A joint that is sent an effort, and the gains to hold it. */
const spec: Spec = {
  ...pendulumSpec,
  observation: [
    { name: "angle", unit: "rad", low: -3, high: 3 },
    { name: "speed", unit: "rad/s", low: -9, high: 9 },
    { name: "other", unit: "1", low: -3, high: 3 },
  ],
};
const joint: EndedJoint = {
  ...{ position: "angle", velocity: "speed", low: -2, high: 2, beyondMax: 5 },
  ...{ deceleration: 8, acceleration: 8, hold: { stiffness: 0.4, damping: 0.4 } },
};
const [{ name: driven }] = spec.action;
const choices: LimitChoices = {
  joints: { [driven]: joint },
  action: { [driven]: { rateMax: 60 } },
};
const hold = { easeCycles: 3, returnCycles: 4 };
const start = { home: undefined, speed: 1, softSeconds: 0.2 };

/** The policy, which answers what is no number at times, and throws nothing. */
function failing(policy: Policy): Cycle["policy"] {
  let calls = 0;
  return {
    rest: () => policy.rest?.(),
    recall: (action) => policy.recall?.(action),
    act: async (observation, action) => {
      await policy.act(observation, action);
      if (calls++ % 9 === 8 && observation.every(Number.isFinite)) action[0] = Number.NaN;
    },
  };
}

async function policyWithPast(): Promise<Uint8Array> {
  const parts = randomPolicy(3, specWithHistory(spec, 2, 2), [16], 3);
  const past = { actionHistory: 2, observationHistory: 2 };
  return exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
}

const recorded = { spec, choices, hold, start };

test("replay: what was held, by whom ever and wherefore, comes out byte for byte", async () => {
  const bytes = await policyWithPast();
  const { path } = await recordRun("held-whole", bytes, 3000, () => {}, recorded);
  const log = readLog(path);
  const modes = Array.from(log.steps(), ({ mode }) => mode);
  const held = modes.filter((mode) => mode === Mode.holding).length;
  assert.ok(held > 100, `${held}`);
  const { equal, steps, first } = await replayLog(log, bytes);
  assert.deepEqual({ equal, steps, first }, { equal: true, steps: 3000, first: null });
  // Other times than the logged ones are another run.
  const other = Object.assign(readLog(path), { metadata: new Map(log.metadata) });
  other.metadata.set("hold", JSON.stringify({ ...hold, returnCycles: 9 }));
  assert.ok((await replayLog(other, bytes)).differing > 20);
});

test("replay: a policy that failed is held again, though it fails no more", async () => {
  const bytes = await exportPolicy(randomPolicy(3, spec, [16], 3));
  const between = { ...recorded, between: failing };
  const { path } = await recordRun("fell-back", bytes, 2000, () => {}, between);
  const log = readLog(path);
  let failed = 0;
  let unfit = 0;
  for (const { proposed, reasons } of log.steps()) {
    if ((reasons & Reason.policyUnfit) !== 0) unfit++;
    if ((reasons & Reason.policyUnfit) !== 0 || Number.isNaN(proposed[0])) failed++;
  }
  assert.ok(unfit > 50, `${unfit}`);
  const { differing } = await replayLog(log, bytes);
  // The replay's policy fails at none of it: nothing but that differs.
  assert.ok(differing > 0 && differing <= failed, `${differing} of ${failed}`);
  // Nothing of it is taken for what a policy did.
  const segments = [...segmentsOf(readLog(path))];
  const held = new Set<number>();
  for (const { seq, mode } of readLog(path).steps()) if (mode === Mode.holding) held.add(seq);
  assert.ok(segments.length > 20);
  for (const { seq, count } of segments) {
    for (let at = seq; at < seq + count; at++) assert.ok(!held.has(at), `${at}`);
  }
});

test("replay: what was held in a loop that is faster than its policy", async () => {
  const noSwap = { blendCycles: 0, watchCycles: 0, limitedMax: 1 };
  const bytes = await policyWithPast();
  for (const between of ["hold", "interpolate"] as const) {
    const decimation = { every: 3, between };
    const { path } = await recordRun(`held-${between}`, bytes, 3000, () => {}, {
      ...{ ...recorded, decimation, skips: true, spec: controlSpecOf(spec, decimation) },
      between: (policy: Policy, step: Step) => {
        return new DecimatedPolicy(new Lineup(policy, noSwap), decimation, step);
      },
    });
    const { equal, first } = await replayLog(readLog(path), bytes);
    assert.deepEqual({ equal, first }, { equal: true, first: null }, between);
  }
});

test("replay: a hold whose beginning a log lacks is unverified, until it is over", async () => {
  const bytes = await policyWithPast();
  let before: Mode = Mode.disarmed;
  let lost = 0;
  const drop = ({ mode }: Step): unknown => {
    const began = mode === Mode.holding && before !== Mode.holding;
    before = mode;
    if (!began) return undefined;
    lost++;
    return "lost";
  };
  const { path } = await recordRun("held-lacking", bytes, 2000, drop, recorded);
  const { equal, differing, unverified } = await replayLog(readLog(path), bytes);
  assert.ok(lost > 15, `${lost}`);
  assert.deepEqual([equal, differing], [true, 0]);
  assert.ok(unverified > lost && unverified < 1000, `${unverified} for ${lost}`);
});

test("replay: steps that a log lacks amid a hold are reckoned with", async () => {
  const bytes = await exportPolicy(randomPolicy(3, spec, [16], 3));
  let before: Mode = Mode.disarmed;
  let stayed = 0;
  let lost = 0;
  const drop = ({ mode }: Step): unknown => {
    stayed = mode === before ? stayed + 1 : 0;
    before = mode;
    if (stayed !== 1 || mode !== Mode.holding) return undefined;
    lost++;
    return "lost";
  };
  const { path } = await recordRun("held-gaps", bytes, 2000, drop, recorded);
  const { equal, differing, unverified } = await replayLog(readLog(path), bytes);
  assert.ok(lost > 15, `${lost}`);
  assert.deepEqual([equal, differing], [true, 0]);
  assert.ok(unverified < 2 * lost, `${unverified} of ${lost}`);
});
