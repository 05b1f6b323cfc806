import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Mode, makeStep, Reason } from "../../src/core/step.ts";
import { Holds } from "../../src/edge/holds.ts";
import { Count, Request, State, Status } from "../../src/edge/status.ts";
import { Happening } from "../../src/safety/supervisor.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";

function statusIn(mode: Mode): Status {
  const status = new Status(pendulumSpec);
  status.setState(State.running);
  status.setModes(mode, 1, 0, 0);
  return status;
}

test("holds: it is done once the loop is held, or has let the policy drive", async () => {
  const status = statusIn(Mode.armed);
  const held = new Holds(null, status).hold();
  assert.equal(status.takeRequests(), Request.hold);
  await delay(20);
  status.setModes(Mode.holding, 1, 0, 0);
  await held;
  const resumed = new Holds(null, status).resume();
  assert.equal(status.takeRequests(), Request.resume);
  // It drove, and fell back before anybody looked.
  const times = { timeUs: 1, reason: 0 };
  const { armed, holding } = Mode;
  status.addTransition(0, { ...times, from: holding, happening: Happening.resume, to: armed });
  status.addTransition(1, { ...times, from: armed, happening: Happening.fallBack, to: holding });
  await resumed;
});

test("holds: a robot that cannot be held is asked for nothing, and says why", async () => {
  const status = statusIn(Mode.armed);
  const why = { code: "command", message: "this robot cannot be held: why" };
  await assert.rejects(new Holds("this robot cannot be held: why", status).hold(), why);
  assert.equal(status.takeRequests(), 0);
});

test("holds: nothing is resumed while the policy's newest answer is none", async () => {
  const status = statusIn(Mode.holding);
  const step = makeStep(pendulumSpec);
  step.reasons = Reason.policyUnfit;
  status.show(step);
  await assert.rejects(new Holds(null, status).resume(), /the policy fails, or answers what is no/);
  assert.equal(status.takeRequests(), 0);
});

test("holds: what the loop does not do is told, and taken back", async () => {
  const refused = statusIn(Mode.armed);
  const asked = new Holds(null, refused).hold();
  refused.add(Count.refusedHolds, 1);
  await assert.rejects(asked, /that did not come about: the loop is armed/);
  assert.equal(refused.takeRequests(), 0);
  const ended = statusIn(Mode.armed);
  ended.setState(State.ended);
  await assert.rejects(new Holds(null, ended).hold(), /the loop is at its end/);
  assert.equal(ended.takeRequests(), 0);
});
