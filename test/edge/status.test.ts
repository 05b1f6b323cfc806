import assert from "node:assert/strict";
import { test } from "node:test";
import { Rng } from "../../src/core/rng.ts";
import { Mode, makeStep } from "../../src/core/step.ts";
import { Histogram, histogramBytes } from "../../src/edge/histogram.ts";
import { type PolicyChange, policyChanges } from "../../src/edge/policy-record.ts";
import { Count, Measure, Request, State, Status, statusBytes } from "../../src/edge/status.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

test("histogram: percentiles are within 4 % of the sorted values", () => {
  for (let seed = 0; seed < 10; seed++) {
    const rng = new Rng(seed);
    const histogram = new Histogram(new ArrayBuffer(histogramBytes));
    const values = Array.from({ length: 5000 }, () => Math.exp(rng.uniform(0, 14)));
    for (const value of values) histogram.add(value);
    values.sort((a, b) => a - b);
    const { count, p50, p99, p999, max } = histogram.percentiles();
    assert.equal(count, values.length);
    assert.equal(max, values.at(-1));
    for (const [got, share] of [
      [p50, 0.5],
      [p99, 0.99],
      [p999, 0.999],
    ]) {
      const wanted = values[Math.ceil(values.length * share) - 1];
      assert.ok(Math.abs(got - wanted) <= 0.04 * wanted + 1, `seed ${seed} ${share}: ${got}`);
    }
  }
});

test("histogram: what is below a power of 2 is exact, and the sum is within 2 %", () => {
  const rng = new Rng(5);
  const histogram = new Histogram(new ArrayBuffer(histogramBytes));
  const values = Array.from({ length: 5000 }, () => Math.exp(rng.uniform(0, 14)));
  for (const value of values) histogram.add(value);
  const edges = [...Array.from({ length: 22 }, (_, at) => 2 ** at), Number.POSITIVE_INFINITY];
  const below = edges.map((edge) => values.filter((value) => value < edge).length);
  assert.deepEqual(histogram.below(edges), below);
  const sum = values.reduce((all, value) => all + value, 0);
  assert.ok(Math.abs(histogram.sum() - sum) < 0.02 * sum, `${histogram.sum()} for ${sum}`);
});

test("histogram: odd values", () => {
  const histogram = new Histogram(new ArrayBuffer(histogramBytes));
  assert.deepEqual(histogram.percentiles(), { count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) histogram.add(value);
  assert.equal(histogram.percentiles().count, 0);
  histogram.add(-5);
  histogram.add(2 ** 31 - 1);
  assert.deepEqual(histogram.percentiles(), {
    count: 2,
    p50: 0,
    p99: 2 ** 31 - 1,
    p999: 2 ** 31 - 1,
    max: 2 ** 31 - 1,
  });
});

test("status: what one side writes the other reads", () => {
  const memory = new SharedArrayBuffer(statusBytes(pendulumSpec));
  const control = new Status(pendulumSpec, memory);
  const main = new Status(pendulumSpec, memory);
  assert.equal(main.state, State.starting);
  assert.equal(main.mode, Mode.disarmed);
  main.ask(Request.arm);
  main.ask(Request.end);
  assert.equal(control.takeRequests(), Request.arm | Request.end);
  assert.equal(control.takeRequests(), 0);
  control.add(Count.missed, 3);
  control.setModes(Mode.armed, 1, 2, 1);
  for (const which of Object.values(Measure)) control.measure(which, 10 * (which + 1));
  const step = makeStep(pendulumSpec);
  step.seq = 5;
  step.timeUs = 1e12;
  step.observation.set([1, 2, 3]);
  step.action.set([-1.5]);
  step.reasons = 9;
  control.show(step);
  assert.equal(main.count(Count.missed), 3);
  assert.deepEqual([main.mode, main.deviceMode, main.deviceReason], [Mode.armed, 1, 2]);
  for (const which of Object.values(Measure)) {
    assert.equal(main.percentiles(which).p50, 10 * (which + 1));
  }
  assert.equal(main.reasons, 9);
  const live = main.live();
  assert.deepEqual([live.seq, live.timeUs], [5, 1e12]);
  assert.deepEqual([...live.observation, ...live.action], [1, 2, 3, -1.5]);
});

test("status: the newest 64 transitions", () => {
  const status = new Status(pendulumSpec);
  for (let index = 0; index < 100; index++) {
    const to = index % 2 === 0 ? Mode.stopped : Mode.disarmed;
    const happening = Happening.stop;
    status.addTransition(index, { timeUs: index, from: Mode.disarmed, happening, to, reason: 3 });
  }
  const transitions = status.transitions();
  assert.equal(transitions.length, 64);
  assert.equal(transitions[0].timeUs, 36);
  assert.deepEqual(transitions[63], {
    timeUs: 99,
    from: Mode.disarmed,
    happening: Happening.stop,
    to: Mode.disarmed,
    reason: 3,
  });
});

test("status: the newest changes of policies, how many of each, and since when who is who", () => {
  const memory = new SharedArrayBuffer(statusBytes(pendulumSpec));
  const [control, main] = [new Status(pendulumSpec, memory), new Status(pendulumSpec, memory)];
  assert.deepEqual(main.policies.changes(), []);
  assert.equal(main.policies.drivesSinceUs, 0);
  const changes: PolicyChange[] = [];
  for (let round = 1; round <= 20; round++) {
    const timeUs = 10 * round;
    const shadow = { timeUs, what: "shadow", fromSeq: round, drives: 0, beside: round } as const;
    const swap = { ...shadow, timeUs: timeUs + 1, what: "swap", drives: round, beside: 0 } as const;
    const back = { ...shadow, timeUs: timeUs + 2, what: "rollback", why: "refused" } as const;
    changes.push(shadow, swap, back);
  }
  for (const change of changes) control.policies.add(change);
  assert.deepEqual(main.policies.changes(), changes.slice(-31));
  assert.deepEqual([main.policies.drivesSinceUs, main.policies.besideSinceUs], [202, 202]);
  assert.deepEqual(
    policyChanges.map((_, kind) => main.policies.countOf(kind)),
    [20, 20, 0, 0, 0, 20, 0],
  );
  control.policies.add({ timeUs: 300, what: "shadow", fromSeq: 9, drives: 0, beside: 21 });
  assert.deepEqual([main.policies.drivesSinceUs, main.policies.besideSinceUs], [202, 300]);
});
