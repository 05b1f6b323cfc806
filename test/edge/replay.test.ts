import assert from "node:assert/strict";
import { test } from "node:test";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import { Mode, Reason, type Step } from "../../src/core/step.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { replayLog } from "../../src/edge/replay.ts";
import type { StartChoice } from "../../src/edge/start.ts";
import type { Cycle } from "../../src/edge/tick.ts";
import type { PolicyEvent } from "../../src/log/event.ts";
import { type Log, openLog } from "../../src/log/log.ts";
import { readLog } from "../../src/log/reader.ts";
import {
  ortRunner,
  perceptronRunner,
  policyOfPlain,
  readPlainPolicy,
} from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { EndedJoint } from "../../src/safety/joint.ts";
import type { LimitChoices } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { randomPolicy } from "../policy/random-policy.ts";
import { ownFolder } from "./board-run.ts";
import { recordRun } from "./recorded-run.ts";

test("replay: a run in every mode, with faults, comes out byte for byte", async () => {
  const bytes = await exportPolicy(randomPolicy(3));
  const { path } = await recordRun("whole", bytes, 2000, () => {});
  const { equal, steps, samePolicy } = await replayLog(readLog(path), bytes);
  assert.deepEqual({ equal, steps, samePolicy }, { equal: true, steps: 2000, samePolicy: false });
});

test("replay: one changed bit is found, and named, and only there", async () => {
  const bytes = await exportPolicy(randomPolicy(3));
  const changes: [field: string, change: (step: Step) => void][] = [
    ["action[0]", ({ action }) => new Uint8Array(action.buffer).fill(1, 0, 1)],
    ["proposed[0]", ({ proposed }) => new Uint8Array(proposed.buffer).fill(1, 0, 1)],
    ["validUntilUs", (step) => (step.validUntilUs += 1)],
    ["verdict", (step) => (step.verdict = step.verdict === 0 ? 1 : 0)],
  ];
  for (const [at, [field, change]] of changes.entries()) {
    const { path } = await recordRun(`changed-${at}`, bytes, 60, (step) => {
      if (step.seq === 40) change(step);
    });
    const { equal, differing, first } = await replayLog(readLog(path), bytes);
    assert.equal(equal, false, field);
    assert.equal(first!.field, field);
    assert.equal(first!.seq, 40);
    assert.ok(differing <= 2, `${field}: ${differing}`);
  }
});

test("replay: a policy that observes its past actions, in every mode, with faults", async () => {
  const parts = randomPolicy(3, specWithHistory(pendulumSpec, 2), [16], 3);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, actionHistory: 2 } });
  const { path } = await recordRun("history", bytes, 2000, () => {});
  const { equal, steps } = await replayLog(readLog(path), bytes);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 });
  // What is missing of a log is missed for as long as the history reaches back, and then no more.
  const holed = await recordRun("history-holed", bytes, 300, ({ seq }) => {
    return seq % 20 > 12 ? "lost" : undefined;
  });
  const { equal: same, differing, unverified } = await replayLog(readLog(holed.path), bytes);
  assert.ok(unverified > 0 && unverified <= 3 * 15, `${unverified}`);
  assert.deepEqual([same, differing], [true, 0]);
});

test("replay: a policy that observes past observations, in every mode, with faults", async () => {
  const past = { observationHistory: 3, actionHistory: 1 };
  const parts = randomPolicy(3, specWithHistory(pendulumSpec, 1, 3), [16], 3);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
  const { path } = await recordRun("seen", bytes, 2000, () => {});
  const { equal, steps } = await replayLog(readLog(path), bytes);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 });
  const holed = await recordRun("seen-holed", bytes, 300, ({ seq }) => {
    return seq % 20 > 12 ? "lost" : undefined;
  });
  const { equal: same, differing, unverified } = await replayLog(readLog(holed.path), bytes);
  assert.ok(unverified > 0 && unverified <= 4 * 15, `${unverified}`);
  assert.deepEqual([same, differing], [true, 0]);
});

test("replay: a policy that takes over by and by does so again, and remembers it", async () => {
  const parts = randomPolicy(3, specWithHistory(pendulumSpec, 2), [16], 3);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, actionHistory: 2 } });
  const start = { home: undefined, speed: 1, softSeconds: 0.5 };
  const soft = await recordRun("soft", bytes, 2000, () => {}, { start });
  const { equal, steps } = await replayLog(readLog(soft.path), bytes);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 });
  const asked = (path: string) => Array.from(readLog(path).steps(), (step) => step.proposed[0]);
  const hard = await recordRun("hard", bytes, 2000, () => {});
  assert.notDeepEqual(asked(soft.path), asked(hard.path));
});

/** A joint that tells where it is, among other things. */
const jointSpec: Spec = {
  ...pendulumSpec,
  observation: pendulumSpec.observation.with(0, {
    ...{ name: "joint_position", unit: "rad", low: -3, high: 3 },
  }),
  action: [{ name: "joint_position", unit: "rad", low: -2, high: 2 }],
};
const jointHome = { home: { joint_position: 0.5 }, speed: 2, softSeconds: 0.5 };

test("replay: a way home is gone again", async () => {
  const bytes = await exportPolicy(randomPolicy(3, jointSpec, [16], 3));
  const { path } = await recordRun("home", bytes, 2000, () => {}, {
    start: jointHome,
    spec: jointSpec,
  });
  const log = readLog(path);
  const modes = Array.from(log.steps(), ({ mode }) => mode);
  assert.ok(modes.filter((mode) => mode === Mode.homing).length > 50);
  const { equal, steps } = await replayLog(log, bytes);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 });
});

test("replay: what is done about skipped cycles is done again, and remembered", async () => {
  const spec = specWithHistory(jointSpec, 2);
  const parts = randomPolicy(3, spec, [16], 3);
  const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, actionHistory: 2 } });
  for (const onMiss of ["coast", "hold", "stop"] as const) {
    const recorded = { start: jointHome, spec: jointSpec, onMiss };
    const { path } = await recordRun(onMiss, bytes, 2000, () => {}, recorded);
    const log = readLog(path);
    const { equal, steps } = await replayLog(log, bytes);
    assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 }, onMiss);
    const bits = Array.from(log.steps(), ({ reasons }) => reasons).reduce((all, one) => all | one);
    assert.equal((bits & Reason.missHeld) !== 0, onMiss === "hold");
    assert.equal((bits & Reason.missStopped) !== 0, onMiss === "stop");
    // Another choice than the logged one is another run.
    if (onMiss === "coast") continue;
    const other = Object.assign(readLog(path), { metadata: new Map(log.metadata) });
    other.metadata.delete("onMiss");
    assert.ok((await replayLog(other, bytes)).differing > 20);
  }
});

test("replay: a policy that answered otherwise at times makes no held action differ", async () => {
  const bytes = await exportPolicy(randomPolicy(3));
  let calls = 0;
  let otherwise = Number.NaN;
  const between = (policy: Policy): Cycle["policy"] => ({
    act: async (observation, action) => {
      await policy.act(observation, action);
      otherwise = Number.NaN;
      if (++calls % 5 > 0) return;
      action[0] += 0.25;
      otherwise = action[0];
    },
  });
  let told = 0;
  const count = ({ proposed }: Step): void => {
    if (proposed[0] === otherwise) told++;
  };
  const { path } = await recordRun("held", bytes, 2000, count, { onMiss: "hold", between });
  const { differing } = await replayLog(readLog(path), bytes);
  assert.ok(told > 200, `${told} answers`);
  assert.equal(differing, told);
});

/** Its ends are nearer than it is seen at times, and its gate knows all that a gate can know. */
const knowing: LimitChoices = {
  action: { joint_position: { rateMax: 30, accelerationMax: 20 } },
  joints: {
    joint_position: {
      ...{ position: "joint_position", velocity: "joint_velocity", low: -0.9, high: 0.9 },
      ...{ deceleration: 20, velocityMax: 0.95, effort: "joint_effort", effortMax: 0.95 },
    },
  },
  actsUs: 70_000,
};
const knownSpec: Spec = {
  ...jointSpec,
  observation: jointSpec.observation
    .with(1, { name: "joint_velocity", unit: "rad/s", low: -9, high: 9 })
    .with(2, { name: "joint_effort", unit: "N*m", low: -9, high: 9 }),
};

test("replay: every limit of the gate, in every mode and with faults, byte for byte", async () => {
  const bits = Reason.acceleration | Reason.barrier;
  for (const unit of ["rad", "rad/s", "N*m"]) {
    const spec = { ...knownSpec, action: [{ ...knownSpec.action[0], unit }] };
    const bytes = await exportPolicy(randomPolicy(3, spec, [16], 3));
    const joint = knowing.joints!["joint_position"] as EndedJoint;
    const strong = { ...joint, ...(unit === "N*m" && { acceleration: 21 }) };
    const choices = { ...knowing, joints: { joint_position: strong } };
    const run = [bytes, 2000, () => {}, { spec, choices }] as const;
    const { path } = await recordRun(`knowing-${strong.acceleration ?? unit.length}`, ...run);
    const log = readLog(path);
    let met = 0;
    for (const { reasons } of log.steps()) met |= reasons;
    const seen = Reason.jointPosition | Reason.jointVelocity | Reason.jointEffort;
    assert.equal(met & (bits | seen), bits | seen);
    const { equal, steps } = await replayLog(log, bytes);
    assert.deepEqual({ equal, steps }, { equal: true, steps: 2000 });
  }
});

test("replay: with an acceleration a lost step leaves three unverified, and no more", async () => {
  const bytes = await exportPolicy(randomPolicy(3, knownSpec, [16], 3));
  const drop = ({ seq }: Step): unknown => (seq % 20 === 10 ? "lost" : undefined);
  const recorded = { spec: knownSpec, choices: knowing };
  const run = [bytes, 2000, drop, recorded] as const;
  const { path } = await recordRun("knowing-holed", ...run);
  const { equal, differing, unverified } = await replayLog(readLog(path), bytes);
  assert.deepEqual([equal, differing], [true, 0]);
  assert.ok(unverified > 0 && unverified <= 3 * 100, `${unverified}`);
});

test("replay: what computed the policy then computes it again", async () => {
  const bytes = await exportPolicy(randomPolicy(3, pendulumSpec, [200, 200]));
  const { path } = await recordRun("perceptron", bytes, 300, () => {});
  const { path: old } = await recordRun("runtime", bytes, 300, () => {}, { runner: ortRunner });
  assert.equal(readLog(path).metadata.get("runner"), perceptronRunner);
  assert.equal(readLog(old).metadata.has("runner"), false);
  for (const log of [path, old]) assert.equal((await replayLog(readLog(log), bytes)).equal, true);
  // The two round otherwise, so one is not taken for the other.
  const other = Object.assign(readLog(path), { metadata: new Map(readLog(path).metadata) });
  other.metadata.delete("runner");
  assert.equal((await replayLog(other, bytes)).equal, false);
  other.metadata.set("runner", "perceptron 99");
  await assert.rejects(replayLog(other, bytes), /cannot be run by "perceptron 99" here/);
});

test("replay: which policy followed which is done again, with all of their files", async () => {
  const first = await exportPolicy(randomPolicy(3));
  // It observes its past, of which the device knows nothing.
  const parts = randomPolicy(4, specWithHistory(pendulumSpec, 2, 3));
  const past = { actionHistory: 2, observationHistory: 3 };
  const next = await exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
  const plain = readPlainPolicy(next);
  const swap = { blendCycles: 30, watchCycles: 50, limitedMax: 1 };
  let lineup: Lineup;
  const between = (policy: Policy): Lineup => (lineup = new Lineup(policy, swap));
  const script: Record<number, PolicyEvent["what"]> = {
    ...{ 100: "shadow", 300: "swap", 500: "keep", 700: "back", 750: "swap", 800: "rollback" },
  };
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
  const after = (step: Step): void | Promise<void> => lineup.askShadow(step);
  const recorded = { between, before, after, swap };
  const { path } = await recordRun("swapped", first, 1000, () => {}, recorded);
  const { equal, steps } = await replayLog(readLog(path), first, [next]);
  assert.deepEqual({ equal, steps }, { equal: true, steps: 1000 });
  await assert.rejects(replayLog(readLog(path), first), {
    code: "policy-file",
    message: /was beside the first one: give its file, too/,
  });
  const other = await exportPolicy(randomPolicy(5));
  assert.ok((await replayLog(readLog(path), other, [next])).differing > 100);
});

test("replay: a log from before joints were described is still replayed", async () => {
  const bytes = await exportPolicy(randomPolicy(3));
  const { path } = await recordRun("old", bytes, 100, () => {});
  const log = readLog(path);
  const limits = JSON.parse(log.metadata.get("limits")!) as object;
  assert.deepEqual(Object.keys(limits), ["action", "ageUsMax"]);
  assert.equal((await replayLog(log, bytes)).equal, true);
});

test("replay: steps that a log lacks are reckoned with, or leave others unverified", async () => {
  const bytes = await exportPolicy(randomPolicy(3, jointSpec, [16], 3));
  const runs: [StartChoice, number][] = [
    [{ ...jointHome, softSeconds: 3 }, 70],
    [{ ...jointHome, home: undefined, softSeconds: 3 }, 70],
  ];
  for (const [at, [start, most]] of runs.entries()) {
    let before: Mode = Mode.disarmed;
    let stayed = 0;
    let lost = 0;
    // The fourth step in each stretch of one mode that drives, so that the mode stays.
    const drop = ({ mode }: Step): unknown => {
      stayed = mode === before ? stayed + 1 : 0;
      before = mode;
      if (stayed !== 3 || (mode !== Mode.armed && mode !== Mode.homing)) return undefined;
      lost++;
      return "lost";
    };
    const { path } = await recordRun(`lacking-${at}`, bytes, 2000, drop, {
      start,
      spec: jointSpec,
    });
    const { equal, differing, unverified } = await replayLog(readLog(path), bytes);
    assert.ok(lost > 50, `${lost}`);
    assert.deepEqual([equal, differing], [true, 0]);
    assert.ok(unverified < most, `${unverified} of ${lost}`);
  }
});

test("replay: cycles that were skipped for being late are no excuse in a whole log", async () => {
  const bytes = await exportPolicy(randomPolicy(3, jointSpec, [16], 3));
  const start = { home: undefined, speed: 1, softSeconds: 3 };
  for (const wrong of [0, 1]) {
    const skip = (step: Step): void => {
      if (step.seq < 40) return;
      if (step.seq === 40) {
        step.reasons |= Reason.lateCycle;
        step.validUntilUs += wrong;
      }
      step.seq += 2;
    };
    const { path } = await recordRun(`skipped-${wrong}`, bytes, 80, skip, {
      start,
      spec: jointSpec,
    });
    const { differing, unverified } = await replayLog(readLog(path), bytes);
    assert.deepEqual([differing, unverified], [wrong, 0]);
  }
});

test("replay: a log from the middle of a soft start is unverified until that is over", async () => {
  const bytes = await exportPolicy(randomPolicy(3, jointSpec, [16], 3));
  const start = { home: undefined, speed: 1, softSeconds: 1 };
  const drop = ({ seq }: Step): unknown => (seq < 30 ? "lost" : undefined);
  const { path } = await recordRun("middle", bytes, 200, drop, { start, spec: jointSpec });
  const { differing, unverified } = await replayLog(readLog(path), bytes);
  assert.equal(differing, 0);
  assert.ok(unverified <= 1 + 20);
});

test("replay: another contract is refused, and so is a log that no loop wrote", async () => {
  const spec = { ...pendulumSpec, periodUs: 20_000 };
  const bytes = await exportPolicy(randomPolicy(3));
  const { path } = await recordRun("short", bytes, 3, () => {});
  const other = await exportPolicy(randomPolicy(3, spec));
  await assert.rejects(replayLog(readLog(path), other), /does not fit the log: period/);
  const log = await openLog({
    directory: ownFolder("replay-other"),
    name: "bare",
    spec: pendulumSpec,
    metadata: {},
  });
  const bare = await log.close();
  await assert.rejects(replayLog(readLog(bare.path), bytes), /does not say its limits/);
});
