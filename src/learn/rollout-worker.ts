// A thread that drives worlds. It is started by rollouts.ts.
import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, messageOf, SinewError } from "../core/errors.ts";
import { withHardware } from "../sim/hardware-task.ts";
import { openTask } from "../sim/tasks.ts";
import { type Chunk, type Driver, Rollout } from "./rollout.ts";
import type { TrainSettings } from "./settings.ts";

/** What the thread is given. */
export interface RolloutWork {
  readonly settings: TrainSettings;
  readonly worker: number;
}

/** What it is asked, one at a time. */
export interface RolloutRequest {
  readonly driver: Driver;
  /** Steps of each world. */
  readonly steps: number;
  /** The epoch in which to start anew; -1: go on. */
  readonly epoch: number;
}

/** What it answers. */
export type RolloutAnswer =
  | { readonly chunk: Chunk }
  | { readonly failed: { readonly code: ErrorCode; readonly message: string } };

async function work({ settings, worker }: RolloutWork): Promise<void> {
  const port = parentPort!;
  const task = withHardware(await openTask(settings.task), settings);
  const rollout = new Rollout(task, settings, worker);
  port.on("message", ({ driver, steps, epoch }: RolloutRequest) => {
    try {
      if (epoch >= 0) rollout.restart(epoch);
      const chunk = rollout.collect(driver, steps);
      port.postMessage({ chunk } satisfies RolloutAnswer, [chunk.rows.buffer as ArrayBuffer]);
    } catch (thrown) {
      fail(thrown);
    }
  });
}

function fail(thrown: unknown): void {
  const code = thrown instanceof SinewError ? thrown.code : "environment";
  const message = messageOf(thrown);
  parentPort!.postMessage({ failed: { code, message } } satisfies RolloutAnswer);
}

work(workerData as RolloutWork).catch(fail);
