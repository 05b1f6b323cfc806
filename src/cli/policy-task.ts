import type { Contract } from "../policy/contract.ts";
import type { Task } from "../sim/env.ts";
import { type Hardware, hardwareOfText } from "../sim/hardware.ts";
import { withHardware } from "../sim/hardware-task.ts";
import { openTask } from "../sim/tasks.ts";

/**
 * The hardware that a policy was trained on; ideal where its file says nothing. Throws
 * `SinewError("policy-file")` where it says what this Sinew does not know.
 */
export function hardwareOf({ training }: Contract): Hardware {
  return hardwareOfText(String(training["world"] ?? ""));
}

/** A policy's task on the hardware that it was trained on, or with `changes` to that. */
export async function openTaskOf(
  contract: Contract,
  changes: Partial<Hardware> = {},
): Promise<Task> {
  return withHardware(await openTask(contract.task), { ...hardwareOf(contract), ...changes });
}
