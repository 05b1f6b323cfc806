import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode, makeStep, type Step, Verdict } from "../../src/core/step.ts";
import { Shadow } from "../../src/edge/shadow.ts";
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
    ...{ distanceSum: 0.0625, distanceMax: 0.0625 },
  });
  shadow.look(stepWith(0.75), Float32Array.of(0.8));
  assert.equal(shadow.counts.limited, 1, "from 0.25, where 0.55 away is too far");
  shadow.look(stepWith(0.75), Float32Array.of(1.25));
  assert.equal(shadow.counts.limited, 2, "beyond its range");
  shadow.look(stepWith(0.75), Float32Array.of(Number.NaN));
  const { cycles, limited, refused, distanceMax } = shadow.counts;
  assert.deepEqual([cycles, limited, refused, distanceMax], [4, 2, 1, 0.125]);
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
