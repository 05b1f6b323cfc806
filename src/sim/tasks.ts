import { SinewError } from "../core/errors.ts";
import type { Task } from "./env.ts";
import { pendulumTask } from "./pendulum.ts";

/** Every task that can be trained for by name. */
export const tasks: readonly Task[] = [pendulumTask];

/** The task of that name. Throws `SinewError("environment")` that lists the names there are. */
export function taskNamed(name: string): Task {
  const task = tasks.find((each) => each.name === name);
  if (task !== undefined) return task;
  const known = tasks.map((each) => each.name).join(", ");
  throw new SinewError("environment", `no task is named "${name}": there is ${known}`);
}
