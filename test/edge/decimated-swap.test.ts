// Two policies at a rate of their own: who is asked when, and what each remembers.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decimation } from "../../src/core/decimation.ts";
import { specWithHistory } from "../../src/core/history.ts";
import type { Spec } from "../../src/core/spec.ts";
import { betweenAnswers, Mode, makeStep, type Step } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup, Second, type SwapChoice } from "../../src/edge/lineup.ts";
import { Shadow } from "../../src/edge/shadow.ts";
import type { ShadowCounts } from "../../src/edge/shadow-counts.ts";
import { Count, Measure, Request } from "../../src/edge/status.ts";
import { Succession } from "../../src/edge/succession.ts";
import type { LogEvent, PolicyEvent } from "../../src/log/event.ts";
import { HistoryPolicy } from "../../src/policy/history-policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { LoopStage } from "./loop-stage.ts";

const spec: Spec = { ...pendulumSpec, periodUs: 10_000 };

/** Always asks for the same, and keeps in which cycles it was asked and what it remembered. */
class Constant implements Policy {
  readonly id: string;
  readonly spec: Spec = specWithHistory(pendulumSpec, 2);
  readonly calls: number[][] = [];
  answer: number;
  readonly #step: Step;

  constructor(id: string, answer: number, step: Step) {
    this.id = id;
    this.answer = answer;
    this.#step = step;
  }

  act(observation: Float32Array, action: Float32Array): void {
    this.calls.push([this.#step.seq, ...observation.subarray(3)]);
    action[0] = this.answer;
  }
}

interface Stage {
  readonly stage: LoopStage;
  readonly old: Constant;
  readonly next: Constant;
  readonly told: () => string[];
}

/** A loop in simulated time, with a second policy that can be asked for. */
function staged(decimation: Decimation, choice: Partial<SwapChoice> = {}): Stage {
  const step = makeStep(spec);
  const [old, next] = [new Constant("old", 0.5, step), new Constant("next", -0.5, step)];
  const whole = { blendCycles: 0, watchCycles: 1000, limitedMax: 1, ...choice };
  const lineup = new Lineup(new HistoryPolicy(old, 2), whole);
  const policy = new DecimatedPolicy(lineup, decimation, step);
  const shadow = new Shadow(spec, limitsOf(spec), (answer) => policy.along(answer));
  const events: LogEvent[] = [];
  const kept = { append: (event: LogEvent) => void events.push(event) };
  const later: { succession?: Succession } = {};
  const succession = {
    obey: (...words: Parameters<Succession["obey"]>) => later.succession!.obey(...words),
    look: (...words: Parameters<Succession["look"]>) => later.succession!.look(...words),
  };
  const stage = new LoopStage(spec, undefined, {}, [], { policy, step, succession, events: kept });
  later.succession = new Succession(lineup, shadow, stage.status, kept, () => {
    return { index: 1, policy: new HistoryPolicy(next, 2) };
  });
  const isPolicy = (event: LogEvent): event is PolicyEvent => event.kind === "policy";
  return {
    ...{ stage, old, next },
    told: () => events.filter(isPolicy).map((one) => `${one.what} ${one.fromSeq}`),
  };
}

const seqsOf = ({ calls }: Constant): number[] => calls.map(([seq]) => seq);
const pastOf = ({ calls }: Constant): number[][] => calls.map(([, ...past]) => past);

test("decimated: the loop counts and times the cycles that ask a policy apart", async () => {
  const { stage, old } = staged({ every: 5, between: "hold" });
  const delay = (): void => {
    stage.nowUs += 41_000;
  };
  await stage.run(101, { 2: stage.ask(Request.arm), 60: delay });
  const { status, steps } = stage;
  assert.deepEqual([status.count(Count.cycles), status.count(Count.missed)], [98, 3]);
  const asked = steps.filter(({ reasons }) => (reasons & betweenAnswers) === 0);
  assert.equal(status.count(Count.policyCalls), asked.length);
  assert.equal(status.percentiles(Measure.guard).count, steps.length);
  assert.equal(status.percentiles(Measure.decide).count, asked.length);
  assert.deepEqual(
    asked.map(({ seq }) => seq),
    seqsOf(old),
  );
  // It was armed after 2, and what was due at 63 was skipped.
  const first = steps.find(({ mode }) => mode === Mode.armed)!.seq;
  const expected = [0];
  for (let seq = first; seq < 61; seq += 5) expected.push(seq);
  const due = expected.at(-1)! + 5;
  for (let seq = Math.max(due, 64); seq < 101; seq += 5) expected.push(seq);
  assert.deepEqual(seqsOf(old), expected);
  assert.ok(steps.slice(4).every(({ mode }) => mode === Mode.armed));
});

test("decimated: one in the shadow is asked with the one that drives", async () => {
  for (const between of ["hold", "interpolate"] as const) {
    const { stage, old, next, told } = staged({ every: 4, between });
    let far: ShadowCounts | null = null;
    await stage.run(50, {
      2: stage.ask(Request.arm),
      9: stage.ask(Request.shadow),
      33: () => {
        far = stage.status.shadow();
      },
    });
    assert.deepEqual(told(), ["shadow 10"]);
    const after = seqsOf(old).filter((seq) => seq > 9);
    assert.deepEqual(seqsOf(next), after);
    assert.ok(after.length > 8);
    // It remembers what was asked for in its place.
    assert.deepEqual(pastOf(next).slice(2), Array(after.length - 2).fill([0.5, 0.5]));
    // As a share of the range; on the way to an answer no further than that goes.
    const { distanceMax, distanceSum, cycles } = far!;
    assert.equal(distanceMax, 0.25);
    const mean = between === "hold" ? 0.25 : 0.25 * ((1 + 2 + 3 + 4) / 16);
    assert.ok(Math.abs(distanceSum / cycles - mean) < 0.005, `${distanceSum / cycles}`);
  }
});

test("decimated: a swap holds from the next answer on, and both go on remembering", async () => {
  for (const every of [1, 4]) {
    const { stage, old, next, told } = staged({ every, between: "hold" });
    await stage.run(60, {
      2: stage.ask(Request.arm),
      9: stage.ask(Request.shadow),
      // In the middle of a step, where there is one.
      20: stage.ask(Request.swap),
      41: stage.ask(Request.back),
    });
    assert.deepEqual(told(), ["shadow 10", "swap 21", "back 42"]);
    const asked = seqsOf(old).filter((seq) => seq > 9);
    assert.deepEqual(seqsOf(next), asked, "each in every step, and in no other cycle");
    const [swapped, back] = [21, 42].map((from) => asked.find((seq) => seq >= from)!);
    assert.equal(swapped > 21 && back > 42, every > 1);
    for (const { seq, mode, proposed } of stage.steps) {
      if (mode !== Mode.armed) continue;
      assert.equal(proposed[0], seq >= swapped && seq < back ? -0.5 : 0.5, `cycle ${seq}`);
    }
    // Who stands by, and who is in the shadow again, remembers what was done, not what it would do.
    const pastAt = (policy: Constant, seq: number): number[] => {
      return policy.calls.find(([called]) => called === seq)!.slice(1);
    };
    for (const policy of [old, next]) {
      assert.deepEqual(pastAt(policy, swapped + every), [-0.5, 0.5], policy.id);
      assert.deepEqual(pastAt(policy, swapped + 2 * every), [-0.5, -0.5], policy.id);
      assert.deepEqual(pastAt(policy, back + every), [0.5, -0.5], policy.id);
    }
  }
});

test("decimated: an answer that is no number is rescued in its cycle and goes back", async () => {
  const { stage, next, told } = staged({ every: 4, between: "hold" });
  await stage.run(60, {
    2: stage.ask(Request.arm),
    9: stage.ask(Request.shadow),
    20: stage.ask(Request.swap),
    40: () => {
      next.answer = Number.NaN;
    },
  });
  const [, , back] = told();
  assert.match(back, /^rollback 4\d$/);
  assert.equal(stage.modeAt(58), Mode.armed);
  assert.ok(stage.steps.every(({ proposed }) => Number.isFinite(proposed[0])));
  assert.equal(stage.status.secondAs, Second.shadow);
});

test("decimated: one that was away knows nothing of what was done meanwhile", async () => {
  for (const every of [1, 4]) {
    const { stage, old, next } = staged({ every, between: "hold" }, { watchCycles: 8 });
    await stage.run(80, {
      2: stage.ask(Request.arm),
      9: stage.ask(Request.shadow),
      20: stage.ask(Request.swap),
      52: stage.ask(Request.back),
    });
    const away = seqsOf(next).filter((seq) => !seqsOf(old).includes(seq));
    assert.ok(away.length >= 4, `${away}`);
    const returned = seqsOf(old).find((seq) => seq > 52)!;
    const [, newest, second] = old.calls.find(([seq]) => seq === returned)!;
    // But for the step in the middle of which it came back.
    assert.deepEqual([newest, second], [every === 1 ? 0 : -0.5, 0]);
  }
});
