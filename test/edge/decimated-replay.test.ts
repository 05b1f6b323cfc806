import assert from "node:assert/strict";
import { test } from "node:test";
import { controlSpecOf, type Decimation } from "../../src/core/decimation.ts";
import { specWithHistory } from "../../src/core/history.ts";
import { betweenAnswers, type Step } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { type ReplayReport, replayLog } from "../../src/edge/replay.ts";
import type { PolicyEvent } from "../../src/log/event.ts";
import type { Log } from "../../src/log/log.ts";
import { readLog } from "../../src/log/reader.ts";
import { policyOfPlain, readPlainPolicy } from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { type Recorded, recordRun } from "./recorded-run.ts";

const decimations: readonly Decimation[] = [
  { every: 5, between: "hold" },
  { every: 5, between: "interpolate" },
  { every: 2, between: "interpolate" },
];
const start = { home: undefined, speed: 1, softSeconds: 0.1 };
const noSwap = { blendCycles: 0, watchCycles: 0, limitedMax: 1 };

/** The file of a policy that observes two past actions and one past observation, at 20 Hz. */
async function policyFile(seed: number): Promise<Uint8Array> {
  const parts = randomPolicy(seed, specWithHistory(pendulumSpec, 2, 1), [16], 3);
  const past = { actionHistory: 2, observationHistory: 1 };
  return exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
}

/** What a run at another rate than the policy's is recorded with. */
function recordedAt(decimation: Decimation): Recorded {
  return {
    decimation,
    spec: controlSpecOf(pendulumSpec, decimation),
    between: (policy: Policy, step: Step) => {
      return new DecimatedPolicy(new Lineup(policy, noSwap), decimation, step);
    },
  };
}

const whole = ({ equal, steps }: ReplayReport): unknown => ({ equal, steps });

test("replay: a loop that is faster than its policy comes out byte for byte", async () => {
  const bytes = await policyFile(3);
  for (const [at, decimation] of decimations.entries()) {
    for (const onMiss of ["coast", "hold"] as const) {
      const recorded = { ...recordedAt(decimation), start, onMiss, skips: true };
      const { path } = await recordRun(`rate-${at}-${onMiss}`, bytes, 3000, () => {}, recorded);
      const log = readLog(path);
      let asked = 0;
      let count = 0;
      for (const { reasons } of log.steps()) {
        count++;
        if ((reasons & betweenAnswers) === 0) asked++;
      }
      assert.ok(asked > count / decimation.every && asked < 0.9 * count, `${asked} of ${count}`);
      const report = await replayLog(log, bytes);
      assert.deepEqual(whole(report), { equal: true, steps: count });
      // At another rate it is another run.
      const other = Object.assign(readLog(path), { metadata: new Map(log.metadata) });
      other.metadata.delete("control");
      await assert.rejects(replayLog(other, bytes), /does not fit the log: period/);
    }
  }
});

test("replay: one changed bit of a held answer is found there, and only there", async () => {
  const bytes = await policyFile(3);
  const [held] = decimations;
  for (const seq of [40, 41, 42, 43, 44, 45]) {
    const change = (step: Step): void => {
      if (step.seq === seq) step.validUntilUs += 1;
    };
    const recorded = { ...recordedAt(held), start };
    const { path } = await recordRun(`rate-bit-${seq}`, bytes, 200, change, recorded);
    const { differing, first } = await replayLog(readLog(path), bytes);
    assert.deepEqual([differing, first!.seq, first!.field], [1, seq, "validUntilUs"]);
  }
});

test("replay: behind steps that a log lacks the rate is found again", async () => {
  const bytes = await policyFile(3);
  for (const [at, decimation] of decimations.entries()) {
    const { every } = decimation;
    // One stretch of seven in a hundred, whose length is no multiple of any rate.
    const drop = ({ seq }: Step): unknown => (seq % 100 > 92 ? "lost" : undefined);
    const recorded = recordedAt(decimation);
    const { path } = await recordRun(`rate-holed-${at}`, bytes, 3000, drop, recorded);
    const { equal, differing, unverified } = await replayLog(readLog(path), bytes);
    assert.deepEqual([equal, differing], [true, 0], JSON.stringify(decimation));
    assert.ok(unverified > 0 && unverified < 30 * (1 + 6 * every), `${unverified}`);
  }
});

test("replay: which policy followed which, at a rate of their own", async () => {
  const [first, next] = [await policyFile(3), await exportPolicy(randomPolicy(4))];
  const plain = readPlainPolicy(next);
  const swap = { blendCycles: 12, watchCycles: 50, limitedMax: 1 };
  const script: Record<number, PolicyEvent["what"]> = {
    ...{ 101: "shadow", 303: "swap", 502: "keep", 704: "back", 751: "swap", 803: "rollback" },
  };
  for (const [at, decimation] of decimations.entries()) {
    let lineup: Lineup;
    const before = (seq: number, log: Log): void => {
      const what = script[seq];
      if (what === undefined) return;
      if (what === "shadow") lineup.shadow({ index: 1, policy: policyOfPlain(plain) });
      else if (what === "swap" || what === "keep") lineup[what]();
      else lineup.back();
      const { driver, second } = lineup;
      const ids = { drives: driver.policy.id, beside: second?.policy.id ?? null };
      log.append({ timeUs: seq, kind: "policy", what, fromSeq: seq, ...ids });
    };
    const recorded: Recorded = {
      ...recordedAt(decimation),
      ...{ swap, before, start },
      between: (policy, step) => {
        lineup = new Lineup(policy, swap);
        return new DecimatedPolicy(lineup, decimation, step);
      },
      after: (step) => lineup.askShadow(step),
    };
    const { path } = await recordRun(`rate-swapped-${at}`, first, 1000, () => {}, recorded);
    const report = await replayLog(readLog(path), first, [next]);
    assert.deepEqual(whole(report), { equal: true, steps: 1000 });
  }
});
