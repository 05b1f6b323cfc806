import assert from "node:assert/strict";
import { test } from "node:test";
import { Mode } from "../../src/core/step.ts";
import { Lineup, type Member, Second, type SwapChoice } from "../../src/edge/lineup.ts";
import { Shadow } from "../../src/edge/shadow.ts";
import { Count, Request, type Status } from "../../src/edge/status.ts";
import { Succession } from "../../src/edge/succession.ts";
import type { LogEvent, PolicyEvent } from "../../src/log/event.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { type LimitChoices, limitsOf } from "../../src/safety/limits.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { LoopStage } from "./loop-stage.ts";

const choices: LimitChoices = { action: { pole_torque: { high: 1 } } };

/** A policy that asks for what `answer` says. */
function policyOf(id: string, answer: () => number): Policy {
  const act = (_: Float32Array, action: Float32Array): void => void action.fill(answer());
  return { id, spec: pendulumSpec, act };
}

interface Stage {
  readonly stage: LoopStage;
  readonly status: Status;
  /** What is handed over next. */
  offer(member: Member): void;
  /** What happened to which policies, and from which cycle on. */
  told(): string[];
  events(): PolicyEvent[];
}

/** A loop in simulated time whose policies may be swapped. */
function staged(first: Policy, choice: Partial<SwapChoice> = {}): Stage {
  const whole = { blendCycles: 4, watchCycles: 8, limitedMax: 0.25, ...choice };
  const lineup = new Lineup(first, whole);
  const shadow = new Shadow(pendulumSpec, limitsOf(pendulumSpec, choices));
  const events: LogEvent[] = [];
  const offers: Member[] = [];
  const kept = { append: (event: LogEvent) => void events.push(event) };
  let succession: Succession | null = null;
  const later = {
    obey: (...words: Parameters<Succession["obey"]>) => succession!.obey(...words),
    look: (...words: Parameters<Succession["look"]>) => succession!.look(...words),
  };
  const other = { policy: lineup, succession: later, events: kept };
  const stage = new LoopStage(pendulumSpec, undefined, choices, [], other);
  succession = new Succession(lineup, shadow, stage.status, kept, () => {
    const member = offers.shift();
    // As what cannot be built throws.
    return member === undefined ? null : { ...member };
  });
  const isPolicy = (event: LogEvent): event is PolicyEvent => event.kind === "policy";
  return {
    ...{ stage, status: stage.status },
    offer: (member) => {
      offers.push(member);
    },
    events: () => events.filter(isPolicy),
    told: () => events.filter(isPolicy).map((e) => `${e.what} ${e.fromSeq} ${e.drives}`),
  };
}

const steady = policyOf("steady", () => 0.5);

test("succession: an event names the keys that signed, where there are some", async () => {
  const { stage, status, offer, events } = staged(steady);
  await stage.run(12, {
    2: () => {
      offer({ index: 1, policy: policyOf("next", () => -0.5), signedBy: "0A" });
      status.ask(Request.shadow);
    },
    5: () => status.ask(Request.swap),
    8: () => status.ask(Request.back),
  });
  const keys = events().map(({ what, drivesSignedBy, besideSignedBy }) => {
    return [what, drivesSignedBy, besideSignedBy];
  });
  assert.deepEqual(keys, [
    ["shadow", undefined, "0A"],
    ["swap", "0A", undefined],
    ["back", undefined, "0A"],
  ]);
  assert.ok(!("drivesSignedBy" in events()[0]));
});

test("succession: a shadow, a swap, the watch and what is kept, each at a boundary", async () => {
  const { stage, status, offer, told } = staged(steady);
  const counted: number[] = [];
  await stage.run(50, {
    2: stage.ask(Request.arm),
    5: () => {
      offer({ index: 1, policy: policyOf("next", () => -0.5) });
      status.ask(Request.shadow);
    },
    15: () => {
      const { cycles, limited, distanceMax } = status.shadow();
      counted.push(cycles, limited, distanceMax);
      assert.deepEqual([status.driver, status.second, status.secondAs], [0, 1, Second.shadow]);
      status.ask(Request.swap);
    },
    16: () => assert.deepEqual([status.driver, status.canGoBack], [1, true]),
    40: () => assert.equal(status.secondAs, Second.none),
  });
  assert.deepEqual(counted, [8, 0, 0.25]);
  assert.deepEqual(told(), ["shadow 6 steady", "swap 16 next", "keep 24 next"]);
  const proposed = stage.steps.slice(14, 22).map((step) => step.proposed[0]);
  assert.deepEqual(proposed, [0.5, 0.5, 0.25, 0, -0.25, -0.5, -0.5, -0.5]);
  assert.ok(stage.steps.slice(6, 49).every(({ mode }) => mode === Mode.armed));
});

test("succession: one that answers no number goes back, and the robot moves on", async () => {
  let answer = 0.25;
  const { stage, status, offer, told } = staged(steady, { watchCycles: 100 });
  await stage.run(40, {
    2: stage.ask(Request.arm),
    5: () => {
      offer({ index: 1, policy: policyOf("next", () => answer) });
      status.ask(Request.shadow | Request.swap);
    },
    20: () => {
      answer = Number.NaN;
    },
    30: () => assert.deepEqual([status.driver, status.secondAs], [0, Second.shadow]),
  });
  assert.deepEqual(told(), ["shadow 6 steady", "swap 6 next", "rollback 22 steady"]);
  assert.deepEqual(
    stage.steps.slice(19, 24).map((step) => step.proposed[0]),
    [0.25, 0.25, 0.5, 0.5, 0.5],
  );
  assert.equal(stage.modeAt(38), Mode.armed);
});

test("succession: one that the gate bounds too often goes back by itself", async () => {
  const { stage, status, offer, told } = staged(steady, { watchCycles: 20 });
  await stage.run(40, {
    2: stage.ask(Request.arm),
    5: () => {
      offer({ index: 1, policy: policyOf("next", () => 1.5) });
      status.ask(Request.shadow);
    },
    10: stage.ask(Request.swap),
  });
  // Two cycles of the blend are within its bound of 1, and a quarter of 20 may be beyond it.
  assert.deepEqual(told(), ["shadow 6 steady", "swap 11 next", "rollback 19 steady"]);
});

test("succession: who is asked to go back does, from the shadow of a stop too", async () => {
  const { stage, status, offer, told } = staged(steady, { watchCycles: 100 });
  await stage.run(40, {
    5: () => {
      offer({ index: 1, policy: policyOf("next", () => -0.5) });
      status.ask(Request.shadow | Request.swap);
    },
    // Nothing drives, so nothing is watched and nothing blended.
    10: stage.ask(Request.arm),
    15: stage.ask(Request.stop),
    20: stage.ask(Request.back),
    25: stage.ask(Request.back),
  });
  assert.deepEqual(told(), ["shadow 6 steady", "swap 6 next", "back 21 steady"]);
  assert.equal(stage.steps[13].proposed[0], -0.5);
});

test("succession: what cannot be taken over changes nothing; a stop comes first", async () => {
  const { stage, status, offer, told } = staged(steady);
  const changes: number[] = [];
  await stage.run(30, {
    2: stage.ask(Request.arm),
    5: () => {
      offer({
        index: 1,
        get policy(): Policy {
          throw new Error("no memory");
        },
      });
      changes.push(status.count(Count.policyRequests));
      status.ask(Request.shadow);
    },
    6: () => changes.push(status.count(Count.policyRequests)),
    10: () => {
      offer({ index: 1, policy: policyOf("next", () => -0.5) });
      status.ask(Request.shadow | Request.stop);
    },
  });
  assert.equal(changes[1], changes[0] + 1, "who asked is answered");
  assert.deepEqual(told(), ["shadow 11 steady"]);
  assert.equal(stage.modeAt(11), Mode.stopped);
});
