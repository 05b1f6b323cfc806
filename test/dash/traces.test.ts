// What the page keeps and says of the steps, without a browser: these modules draw nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, makeStep, Reason, type Step, Verdict } from "../../src/core/step.ts";
import { causeOf, reasonsOf } from "../../src/dash/page/judgement.ts";
import { Traces } from "../../src/dash/page/traces.ts";
import { numberWord, spaced, timeWord } from "../../src/dash/page/words.ts";
import type { TransitionEvent } from "../../src/log/event.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

function stepAt(timeUs: number, change: Partial<Step>): Step {
  return Object.assign(makeStep(pendulumSpec), { timeUs, verdict: Verdict.pass }, change);
}

test("traces: what was not sent is not shown as sent", () => {
  const traces = new Traces(pendulumSpec, 30e6);
  const action = Float32Array.of(1);
  const cases: readonly [mode: Mode, verdict: Verdict, sent: number][] = [
    [Mode.disarmed, Verdict.pass, Number.NaN],
    [Mode.stopped, Verdict.limited, Number.NaN],
    [Mode.armed, Verdict.refused, Number.NaN],
    [Mode.armed, Verdict.limited, 1],
    [Mode.homing, Verdict.pass, 1],
  ];
  cases.forEach(([mode, verdict], at) => {
    traces.push(stepAt(at * 50_000, { mode, verdict, action, proposed: Float32Array.of(2) }));
  });
  assert.deepEqual(
    cases.map((_, at) => traces.given[0][traces.place(at)]),
    cases.map(([, , sent]) => sent),
  );
  assert.deepEqual(
    cases.map((_, at) => traces.asked[0][traces.place(at)]),
    cases.map(() => 2),
  );
  // A verdict while nothing is driven is no step of the gate between policy and motor.
  const verdicts = cases.map((_, at) => traces.verdicts[traces.place(at)]);
  assert.deepEqual(verdicts, [0, 0, Verdict.refused, Verdict.limited, 0]);
});

test("traces: of many steps some are left out, but none that the gate changed", () => {
  const traces = new Traces({ ...pendulumSpec, periodUs: 1000 }, 30e6);
  for (let at = 0; at < 100; at++) {
    const verdict = at === 51 ? Verdict.limited : Verdict.pass;
    traces.push(stepAt(at * 1000, { mode: Mode.armed, verdict }));
  }
  assert.ok(traces.count > 15 && traces.count < 25, String(traces.count));
  const times = Array.from({ length: traces.count }, (_, at) => traces.timesUs[traces.place(at)]);
  assert.ok(times.includes(51_000));
  assert.ok(traces.gapUs > 5000, "what is left out is no gap");
});

test("traces: the oldest are overwritten, and the order stays", () => {
  const traces = new Traces(pendulumSpec, 30e6);
  for (let at = 0; at < 6010; at++) traces.push(stepAt(at * 50_000, {}));
  assert.equal(traces.count, 6000);
  assert.equal(traces.timesUs[traces.place(0)], 10 * 50_000);
  assert.equal(traces.timesUs[traces.place(5999)], 6009 * 50_000);
});

test("judgement: what the gate says of a cycle, by what it means in its mode", () => {
  const reasons = Reason.staleObservation | Reason.lateCycle;
  const refused = { reasons, verdict: Verdict.refused };
  assert.equal(
    reasonsOf({ ...refused, mode: Mode.armed }),
    "refused: stale observation, late cycle",
  );
  assert.equal(
    reasonsOf({ ...refused, mode: Mode.disarmed }),
    "not ready: stale observation, late cycle",
  );
  const limited = { reasons: Reason.range, verdict: Verdict.limited };
  assert.equal(reasonsOf({ ...limited, mode: Mode.armed }), "limited: range");
  assert.equal(reasonsOf({ ...limited, mode: Mode.disarmed }), "");
});

test("judgement: why it is stopped, where nobody asked for it", () => {
  const event = (happening: string, reason: string, timeUs: number): TransitionEvent => {
    return { kind: "transition", from: "armed", to: "stopped", happening, reason, timeUs };
  };
  const fault = event("fault", "linkLost, lateCycle", 1);
  assert.equal(causeOf([fault]), "Stopped by a fault: link lost, late cycle.");
  const itself = event("deviceStopped", "expired", 2);
  assert.equal(causeOf([fault, itself]), "The device stopped by itself: expired.");
  assert.equal(causeOf([fault, event("stop", "", 3)]), "");
  assert.equal(causeOf([]), "");
});

test("words: times, names, and numbers with as many places as their range needs", () => {
  assert.deepEqual([31, 1234, 45_000, 2.4e6].map(timeWord), ["31 us", "1.2 ms", "45 ms", "2.4 s"]);
  assert.equal(timeWord(Number.NaN), "-");
  assert.equal(spaced("nonFiniteObservation"), "non finite observation");
  const numbers = [1.23456, -0.0001, Number.NaN, Number.NEGATIVE_INFINITY];
  const words = ["1.235", "0.000", "NaN", "-Infinity"];
  assert.deepEqual(
    numbers.map((value) => numberWord(value, 4)),
    words,
  );
  assert.equal(numberWord(1234.5, Number.POSITIVE_INFINITY), "1235");
  assert.equal(numberWord(0.00123, Number.POSITIVE_INFINITY), "0.001230");
});
