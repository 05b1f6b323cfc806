import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decimation } from "../../src/core/decimation.ts";
import { restOf, specWithHistory } from "../../src/core/history.ts";
import { Rng } from "../../src/core/rng.ts";
import type { Spec } from "../../src/core/spec.ts";
import { betweenAnswers, Mode, makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { Start } from "../../src/edge/start.ts";
import { type Cycle, type MissPolicy, tick } from "../../src/edge/tick.ts";
import { HistoryPolicy } from "../../src/policy/history-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

const spec: Spec = { ...pendulumSpec, periodUs: 10_000 };
const noSwap = { blendCycles: 0, watchCycles: 0, limitedMax: 1 };
const pastCount = 3;

/** One answer of the policy, and what it was given for it. */
interface Call {
  readonly seq: number;
  readonly observation: number[];
  readonly past: number[];
  readonly answer: number;
}

/** A network that observes its last actions, and keeps each of its calls. */
class Network implements Policy {
  readonly id: string = "network";
  readonly spec: Spec = specWithHistory(pendulumSpec, pastCount);
  readonly calls: Call[] = [];
  readonly #answer: () => number;
  readonly #step: Step;

  constructor(step: Step, answer: () => number) {
    this.#step = step;
    this.#answer = answer;
  }

  async act(observation: Float32Array, action: Float32Array): Promise<void> {
    action[0] = this.#answer();
    const seen = [...observation];
    const [own, past] = [seen.slice(0, 3), seen.slice(3)];
    this.calls.push({ seq: this.#step.seq, observation: own, past, answer: action[0] });
  }
}

interface Bench {
  readonly network: Network;
  readonly steps: Step[];
  readonly lineup: Lineup;
  /** Runs the cycle `seq` in `mode`. */
  run(seq: number, mode: Mode): Promise<Step>;
}

/** The tick that drives robots, with a decimated policy and what may stand in for its answer. */
function benchOf(
  decimation: Decimation,
  answer: () => number,
  { softSeconds = 0, onMiss = "coast" as MissPolicy } = {},
): Bench {
  const step = makeStep(spec);
  const network = new Network(step, answer);
  const lineup = new Lineup(new HistoryPolicy(network, pastCount), noSwap);
  const limits = limitsOf(spec);
  const steps: Step[] = [];
  let mode: Mode = Mode.disarmed;
  let nowUs = 1_000_000;
  const cycle: Cycle = {
    clock: { now: () => (nowUs += 100) },
    device: {
      ...{ spec, lost: false, write: () => true, stop: () => {} },
      // Which cycle it is can be seen.
      read: (observation) => {
        observation.fill(step.seq / 2 ** 20);
        return 1000;
      },
    },
    policy: new DecimatedPolicy(lineup, decimation, step),
    setpoints: { fill: () => {} },
    approach: new Start(spec, limits, softSeconds > 0 ? { speed: 1, softSeconds } : undefined),
    hold: new Hold(spec, limits, { easeCycles: 1, returnCycles: 0 }),
    recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
    guard: new Guard(spec, limits),
    supervisor: {
      get mode() {
        return mode;
      },
      tell: () => true,
    },
    log: { append: (one) => steps.push(structuredClone(one)) > 0 },
    meter: { lap: () => {} },
    ...{ ttlUs: 70_000, onMiss, step },
  };
  let before = -1;
  return {
    ...{ network, steps, lineup },
    run: async (seq, now) => {
      mode = now;
      await tick(cycle, seq, seq > before + 1);
      before = seq;
      return steps.at(-1)!;
    },
  };
}

const proposedOf = (steps: readonly Step[]): number[] => steps.map(({ proposed }) => proposed[0]);
const askedIn = (steps: readonly Step[]): number[] => {
  return steps.filter(({ reasons }) => (reasons & betweenAnswers) === 0).map(({ seq }) => seq);
};

function counting(): () => number {
  let count = 0;
  return () => ++count / 8;
}

test("decimated: an answer is held until the next, and each cycle tells whether", async () => {
  const bench = benchOf({ every: 4, between: "hold" }, counting());
  for (let seq = 0; seq < 12; seq++) await bench.run(seq, Mode.armed);
  assert.deepEqual(askedIn(bench.steps), [0, 4, 8]);
  const expected = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3].map((count) => count / 8);
  assert.deepEqual(proposedOf(bench.steps), expected);
  assert.deepEqual(
    bench.network.calls.map(({ seq }) => seq),
    [0, 4, 8],
  );
});

test("decimated: an answer is gone to straight, and reached just before the next", async () => {
  const bench = benchOf({ every: 4, between: "interpolate" }, counting());
  for (let seq = 0; seq < 12; seq++) await bench.run(seq, Mode.armed);
  // There is nothing before the first answer.
  const expected = [1, 1, 1, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3].map((one) => one / 8);
  assert.deepEqual(proposedOf(bench.steps), expected);
});

test("decimated: a skipped cycle in which it was due is made up for, once", async () => {
  const bench = benchOf({ every: 4, between: "hold" }, counting());
  // 4 is skipped, then three of its turns at once, then a cycle in between.
  const seqs = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 26, 27, 28, 29, 30, 32, 33, 34];
  for (const seq of seqs) await bench.run(seq, Mode.armed);
  assert.deepEqual(askedIn(bench.steps), [0, 6, 10, 26, 30, 34]);
  // What it is given is of the cycle in which it is asked.
  for (const { seq, observation } of bench.network.calls) {
    assert.deepEqual(
      observation,
      [seq, seq, seq].map((one) => one / 2 ** 20),
    );
  }
});

test("decimated: interpolation goes by time, and on from what was asked for", async () => {
  const bench = benchOf({ every: 4, between: "interpolate" }, counting());
  for (const seq of [0, 1, 2, 3, 4, 6, 9, 12]) await bench.run(seq, Mode.armed);
  assert.deepEqual(askedIn(bench.steps), [0, 4, 9]);
  const expected = [1, 1, 1, 1, 1.25, 1.75, 1.75 + 1.25 / 4, 3].map((one) => one / 8);
  assert.deepEqual(proposedOf(bench.steps), expected);
});

test("decimated: the first cycle that drives asks at once, with no past", async () => {
  for (const between of ["hold", "interpolate"] as const) {
    const bench = benchOf({ every: 5, between }, counting());
    const { disarmed, homing, armed, stopped } = Mode;
    const modes: Mode[] = Array(7).fill(disarmed);
    modes.push(homing, homing, armed, armed, armed, armed, armed, armed, stopped, disarmed, armed);
    for (const [seq, mode] of modes.entries()) await bench.run(seq, mode);
    // Nobody drives before 9, so it is asked at its rate.
    assert.deepEqual(askedIn(bench.steps), [0, 5, 9, 14, 17]);
    const past = bench.network.calls.map((call) => call.past);
    assert.deepEqual(past, [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [3 / 8, 0, 0],
      [0, 0, 0],
    ]);
    assert.equal(bench.steps[9].proposed[0], 3 / 8, "not on the way from another life");
    assert.equal(bench.steps[17].proposed[0], 5 / 8);
  }
});

test("decimated: what is no number is refused until there is another answer", async () => {
  for (const between of ["hold", "interpolate"] as const) {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, new Error("the runtime failed")]) {
      let answer: number | Error = 0.5;
      const bench = benchOf({ every: 4, between }, () => {
        if (answer instanceof Error) throw answer;
        return answer;
      });
      for (let seq = 0; seq < 16; seq++) {
        answer = seq === 8 ? wrong : seq / 16;
        await bench.run(seq, Mode.armed);
      }
      const refused = bench.steps.filter(({ verdict }) => verdict === Verdict.refused);
      assert.deepEqual(
        refused.map(({ seq }) => seq),
        [8, 9, 10, 11],
      );
      for (const { reasons } of refused) assert.ok((reasons & Reason.nonFiniteAction) !== 0);
      // It is not gone to from where nothing was.
      const after = proposedOf(bench.steps.slice(12));
      assert.ok(after.every(Number.isFinite), `${after}`);
    }
  }
});

test("decimated: the gate bounds each cycle's change by the loop's own period", async () => {
  const bench = benchOf({ every: 10, between: "hold" }, () => 2);
  const limits = limitsOf(spec, { action: { pole_torque: { rateMax: 10 } } });
  assert.equal(limits.ageUsMax, 20_000);
  const guard = new Guard(spec, limits);
  const permitted: number[] = [];
  for (let seq = 0; seq < 10; seq++) {
    const step = structuredClone(await bench.run(seq, Mode.armed));
    guard.filter(step);
    permitted.push(Number(step.action[0].toFixed(6)));
  }
  assert.deepEqual(permitted, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
});

/** Random cycles: modes, skipped ones, soft starts, held actions; and the rules by themselves. */
test("decimated: when it is asked, what is proposed and remembered, at any rate", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const rng = new Rng(seed);
    const every = 1 + rng.below(9);
    const between = rng.below(2) === 0 ? "hold" : "interpolate";
    const softSeconds = rng.below(2) === 0 ? 0 : 0.01 * rng.below(25);
    const onMiss = rng.below(2) === 0 ? "coast" : "hold";
    const bench = benchOf({ every, between }, () => Math.fround(rng.uniform(-2, 2)), {
      softSeconds,
      onMiss,
    });
    const modes = [Mode.disarmed, Mode.homing, Mode.armed, Mode.armed, Mode.armed, Mode.armed];
    let mode: Mode = Mode.disarmed;
    let seq = rng.below(3);
    for (let turn = 0; turn < 150; turn++) {
      if (rng.below(12) === 0) mode = modes[rng.below(modes.length)];
      await bench.run(seq, mode);
      seq += rng.below(6) === 0 ? 2 + rng.below(2 * every) : 1;
    }
    const rules = new Rules(every, between);
    for (const step of bench.steps) rules.expect(step, bench.network.calls, `seed ${seed}`);
    assert.equal(rules.calls, bench.network.calls.length, `seed ${seed}`);
  }
});

/** What is said of decimation, written down once more and otherwise. */
class Rules {
  calls = 0;
  readonly #every: number;
  readonly #between: Decimation["between"];
  #askedSeq = Number.NEGATIVE_INFINITY;
  #mode: Mode = Mode.disarmed;
  #from = 0;
  #last = 0;
  /** What the policy asked for, oldest first, as far as it may remember. */
  #past: number[] = [];

  constructor(every: number, between: Decimation["between"]) {
    this.#every = every;
    this.#between = between;
  }

  expect(step: Step, calls: readonly Call[], seed: string): void {
    const { seq, mode, reasons, proposed } = step;
    const place = `${seed}, cycle ${seq}, every ${this.#every}, ${this.#between}`;
    const begins = mode === Mode.armed && this.#mode !== Mode.armed;
    const drivesOn = mode === Mode.armed && this.#mode === Mode.armed;
    if (!drivesOn) this.#past = [];
    this.#mode = mode;
    const asked = begins || seq - this.#askedSeq >= this.#every;
    assert.equal((reasons & betweenAnswers) === 0, asked, place);
    if (asked) {
      const [rest] = restOf(spec);
      const newest = [...this.#past.slice(-pastCount)].reverse();
      const past = [...newest, ...Array(pastCount - newest.length).fill(rest)];
      assert.deepEqual(calls[this.calls].past, past, place);
      assert.equal(calls[this.calls].seq, seq, place);
      this.#askedSeq = seq;
      this.#from = begins || this.calls === 0 ? calls[this.calls].answer : this.#last;
      this.calls++;
      this.#past.push(Number.NaN);
    }
    const { answer } = calls[this.calls - 1];
    const share = (seq - this.#askedSeq + 1) / this.#every;
    const way = share >= 1 ? answer : Math.fround(this.#from + share * (answer - this.#from));
    this.#last = this.#between === "hold" ? answer : way;
    // In a soft start, or where the last action is held, something else is proposed.
    if (mode === Mode.armed) this.#past[this.#past.length - 1] = proposed[0];
  }
}
