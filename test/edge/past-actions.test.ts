// What a policy that observes its past actions sees of them on a robot, as docs/policy.md says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { specWithHistory } from "../../src/core/history.ts";
import { Mode } from "../../src/core/step.ts";
import { Request } from "../../src/edge/status.ts";
import type { MissPolicy } from "../../src/edge/tick.ts";
import { HistoryPolicy } from "../../src/policy/history-policy.ts";
import { pendulumSpec } from "../../src/sim/pendulum.ts";
import { LoopStage } from "./loop-stage.ts";

const { periodUs } = pendulumSpec;
/** What past actions hold that there were none of. */
const rest = 0.5;
const own = pendulumSpec.observation.length;

/** A loop whose policy asks for something else in each cycle, and what it saw of its past. */
function staged(onMiss: MissPolicy): { stage: LoopStage; seen: number[][] } {
  const seen: number[][] = [];
  const inner = {
    ...{ id: "x", spec: specWithHistory(pendulumSpec, 2) },
    act: (observation: Float32Array, action: Float32Array): void => {
      seen.push([...observation.subarray(own)]);
      action[0] = seen.length / 64;
    },
  };
  const policy = new HistoryPolicy(inner, 2, Float32Array.of(rest));
  // What is sent is another than what is asked for.
  const limits = { action: { pole_torque: { rateMax: 0.1 } } };
  const other = { policy, onMiss, ttlUs: 4 * periodUs };
  return { stage: new LoopStage(pendulumSpec, undefined, limits, [], other), seen };
}

/** Arms, and then keeps two cycles from running; which one runs after them. */
async function acrossGap(onMiss: MissPolicy): Promise<{ stage: LoopStage; seen: number[][] }> {
  const { stage, seen } = staged(onMiss);
  const stall = (): void => {
    stage.nowUs += 3 * periodUs;
  };
  await stage.run(40, { 3: stage.ask(Request.arm), 20: stall });
  assert.deepEqual([stage.steps[20].seq, stage.steps[21].seq], [20, 23]);
  assert.equal(stage.steps[23].mode, Mode.armed);
  return { stage, seen };
}

test("past actions: skipped cycles leave no trace in them", async () => {
  const { stage, seen } = await acrossGap("coast");
  const asked = (at: number): number => stage.steps[at].proposed[0];
  assert.notEqual(stage.steps[20].action[0], asked(20), "not what was sent");
  assert.deepEqual(seen[21], [asked(20), asked(19)]);
  assert.deepEqual(seen[22], [asked(21), asked(20)]);
});

test("past actions: what is held after skipped cycles stands for the answer", async () => {
  const { stage, seen } = await acrossGap("hold");
  const held = stage.steps[20].action[0];
  assert.equal(stage.steps[21].proposed[0], held);
  assert.deepEqual(seen[21], [stage.steps[20].proposed[0], stage.steps[19].proposed[0]]);
  assert.deepEqual(seen[22], [held, stage.steps[20].proposed[0]]);
  assert.notEqual(seen[22][0], 22 / 64, "not what it answered");
});

test("past actions: who is armed again has none, as who is armed first", async () => {
  const { stage, seen } = staged("coast");
  await stage.run(60, {
    3: stage.ask(Request.arm),
    20: stage.ask(Request.stop),
    25: stage.ask(Request.reset),
    30: stage.ask(Request.arm),
  });
  const armed = stage.steps.map(({ mode }) => mode === Mode.armed);
  const firsts = armed.flatMap((is, at) => (is && !armed[at - 1] ? [at] : []));
  assert.equal(firsts.length, 2, "armed twice");
  armed.forEach((is, at) => {
    if (!is || firsts.includes(at)) assert.deepEqual(seen[at], [rest, rest], `cycle ${at}`);
  });
  for (const first of firsts) {
    const asked = stage.steps[first].proposed[0];
    assert.deepEqual(seen[first + 1], [asked, rest]);
  }
});
