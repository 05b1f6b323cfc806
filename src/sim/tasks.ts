import { SinewError } from "../core/errors.ts";
import type { Task } from "./env.ts";
import { pendulumTask } from "./pendulum.ts";
import { servoArmTask } from "./servo-arm.ts";
import { servoPendulumTask } from "./servo-pendulum.ts";
import { isUserEnv, openUserTask } from "./user-env.ts";

/** How each named task is opened; what it needs is loaded no sooner. */
const openers: Readonly<Record<string, () => Promise<Task>>> = {
  pendulum: async () => pendulumTask,
  "inverted-pendulum": async () => (await import("./inverted-pendulum.ts")).openInvertedPendulum(),
  reacher: async () => (await import("./reacher.ts")).openReacher(),
  "half-cheetah": async () => (await import("./half-cheetah.ts")).openHalfCheetah(),
  hopper: async () => (await import("./hopper.ts")).openHopper(),
  walker2d: async () => (await import("./walker2d.ts")).openWalker2d(),
  "servo-pendulum": async () => servoPendulumTask,
  "servo-arm": async () => servoArmTask,
  "muscle-leg": async () => (await import("./muscle-leg.ts")).openMuscleLeg(),
};

/** Every task that can be opened by name. */
export const taskNames: readonly string[] = Object.keys(openers);

/**
 * The task of that name, or of that file (`./my-env.js`), ready to make worlds. Each call gives
 * worlds that share nothing with those of another. Throws `SinewError("environment")` that lists
 * the names there are, or says what the file lacks.
 */
export async function openTask(name: string): Promise<Task> {
  if (isUserEnv(name)) return openUserTask(name);
  if (!Object.hasOwn(openers, name)) {
    const why = `no task is named "${name}": there is ${taskNames.join(", ")}, or a file`;
    throw new SinewError("environment", why);
  }
  return openers[name]();
}

/** Every task that needs nothing loaded. */
export const tasks: readonly Task[] = [pendulumTask, servoPendulumTask, servoArmTask];

/** As `openTask`, for the tasks that need nothing loaded. */
export function taskNamed(name: string): Task {
  const task = tasks.find((each) => each.name === name);
  if (task !== undefined) return task;
  const known = tasks.map((each) => each.name).join(", ");
  throw new SinewError("environment", `no task is named "${name}": there is ${known}`);
}
