// What one whole cycle allocates: a policy by our own perceptron, or by the runner that is named,
// with a past action and a past observation among what it observes, at half of the loop's rate, in
// the lineup of a run, and everything that a run has but for its link: test/link/device-bytes.ts.
import assert from "node:assert/strict";
import { monotonicClock } from "../../src/core/clock.ts";
import { specWithHistory } from "../../src/core/history.ts";
import { betweenAnswers, makeStep, Verdict } from "../../src/core/step.ts";
import { DecimatedPolicy } from "../../src/edge/decimated-policy.ts";
import { Lineup } from "../../src/edge/lineup.ts";
import { Start } from "../../src/edge/start.ts";
import { type Cycle, tick } from "../../src/edge/tick.ts";
import { StepRecord } from "../../src/log/record.ts";
import { makeRing, RingProducer } from "../../src/log/ring.ts";
import { openDriver } from "../../src/policy/driver.ts";
import { exportPolicy } from "../../src/policy/export.ts";
import { Guard } from "../../src/safety/guard.ts";
import { Hold } from "../../src/safety/hold.ts";
import { limitsOf } from "../../src/safety/limits.ts";
import { Recovery } from "../../src/safety/recovery.ts";
import { Happening, Supervisor } from "../../src/safety/supervisor.ts";
import { pendulumSpec as spec } from "../../src/sim/pendulum.ts";
import { printBytes } from "../allocation.ts";
import { randomPolicy } from "../policy/random-policy.ts";

const clock = monotonicClock();
const limits = limitsOf(spec, { action: { pole_torque: { rateMax: 20, accelerationMax: 2000 } } });
const parts = randomPolicy(1, specWithHistory(spec, 1, 1));
const past = { actionHistory: 1, observationHistory: 1 };
const bytes = await exportPolicy({ ...parts, contract: { ...parts.contract, ...past } });
const runner = process.argv[2];
const { policy } = await openDriver(bytes, runner);
const step = makeStep(spec);
const lineup = new Lineup(policy, { blendCycles: 1, watchCycles: 1, limitedMax: 1 });
const supervisor = new Supervisor();
supervisor.tell(Happening.arm, clock.now());
const cycle: Cycle = {
  clock,
  device: {
    spec,
    lost: false,
    read: (observation) => {
      observation[0] = Math.fround(step.seq % 100) / 100;
      return 0;
    },
    write: () => true,
    stop: () => {},
  },
  policy: new DecimatedPolicy(lineup, { every: 2, between: "interpolate" }, step),
  setpoints: { fill: () => {} },
  approach: new Start(spec, limits, undefined),
  hold: new Hold(spec, limits, { easeCycles: 1, returnCycles: 0 }),
  recovery: new Recovery({ fallback: "stop", recoverCycles: null, recoverMost: 1 }),
  guard: new Guard(spec, limits),
  supervisor,
  log: new RingProducer(makeRing(new StepRecord(spec).size, 400_000), spec),
  meter: { lap: () => {} },
  ttlUs: 900_000,
  onMiss: "coast",
  step,
};
let seq = 0;
// ONNX Runtime leaves so much that no more rounds fit.
const rounds = runner === undefined ? 50_000 : 5000;
await printBytes(() => tick(cycle, seq++, false), rounds);
assert.equal(step.reasons & ~betweenAnswers, 0);
assert.notEqual(step.verdict, Verdict.refused);
