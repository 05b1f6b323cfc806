// What a task's judged starts are worth to a policy that learnt nothing: each task's mean return by
// uniform random actions, by no action at all, and by a controller that somebody wrote by hand. Of
// Pendulum the third is the optimum, which is known.
//   node dist/tools/task-bars.js [--env NAME] [--json]
//   node dist/tools/task-bars.js --tune NAME [--seed 1] [--tries 1000] [--starts 40] [--share 0.4]
// The first with --json wrote test/golden/task-bars.jsonl; the second finds a controller's gains by
// random search on starts that judge nothing.
import { readFileSync } from "node:fs";
import { stdout } from "node:process";
import { parseArgs } from "node:util";
import { type Evaluation, evaluate, evaluateRandom, judgedStarts } from "../src/learn/evaluate.ts";
import { mean } from "../src/learn/statistics.ts";
import type { Task } from "../src/sim/env.ts";
import { openTask, taskNames } from "../src/sim/tasks.ts";
import { type Act, batchOf, type Controller } from "./bars/controller.ts";
import { invertedPendulumController } from "./bars/inverted-pendulum.ts";
import { muscleLegController } from "./bars/muscle-leg.ts";
import { searched } from "./bars/search.ts";
import { servoArmController } from "./bars/servo-arm.ts";
import { servoPendulumController } from "./bars/servo-pendulum.ts";

/** Starts of the search: apart from those that judge and those that select. */
const searchStart = 3_000_000;

const controllers: Readonly<Record<string, Controller>> = {
  "inverted-pendulum": invertedPendulumController,
  "servo-pendulum": servoPendulumController,
  "servo-arm": servoArmController,
  "muscle-leg": muscleLegController,
};

/** A mean return and its standard error over the starts. */
interface Bar {
  readonly name: string;
  readonly mean: number;
  readonly error: number;
}

function barOf(name: string, { mean: average, deviation, returns }: Evaluation): Bar {
  return { name, mean: average, error: deviation / Math.sqrt(returns.length) };
}

/** A bar by whatever acts in each episode; `begin` begins one. */
async function barBy(name: string, task: Task, begin: () => Act): Promise<Bar> {
  const starts = judgedStarts(task);
  const act = batchOf(begin, starts.count, task.spec.action.length);
  return barOf(name, await evaluate(act, task, starts));
}

/** 0, or what the limits allow that is nearest. */
function still(task: Task): Act {
  return (_, action) => {
    task.spec.action.forEach(({ low, high }, i) => {
      action[i] = Math.min(high, Math.max(low, 0));
    });
  };
}

/** The third bar: of a controller, or the optimum; null where there is neither. */
async function bestKnown(task: Task): Promise<Bar | null> {
  if (task.name === "pendulum") {
    const optimum = JSON.parse(readFileSync("test/golden/pendulum-optimum.json", "utf8"));
    const returns: readonly number[] = optimum.returns;
    const average = mean(returns);
    const variance = mean(returns.map((one) => (one - average) ** 2));
    return { name: "optimum", mean: average, error: Math.sqrt(variance / returns.length) };
  }
  const controller = controllers[task.name];
  if (controller === undefined) return null;
  return barBy(controller.name, task, () => controller.begin(controller.gains));
}

async function tell(name: string, json: boolean): Promise<void> {
  const task = await openTask(name);
  const bars = [
    barOf("random", await evaluateRandom(task, judgedStarts(task))),
    await barBy("nothing", task, () => still(task)),
    await bestKnown(task),
  ].filter((bar) => bar !== null);
  const { solvedReturn } = task;
  if (json) {
    const solved = solvedReturn === undefined ? {} : { solvedReturn };
    stdout.write(`${JSON.stringify({ task: name, starts: task.judgedStarts, bars, ...solved })}\n`);
    return;
  }
  stdout.write(`${name}, ${task.judgedStarts} starts\n`);
  for (const bar of bars) {
    const numbers = `${bar.mean.toFixed(2).padStart(10)}  +- ${bar.error.toFixed(2).padEnd(6)}`;
    stdout.write(`${numbers} ${bar.name}\n`);
  }
  if (solvedReturn !== undefined) stdout.write(`${solvedReturn.toFixed(2).padStart(10)}  solved\n`);
}

async function tune(name: string, flags: Readonly<Record<string, string>>): Promise<void> {
  const controller = controllers[name];
  if (controller === undefined) {
    const known = Object.keys(controllers).join(", ");
    throw new Error(`no controller is for "${name}": there is ${known}`);
  }
  const task = await openTask(name);
  const count = Number(flags["starts"]);
  const actions = task.spec.action.length;
  const judge = async (gains: readonly number[]): Promise<number> => {
    const act = batchOf(() => controller.begin(gains), count, actions);
    return (await evaluate(act, task, { first: searchStart, count })).mean;
  };
  const [seed, tries, share] = [flags["seed"], flags["tries"], flags["share"]].map(Number);
  await searched(controller.guess, { seed, tries, share }, judge, (gains, value, at) => {
    stdout.write(`try ${at}  ${value.toFixed(3)}  [${gains.join(", ")}]\n`);
  });
}

const { values } = parseArgs({
  options: {
    env: { type: "string" },
    json: { type: "boolean", default: false },
    tune: { type: "string" },
    seed: { type: "string", default: "1" },
    tries: { type: "string", default: "1000" },
    starts: { type: "string", default: "40" },
    share: { type: "string", default: "0.4" },
  },
});
if (values.tune === undefined) {
  for (const name of values.env === undefined ? taskNames : [values.env]) {
    await tell(name, values.json);
  }
} else {
  const { seed, tries, starts, share } = values;
  await tune(values.tune, { seed, tries, starts, share });
}
