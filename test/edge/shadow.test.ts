import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import { Shadow } from "../../src/edge/shadow.ts";
import { shadowLine, sharesOf } from "../../src/edge/shadow-counts.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

const limits = limitsOf(pendulumSpec, { action: { pole_torque: { high: 1, rateMax: 10 } } });

/** A cycle in which `action` was asked for and permitted. */
function stepWith(action: number, mode: Mode = Mode.armed): Step {
  const step = { ...makeStep(pendulumSpec), mode, verdict: Verdict.pass, ageUs: 0 };
  step.proposed[0] = action;
  step.action[0] = action;
  return step;
}

test("shadow: how far it is, and what the gate would have said from what was permitted", () => {
  const shadow = new Shadow(pendulumSpec, limits);
  shadow.look(stepWith(1, Mode.homing), Float32Array.of(2));
  shadow.look(stepWith(0, Mode.disarmed), Float32Array.of(2));
  // 10 N m/s is 0.5 in a cycle of 50 ms; the range is 4 N m wide.
  shadow.look(stepWith(0.25), Float32Array.of(0.5));
  assert.deepEqual(shadow.counts, {
    ...{ cycles: 1, limited: 0, refused: 0 },
    ...{ compared: 1, distanceSum: 0.0625, distanceMax: 0.0625 },
  });
  shadow.look(stepWith(0.75), Float32Array.of(0.8));
  assert.equal(shadow.counts.limited, 1, "from 0.25, where 0.55 away is too far");
  shadow.look(stepWith(0.75), Float32Array.of(1.25));
  assert.equal(shadow.counts.limited, 2, "beyond its range");
  shadow.look(stepWith(0.75), Float32Array.of(Number.NaN));
  const { cycles, limited, refused, compared, distanceMax } = shadow.counts;
  assert.deepEqual([cycles, limited, refused, compared, distanceMax], [4, 2, 1, 3, 0.125]);
  shadow.begin();
  assert.equal(shadow.counts.cycles, 0);
});

test("shadow: a stale cycle is refused for it as for the one that drives", () => {
  const shadow = new Shadow(pendulumSpec, limits);
  // The first one tells what was permitted last.
  shadow.look(stepWith(0), Float32Array.of(0));
  shadow.look({ ...stepWith(0), ageUs: 1e6 }, Float32Array.of(0));
  assert.equal(shadow.counts.refused, 1);
});

test("shadow: of answers that are no numbers no distance is told, and above all not none", () => {
  const shadow = new Shadow(pendulumSpec, limits);
  assert.equal(sharesOf(shadow.counts), null);
  assert.equal(shadowLine(null), "not compared yet");
  shadow.look(stepWith(0), Float32Array.of(0));
  for (const answer of [Number.NaN, Number.POSITIVE_INFINITY]) {
    shadow.look(stepWith(0), Float32Array.of(answer));
  }
  // So it is where who drives has not answered, and is held.
  const unfit = stepWith(0);
  unfit.proposed[0] = Number.NaN;
  shadow.look(unfit, Float32Array.of(0));
  const shares = sharesOf(shadow.counts)!;
  assert.deepEqual([shares.cycles, shares.distanceMean, shares.distanceMax], [3, null, null]);
  assert.match(shadowLine(shares), /^3 cycles, no two answers to compare; .* refuse 66\.7 %$/);
  shadow.look(stepWith(0), Float32Array.of(0.4));
  assert.equal(sharesOf(shadow.counts)!.distanceMean, Math.fround(0.4) / 4);
});
