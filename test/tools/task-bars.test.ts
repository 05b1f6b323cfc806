// The bars that a trained policy is measured by: a hand-written controller each.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Evaluation, evaluate, judgedStarts } from "../../src/learn/evaluate.ts";
import type { Task } from "../../src/sim/env.ts";
import { openTask } from "../../src/sim/tasks.ts";
import { batchOf, type Controller } from "../../tools/bars/controller.ts";
import { invertedPendulumController } from "../../tools/bars/inverted-pendulum.ts";
import { muscleLegController } from "../../tools/bars/muscle-leg.ts";
import { searched } from "../../tools/bars/search.ts";
import { servoArmController } from "../../tools/bars/servo-arm.ts";
import { servoPendulumController } from "../../tools/bars/servo-pendulum.ts";

interface Told {
  readonly task: string;
  readonly starts: number;
  readonly bars: readonly { readonly name: string; readonly mean: number }[];
  readonly solvedReturn?: number;
}

const told = new Map(
  readFileSync("test/golden/task-bars.jsonl", "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Told)
    .map((one) => [one.task, one]),
);

/** The controller on the first of the judged starts. */
function judged(task: Task, controller: Controller, count: number): Promise<Evaluation> {
  const actions = task.spec.action.length;
  const act = batchOf(() => controller.begin(controller.gains), count, actions);
  return evaluate(act, task, { first: judgedStarts(task).first, count });
}

for (const [name, controller, count, slack] of [
  ["inverted-pendulum", invertedPendulumController, 20, 0],
  ["servo-pendulum", servoPendulumController, 500, 2],
  ["servo-arm", servoArmController, 500, 0.05],
  ["muscle-leg", muscleLegController, 20, 2],
] as const) {
  test(`${name}: the controller earns what is told of it, and more than no skill`, async () => {
    const task = await openTask(name);
    const [random, nothing, bar] = told.get(name)!.bars;
    assert.equal(told.get(name)!.starts, task.judgedStarts);
    assert.equal(bar.name, controller.name);
    assert.equal(controller.gains.length, controller.gainNames.length);
    const { mean } = await judged(task, controller, count);
    assert.ok(Math.abs(mean - bar.mean) <= slack, `${mean}, told ${bar.mean}`);
    assert.ok(mean > random.mean + 1 && mean > nothing.mean + 1);
  });
}

test("a policy that solves a task beats the controller that somebody wrote for it", async () => {
  for (const name of ["servo-pendulum", "servo-arm", "muscle-leg"]) {
    const { solvedReturn } = await openTask(name);
    assert.equal(told.get(name)!.solvedReturn, solvedReturn);
    assert.ok(solvedReturn! > told.get(name)!.bars[2].mean, name);
  }
});

test("the search finds better gains, the same for the same seed, and tells each", async () => {
  const steps: number[] = [];
  const judge = async (gains: readonly number[]): Promise<number> =>
    -gains.reduce((sum, gain, i) => sum + (gain - i - 2) ** 2, 0);
  const find = (seed: number): Promise<number[]> =>
    searched([1, 1, -1], { seed, tries: 400, share: 0.5 }, judge, (_, value) => steps.push(value));
  const found = await find(1);
  for (const [i, gain] of found.entries()) assert.ok(Math.abs(gain - i - 2) < 0.1, `${found}`);
  assert.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  );
  assert.deepEqual(await find(1), found);
  assert.notDeepEqual(await find(2), found);
});
